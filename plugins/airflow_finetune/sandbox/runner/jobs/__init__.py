"""What the training runner is made of: one module per idea, put together by ``runner/training.py``."""
