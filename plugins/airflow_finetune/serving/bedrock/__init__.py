"""Bedrock as a host: base models that are asked, deployments, provisioned throughput, and the end of custom models."""
