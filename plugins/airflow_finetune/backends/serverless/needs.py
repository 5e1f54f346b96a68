"""What a serverless job needs and is billed for at most, by the data that it would learn from; only reads."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_finetune.backends.backend import Charge, MakeClient, Needs, Wrong
from airflow_finetune.backends.serverless.dataset import Account, counted, sources_of
from airflow_finetune.backends.serverless.lookup import TABLE, looked_up, refusal_of
from airflow_finetune.backends.serverless.recipe import Chosen
from airflow_finetune.backends.serverless.request import serverless_request
from airflow_finetune.backends.serverless.spec import REWARDED, ServerlessSpec
from airflow_finetune.errors import DataError, RequestRefused
from airflow_finetune.values import DatasetReference

THOUSAND = "thousand tokens"
PLANNED_ACCOUNT = "000000000000"  # of a group that is not there yet, in a request that is only checked
_SAMPLES = ("rollout", "rollout_n", "num_generations")
_RESPONSE = ("max_response_length", "max_completion_length")


def needs_of(spec: ServerlessSpec, region: str, make_client: MakeClient) -> Needs:
    """Return what the job needs.

    Raises:
        SpecError: there is no such model, recipe or group, or the request would be refused.
        Unavailable: AWS cannot answer now.
    """
    look = looked_up(spec, region, make_client)
    if look.model is None or look.chosen is None:
        raise refusal_of(look.wrong)
    wrong, said = list(look.wrong), dict(look.said)
    placed = f"{spec.output_uri.rstrip('/')}/serverless-data/planned/"
    validated = f"{placed}validation.jsonl" if spec.validation is not None else None
    group_arn = look.group.arn or f"arn:aws:sagemaker:{region}:{PLANNED_ACCOUNT}:model-package-group/{look.group.name}"
    request = serverless_request(spec, look.model.arn, group_arn, f"{placed}train.jsonl", validated)
    charges: tuple[Charge, ...] = ()
    try:
        train = _train(spec, make_client)
        said["records"] = f"{train.records} for training, {train.bytes} bytes, each one fits {spec.technique}."
        charges = tuple(_charges(spec, look.chosen, train, wrong))
    except (DataError, RequestRefused) as error:
        wrong.append(Wrong(error.thing, error.said, error.next_step))
    references = [DatasetReference.load(each) for each in (spec.dataset, spec.validation) if each is not None]
    return Needs(
        role_arn=request["RoleArn"],
        image_uri="",
        dataset=references[0],
        inputs=tuple(reference.uri for reference in references),
        outputs=(request["OutputDataConfig"]["S3OutputPath"],),
        rungs=(),
        charges=charges,
        wrong=tuple(wrong),
        said=said,
        resolved={"version": look.model.version},
        serves_on=look.model.default_hosting_instance_type,
    )


def _train(spec: ServerlessSpec, make_client: MakeClient) -> Account:
    s3 = make_client("s3")
    sources = sources_of(s3, spec)
    if sources.validation is not None:
        counted(s3, sources.validation, spec.technique)
    return counted(s3, sources.train, spec.technique)


def _charges(spec: ServerlessSpec, chosen: Chosen, train: Account, wrong: list[Wrong]) -> Iterator[Charge]:
    """Yield what is billed; a token is at least one byte, and what the model writes in between is billed too."""
    steps, batch = chosen.number(spec, "max_steps"), chosen.number(spec, "global_batch_size")
    passes = chosen.number(spec, "max_epochs", "epochs", "num_train_epochs")
    each, samples = train.bytes / max(1, train.records), 1.0
    if spec.technique in REWARDED:
        samples = chosen.number(spec, *_SAMPLES) or TABLE["most_samples"]
        each += chosen.number(spec, *_RESPONSE) or TABLE["most_response_tokens"]
    if steps is not None and steps > 0 and batch:
        name, records = f"serverless customization, {steps:g} steps", steps * batch
        each = max(each, train.longest_bytes)
    elif passes:
        name, records = f"serverless customization, {passes:g} passes", passes * train.records
    else:
        said = "neither the spec nor the recipe says how often AWS would pass over the data."
        wrong.append(Wrong("epochs", said, "Set epochs."))
        return
    quantity = records * samples * each / 1000
    yield Charge(name, quantity, THOUSAND, spec.usage, spec.base_model, spec.prices.get(spec.usage))
