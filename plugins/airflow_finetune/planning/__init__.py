"""The preflight: what a run may do and cost, found out before anything is created."""
