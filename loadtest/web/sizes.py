"""What the shop of the web page has."""

IDS = (10, 100, 1_000)
"""Lengths of list that there are customers for."""
