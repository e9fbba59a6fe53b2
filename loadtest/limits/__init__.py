"""How long is too long: measured limits of every hop, to the byte."""
