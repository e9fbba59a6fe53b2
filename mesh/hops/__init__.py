"""One file for each hop; none knows another. `mesh.table` lists them."""
