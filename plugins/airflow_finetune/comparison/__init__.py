"""Several backends on one dataset and one golden set: which is how good, at what price, and how sure that is."""
