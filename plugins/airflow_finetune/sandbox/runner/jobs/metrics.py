"""Finds the numbers that MetricDefinitions ask for in what a job prints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

NAMESPACE = "/aws/sagemaker/TrainingJobs"


@dataclass(frozen=True)
class Reading:
    """One number that a line of the log held."""

    name: str
    value: float
    at: datetime


class Metrics:
    """Reads numbers out of log lines and remembers the last of each name, for FinalMetricDataList.

    Args:
        definitions: AlgorithmSpecification.MetricDefinitions.
    """

    def __init__(self, definitions: Iterable[dict[str, str]] = ()) -> None:
        self._patterns = [(item["Name"], re.compile(item["Regex"])) for item in definitions]
        self._last: dict[str, Reading] = {}

    def read(self, lines: Iterable[str], now: datetime) -> list[Reading]:
        """Return the readings of new lines: the first group of the pattern, where it is a number."""
        found = []
        for line in lines:
            for name, pattern in self._patterns:
                match = pattern.search(line)
                value = _number(match) if match else None
                if value is not None:
                    found.append(Reading(name, value, now))
        self._last.update((reading.name, reading) for reading in found)
        return found

    def final(self) -> list[dict[str, Any]]:
        """Return FinalMetricDataList."""
        return [
            {"MetricName": reading.name, "Value": reading.value, "Timestamp": reading.at}
            for reading in self._last.values()
        ]


def _number(match: re.Match[str]) -> float | None:
    try:
        return float(match.group(1) if match.re.groups else match.group(0))
    except (TypeError, ValueError):
        return None


def put(cloudwatch: Any, job: str, readings: Sequence[Reading]) -> None:
    """Send readings to CloudWatch, as the metrics of the job."""
    for start in range(0, len(readings), 500):
        cloudwatch.put_metric_data(
            Namespace=NAMESPACE,
            MetricData=[
                {
                    "MetricName": reading.name,
                    "Dimensions": [{"Name": "TrainingJobName", "Value": job}],
                    "Timestamp": reading.at,
                    "Value": reading.value,
                }
                for reading in readings[start : start + 500]
            ],
        )
