"""What hosting is made of: one module per idea, put together by ``runner/hosting.py``."""
