"""What can be said against a golden set and a sampling before a model is asked. Pure."""

from __future__ import annotations

from collections.abc import Collection

from airflow_finetune.errors import DataError, SpecError
from airflow_finetune.evaluation.asking.conversing import HIGHEST_TEMPERATURE, unaskable
from airflow_finetune.evaluation.asking.formats import FORMATS
from airflow_finetune.evaluation.golden import GoldenSet
from airflow_finetune.evaluation.sampling import SamplingSpec

_SHOWN = 5


def check_askable(golden: GoldenSet, sampling: SamplingSpec, name: str, services: Collection[str]) -> None:
    """Check that every item can be asked of these services in this way.

    Args:
        golden: what is asked.
        sampling: how.
        name: of the golden set, for the error.
        services: of the models.

    Raises:
        SpecError: the sampling is none that a service takes.
        DataError: an endpoint's server applies no chat template, and an item is more than one user's turn; or Converse
            would refuse an item.
    """
    if "bedrock" in services:
        _check_conversations(golden, sampling, name)
    if "sagemaker" not in services or FORMATS[sampling.format].templated:
        return
    odd = [item.line for item in golden.items if len(item.messages) != 1 or item.messages[0].role != "user"]
    if odd:
        said = f"more than one user's turn, and the format {sampling.format!r} sends a single raw text."
        _refuse(name, odd, said, "Use format: inputs or messages; no model was asked anything.")


def _check_conversations(golden: GoldenSet, sampling: SamplingSpec, name: str) -> None:
    if sampling.temperature > HIGHEST_TEMPERATURE:
        said = f"temperature is {sampling.temperature:g}, and Bedrock's Converse takes 0 to {HIGHEST_TEMPERATURE:g}."
        raise SpecError("sampling", said, "Lower it; no model was asked anything.")
    found = [(item.line, why) for item in golden.items if (why := unaskable(item.messages))]
    if found:
        said = f"Bedrock's Converse refuses it: {found[0][1]}."
        _refuse(name, [line for line, _ in found], said, "Correct the golden set; no model was asked anything.")


def _refuse(name: str, odd: list[int], said: str, next_step: str) -> None:
    lines = ", ".join(map(str, odd[:_SHOWN])) + (" ..." if len(odd) > _SHOWN else "")
    raise DataError(f"golden set {name}", f"line {lines}: {said}", next_step)
