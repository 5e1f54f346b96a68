"""Serverless customization: training jobs without an instance, billed by the token."""
