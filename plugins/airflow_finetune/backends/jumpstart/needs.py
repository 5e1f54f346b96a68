"""What a job on a hub model needs, read from the request that would make it, and from the data; only reads."""

from __future__ import annotations

from airflow_finetune.aws.hubs import HubModel
from airflow_finetune.backends.backend import MakeClient, Needs, Place, Wrong
from airflow_finetune.backends.jumpstart.dataset import counted, sources_of
from airflow_finetune.backends.jumpstart.lookup import found_model, unfit
from airflow_finetune.backends.jumpstart.request import Data, training_request
from airflow_finetune.backends.jumpstart.spec import JumpStartSpec
from airflow_finetune.backends.training_job import rung_of
from airflow_finetune.errors import DataError, RequestRefused, SpecError


def needs_of(spec: JumpStartSpec, rungs: int, region: str, make_client: MakeClient) -> Needs:
    """Return what the requests of all rungs need, and in which model version they were judged.

    Raises:
        SpecError: the model is not there, it does not fit so far that no request can be made, or AWS would refuse it.
        Unavailable: AWS cannot answer now.
    """
    model = found_model(make_client("sagemaker"), spec)
    wrong = list(unfit(spec, model))
    said = {f"model {model.id}": f"version {model.version} of hub {model.hub}, and this is what will be trained."}
    if spec.spot and spec.keeps_checkpoints is None:
        said["checkpoints"] = "the document lists hyperparameters for them, and says no more; see docs/jumpstart.md."
    wrong += _of_the_data(spec, model, make_client, said)
    if wrong:
        raise refusal_of(wrong)
    placed = f"{spec.output_uri.rstrip('/')}/jumpstart-data/planned/"
    validated = spec.validation is not None and model.takes_validation
    data = Data(f"{placed}training/", f"{placed}validation/" if validated else None)
    place = Place(region, "planned", 0, "planned")
    requests = [training_request(spec, model, place, rung, data) for rung in range(rungs)]
    first = requests[0]
    written = (first["OutputDataConfig"]["S3OutputPath"], spec.checkpoint_uri or spec.output_uri)
    read = [each.uri for each in (spec.dataset, spec.validation) if each is not None]
    return Needs(
        role_arn=first["RoleArn"],
        image_uri=first["AlgorithmSpecification"]["TrainingImage"],
        dataset=spec.dataset,
        inputs=tuple(dict.fromkeys(read)),
        outputs=tuple(dict.fromkeys(written)),
        rungs=tuple(rung_of(request) for request in requests),
        said=said,
        resolved={"version": model.version},
        serves_on=model.default_hosting_instance_type,
    )


def refusal_of(wrong: list[Wrong]) -> SpecError:
    """Return one error that names everything."""
    if len(wrong) == 1:
        return SpecError(*wrong[0])
    thing = f"{len(wrong)} faults: {', '.join(dict.fromkeys(each.thing for each in wrong))}"
    said = " ".join(f"[{number}] {each.thing}: {each.said}" for number, each in enumerate(wrong, 1))
    return SpecError(thing, said, " ".join(f"[{number}] {each.next_step}" for number, each in enumerate(wrong, 1)))


def _of_the_data(spec: JumpStartSpec, model: HubModel, make_client: MakeClient, said: dict[str, str]) -> list[Wrong]:
    s3 = make_client("s3")
    try:
        sources = sources_of(s3, spec, validated=model.takes_validation)
        said["records"] = f"{counted(s3, spec, sources.train)} for training, each one fits."
        if sources.validation is not None:
            said["validation records"] = f"{counted(s3, spec, sources.validation)}, each one fits."
        elif spec.validation is not None:
            said["validation data"] = "left out: the model's script takes none."
    except (DataError, RequestRefused) as error:
        return [Wrong(error.thing, error.said, error.next_step)]
    return []
