"""From a pipeline file with candidates to the DAG of the one that `plan` chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_finetune import ChooseOperator
from airflow_finetune.dag_templates import stages
from airflow_finetune.dag_templates.of_chosen import OfChosen
from airflow_finetune.groups import arms_of, fine_tune, gate, register, request_approval, whole_spec
from airflow_finetune.pipeline import PipelineSpec
from airflow_finetune.pipeline.several.spec import SeveralSpec
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

    spec = of_chosen(lambda pipeline: pipeline.tuning)
    model: Any = fine_tune(data, spec, plan=planned, deferrable=True, **looking, **aws)
    served_by = [arms_of(**stages.arms(each, model)) for each in several.pipelines.values()]
    hosts = tuple(dict.fromkeys(host for arms in served_by for host in hosts_of(arms)))
    arms = {arm: of_chosen(lambda pipeline, arm=arm: arms_of(**stages.arms(pipeline, model))[arm]) for arm in ARMS}  # type: ignore[misc]  # mypy does not see the default
    discarded = of_chosen(lambda pipeline: model if stages.discards(pipeline) else None)
    verdict: Any = None
    scope: dict[str, Any] = {"lease": of_chosen(stages.lease), "after": model, "discard": lambda: (discarded, verdict)}
    with serving_scope(arms, **scope, teardown={"host": hosts}, deferrable=True, **looking, **aws) as models:
        report = stages.evaluated(shared, models, data, sampling=of_chosen(stages.sampling))
        verdict = gate(report, policy=shared.gate.asked(), **encrypted, **aws)
    if shared.register is not None:
        told = stages.registration(shared) | {
            key: of_chosen(lambda pipeline, key=key: stages.registration(pipeline).get(key))  # type: ignore[misc]  # likewise
            for key in ("image_uri", "instance_types", "environment")
        }
        version: Any = register(model, report=report, verdict=verdict, **told, **encrypted, **aws)
        if shared.register.approval:
            request_approval(version)


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
