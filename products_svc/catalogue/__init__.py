"""Whole catalogues: in files, generated, and into the database."""
