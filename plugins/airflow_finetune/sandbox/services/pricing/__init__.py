"""AWS's Price List service."""
