"""What one customization job of Bedrock does: its records, its phases, its artefacts."""
