"""SageMaker runtime: what ``InvokeEndpoint`` and its stream do."""
