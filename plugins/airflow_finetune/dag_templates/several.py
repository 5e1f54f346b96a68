"""From a pipeline file with candidates to a DAG: over the one that `plan` chooses, or over all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.sdk import TaskGroup

from airflow_finetune import CheckBudgetOperator, ChooseOperator, CompareOperator, FineTuneOperator
from airflow_finetune.dag_templates import stages
from airflow_finetune.dag_templates.of_chosen import OfChosen
from airflow_finetune.groups import arms_of, fine_tune, gate, plan, register, request_approval, served, whole_spec
from airflow_finetune.pipeline import PipelineSpec
from airflow_finetune.pipeline.several.spec import OF_A_CANDIDATE, SeveralSpec
from airflow_finetune.serving.ending.operators import GuardOperator
from airflow_finetune.serving.groups import hosts_of, serving_scope
from airflow_finetune.serving.scope import ARMS


def compose_auto(several: SeveralSpec) -> None:
    """Make the tasks of a pipeline over one backend; ``plan`` says which, and the others wait for it."""
    shared = several.shared
    aws, encrypted, looking = stages.account(shared), stages.encryption(shared), stages.looks(shared)
    data: Any = stages.curated(shared, several.conf_names)
    planned = _choice(several, data)

    def of_chosen(value: Callable[[PipelineSpec], Any]) -> OfChosen:
        return OfChosen(planned, {name: value(each) for name, each in several.pipelines.items()})

    model: Any = FineTuneOperator(
        task_id="fine_tune",
        spec=of_chosen(lambda pipeline: whole_spec(pipeline.tuning, data)[0]),
        dataset=data["train"],
        plan=planned,
        deferrable=True,
        **looking,
        **aws,
    ).output
    served_by = [arms_of(**stages.arms(each, model)) for each in several.pipelines.values()]
    hosts = tuple(dict.fromkeys(host for arms in served_by for host in hosts_of(arms)))
    arms = {arm: of_chosen(lambda pipeline, arm=arm: arms_of(**stages.arms(pipeline, model))[arm]) for arm in ARMS}  # type: ignore[misc]  # mypy does not see the default
    discarded = of_chosen(lambda pipeline: model if stages.discards(pipeline) else None)
    verdict: Any = None
    scope: dict[str, Any] = {"lease": of_chosen(stages.lease), "after": model, "discard": lambda: (discarded, verdict)}
    with serving_scope(arms, **scope, teardown={"host": hosts}, deferrable=True, **looking, **aws) as models:
        report = stages.evaluated(shared, models, data)
        verdict = gate(report, policy=shared.gate.asked(), **encrypted, **aws)
    if shared.register is not None:
        told = stages.registration(shared) | {
            key: of_chosen(lambda pipeline, key=key: stages.registration(pipeline).get(key))  # type: ignore[misc]  # likewise
            for key in ("image_uri", "instance_types", "environment")
        }
        version: Any = register(model, report=report, verdict=verdict, **told, **encrypted, **aws)
        if shared.register.approval:
            request_approval(version)


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


def _choice(several: SeveralSpec, data: Any) -> Any:
    shared, candidates = several.shared, dict[str, dict[str, Any]]()
    for name, each in several.candidates.items():
        spec, dataset = whole_spec(each.pipeline.tuning, data)
        bounds = {"min_examples": each.min_examples, "max_examples": each.max_examples}
        candidates[name] = {
            "spec": spec,
            "dataset": dataset,
            "limits": stages.limits(each.pipeline, data),
            "baseline": each.pipeline.baseline,
            **{key: value for key, value in bounds.items() if value is not None},
        }
    return ChooseOperator(
        task_id="plan",
        candidates=candidates,
        wishes=several.wishes,
        output_uri=shared.work_uri,
        **stages.encryption(shared),
        **stages.account(shared),
    ).output


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
