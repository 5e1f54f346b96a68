"""The end of what serves: with its scope, or when its lease is over."""
