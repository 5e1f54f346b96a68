"""The arguments of a pipeline's DAG: its schedule, its trigger form, its page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, Param

from airflow_finetune.comparison.operators import tell_why
from airflow_finetune.dag_templates.story import story, story_of_several
from airflow_finetune.pipeline import PipelineSpec
from airflow_finetune.pipeline.form import FormField
from airflow_finetune.pipeline.several.spec import ALL, SeveralSpec


def arguments(pipeline: PipelineSpec | SeveralSpec) -> dict[str, Any]:
    """Return the arguments of ``DAG`` that a person may change."""
    cron = pipeline.schedule if isinstance(pipeline, PipelineSpec) else pipeline.shared.schedule
    schedule = cron and CronDataIntervalTimetable(cron, timezone="UTC")
    return {
        "schedule": schedule,
        "catchup": False,
        "max_active_runs": 1,
        "is_paused_upon_creation": True,
        "default_args": {"retries": 2, "retry_delay": timedelta(seconds=30), **_telling(pipeline)},
        "params": {field.name: _param(field) for field in pipeline.fields},
        "tags": ["fine-tuning", pipeline.backend.name if isinstance(pipeline, PipelineSpec) else pipeline.takes],
        "doc_md": story(pipeline) if isinstance(pipeline, PipelineSpec) else story_of_several(pipeline),
    }


def _telling(pipeline: PipelineSpec | SeveralSpec) -> dict[str, Any]:
    """In a comparison a task that fails tells why: its candidate is a row with the reason."""
    return {"on_failure_callback": tell_why} if isinstance(pipeline, SeveralSpec) and pipeline.takes == ALL else {}


def _param(field: FormField) -> Param:
    return Param(field.default, field.description, title=field.title, section=field.section, **field.schema)
