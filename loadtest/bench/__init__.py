"""`make bench`: what each step costs on its own, beside the primitive that it cannot do without."""
