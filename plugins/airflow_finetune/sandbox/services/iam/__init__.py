"""What of IAM is ours; the rest is moto's."""
