"""Hops: what requests really pass through, each with a readable configuration and one launcher."""
