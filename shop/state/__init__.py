"""Generated from protos/ by tools/proto.py. Never edited."""
