"""What the tasks of a pipeline file are given, for DAGs over one backend and over several."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_finetune.dag_templates.conf_check import ConfCheck
from airflow_finetune.groups import advise, curate, evaluate, served
from airflow_finetune.pipeline import PipelineSpec
from airflow_finetune.pipeline.sections import BedrockServing, Serving
from airflow_finetune.pipeline.spec import ADVICE_PREFIX

ADVICE = "advice"
"""Id of the scope that the base model answers in before anything is tuned."""


def account(pipeline: PipelineSpec) -> dict[str, Any]:
    """Return in whose name a task asks AWS."""
    aws = pipeline.aws
    return {
        "aws_conn_id": aws.conn_id,
        "region_name": aws.region,
        "verify": aws.verify,
        "botocore_config": aws.botocore_config,
    }


def encryption(pipeline: PipelineSpec) -> dict[str, Any]:
    """Return what encrypts what a task writes."""
    return {"kms_key_id": pipeline.aws.kms_key_id}


def looks(pipeline: PipelineSpec) -> dict[str, Any]:
    """Return how often a waiting task looks."""
    return {} if pipeline.aws.poll_seconds is None else {"poll_seconds": pipeline.aws.poll_seconds}


def curated(pipeline: PipelineSpec, conf_names: tuple[str, ...]) -> Any:
    """Make the task ``curate``; return its output.

    Args:
        pipeline: whose data it is.
        conf_names: every key that the conf of a run may have.
    """
    check, templates = ConfCheck(conf_names, pipeline.windowed), str(pipeline.path.parent)
    options = {"output_uri": f"{pipeline.work_uri}/data/", "templates": templates, "pre_execute": check}
    return curate(**{**pipeline.data, **options}, **encryption(pipeline), **account(pipeline))


def limits(pipeline: PipelineSpec, data: Any) -> dict[str, Any]:
    """Return what a plan must keep to."""
    by_token = {"evaluation": {**told, "golden": data["golden"]}} if (told := pipeline.asked_by_token) else {}
    limits = {**pipeline.limits, **by_token}
    if limits.get("advice"):  # by the token: how much is asked is known once the data is
        limits["advice"] = {**limits["advice"], "golden": data["golden"]}
    return limits


def advised(pipeline: PipelineSpec, data: Any, planned: Any, **options: Any) -> Any:
    """Serve the base model in a scope of its own; return what it reaches by prompting, the output of ``advise``.

    Args:
        pipeline: with a section ``advise``.
        data: the output of ``curate``.
        planned: the output of ``plan``, which comes first: advice costs money too.
        options: of all tasks that ask AWS.
    """
    assert pipeline.advise is not None  # noqa: S101 - asked before; for the type checker
    base = {**arms(pipeline, None), "baseline": pipeline.base, "lease": lease(pipeline)}
    own = {"scope": ADVICE, "task_prefix": ADVICE_PREFIX, "after": planned}
    prompting = {name: value for name, value in pipeline.advise.raw().items() if name != "backend"}
    with served(**base, **own, deferrable=True, **options) as models:
        asks = {name: value for name, value in options.items() if name != "poll_seconds"}
        how = {**prompting, **asking(pipeline), **encryption(pipeline), **asks}
        return advise(models, data, policy=pipeline.gate.asked(), output_uri=pipeline.work_uri, **how)


def asking(pipeline: PipelineSpec) -> dict[str, Any]:
    """Return how models are asked, as far as the file says."""
    how = {"sampling": sampling(pipeline), "concurrency": pipeline.evaluate.concurrency}
    return {name: value for name, value in how.items() if value is not None}


def sampling(pipeline: PipelineSpec) -> dict[str, Any] | None:
    """Return how the models answer; None asks as by default."""
    return dict(pipeline.evaluate.sampling) or None


def evaluated(pipeline: PipelineSpec, models: Any, data: Any, **changed: Any) -> Any:
    """Make the task ``evaluate``; return its output.

    Args:
        pipeline: of the candidate.
        models: arm -> output of its deployment.
        data: the output of ``curate``.
        changed: more arguments, which go before the pipeline's.
    """
    asked: dict[str, Any] = {**asking(pipeline), **changed}
    where = {"golden": data["golden"], "output_uri": pipeline.work_uri, "scorers": pipeline.scorers}
    return evaluate(models, **where, **asked, **encryption(pipeline), **account(pipeline))


def lease(pipeline: PipelineSpec) -> timedelta:
    """Return how long what answers may live."""
    return timedelta(hours=pipeline.serving.lease_hours)


def arms(pipeline: PipelineSpec, model: Any) -> dict[str, Any]:
    """Return what is served, as arguments of ``arms_of``."""
    serving = pipeline.serving
    both = {"baseline": pipeline.baseline, "candidate": model, "brings_server": pipeline.backend.brings_server}
    if isinstance(serving, Serving):
        return both | _endpoints(pipeline, serving)
    terms = {"model_units": serving.model_units, "prices": dict(serving.prices), "tags": dict(pipeline.aws.tags)}
    committed = {"commitment": serving.commitment, "confirm_commitment": serving.confirm_commitment}
    deploy = {name: value for name, value in {**terms, **committed}.items() if value not in (None, {})}
    return both | {"hosting": serving.hosting, "deploy": deploy}


def discards(pipeline: PipelineSpec) -> bool:
    """Say whether the teardown deletes a custom model of Bedrock's that the gate has rejected."""
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


def registration(pipeline: PipelineSpec) -> dict[str, Any]:
    """Return where and as what a model is registered."""
    assert pipeline.register is not None  # noqa: S101 - asked before; for the type checker
    serving, known = pipeline.serving, {"group": pipeline.register.group, "tags": dict(pipeline.aws.tags) or None}
    if not isinstance(serving, Serving):
        return known | {"image_uri": None}  # a custom model brings what serves it
    return known | {
        "image_uri": serving.image_uri,
        **({"instance_types": [serving.instance_type]} if serving.instance_type else {}),
        "environment": dict(serving.environment) or None,
    }
