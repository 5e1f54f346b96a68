"""What the base model reaches by prompting alone, measured before anything is tuned; pure but for `operators.py`."""
