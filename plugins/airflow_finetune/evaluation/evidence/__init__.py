"""Statistics without a library: exact tests, exact bounds, and how many items a test needs."""
