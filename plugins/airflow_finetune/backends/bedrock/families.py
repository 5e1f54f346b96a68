"""Families of base models: what each takes by each way to customize, from limits.json; AWS judges others alone."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_finetune.backends.overrides import merged

Customization = Literal["fine_tuning", "continued_pre_training", "distillation", "reinforcement_fine_tuning"]
FormName = Literal["conversation", "prompt_completion", "claude", "text", "prompts", "prompts_and_answers", "graded"]
Bounds = tuple[int, int]

TABLE: Mapping[str, Any] = json.loads((Path(__file__).parent / "limits.json").read_text(encoding="utf-8"))
_USUAL: Mapping[str, FormName] = {
    "fine_tuning": "conversation",
    "continued_pre_training": "text",
    "distillation": "prompts",
    "reinforcement_fine_tuning": "graded",
}
_ID_IN_ARN = re.compile(r"arn:aws[^:]*:bedrock:[^:]*:[^:]*:(?:foundation-model|custom-model)/([^/]+)(?:/.*)?")


class Hyperparameter(BaseModel):
    """Type and range of one of AWS's hyperparameters; ``default`` is what AWS takes where nothing is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["integer", "float"]
    min: float
    max: float
    default: float | None = None


class Limits(BaseModel):
    """What one way to customize a family takes; None: not limited, or not known.

    Attributes:
        form: of a record.
        single_turn: whether a record holds one question only.
        records: fewest and most, for training.
        validation_records: likewise for validation; None takes none.
        sum_of_records: most, of both.
        megabytes: of a file.
        validation_megabytes: of the validation file; None is ``megabytes``.
        tokens: of a record.
        characters_per_token: by which a record's tokens are estimated.
        reserved: words that a prompt must not hold.
        reserved_in_answers: whether they are reserved in answers too.
        hyperparameters: by AWS's names; None leaves them to AWS.
        regions: in which the model can be customized.
        most_epochs: passes over the data that AWS may choose, where the user cannot.
        most_made_records: records that AWS may make of the data.
        sources: of each of these, in words of limits.json.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: FormName
    single_turn: bool = False
    records: Bounds | None = None
    validation_records: Bounds | None = None
    sum_of_records: int | None = None
    megabytes: float | None = None
    validation_megabytes: float | None = None
    tokens: int | None = None
    characters_per_token: float = 6
    reserved: tuple[str, ...] = ()
    reserved_in_answers: bool = False
    hyperparameters: Mapping[str, Hyperparameter] | None = None
    regions: tuple[str, ...] | None = None
    most_epochs: int | None = None
    most_made_records: int | None = None
    sources: Mapping[str, str] = Field(default_factory=dict)

    def source(self, name: str) -> str:
        """Return who says a limit."""
        return self.sources.get(name, "the spec's limits")


class Family(NamedTuple):
    """What the table knows of one model.

    Attributes:
        name: of its family; None for a model that the table does not know.
        limits: with the spec's own merged over them.
        is_known: whether the table has a row for this way to customize this model.
    """

    name: str | None
    limits: Limits
    is_known: bool


def model_id(identifier: str) -> str:
    """Return the base model's id inside an id or ARN; an own custom model's ARN names its base too."""
    found = _ID_IN_ARN.fullmatch(identifier)
    return found[1] if found else identifier


def family_of(identifier: str, customization: str, overrides: Mapping[str, Any]) -> Family:
    """Return what is known of a model.

    Args:
        identifier: id or ARN of a base model, or ARN of a custom model.
        customization: the way to customize.
        overrides: merged over the table's row.

    Raises:
        ValueError: the overrides are none of limits.
    """
    family, model = _found(identifier)
    row = family.get("customizations", {}).get(customization)
    usual = {"form": _USUAL[customization], "validation_records": (1, 2**31)}
    try:
        known = {**(row or usual), "regions": model.get("regions") if row else None}
        limits = Limits.model_validate(merged(known, overrides))
    except ValidationError as error:
        said = "; ".join(f"limits.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ValueError(f"{said}. Known are {', '.join(Limits.model_fields)}.") from None
    changed = {name: "the spec's limits" for name in overrides}
    sources = {**model.get("sources", {}), **limits.sources, **changed}
    return Family(family.get("name"), limits.model_copy(update={"sources": sources}), bool(row))


def deploys_on_demand(identifier: str) -> bool | None:
    """Say whether a custom model of this base can be deployed on demand; None where nobody has checked."""
    found: bool | None = _found(identifier)[1].get("deploys_on_demand")
    return found


def hyperparameter_faults(limits: Limits, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with hyperparameters of AWS's names; their values are numbers or their texts."""
    known = limits.hyperparameters
    if known is None:
        return
    for name, value in given.items():
        if (row := known.get(name)) is None:
            can = f"known are {', '.join(known)}" if known else "it takes none"
            yield f"{name} is no hyperparameter of this model: {can} ({limits.source('hyperparameters')})."
        elif (number := _number(value, row.type)) is None:
            yield f"{name} is {value!r} and must be of type {row.type} ({limits.source('hyperparameters')})."
        elif not row.min <= number <= row.max:
            source = limits.source("hyperparameters")
            yield f"{name} is {value} and must be from {row.min:g} to {row.max:g} ({source})."


def _number(value: Any, kind: str) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) and (kind == "float" or number.is_integer()) else None


def _found(identifier: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the rows of family and model; empty ones where nothing fits."""
    wanted = model_id(identifier)
    for family in TABLE["families"]:
        for model in family["models"]:
            if fnmatchcase(wanted, model["pattern"]):
                return family, model
    return {}, {}
