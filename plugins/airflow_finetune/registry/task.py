"""What stands between a registration's operator and AWS: values as they were given, the rules, the weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_finetune.aws.foundation_models import is_custom
from airflow_finetune.aws.objects import list_objects
from airflow_finetune.errors import RequestRefused, SpecError
from airflow_finetune.evaluation.store import weights_digest
from airflow_finetune.registry.custom_model import check_there
from airflow_finetune.registry.evidence import Evidence
from airflow_finetune.registry.given import loaded
from airflow_finetune.registry.register import Registration
from airflow_finetune.registry.request import identity_of
from airflow_finetune.resources import CUSTOM_MODEL
from airflow_finetune.values import EvalReport, GateVerdict, ModelReference, TunedModel

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
    s3 = access.client("s3")
    if is_custom(evidence.model.model_uri):
        check_there(access.resource_client(CUSTOM_MODEL), evidence.model.model_uri)
    else:
        _check_image(spec)
        check_weights(s3, evidence.report.candidate, say)
    return Registration(access.resource_client, s3, identity_of(claim, evidence, spec), spec, evidence, say)


def _check_image(spec: RegisterSpec) -> None:
    if spec.image_uri is None:
        said = "is missing, and the model's files lie in S3: only an image can serve them."
        raise SpecError("register: image_uri", said, "Give the image that the model was judged with.")


def check_weights(s3: Any, judged: ModelReference, say: Callable[[str], None]) -> None:
    """Refuse weights that are not those that were judged; where nobody recorded or may list them, say so.

    Raises:
        RequestRefused: other files lie at the address now.
        Unavailable: S3 cannot answer now.
    """
    if judged.sha256 is None or not judged.uri.startswith("s3://"):
        say(
            f"The report does not say which files lay at {judged.uri}: nobody can tell whether they are still the same."
        )
        return
    try:
        files = [(each.name, each.bytes, each.etag) for each in list_objects(s3, judged.uri)]
    except RequestRefused as error:
        say(f"Nobody can tell whether the weights are still those that were judged. {error}")
        return
    found = weights_digest(files)
    if found != judged.sha256:
        said = f"what lies there now has the digest {found or 'of nothing'}; judged was {judged.sha256}."
        raise RequestRefused(f"weights {judged.uri}", said, "Evaluate and judge what is there now, then register that.")
