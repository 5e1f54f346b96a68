"""The life of anything that AWS makes for us, written once."""
