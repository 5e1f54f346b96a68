"""From a pipeline file with candidates to a DAG that runs them all and compares what they have made."""

from __future__ import annotations

from typing import Any

from airflow.sdk import TaskGroup

from airflow_finetune import CheckBudgetOperator, CompareOperator
from airflow_finetune.dag_templates import stages
from airflow_finetune.groups import fine_tune, plan, served
from airflow_finetune.pipeline import PipelineSpec
from airflow_finetune.pipeline.several.spec import OF_A_CANDIDATE, SeveralSpec
from airflow_finetune.serving.ending.operators import GuardOperator


def compose_comparison(several: SeveralSpec) -> None:
    """Make a group of tasks for every candidate, and the tasks around them: all are planned before one is tuned."""
    shared, groups = several.shared, {name: TaskGroup(group_id=name) for name in several.candidates}
    aws, encrypted = stages.account(shared), stages.encryption(shared)
    data: Any = stages.curated(shared, several.conf_names)
    plans = dict[str, Any]()
    for name, each in several.candidates.items():
        with groups[name]:
            plans[name] = plan(data, each.pipeline.tuning, **stages.limits(each.pipeline, data), **aws)
    budget = CheckBudgetOperator(task_id="check_budget", plans=plans, max_usd=several.max_usd)
    given = {
        name: {
            "backend": each.pipeline.backend.name,
            "base_model": each.pipeline.base,
            "tasks": ["curate", f"{name}.plan", "check_budget", *(f"{name}.{task}" for task in OF_A_CANDIDATE[1:])],
            "plan": plans[name],
            **_run(name, each.pipeline, groups[name], (data, plans[name], budget)),
        }
        for name, each in several.candidates.items()
    }
    told: dict[str, Any] = {"policy": shared.gate.asked(), "max_usd": several.max_usd, "output_uri": shared.work_uri}
    compared = CompareOperator(task_id="compare", candidates=given, **told, **encrypted, **aws)
    # Where a job has failed, its scope was never opened, and its teardown has nothing to end: that is no failed run.
    ends = [f"{name}.teardown" for name in several.candidates]
    guard = GuardOperator(task_id="guard", only=[compared.task_id, *ends], retries=0)
    [compared, *(compared.dag.get_task(each) for each in ends)] >> guard.as_teardown(on_failure_fail_dagrun=True)


def _run(name: str, pipeline: PipelineSpec, group: TaskGroup, before: tuple[Any, Any, Any]) -> dict[str, Any]:
    """Make the tasks of one candidate after its plan; return what they hand on."""
    (data, planned, budget), waiting = before, {"deferrable": True, **stages.looks(pipeline)}
    aws = stages.account(pipeline)
    with group:
        model = fine_tune(data, pipeline.tuning, plan=planned, **waiting, **aws)
    budget >> model
    # Nothing is registered, so a custom model of Bedrock's goes with what has served it.
    scope: dict[str, Any] = {
        "scope": name,
        "group": group,
        "guard": False,
        "on_failure_fail_dagrun": False,
        "lease": stages.lease(pipeline),
    }
    ends: dict[str, Any] = {"discard": (model, None), "teardown": {"keeps_model": False}}
    with served(**stages.arms(pipeline, model), **scope, **ends, **waiting, **aws) as models:
        report = stages.evaluated(pipeline, models, data)
    return {"tuned": model, "served": models["candidate"], "report": report}
