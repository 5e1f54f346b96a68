"""Answers requests with a tuned model: checks them, batches what arrives together, generates."""
