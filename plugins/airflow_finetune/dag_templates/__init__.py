"""Whole DAGs from a file: they compose what `groups.py` has, and know nothing of AWS."""
