"""From a pipeline file to a DAG: raw data in, a verdict and a registered model out, nothing left running."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, CronDataIntervalTimetable, Param

from airflow_finetune.dag_templates.conf_check import ConfCheck
from airflow_finetune.dag_templates.story import story
from airflow_finetune.groups import curate, evaluate, fine_tune, gate, plan, register, request_approval, served
from airflow_finetune.pipeline import PipelineSpec, find_pipeline, read_pipeline
from airflow_finetune.pipeline.form import FormField
from airflow_finetune.pipeline.sections import BedrockServing, Serving


def finetune_dag(
    path: str | Path, *, dag_id: str | None = None, dag: Mapping[str, Any] | None = None, **overrides: Any
) -> DAG:
    """Return the DAG of a pipeline file.

    The DAG is paused at first, does not catch up, has one run at a time and no ``dagrun_timeout``: that would skip the
    teardown.

    Args:
        path: absolute, or relative to the DAG file's folder, to ``include/pipelines/`` beside that folder, or to the
            folder that the environment variable ``AIRFLOW_FINETUNE_PIPELINES`` names.
        dag_id: None takes the name of the pipeline file.
        dag: more arguments of Airflow's ``DAG``, for example ``tags`` or ``default_args``.
        overrides: section of the file -> what goes before it; mappings are merged key by key.

    Raises:
        PipelineError: the file cannot work; names every fault with its place and line.
        SpecError: the file cannot be found or read.
    """
    dag_file = Path(sys._getframe(1).f_code.co_filename)
    pipeline = read_pipeline(find_pipeline(path, dag_file, os.environ), overrides)
    made = DAG(dag_id or pipeline.path.stem, **{**_arguments(pipeline), **(dag or {})})
    made.fileloc = str(dag_file)  # Airflow would take this file, which made it
    with made:
        _compose(pipeline)
    return made


def _arguments(pipeline: PipelineSpec) -> dict[str, Any]:
    schedule = pipeline.schedule and CronDataIntervalTimetable(pipeline.schedule, timezone="UTC")
    return {
        "schedule": schedule,
        "catchup": False,
        "max_active_runs": 1,
        "is_paused_upon_creation": True,
        "default_args": {"retries": 2, "retry_delay": timedelta(seconds=30)},
        "params": {field.name: _param(field) for field in pipeline.fields},
        "tags": ["fine-tuning", pipeline.backend.name],
        "doc_md": story(pipeline),
    }


def _param(field: FormField) -> Param:
    return Param(field.default, field.description, title=field.title, section=field.section, **field.schema)


def _compose(pipeline: PipelineSpec) -> None:
    aws, work = _aws(pipeline), pipeline.work_uri
    looks: dict[str, Any] = {} if pipeline.aws.poll_seconds is None else {"poll_seconds": pipeline.aws.poll_seconds}
    encrypted: dict[str, Any] = {"kms_key_id": pipeline.aws.kms_key_id}
    templates = str(pipeline.path.parent)
    check = ConfCheck(pipeline.conf_names, pipeline.windowed)
    options = {**pipeline.data, "output_uri": f"{work}/data/", "templates": templates, "pre_execute": check}
    data: Any = curate(**options, **encrypted, **aws)
    by_token: dict[str, Any] = (
        {"evaluation": {**told, "golden": data["golden"]}} if (told := pipeline.asked_by_token) else {}
    )
    planned = plan(data, pipeline.tuning, **pipeline.limits, **by_token, **aws)
    model = fine_tune(data, pipeline.tuning, plan=planned, deferrable=True, **looks, **aws)
    verdict: Any = None
    # A rejected custom model of Bedrock is deleted by the teardown, which therefore waits for the gate.
    discard: dict[str, Any] = {"discard": lambda: (model, verdict)} if _discards(pipeline) else {}
    with served(**_serving(pipeline, model), **discard, deferrable=True, **looks, **aws) as models:
        how = {"sampling": dict(pipeline.evaluate.sampling) or None, "concurrency": pipeline.evaluate.concurrency}
        asked: dict[str, Any] = {name: value for name, value in how.items() if value is not None}
        report = evaluate(
            models, golden=data["golden"], scorers=pipeline.scorers, output_uri=work, **asked, **encrypted, **aws
        )
        if discard:
            verdict = gate(report, policy=pipeline.gate.asked(), **encrypted, **aws)
    if not discard:
        verdict = gate(report, policy=pipeline.gate.asked(), **encrypted, **aws)
    if pipeline.register is not None:
        version: Any = register(model, report=report, verdict=verdict, **_registration(pipeline), **encrypted, **aws)
        if pipeline.register.approval:
            request_approval(version)


def _aws(pipeline: PipelineSpec) -> dict[str, Any]:
    aws = pipeline.aws
    return {
        "aws_conn_id": aws.conn_id,
        "region_name": aws.region,
        "verify": aws.verify,
        "botocore_config": aws.botocore_config,
    }


def _serving(pipeline: PipelineSpec, model: Any) -> dict[str, Any]:
    serving = pipeline.serving
    arms = {"baseline": pipeline.baseline, "candidate": model, "lease": timedelta(hours=serving.lease_hours)}
    if isinstance(serving, Serving):
        return arms | _endpoints(pipeline, serving)
    terms = {"model_units": serving.model_units, "prices": dict(serving.prices), "tags": dict(pipeline.aws.tags)}
    committed = {"commitment": serving.commitment, "confirm_commitment": serving.confirm_commitment}
    deploy = {name: value for name, value in {**terms, **committed}.items() if value not in (None, {})}
    return arms | {"hosting": serving.hosting, "deploy": deploy}


def _discards(pipeline: PipelineSpec) -> bool:
    return isinstance(pipeline.serving, BedrockServing) and pipeline.serving.delete_rejected


def _endpoints(pipeline: PipelineSpec, serving: Serving) -> dict[str, Any]:
    aws = pipeline.aws
    shared = ("tags", "subnets", "security_group_ids", "network_isolation")
    own = ("instance_type", "instance_count", "environment", "startup_timeout_seconds")
    deploy = {name: getattr(serving, name) for name in own}
    deploy |= {name: getattr(aws, name) for name in shared if name in aws.model_fields_set}
    return {
        "image_uri": serving.image_uri,
        "role_arn": aws.role_arn,
        "deploy": {name: value for name, value in deploy.items() if value not in (None, {}, ())},
        "code_uri": f"{pipeline.work_uri}/baselines/" if serving.our_code else None,
        "kms_key_id": aws.kms_key_id,
    }


def _registration(pipeline: PipelineSpec) -> dict[str, Any]:
    assert pipeline.register is not None  # noqa: S101 - asked before; for the type checker
    serving, known = pipeline.serving, {"group": pipeline.register.group, "tags": dict(pipeline.aws.tags) or None}
    if not isinstance(serving, Serving):
        return known | {"image_uri": None}  # a custom model brings what serves it
    return known | {
        "image_uri": serving.image_uri,
        **({"instance_types": [serving.instance_type]} if serving.instance_type else {}),
        "environment": dict(serving.environment) or None,
    }
