"""What runs inside a training job and behind an endpoint; nothing here imports the rest of the package."""
