"""The tiny base model that jobs in the embedded AWS tune, and the script that made it."""
