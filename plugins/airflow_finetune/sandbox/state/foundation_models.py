"""Amazon Bedrock's models, limits and prices, from a dated table that says where each part comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("bedrock.json")
HOURS_PER_MONTH = 730.0
_ARN = re.compile(r"arn:aws[^:]*:bedrock:[^:]*::foundation-model/(.+)")
_PROFILE = re.compile(r"(?:arn:aws[^:]*:bedrock:[^:]*:\d{12}:inference-profile/)?(?:us|eu|apac|global)\.(.+)")


@dataclass(frozen=True)
class FoundationModel:
    """A base model.

    Attributes:
        id: for example ``amazon.nova-micro-v1:0:128k``: with the length of its context it can be customized, without
            it can be asked on demand, as on AWS.
        name: for people.
        provider: for example ``Amazon``.
        family: key of the table's ``families``.
        dialect: how InvokeModel's bodies are written.
        customizations: types of customization that it takes.
        inference: ``ON_DEMAND``, ``PROVISIONED``.
        regions: where it can be customized; None: not at all.
        deploys_on_demand: whether what is made of it can be deployed and paid by token.
        status: ``ACTIVE`` or ``LEGACY``.
        students: models that it can teach in a distillation.
        usd: prices: ``input_1k_tokens``, ``output_1k_tokens``, ``training_1k_tokens``, ``model_unit_hour``,
            ``model_month``; the last three only where it can be customized.
    """

    id: str
    name: str
    provider: str
    family: str
    dialect: str
    customizations: tuple[str, ...]
    inference: tuple[str, ...]
    regions: tuple[str, ...] | None
    deploys_on_demand: bool
    status: str
    students: tuple[str, ...]
    usd: Mapping[str, float]


@dataclass(frozen=True)
class Limits:
    """What one type of customization takes for one family.

    Attributes:
        form: how a record is written.
        records: fewest and most training records.
        validation_records: fewest and most validation records; None: it takes no validation data.
        sum_of_records: most of both together; None: no such limit.
        megabytes: largest training file.
        validation_megabytes: largest validation file.
        tokens: most tokens of a record, at ``characters_per_token`` characters each; None: not limited.
        characters_per_token: what AWS counts for a token where it limits characters.
        reserved: words that no prompt may hold.
        hyperparameters: name -> ``type``, ``min``, ``max``, ``default``.
    """

    form: str
    records: tuple[int, int]
    validation_records: tuple[int, int] | None
    hyperparameters: Mapping[str, Mapping[str, Any]]
    megabytes: int = 1000
    validation_megabytes: int = 1000
    sum_of_records: int | None = None
    tokens: int | None = None
    characters_per_token: int = 6
    reserved: tuple[str, ...] = ()


class FoundationModels:
    """The table of models."""

    @cached_property
    def table(self) -> dict[str, Any]:
        """The whole document, with its date and sources."""
        document: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
        return document

    @cached_property
    def all(self) -> dict[str, FoundationModel]:
        """Every model by its id."""
        return {name: self._model(name, row) for name, row in self.table["models"].items()}

    def find(self, identifier: str) -> FoundationModel | None:
        """The model of an id or ARN, or None."""
        arn = _ARN.fullmatch(identifier)
        return self.all.get(arn.group(1) if arn else identifier)

    def behind_profile(self, identifier: str) -> FoundationModel | None:
        """The model of an inference profile (``us.amazon.nova-micro-v1:0`` or its ARN), or None."""
        profile = _PROFILE.fullmatch(identifier)
        return self.all.get(profile.group(1)) if profile else None

    def limits(self, model: FoundationModel, customization: str) -> Limits:
        """What a type of customization takes; KeyError when the model does not take that type."""
        row = self.table["families"][model.family]["customizations"][customization]
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in row.items()
        }
        return Limits(**known)

    def quota(self, name: str) -> int:
        """A quota of a new account: ``jobs``, ``custom_models``, ``requests_per_minute`` ..."""
        return int(self.table["quotas"][name])

    def _model(self, name: str, row: Mapping[str, Any]) -> FoundationModel:
        regions = row["customization_regions"]
        return FoundationModel(
            id=name,
            name=row["name"],
            provider=row["provider"],
            family=row["family"],
            dialect=self.table["families"][row["family"]]["dialect"],
            customizations=tuple(row["customizations"]),
            inference=tuple(row["inference"]),
            regions=None if regions is None else tuple(regions),
            deploys_on_demand=row["deploys_on_demand"],
            status=row["status"],
            students=tuple(row["teaches"]),
            usd=row["usd"],
        )


def arn_of(model: FoundationModel, region: str) -> str:
    """The model's ARN in a region."""
    return f"arn:aws:bedrock:{region}::foundation-model/{model.id}"
