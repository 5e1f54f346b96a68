"""Calls to AWS that are not about one of our resources: one call, one value."""
