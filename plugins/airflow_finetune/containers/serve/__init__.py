"""What runs behind an endpoint: `inference.py` for AWS's toolkit, `serve.py` for images of one's own."""
