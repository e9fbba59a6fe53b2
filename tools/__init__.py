"""Developers' commands that are no part of the product."""
