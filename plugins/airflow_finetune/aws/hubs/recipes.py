"""The recipes of a hub model: ways to tune it that AWS has written down; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Recipe(NamedTuple):
    """One entry of ``RecipeCollection``.

    Attributes:
        name: AWS's.
        technique: for example ``SFT``.
        peft: for example ``LORA``; None tunes all weights.
        sequence_length: as AWS writes it, for example ``4K``; empty where it says nothing.
        parameters_uri: JSON with type, default, range and options of each parameter; None without.
        template_uri: YAML with the parameters' places; None without.
        image_uri: what runs it as a training job; None without.
        row: the whole entry.
    """

    name: str
    technique: str
    peft: str | None
    sequence_length: str
    parameters_uri: str | None
    template_uri: str | None
    image_uri: str | None
    row: Mapping[str, Any]


def recipes_of(rows: Sequence[Mapping[str, Any]]) -> tuple[Recipe, ...]:
    """Return the recipes of a document."""
    return tuple(
        Recipe(
            name=str(row.get("Name", "")),
            technique=str(row.get("CustomizationTechnique", "")),
            peft=row.get("Peft"),
            sequence_length=str(row.get("SequenceLength", "")),
            parameters_uri=row.get("SmtjOverrideParamsS3Uri"),
            template_uri=row.get("SmtjRecipeTemplateS3Uri"),
            image_uri=row.get("SmtjImageUri"),
            row=row,
        )
        for row in rows
    )
