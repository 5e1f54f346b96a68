"""Models behind endpoints for as long as somebody needs them, and not a minute longer."""
