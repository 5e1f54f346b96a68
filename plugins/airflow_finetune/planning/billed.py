"""Looks up what must be known of things that are billed by quantity; every call is a read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_finetune.aws.foundation_models import FoundationModel, found_model
from airflow_finetune.aws.objects import list_objects, read_object
from airflow_finetune.aws.s3 import place_of
from airflow_finetune.backends.backend import Needs
from airflow_finetune.errors import RequestRefused
from airflow_finetune.lifecycle.failures import Refusal
from airflow_finetune.planning.limits import Limits
from airflow_finetune.planning.quantities import Golden, Line, instead_of_tokens, lines_of, models_of

if TYPE_CHECKING:
    from airflow_finetune.values import DatasetReference


@dataclass(frozen=True)
class Billed:
    """What is billed by quantity.

    Attributes:
        models: identifier of a model of Bedrock -> what AWS says of it.
        golden: what is asked of models that are paid by the token; None when none are.
        lines: of the worst case, before they have a price.
        instead: what model units would be billed where AWS does not serve by the token; None where it does.
    """

    models: Mapping[str, FoundationModel | Refusal]
    golden: Golden | None
    lines: tuple[Line, ...]
    instead: Line | None

    @property
    def names(self) -> dict[str, str]:
        """The model's name for the price list, by its identifier, where AWS says it."""
        return {each: model.name for each, model in self.models.items() if isinstance(model, FoundationModel)}

    @property
    def to_price(self) -> tuple[Line, ...]:
        """Every line whose price is wanted."""
        return self.lines if self.instead is None else (*self.lines, self.instead)


def billed_by_quantity(needs: Needs, limits: Limits, client: Callable[[str], Any]) -> Billed:
    """Return what is billed by quantity.

    Args:
        needs: of the job.
        limits: of the run.
        client: makes a boto3 client of a service.

    Raises:
        Unavailable: AWS cannot answer now.
    """
    models = {each: found_model(client("bedrock"), each) for each in models_of(limits)}
    names = {each: model.name for each, model in models.items() if isinstance(model, FoundationModel)}
    asked = limits.evaluation or limits.advice
    golden = None if asked is None or asked.golden is None else _golden(client("s3"), asked.golden)
    instead = instead_of_tokens(needs, limits, names)
    return Billed(models, golden, lines_of(needs, limits, names, golden), instead)


def _golden(s3: Any, asked: int | str | DatasetReference) -> Golden:
    """Look how much is asked; what cannot be read is no reason to stop where the number of questions is known."""
    if isinstance(asked, int):
        return Golden(asked, None, f"only the number of questions is known, {asked}.")
    uri, items = (asked, None) if isinstance(asked, str) else (asked.uri, asked.examples)
    try:
        found = list_objects(s3, uri)
        if not found:
            return Golden(items, None, "nothing is there.")
        if items is None:
            keys = [f"s3://{place_of(uri).bucket}/{each.key}" for each in found]
            items = sum(_lines_in(read_object(s3, key) or b"") for key in keys)
    except RequestRefused as error:
        return Golden(items, None, error.said)
    return Golden(items, sum(each.bytes for each in found))


def _lines_in(body: bytes) -> int:
    return sum(bool(line.strip()) for line in body.splitlines())
