"""What the runner of jobs is made of: one module per idea, put together by ``runner/fleets``."""
