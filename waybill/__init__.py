"""Carry versioned, signed state between gRPC services."""
