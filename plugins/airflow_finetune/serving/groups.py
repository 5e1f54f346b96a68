"""The scope as a task group: what is made inside it is torn down, and a run that went wrong ends as failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import TaskGroup

from airflow_finetune.resources.custom_model import is_custom_model
from airflow_finetune.serving.bedrock.spec import BedrockDeploySpec
from airflow_finetune.serving.ending.operators import GuardOperator, TeardownOperator
from airflow_finetune.serving.hosts import host_of
from airflow_finetune.serving.operators import DeployModelOperator, OpenScopeOperator
from airflow_finetune.serving.scope import Arm
from airflow_finetune.spec import Spec, is_later

_FIRST: Mapping[str, Any] = {
    "priority_weight": 1000,
    "weight_rule": "absolute",
}  # what ends the bill never queues behind what begins one


@contextmanager
def serving_scope(
    arms: Mapping[Arm, Any],
    *,
    scope: str = "served",
    lease: timedelta = timedelta(hours=6),
    on_failure_fail_dagrun: bool = True,
    prefix_group_id: bool = False,
    task_prefix: str = "",
    after: Any = None,
    teardown: Mapping[str, Any] | None = None,
    discard: Callable[[], tuple[Any, Any]] | tuple[Any, Any] | None = None,
    group: TaskGroup | None = None,
    guard: bool = True,
    **aws: Any,
) -> Iterator[dict[Arm, Any]]:
    """Serve models for the tasks of the block; yields arm -> the output of its deployment, a dumped ``ServedModel``.

    Args:
        arms: what to deploy, each with the spec of any host; the teardown asks those hosts only.
        scope: id of the group; two scopes of one DAG have different ones.
        lease: how long the endpoints may live, whatever happens to the run.
        on_failure_fail_dagrun: whether a teardown that failed makes the run fail; otherwise nobody sees what is left.
        prefix_group_id: whether task ids begin with the scope; needed for a second scope, or ``task_prefix``.
        task_prefix: before the ids of the scope's own tasks; those of the block keep theirs.
        after: a task or output before which the lease must not begin: what the models wait for; None begins it at once.
        teardown: arguments of the teardown task alone.
        discard: the outputs of ``fine_tune`` and ``gate``, or what gives them when the block ends, since the gate
            judges what is asked inside it. The teardown comes after both, and deletes a custom model that was rejected.
        group: that the tasks are put into; None makes one that is named after the scope.
        guard: whether a run in which any task has failed ends as failed; False leaves that to a guard of the caller's.
        aws: arguments of all tasks that ask AWS, as of ``ServingOperator``.
    """
    with TaskGroup(group_id=scope, prefix_group_id=prefix_group_id) if group is None else group:
        opened = OpenScopeOperator(task_id=f"{task_prefix}open_scope", scope=scope, lease=lease, **_FIRST)
        opened.as_setup()  # type: ignore[no-untyped-call]  # Airflow's
        if after is not None:
            after >> opened
        options: dict[str, Any] = {
            "retries": 3,
            "retry_delay": timedelta(seconds=30),
            "host": hosts_of(arms),
            **aws,
            **(teardown or {}),
        }
        torn_down = TeardownOperator(task_id=f"{task_prefix}teardown", scope=scope, **_FIRST, **options)
        torn_down.as_teardown(setups=opened, on_failure_fail_dagrun=on_failure_fail_dagrun)
        with torn_down:
            yield {
                arm: DeployModelOperator(
                    task_id=f"{task_prefix}deploy_{arm}", scope=opened.output, arm=arm, spec=spec, **aws
                ).output
                for arm, spec in arms.items()
            }
        if discard is not None:
            torn_down.model, torn_down.verdict = discard() if callable(discard) else discard
        if guard:
            guarding = GuardOperator(task_id=f"{task_prefix}guard", retries=0)
            torn_down >> guarding.as_teardown(setups=opened, on_failure_fail_dagrun=True)


def hosts_of(arms: Mapping[Arm, Any]) -> tuple[str, ...]:
    """Return the names of the hosts of some arms; what is only known later is an endpoint."""
    told = [spec for spec in arms.values() if isinstance(spec, Spec | Mapping)]
    return tuple(dict.fromkeys(host_of(spec, "serving_scope").name for spec in told)) or ("endpoint",)


def bedrock_arms(baseline: Any, candidate: Any, hosting: str, terms: Mapping[str, Any]) -> dict[Arm, dict[str, Any]]:
    """Return the specs of two models that Bedrock answers with; a baseline that is a base model is asked on demand.

    Args:
        baseline: id or ARN of a base model, ARN of a custom model, or what is only known later.
        candidate: what has been tuned.
        hosting: of every custom model.
        terms: more fields of ``BedrockDeploySpec``.
    """
    made: dict[str, Any] = {"backend": BedrockDeploySpec.backend, "hosting": hosting, **terms}
    of_base: dict[str, Any] = {name: made[name] for name in ("backend", "prices", "tags") if name in made}
    is_base = isinstance(baseline, str) and not is_later(baseline) and not is_custom_model(baseline)
    return {
        "baseline": {**(of_base if is_base else made), "model": baseline},
        "candidate": {**made, "model": candidate},
    }
