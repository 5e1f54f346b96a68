"""Training and validation data together: what a job of a spec would learn from, and what of it cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from airflow_finetune.backends.bedrock.dataset import (
    TRAIN,
    VALIDATION,
    Account,
    place_of_data,
    render,
)
from airflow_finetune.backends.bedrock.families import Limits
from airflow_finetune.backends.bedrock.spec import BedrockSpec
from airflow_finetune.backends.records import Source, source_of
from airflow_finetune.errors import DataError


class Material(NamedTuple):
    """What was found.

    Attributes:
        train: counted.
        validation: counted; None without, and where it was left out.
        left_out: why curated validation data is not used; empty where it is, or where there is none.
    """

    train: Account
    validation: Account | None
    left_out: str = ""


class Sources(NamedTuple):
    """Where the data of a spec lies now, and where its rendered form belongs.

    Attributes:
        train: canonical.
        validation: likewise; None without.
        folder_uri: of the rendered files.
    """

    train: Source
    validation: Source | None
    folder_uri: str

    @property
    def train_uri(self) -> str:
        """Where the rendered training data belongs."""
        return self.folder_uri + TRAIN

    @property
    def validation_uri(self) -> str:
        """Where the rendered validation data belongs."""
        return self.folder_uri + VALIDATION


def sources_of(client: Any, spec: BedrockSpec, limits: Limits) -> Sources:
    """Return the sources of a spec that has a dataset.

    Raises:
        DataError: nothing is there.
        RequestRefused: we may not list it.
        Unavailable: AWS cannot answer now.
    """
    train, validation = source_of(client, spec.dataset), source_of(client, spec.validation or spec.curated_validation)
    assert train is not None  # noqa: S101 - a spec without invocation logs has a dataset
    return Sources(train, validation, place_of_data(spec, limits, train, validation))


def material_of(
    client: Any, spec: BedrockSpec, limits: Limits, sources: Sources, folder: Path | None = None
) -> Material:
    """Check all data of a job record by record, and count it.

    Args:
        client: boto3 client of ``s3``.
        spec: rendered.
        limits: of the family.
        sources: of the spec.
        folder: takes the rendered files, under the names that they have in S3; None only counts.

    Raises:
        DataError: names the first faults of both files.
        RequestRefused: we may not read one.
        Unavailable: AWS cannot answer now.
    """
    train: Account | None = None
    validation: Account | None = None
    faults: list[DataError] = []
    curated = spec.validation is None
    with _sink(folder, TRAIN) as sink, _told_later(faults):
        train = render(client, sources.train, limits, TRAIN, sink)
    left_out = _not_taken(limits) if curated and sources.validation else ""
    if sources.validation is not None and not left_out:
        # Whether there are enough curated records is no fault of the user's: see _not_so_many.
        looser = limits.model_copy(update={"validation_records": None}) if curated else limits
        with _sink(folder, VALIDATION) as sink, _told_later(faults):
            validation = render(client, sources.validation, looser, VALIDATION, sink)
    if faults or train is None:
        raise _together(faults)
    if curated and validation is not None and (left_out := _not_so_many(validation, train, limits)):
        return Material(train, None, left_out)
    _check_sum(train, validation, limits, sources)
    return Material(train, validation, left_out)


def _not_taken(limits: Limits) -> str:
    taken = limits.validation_records is not None
    return "" if taken else f"this model takes no validation data ({limits.source('validation_records')})"


def _not_so_many(validation: Account, train: Account, limits: Limits) -> str:
    fewest, most = limits.validation_records or (0, validation.records)
    if not fewest <= validation.records <= most:
        source = limits.source("validation_records")
        return f"it holds {validation.records} records, and {fewest} to {most} are allowed ({source})"
    total = train.records + validation.records
    if limits.sum_of_records is not None and total > limits.sum_of_records:
        source = limits.source("sum_of_records")
        return f"with it there are {total} records, and {limits.sum_of_records} are allowed ({source})"
    return ""


def _check_sum(train: Account, validation: Account | None, limits: Limits, sources: Sources) -> None:
    total = train.records + (validation.records if validation else 0)
    if limits.sum_of_records is not None and total > limits.sum_of_records:
        source = limits.source("sum_of_records")
        said = f"{total} records for training and validation, and {limits.sum_of_records} are allowed ({source})."
        raise DataError(sources.train.uri, said, "Give fewer; nothing was uploaded.")


def _together(faults: list[DataError]) -> DataError:
    things, said = ([getattr(fault, part) for fault in faults] for part in ("thing", "said"))
    return DataError(" and ".join(things), " ".join(said), faults[0].next_step)


@contextmanager
def _told_later(faults: list[DataError]) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        faults.append(error)


@contextmanager
def _sink(folder: Path | None, name: str) -> Iterator[IO[bytes] | None]:
    if folder is None:
        yield None
        return
    with (folder / name).open("wb") as file:
        yield file
