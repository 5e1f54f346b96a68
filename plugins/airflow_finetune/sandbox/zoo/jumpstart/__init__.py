"""The training script of the public hub's models: packed into a source archive, it runs in a job on its own."""
