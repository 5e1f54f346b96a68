"""Bedrock's control plane: one module per resource; which of them exist is listed in ``services``."""
