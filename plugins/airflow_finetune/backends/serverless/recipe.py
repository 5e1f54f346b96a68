"""A recipe of a hub model, as the user's choices pick it, with the hyperparameters that it lets them set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from airflow_finetune.aws.hubs import Hyperparameter, Recipe
from airflow_finetune.backends.fields import Scalar
from airflow_finetune.backends.serverless.spec import HYPERPARAMETERS, ServerlessSpec, asked_hyperparameters

_KINDS = {"integer": "int", "number": "float", "boolean": "bool", "string": "text"}
_FIELD_OF = {aws: field for field, aws in HYPERPARAMETERS.items()}
Numbers = Mapping[str, "float | None"]


class Chosen(NamedTuple):
    """The recipe that a job follows.

    Attributes:
        recipe: of the hub's document.
        known: what can be set; None where nobody could read it.
    """

    recipe: Recipe
    known: tuple[Hyperparameter, ...] | None = None

    def number(self, spec: ServerlessSpec, *names: str) -> float | None:
        """Return the number that would be used for the first of the names that the recipe has; None without."""
        given = asked_hyperparameters(spec)
        defaults = {each.name: each.default for each in self.known or ()}
        for name in names:
            value = given.get(name, defaults.get(name))
            if value is not None:
                return _number(value)
        return None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def ways_of(recipes: Sequence[Recipe]) -> str:
    """Return technique and method of each recipe, for people."""
    found = {f"{each.technique.lower()} with method {(each.peft or 'full').lower()}" for each in recipes}
    return ", ".join(sorted(found)) or "none"


def chosen_of(recipes: Sequence[Recipe], spec: ServerlessSpec) -> Recipe | None:
    """Return the recipe that a spec picks; None where there is none."""
    fit = [each for each in recipes if is_way_of(each, spec)]
    if spec.sequence_length is not None:
        fit = [each for each in fit if each.sequence_length == spec.sequence_length]
    return fit[0] if fit else None


def is_way_of(recipe: Recipe, spec: ServerlessSpec) -> bool:
    """Say whether technique and method of a recipe are those of a spec."""
    peft = "LORA" if spec.method == "lora" else None
    return (recipe.technique, recipe.peft) == (spec.technique.upper(), peft) and recipe.parameters_uri is not None


def parameters_of(text: bytes) -> tuple[Hyperparameter, ...]:
    """Return what a recipe's file of parameters lets people set.

    Raises:
        ValueError: it is no such file.
    """
    rows = json.loads(text)
    if not isinstance(rows, Mapping) or not all(isinstance(row, Mapping) for row in rows.values()):
        raise ValueError("it is no JSON object of parameters")
    return tuple(_parameter(str(name), row) for name, row in rows.items())


def _parameter(name: str, row: Mapping[str, Any]) -> Hyperparameter:
    kind = str(row.get("type", "text"))
    return Hyperparameter(
        name=name,
        kind=_KINDS.get(kind, kind),
        default=row.get("default"),
        minimum=_number(row.get("min")),
        maximum=_number(row.get("max")),
        options=tuple(as_text(option) for option in row.get("enum") or ()),
    )


def as_text(value: Any) -> str:
    """Return a hyperparameter as AWS takes it: a text, true and false as JSON writes them."""
    return value if isinstance(value, str) else json.dumps(value)


def faults_of(known: Sequence[Hyperparameter], given: Mapping[str, Scalar]) -> Iterator[tuple[str, str]]:
    """Yield (field of the spec, what is wrong) of hyperparameters that a recipe does not take."""
    names = {each.name: each for each in known}
    for name, value in given.items():
        field = _FIELD_OF.get(name, f"hyperparameters.{name}")
        if name not in names:
            yield field, f"this recipe has no {name}; it has {', '.join(sorted(names)) or 'nothing to set'}."
        elif (said := names[name].fault(as_text(value))) is not None:
            yield field, said
