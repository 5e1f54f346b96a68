"""The pipeline file: one YAML from raw data to a registered model; pure: no Airflow, no AWS."""

from airflow_finetune.pipeline.faults import Fault, PipelineError
from airflow_finetune.pipeline.places import find_pipeline
from airflow_finetune.pipeline.reader import read_pipeline
from airflow_finetune.pipeline.spec import PipelineSpec

__all__ = ["Fault", "PipelineError", "PipelineSpec", "find_pipeline", "read_pipeline"]
