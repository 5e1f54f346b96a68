"""Fine-tunes a causal language model inside a SageMaker training job; survives any number of interruptions."""
