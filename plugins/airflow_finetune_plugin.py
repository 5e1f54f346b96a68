"""The one file that Airflow loads from this folder; the package lies beside it."""

from airflow_finetune.plugin import FinetunePlugin

__all__ = ["FinetunePlugin"]
