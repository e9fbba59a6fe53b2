"""The catalogue, the grants and the history of their changes, in a SQL database."""
