"""Each part on a machine of its own, as network namespaces have it: cut off, and healed."""
