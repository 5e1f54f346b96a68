"""Reads the training data line by line, and has examples chosen from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_finetune.errors import DataError, RequestRefused, SpecError
from airflow_finetune.evaluation.advice.shots import Shots, chosen
from airflow_finetune.evaluation.questions import reference_of

if TYPE_CHECKING:
    from airflow_finetune.evaluation.advice.spec import AdviseSpec
    from airflow_finetune.evaluation.golden import GoldenSet

_LONGEST_LINE_BYTES = 8 << 20


def examples(
    train: Any, golden: GoldenSet, spec: AdviseSpec, make_client: Callable[[], Any], say: Callable[[str], None]
) -> Shots:
    """Return the examples for a few-shot prompt; none where the training data cannot be read, which is said.

    Args:
        train: an address, or a dumped ``DatasetReference``; None has no examples.
        golden: what is asked.
        spec: how many, and how long.
        make_client: gives the boto3 client of S3; called only where the address is on S3.
        say: takes one line for the task's log.

    Raises:
        Unavailable: S3 cannot answer now.
    """
    if not spec.shots:
        return Shots()
    try:
        found = chosen(_lines(reference_of(train).uri, make_client), golden, spec.shots, spec.seed, spec.shot_bytes)
    except (DataError, RequestRefused, SpecError) as error:
        say(f"No example can be shown. {error}")
        return Shots()
    for count, why in (
        (found.overlapping, "ask what a golden item asks"),
        (found.too_long, f"are longer than {spec.shot_bytes} bytes (shot_bytes)"),
        (found.unusable, "are no chats of a user and an assistant"),
    ):
        if count:
            say(f"{count} training examples are not shown: they {why}.")
    if len(found.chats) < spec.shots:
        say(f"{len(found.chats)} examples are shown: the training data has no more of the {spec.shots} that are asked.")
    return found


def _lines(uri: str, make_client: Callable[[], Any]) -> Iterator[bytes]:
    if uri.startswith("s3://"):
        from airflow_finetune.aws.objects import list_objects, stream_lines  # brings botocore: a file needs none

        client = make_client()
        for each in list_objects(client, uri):
            yield from stream_lines(client, uri, each, _LONGEST_LINE_BYTES)
        return
    try:
        with Path(uri).open("rb") as file:
            yield from file
    except OSError as error:
        raise DataError(f"training data {uri}", f"cannot be read: {error.strerror}.", "Check the address.") from error
