"""What is the user's to mend: each message names the thing, the rule, and the next step."""

from __future__ import annotations


class JobError(Exception):
    """The job cannot work as asked; the message goes to ``output/failure``."""


class ConfigError(JobError):
    """A hyperparameter is unknown, of the wrong type, or out of range."""


class DataError(JobError):
    """A channel or a record cannot be used."""


class ModelError(JobError):
    """The base model cannot be loaded or its chat template cannot be used."""


class CheckpointError(JobError):
    """A checkpoint was made by another configuration, data or base model."""
