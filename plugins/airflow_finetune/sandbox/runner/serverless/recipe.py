"""What a model of a hub can be customized by: the recipes of its document, and which hyperparameters each takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..transfer.channels import split_uri

_ARN = re.compile(r"arn:[^:]+:sagemaker:([^:]+):(?:\d{12}|aws):hub-content/([^/]+)/Model/([^/]+)(?:/(.+))?")
_TRUE_OR_FALSE = ("true", "false")


@dataclass(frozen=True)
class Address:
    """Which content of which hub."""

    region: str
    hub: str
    name: str
    version: str | None


def address_of(arn: str) -> Address | None:
    """Return the parts of the ARN of a model of a hub; None for any other text."""
    found = _ARN.fullmatch(arn)
    return Address(*found.groups()) if found else None


@dataclass(frozen=True)
class Recipe:
    """One way to customize one model.

    Attributes:
        name: as the document says.
        technique: SFT, DPO, RLVR or RLAIF.
        peft: ``LORA``; None trains all weights.
        sequence_length: for example ``4K``; None where the document says none.
        overrides_uri: where the table of hyperparameters lies in S3.
        overrides: name of a hyperparameter -> ``type``, ``default``, ``min``, ``max``, ``enum``.
    """

    name: str
    technique: str
    peft: str | None
    sequence_length: str | None
    overrides_uri: str
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def faults(self, hyperparameters: Mapping[str, str]) -> Iterator[str]:
        """Yield why hyperparameters do not fit."""
        for name, text in hyperparameters.items():
            row = self.overrides.get(name)
            if row is None:
                yield f"Hyperparameter {name} is not supported by the recipe {self.name}: it has {_listed(self)}."
            elif said := _fault(text, row):
                yield f"Value {text!r} of hyperparameter {name} {said} (recipe {self.name})."

    def value(self, hyperparameters: Mapping[str, str], names: Sequence[str]) -> float | None:
        """Return the number that was given, or the default, under the first of the names that the recipe has."""
        for name in names:
            if name in self.overrides:
                given = hyperparameters.get(name, self.overrides[name].get("default"))
                return None if given is None else float(given)
        return None

    def default(self, names: Sequence[str]) -> float | None:
        """Return the default under the first of the names that the recipe has."""
        return self.value({}, names)


def _listed(recipe: Recipe) -> str:
    return ", ".join(sorted(recipe.overrides)) or "none"


def _fault(text: str, row: Mapping[str, Any]) -> str:
    """Return why a text is no value of a row, or nothing."""
    kind, choices = str(row.get("type", "string")), row.get("enum")
    if choices and text not in [_text(choice) for choice in choices]:
        return f"is none of {', '.join(map(_text, choices))}"
    if kind in ("boolean", "bool") and text.lower() not in _TRUE_OR_FALSE:
        return "must be true or false"
    if kind not in ("integer", "int", "float", "number"):
        return ""
    try:
        number = int(text) if kind.startswith("int") else float(text)
    except ValueError:
        return f"must be of the type {kind}"
    low, high = row.get("min"), row.get("max")
    if (low is not None and number < low) or (high is not None and number > high) or number != number:
        return f"must be between {low} and {high}"
    return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def recipes_of(document: Mapping[str, Any]) -> list[Recipe]:
    """Return the recipes of a hub document; those without an address of their hyperparameters are no recipes."""
    return [
        Recipe(
            name=str(row.get("Name", "")),
            technique=str(row.get("CustomizationTechnique", "")),
            peft=row.get("Peft"),
            sequence_length=row.get("SequenceLength"),
            overrides_uri=row["SmtjOverrideParamsS3Uri"],
        )
        for row in document.get("RecipeCollection") or []
        if row.get("SmtjOverrideParamsS3Uri")
    ]


def overrides_at(s3: Any, uri: str) -> dict[str, dict[str, Any]]:
    """Return the table of hyperparameters."""
    bucket, key = split_uri(uri)
    found: dict[str, dict[str, Any]] = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return found
