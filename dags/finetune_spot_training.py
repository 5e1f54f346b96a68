"""Tune a language model on Spot: submitted once, resumed after every interruption, stopped when nobody wants it."""

from datetime import timedelta
from pathlib import Path

import yaml
from airflow.sdk import DAG

from airflow_finetune import SpotTrainingOperator

PIPELINE = Path(__file__).parents[1] / "include" / "pipelines" / "orders_spot_training.yaml"

with DAG("finetune_spot_training", schedule=None, catchup=False, max_active_runs=1, is_paused_upon_creation=True):
    SpotTrainingOperator(
        task_id="fine_tune",
        **yaml.safe_load(PIPELINE.read_text()),
        deferrable=True,
        max_wait=timedelta(hours=8),
        poll_seconds=5,
        retries=2,
    )
