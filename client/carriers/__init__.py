"""One carrier a strategy: pure, no I/O; `client.carriers.table` holds the table."""
