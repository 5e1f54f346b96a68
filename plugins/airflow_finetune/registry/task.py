"""What stands between a registration's operator and AWS: values as they were given, the rules, the weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_finetune.registry.evidence import Evidence
from airflow_finetune.registry.given import loaded
from airflow_finetune.registry.register import Registration
from airflow_finetune.registry.request import identity_of
from airflow_finetune.registry.weights import check_weights
from airflow_finetune.values import EvalReport, GateVerdict, TunedModel

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.claim import Claim
    from airflow_finetune.lifecycle.trigger import AwsAccess
    from airflow_finetune.registry.spec import RegisterSpec


def registration(
    given: Mapping[str, Any],
    spec: RegisterSpec,
    claim: Claim,
    access: AwsAccess,
    say: Callable[[str], None],
) -> Registration:
    """Return a registration that may begin.

    Args:
        given: ``model``, ``report`` and ``verdict`` -> the values, their dumps or texts.
        spec: rendered.
        claim: whose it is.
        access: to AWS.
        say: takes one line for the task's log.

    Raises:
        SpecError: a value is none, or what must serve the model is not said.
        RequestRefused: what was given must not be registered.
        Unavailable: AWS could not answer.
    """
    evidence = Evidence(
        loaded(TunedModel, given["model"], "model"),
        loaded(EvalReport, given["report"], "report"),
        loaded(GateVerdict, given["verdict"], "verdict"),
    )
    evidence.check()
    spec = spec.as_hosted(evidence.model.hosting)
    check_weights(access, evidence.report.candidate, spec.image_uri, say)
    identity = identity_of(claim, evidence, spec)
    return Registration(access.resource_client, access.client("s3"), identity, spec, evidence, say)
