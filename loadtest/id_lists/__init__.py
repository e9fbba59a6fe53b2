"""How many bytes a list of ids takes, by kind of id, size and encoding, and where each breaks."""
