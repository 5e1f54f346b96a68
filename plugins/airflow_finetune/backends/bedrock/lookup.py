"""What AWS says of the models that a spec names, in the region in which the job would run; only reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from airflow_finetune.aws.foundation_models import FoundationModel, found_model
from airflow_finetune.backends.backend import MakeClient, Wrong
from airflow_finetune.backends.bedrock.families import TABLE, Family, family_of, model_id
from airflow_finetune.backends.bedrock.spec import BedrockSpec
from airflow_finetune.errors import SpecError
from airflow_finetune.lifecycle.failures import FailureClass, Refusal
from airflow_finetune.resources.custom_model import is_custom_model

_NOT_LISTED = ("reinforcement_fine_tuning",)  # AWS's answer has no word for it


class Look(NamedTuple):
    """What was found.

    Attributes:
        family: what the table knows, with the spec's limits.
        model: the base model; None where AWS would not let us look, or does not know it.
        teacher: likewise, of a distillation.
        wrong: why the job cannot work.
        said: name of a check -> what was found.
    """

    family: Family
    model: FoundationModel | None
    teacher: FoundationModel | None
    wrong: tuple[Wrong, ...]
    said: dict[str, str]


def looked_up(spec: BedrockSpec, region: str, make_client: MakeClient) -> Look:
    """Return what AWS and the table know of the models.

    Raises:
        SpecError: the spec's limits are none.
        Unavailable: AWS cannot answer now.
    """
    try:
        family = family_of(spec.base_model, spec.customization, spec.limits)
        if spec.keep_answers and family.limits.form == "prompts":
            family = family._replace(limits=family.limits.model_copy(update={"form": "prompts_and_answers"}))
    except ValueError as error:
        raise SpecError("limits", str(error), "Correct the spec; nothing was created.") from None
    client, thing = make_client("bedrock"), f"model {spec.base_model}"
    found, said = found_model(client, spec.base_model), {f"limits of {spec.base_model}": _known(family, spec)}
    wrong = [*_of_the_base(spec, thing, found, region), *_of_the_region(spec, family, region)]
    teacher: FoundationModel | Refusal | None = None
    if spec.teacher_model is not None:
        teacher = found_model(client, spec.teacher_model)
        wrong += _of_the_teacher(spec.teacher_model, teacher)
        said[f"teacher {spec.teacher_model}"] = _found_words(teacher)
    said[thing] = _found_words(found)
    return Look(family, _or_none(found), _or_none(teacher), tuple(wrong), said)


def _known(family: Family, spec: BedrockSpec) -> str:
    if family.is_known:
        return f"those of {family.name}, as of {TABLE['checked']}, were looked at."
    return (
        f"AWS decides alone: the table of {TABLE['checked']} knows nothing of {spec.customization} of this model, so"
        f" the form {family.limits.form!r} is a guess, and records and hyperparameters were not checked."
    )


def _of_the_base(spec: BedrockSpec, thing: str, found: FoundationModel | Refusal, region: str) -> Iterator[Wrong]:
    if isinstance(found, Refusal):
        if found.meaning in (FailureClass.ABSENT, FailureClass.REFUSED):
            hint = f"Correct base_model; which models there are differs by region, and this is {region}."
            yield Wrong(thing, f"AWS answered {found.code}: {found.message}", hint)
        return
    wanted = spec.customization.upper()
    if spec.customization not in _NOT_LISTED and wanted not in found.customizations:
        can = ", ".join(found.customizations) or "nothing"
        hint = f"aws bedrock list-foundation-models --by-customization-type {wanted} --region {region} lists what can."
        yield Wrong(thing, f"AWS lists {can} as what can be done with {found.id}, and not {wanted}.", hint)


def _of_the_region(spec: BedrockSpec, family: Family, region: str) -> Iterator[Wrong]:
    regions, thing = family.limits.regions, f"region {region}"
    if regions is not None and region not in regions:
        source = family.limits.source("regions")
        said = f"{model_id(spec.base_model)} can be customized in {', '.join(regions)} ({source})."
        yield Wrong(thing, said, "Use a connection of such a region, or correct limits.regions.")
    if is_custom_model(spec.base_model) and (home := spec.base_model.split(":")[3]) != region:
        said = f"the custom model {spec.base_model} is in {home}."
        yield Wrong(thing, said, "Use a connection of that region, or copy the model.")


def _of_the_teacher(identifier: str, found: FoundationModel | Refusal) -> Iterator[Wrong]:
    if isinstance(found, Refusal) and found.meaning in (FailureClass.ABSENT, FailureClass.REFUSED):
        yield Wrong(f"teacher {identifier}", f"AWS answered {found.code}: {found.message}", "Correct teacher_model.")


def _found_words(found: Any) -> str:
    if isinstance(found, Refusal):
        return f"not checked: AWS answered {found.code}: {found.message}"
    return f"{found.provider} {found.name}; customizations: {', '.join(found.customizations) or 'none'}."


def _or_none(found: FoundationModel | Refusal | None) -> FoundationModel | None:
    return None if isinstance(found, Refusal) else found
