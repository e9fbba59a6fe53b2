"""What a gRPC service needs around its handlers: guard, health, limits, drain, workers."""
