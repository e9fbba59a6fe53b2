"""Tokens and envelopes whose bytes must not change unnoticed."""
