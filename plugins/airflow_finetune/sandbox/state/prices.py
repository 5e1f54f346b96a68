"""Prices of instances, storage and serverless customization, and facts of instances: the sandbox's own, dated table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

Usage = Literal["training", "spot_training", "processing", "hosting"]

TABLE = Path(__file__).with_name("prices.json")
ANY_MODEL = "*"
FULL = "FULL"


@dataclass(frozen=True)
class Instance:
    """Facts of an instance type.

    Attributes:
        vcpus: virtual processors.
        memory_gb: main memory in GiB.
        gpus: accelerators; 0 for a CPU instance.
    """

    vcpus: int
    memory_gb: float
    gpus: int


class Prices:
    """The price table; prices of regions other than us-east-1 are its prices times a factor."""

    @cached_property
    def table(self) -> dict[str, Any]:
        """The whole document, with its date and sources."""
        document: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
        return document

    def instance(self, instance_type: str) -> Instance:
        """Facts of an instance type.

        Raises:
            KeyError: the table does not have it.
        """
        row = self.table["instances"][instance_type]
        return Instance(row["vcpus"], row["memory_gb"], row["gpus"])

    def instance_types(self) -> list[str]:
        """Every instance type that the table has."""
        return list(self.table["instances"])

    def hourly_usd(self, usage: Usage, instance_type: str, region: str) -> float:
        """Dollars per instance hour.

        Args:
            usage: ``training``, ``processing`` and ``hosting`` are on-demand prices. ``spot_training`` is the on-demand
                training price times the table's Spot fraction; AWS publishes no Spot price for training jobs.
            instance_type: for example ``ml.g5.2xlarge``.
            region: regions that the table does not name cost what us-east-1 costs.

        Raises:
            KeyError: the table does not have the instance type, or AWS does not offer it for this usage.
        """
        row = self.table["instances"][instance_type]
        price: float = row["training" if usage == "spot_training" else usage]
        if usage == "spot_training":
            price *= self.spot_fraction(instance_type)
        return round(price * float(self.table["region_factor"].get(region, 1.0)), 6)

    def storage_tiers(self, region: str) -> list[dict[str, Any]]:
        """What a GB of S3 Standard costs a month: ``from_gb``, ``to_gb`` (None: no end) and ``usd`` of each tier."""
        factor = float(self.table["region_factor"].get(region, 1.0))
        tiers = self.table["storage"]["s3_standard_gb_month"]
        return [{**tier, "usd": round(tier["usd"] * factor, 6)} for tier in tiers]

    def serverless_models(self) -> dict[str, dict[str, dict[str, float]]]:
        """Model -> technique -> ``LORA`` or ``FULL`` -> dollars of 1000 tokens, of the models that have their own."""
        table: dict[str, dict[str, dict[str, float]]] = self.table["serverless_usd_per_1k_tokens"]
        return {model: rows for model, rows in table.items() if model != ANY_MODEL}

    def serverless_usd(self, model: str, technique: str, peft: str | None, region: str) -> float:
        """Dollars of 1000 tokens of a serverless job; a model without a row of its own costs what any other does."""
        rows = self.serverless_models().get(model, {}).get(technique)
        row = rows or self.table["serverless_usd_per_1k_tokens"][ANY_MODEL][technique]
        return round(float(row[peft or FULL]) * float(self.table["region_factor"].get(region, 1.0)), 8)

    def spot_fraction(self, instance_type: str) -> float:
        """What a Spot hour costs, as a fraction of the on-demand hour."""
        family = instance_type.split(".")[1]
        fractions = self.table["spot_fraction"]
        return float(fractions.get(family, fractions["default"]))
