"""Probing clients, each a process of its own that reads asks and writes outcomes, line by line."""
