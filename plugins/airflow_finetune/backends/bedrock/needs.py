"""What a customization job needs and is billed for at most, by the data that it would learn from; only reads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from airflow_finetune.backends.backend import Charge, MakeClient, Needs, Wrong
from airflow_finetune.backends.bedrock.families import Limits, deploys_on_demand
from airflow_finetune.backends.bedrock.lookup import Look, looked_up
from airflow_finetune.backends.bedrock.material import Material, material_of, sources_of
from airflow_finetune.backends.bedrock.request import customization_request
from airflow_finetune.backends.bedrock.result import learnt_from
from airflow_finetune.backends.bedrock.spec import HYPERPARAMETERS, BedrockSpec
from airflow_finetune.errors import DataError, RequestRefused

TEACHER_TOKENS = 1000  # general knowledge: of an answer, where nothing is said
RFT_DEFAULTS = {"epochs": 50, "samples_per_prompt": 16, "inference_max_tokens": 8192}  # the most that AWS takes
_THOUSAND = "thousand tokens"


def needs_of(spec: BedrockSpec, region: str, make_client: MakeClient) -> Needs:
    """Return what the job needs.

    Raises:
        SpecError: the request would be refused.
        Unavailable: AWS cannot answer now.
    """
    look = looked_up(spec, region, make_client)
    limits, wrong, said = look.family.limits, list(look.wrong), dict(look.said)
    placed = f"{spec.output_uri.rstrip('/')}/bedrock-data/planned/"
    validated = spec.validation is not None
    request = customization_request(spec, limits, f"{placed}train.jsonl", f"{placed}v.jsonl" if validated else None)
    material: Material | None = None
    if spec.invocation_logs is None:
        try:
            s3 = make_client("s3")
            material = material_of(s3, spec, limits, sources_of(s3, spec, limits))
            said |= _told(material)
        except (DataError, RequestRefused) as error:
            wrong.append(Wrong(error.thing, error.said, error.next_step))
    else:
        said["cost of a distillation from logs"] = "only what the model's storage costs is counted: nobody reads them."
    charges = [] if material is None else list(_trained(spec, limits, look, material, wrong))
    if spec.customization == "reinforcement_fine_tuning":
        said["cost of reinforcement"] = "counted by the token; where AWS bills hours, its own page has the last word."
    return Needs(
        role_arn=request["roleArn"],
        image_uri="",
        dataset=learnt_from(spec),
        inputs=tuple(_inputs(spec)),
        outputs=(request["outputDataConfig"]["s3Uri"],),
        rungs=(),
        charges=(*charges, _charge(spec, "custom model, one month", 1, "month", "model_storage", _name(look.model))),
        wrong=tuple(wrong),
        said=said,
        deploys_on_demand=deploys_on_demand(look.model.id if look.model is not None else spec.base_model),
    )


def _told(material: Material) -> Iterator[tuple[str, str]]:
    yield "records", f"{material.train.records} for training, {material.train.bytes} bytes, each one fits."
    if material.left_out:
        yield "curated validation data", f"left out: {material.left_out}."


def _trained(spec: BedrockSpec, limits: Limits, look: Look, material: Material, wrong: list[Wrong]) -> Iterator[Charge]:
    """Yield what is billed by the token; a token is at least one byte."""
    train, name = material.train, _name(look.model)
    records, tokens = train.records, train.bytes / 1000
    if spec.customization == "distillation":
        records = max(records, limits.most_made_records or 0)
        read = max(train.bytes, records * train.longest_bytes if records > train.records else 0) / 1000
        written = records * (spec.max_response_length or TEACHER_TOKENS) / 1000
        teacher = _name(look.teacher)
        yield _charge(spec, "teacher, tokens read", read, _THOUSAND, "input_tokens", teacher)
        yield _charge(spec, "teacher, tokens written", written, _THOUSAND, "output_tokens", teacher)
        tokens = read + written
    elif spec.customization == "reinforcement_fine_tuning":
        samples = spec.samples_per_prompt or RFT_DEFAULTS["samples_per_prompt"]
        tokens = samples * (
            tokens + records * (spec.inference_max_tokens or RFT_DEFAULTS["inference_max_tokens"]) / 1000
        )
    passes = _passes(spec, limits)
    if passes is None:
        said = "nothing is known of this model, so nobody can say how often AWS would pass over the data."
        wrong.append(Wrong("epochs", said, "Set epochs, or limits.most_epochs."))
        return
    yield _charge(spec, f"customization, {passes:g} passes", tokens * passes, _THOUSAND, "customization", name)


def _passes(spec: BedrockSpec, limits: Limits) -> float | None:
    """Return how often AWS passes over the data at most; None when nobody knows."""
    row = (limits.hyperparameters or {}).get(HYPERPARAMETERS["epochs"])
    if spec.customization == "reinforcement_fine_tuning":
        return spec.epochs or limits.most_epochs or RFT_DEFAULTS["epochs"]
    given = _written(spec) or spec.epochs  # an override goes before the field, as in the request
    return given or limits.most_epochs or (None if row is None else row.default or row.max)


def _written(spec: BedrockSpec) -> float | None:
    """Return the passes that a user has written by AWS's name; None without, and for what is no number."""
    name, overrides = HYPERPARAMETERS["epochs"], spec.request_overrides.get("hyperParameters") or {}
    with contextlib.suppress(ValueError):
        return float(overrides.get(name) or spec.hyperparameters.get(name) or 0) or None
    return None


def _charge(spec: BedrockSpec, name: str, quantity: float, unit: str, usage: Any, model: str) -> Charge:
    return Charge(name, quantity, unit, usage, model, spec.prices.get(usage))


def _inputs(spec: BedrockSpec) -> Iterator[str]:
    yield learnt_from(spec).uri
    for reference in (spec.validation, spec.curated_validation):
        if reference is not None:
            yield reference.uri


def _name(model: Any) -> str:
    return "" if model is None else str(model.name)
