"""Public triggers: Airflow stores these addresses with deferred tasks, so they stay for ever."""

from airflow_finetune.lifecycle.trigger import JobTrigger

__all__ = ["JobTrigger"]
