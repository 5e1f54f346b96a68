"""The hub's word on the model of a spec, and everything in which the spec does not fit it; only reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_finetune.aws.hubs import PUBLIC_HUB, HubModel, hub_model, why_missing
from airflow_finetune.aws.hubs.hyperparameters import as_text, faults_of
from airflow_finetune.backends.backend import Wrong
from airflow_finetune.backends.jumpstart.spec import SWITCHES, TYPED_HYPERPARAMETERS, JumpStartSpec
from airflow_finetune.errors import SpecError, Unavailable
from airflow_finetune.lifecycle.failures import FailureClass, Refusal

CHECKPOINT_SIGNS = ("save_strategy", "save_steps", "resume_from_checkpoint")
"""Hyperparameters of scripts that write checkpoints while they train; documents have no other word for it."""


def hub_of(spec: JumpStartSpec) -> str:
    """Return the hub that a spec means."""
    return spec.hub or PUBLIC_HUB


def found_model(client: Any, spec: JumpStartSpec) -> HubModel:
    """Return the model of a spec.

    Raises:
        SpecError: it is not there, or not ours to read; says what is there.
        Unavailable: AWS cannot answer now.
    """
    hub = hub_of(spec)
    found = hub_model(client, spec.model_id, version=spec.version, hub=hub)
    if not isinstance(found, Refusal):
        return found
    missing = why_missing(client, spec.model_id, spec.version, hub, found)
    version = f" {spec.version}" if spec.version else ""
    thing = f"model {spec.model_id}{version} of hub {hub}"
    error = Unavailable if found.meaning is FailureClass.THROTTLED else SpecError
    raise error(thing, missing.said, missing.next_step)


def instance_of(spec: JumpStartSpec, model: HubModel) -> str:
    """Return what the job runs on; empty where neither spec nor hub says it."""
    return spec.instance_type or model.default_instance_type


def keeps_checkpoints(spec: JumpStartSpec, model: HubModel) -> bool:
    """Say whether the model's script goes on from checkpoints: by the user's word, else by the document's."""
    if spec.keeps_checkpoints is not None:
        return spec.keeps_checkpoints
    if str(spec.hyperparameters.get("save_strategy")) == "no":
        return False
    return not {each.name for each in model.hyperparameters(instance_of(spec, model))}.isdisjoint(CHECKPOINT_SIGNS)


def asked_hyperparameters(spec: JumpStartSpec, model: HubModel) -> dict[str, str]:
    """Return what the spec says of hyperparameters, by the names of the model's script."""
    known = {each.name for each in model.hyperparameters(instance_of(spec, model))}
    found: dict[str, str] = {}
    for field, names in TYPED_HYPERPARAMETERS.items():
        if (value := getattr(spec, field)) is not None:
            number = int(value) if isinstance(value, float) and value.is_integer() else value
            found[next((name for name in names if name in known), field)] = as_text(number)
    return found | {name: as_text(value) for name, value in spec.hyperparameters.items()}


def unfit(spec: JumpStartSpec, model: HubModel) -> tuple[Wrong, ...]:
    """Return everything in which a spec does not fit the model; pure."""
    if model.retired:
        said = f"it is retired: {model.retired}"
        return (Wrong(_named(model), said, "Choose another; `python -m airflow_finetune jumpstart list` shows all."),)
    if not model.trains:
        said = "its document says TrainingSupported: false; there is nothing to train it with."
        hint = "Choose a model of which `python -m airflow_finetune jumpstart show MODEL` says that it is trained."
        return (Wrong(_named(model), said, hint),)
    return (*_license(spec, model), *_instance(spec, model), *_script(spec, model), *_market(spec, model))


def _license(spec: JumpStartSpec, model: HubModel) -> Iterator[Wrong]:
    if model.gated and not spec.accept_eula:
        said = f"{model.id} is gated: AWS gives it only to who accepts the license at {model.eula_url}"
        hint = "Read it. If you accept it, write accept_eula: true, in the pipeline file under model."
        yield Wrong("accept_eula", said, hint)


def _instance(spec: JumpStartSpec, model: HubModel) -> Iterator[Wrong]:
    found, can = instance_of(spec, model), model.instance_types
    if not found:
        yield Wrong("instance_type", "neither the spec nor the hub's document says one.", "Give instance_type.")
    elif can and found not in can:
        said = f"{found} is none on which {model.id} {model.version} is trained."
        yield Wrong("instance_type", said, f"Choose one of {', '.join(can)}.")


def _script(spec: JumpStartSpec, model: HubModel) -> Iterator[Wrong]:
    known = model.hyperparameters(instance_of(spec, model))
    for name in ("script", "image"):
        if not (model.script_uri if name == "script" else model.training_image(instance_of(spec, model))):
            yield Wrong(_named(model), f"its document has no training {name}.", "Choose another version or model.")
    for said in faults_of(known, asked_hyperparameters(spec, model)):
        yield Wrong("hyperparameters", said, f"`jumpstart show {model.id}` shows types, ranges and options.")
    wanted = next(iter(SWITCHES[spec.method]))
    if spec.method != "domain_adaptation" and wanted not in {each.name for each in known}:
        said = f"the script of {model.id} {model.version} has no {wanted}, by which it would learn by {spec.method}."
        yield Wrong("method", said, "Choose another method or model.")


def _market(spec: JumpStartSpec, model: HubModel) -> Iterator[Wrong]:
    if spec.spot and not keeps_checkpoints(spec, model):
        signs = ", ".join(CHECKPOINT_SIGNS)
        said = (
            f"as far as its document tells, the script of {model.id} {model.version} keeps no checkpoints (it has none"
            f" of {signs}, or save_strategy is no): every interruption would begin again, and be paid again."
        )
        yield Wrong("spot", said, "Write spot: false, or keeps_checkpoints: true if you know that it does.")


def _named(model: HubModel) -> str:
    return f"model {model.id} {model.version} of hub {model.hub}"
