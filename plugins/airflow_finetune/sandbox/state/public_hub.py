"""SageMaker's public hub: its models, their versions and documents, from a dated table of the sandbox's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("hub.json")
NAME = "SageMakerPublicHub"
OPEN_BUCKET, GATED_BUCKET = "jumpstart-cache-prod-", "jumpstart-private-cache-prod-"
"""What the names of AWS's buckets begin with; the region follows."""


@dataclass(frozen=True)
class HubModel:
    """One version of a model.

    Attributes:
        name: the model id.
        version: for example ``1.1.0``.
        created: when it came into the hub.
        display: its name for people.
        description: for people.
        keywords: HubContentSearchKeywords.
        support: ``Supported`` or ``Deprecated``.
        script: what its training script does with checkpoints: ``resumes`` or ``plain``; None: it cannot be trained.
        template: the document before a region is filled in.
    """

    name: str
    version: str
    created: datetime
    display: str
    description: str
    keywords: tuple[str, ...]
    support: str
    script: str | None
    template: Mapping[str, Any]

    def document(self, region: str) -> dict[str, Any]:
        """The hub content document in a region."""
        document: dict[str, Any] = self.fill(self.template, region)
        return document

    def fill(self, value: Any, region: str) -> Any:
        """A JSON value with region, model and version filled in."""
        text = json.dumps(value)
        for name, word in (("{region}", region), ("{model}", self.name), ("{version}", self.version)):
            text = text.replace(name, word)
        return json.loads(text)


class PublicHub:
    """The table of models."""

    @cached_property
    def table(self) -> dict[str, Any]:
        """The whole table, with its date and sources."""
        document: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
        return document

    @cached_property
    def created(self) -> datetime:
        """When the hub was made."""
        return datetime.fromisoformat(self.table["hub"]["created"])

    @property
    def schema(self) -> str:
        """DocumentSchemaVersion of every document."""
        return str(self.table["schema"])

    @cached_property
    def all(self) -> dict[str, tuple[HubModel, ...]]:
        """The versions of every model, the oldest first, by its id."""
        return {
            name: tuple(self._model(name, row, version) for version in sorted(row["versions"], key=number_of))
            for name, row in self.table["models"].items()
        }

    def find(self, name: str, version: str | None = None) -> HubModel | None:
        """A model, the newest version unless one is named; None when there is none."""
        versions = self.all.get(name, ())
        if version is None:
            return versions[-1] if versions else None
        return next((each for each in versions if each.version == version), None)

    def _model(self, name: str, row: Mapping[str, Any], version: str) -> HubModel:
        told = row["versions"][version]
        template: dict[str, Any] = {}
        for part in (*(self.table["parts"][each] for each in row["parts"]), row["document"], told["document"]):
            template = _merged(template, part)
        return HubModel(
            name=name,
            version=version,
            created=datetime.fromisoformat(told["created"]),
            display=row["display"],
            description=row["description"],
            keywords=tuple(row["keywords"]),
            support=row["support"],
            script=row["script"],
            template=template,
        )


def number_of(version: str) -> tuple[int, ...]:
    """A version as numbers, to be compared."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _merged(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, Any]:
    """Both objects: lists of tables of one name follow one another, anything else is the second's."""
    result = dict(one)
    for name, value in two.items():
        before = result.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            result[name] = _merged(before, value)
        elif isinstance(value, list) and isinstance(before, list) and value and isinstance(value[0], dict):
            result[name] = [*before, *value]
        else:
            result[name] = value
    return result
