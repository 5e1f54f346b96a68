"""What bills on Bedrock."""
