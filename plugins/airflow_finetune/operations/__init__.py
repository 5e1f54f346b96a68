"""What the people who run it ask: what bills now, and is everything in order."""
