"""From a pipeline file to a DAG: raw data in, a verdict and a registered model out, nothing left running."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from airflow_finetune.dag_templates import stages
from airflow_finetune.dag_templates.arguments import arguments
from airflow_finetune.dag_templates.chosen import compose_auto
from airflow_finetune.dag_templates.compared import compose_comparison
from airflow_finetune.groups import fine_tune, gate, plan, register, request_approval, served
from airflow_finetune.pipeline import PipelineSpec, find_pipeline
from airflow_finetune.pipeline.several.reader import read_any
from airflow_finetune.pipeline.several.spec import ALL


def finetune_dag(
    path: str | Path, *, dag_id: str | None = None, dag: Mapping[str, Any] | None = None, **overrides: Any
) -> DAG:
    """Return the DAG of a pipeline file: over one backend, over the one that ``plan`` chooses, or over all of them.

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
    pipeline = read_any(find_pipeline(path, dag_file, os.environ), overrides)
    whole = {**arguments(pipeline), **(dag or {})}
    params = whole.pop("params")
    made = DAG(dag_id or pipeline.path.stem, **whole)
    made.fileloc = str(dag_file)  # Airflow would take this file, which made it
    with made:
        if isinstance(pipeline, PipelineSpec):
            _compose(pipeline)
        elif pipeline.takes == ALL:
            compose_comparison(pipeline)
        else:
            compose_auto(pipeline)
    # Not before: Airflow copies a DAG's params deeply for each task, once for every class of its operator.
    made.params = params
    return made


def _compose(pipeline: PipelineSpec) -> None:
    aws, encrypted, looking = stages.account(pipeline), stages.encryption(pipeline), stages.looks(pipeline)
    data: Any = stages.curated(pipeline, pipeline.conf_names)
    planned = plan(data, pipeline.tuning, **stages.limits(pipeline, data), **aws)
    model = fine_tune(data, pipeline.tuning, plan=planned, deferrable=True, **looking, **aws)
    if pipeline.advise is not None:
        stages.advised(pipeline, data, planned, **looking, **aws) >> model
    verdict: Any = None
    # A rejected custom model of Bedrock is deleted by the teardown, which therefore waits for the gate.
    discard: dict[str, Any] = {"discard": lambda: (model, verdict)} if stages.discards(pipeline) else {}
    serving = {**stages.arms(pipeline, model), "lease": stages.lease(pipeline)}
    with served(**serving, **discard, deferrable=True, **looking, **aws) as models:
        report = stages.evaluated(pipeline, models, data)
        if discard:
            verdict = gate(report, policy=pipeline.gate.asked(), **encrypted, **aws)
    if not discard:
        verdict = gate(report, policy=pipeline.gate.asked(), **encrypted, **aws)
    if pipeline.register is not None:
        told = stages.registration(pipeline)
        version: Any = register(model, report=report, verdict=verdict, **told, **encrypted, **aws)
        if pipeline.register.approval:
            request_approval(version)
