"""What a client talks to: the endpoint, its protocols, faults and the admin API."""
