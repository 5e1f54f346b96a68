"""The command line of the embedded AWS."""
