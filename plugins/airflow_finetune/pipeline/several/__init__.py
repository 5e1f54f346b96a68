"""A pipeline file that names several backends: one of them is chosen, or all are compared."""
