"""Bedrock's runtime: base and tuned models answer."""
