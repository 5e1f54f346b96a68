"""An endpoint of SageMaker's as a host: what an arm needs there."""
