"""Parts of the shop lose each other."""
