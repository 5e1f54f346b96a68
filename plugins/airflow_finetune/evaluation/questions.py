"""The golden set of an evaluation: fetched, unchanged, and fit for scorers and servers before any model is asked."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from pydantic import ValidationError

from airflow_finetune.errors import DataError, SpecError
from airflow_finetune.evaluation.asking import check_askable
from airflow_finetune.evaluation.golden import GoldenSet, check_targets, read_golden
from airflow_finetune.evaluation.sampling import EvaluateSpec
from airflow_finetune.evaluation.scorers import Scorer, named
from airflow_finetune.values import DatasetReference

_ASK_FOR_ONE = "Give an address, or have curation make one: golden, holdout or freeze_holdout."


class Questions(NamedTuple):
    """What both models are asked, and how their answers are scored.

    Attributes:
        golden: the set.
        uri: where it lies.
        scorers: in the order of the spec.
    """

    golden: GoldenSet
    uri: str
    scorers: tuple[Scorer, ...]


def reference_of(golden: Any) -> DatasetReference:
    """Return the reference that somebody gave as an address, a dumped ``DatasetReference`` or one itself.

    Raises:
        SpecError: it is nothing of that.
    """
    if golden is None or golden == "" or golden == "None":
        raise SpecError("golden set", "there is none.", _ASK_FOR_ONE)
    if isinstance(golden, str):
        golden = {"uri": golden}
    try:
        return DatasetReference.load(golden)
    except ValidationError as error:
        said = f"{str(golden)[:200]} is neither an address nor a dumped DatasetReference."
        raise SpecError("golden set", said, _ASK_FOR_ONE) from error


def questions(golden: Any, spec: EvaluateSpec, make_client: Callable[[], Any], services: Collection[str]) -> Questions:
    """Return the golden set, after everything that can be said about it before a model is asked.

    Args:
        golden: an address, or a dumped ``DatasetReference``, whose digest must be the file's.
        spec: how it is asked and scored.
        make_client: gives the boto3 client of S3; called only where the address is on S3.
        services: that will be asked.

    Raises:
        SpecError: it or a scorer is no such thing, or a service cannot be asked like this.
        DataError: it is not there, was changed, or holds what cannot be used.
        RequestRefused, Unavailable: as of S3.
    """
    reference, scorers = reference_of(golden), named(spec.scorers)
    content = _content(reference.uri, make_client)
    found = hashlib.sha256(content).hexdigest()
    if reference.sha256 not in (None, found):
        said = f"its SHA-256 is {found}, and {reference.sha256} was asked for: it was changed since."
        next_step = "Evaluate on the set that was meant, or clear curate; no model was asked anything."
        raise DataError(f"golden set {reference.uri}", said, next_step)
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        path = Path(folder, PurePosixPath(reference.uri).name or "golden.jsonl")
        path.write_bytes(content)
        read = read_golden(path)
    check_targets(read, scorers, path.name)
    check_askable(read, spec.sampling, path.name, services)
    return Questions(read, reference.uri, scorers)


def _content(uri: str, make_client: Callable[[], Any]) -> bytes:
    if uri.startswith("s3://"):
        from airflow_finetune.aws.objects import read_object  # brings botocore, which a file does not need

        found = read_object(make_client(), uri)
        if found is None:
            raise DataError(f"golden set {uri}", "there is no such object.", "Check the address and its bucket.")
        return found
    if "://" in uri:
        raise SpecError("golden set", f"{uri} is neither S3 nor a file.", "Give an s3:// address or a path.")
    try:
        return Path(uri).read_bytes()
    except OSError as error:
        raise DataError(f"golden set {uri}", f"cannot be read: {error.strerror}.", "Check the path.") from error
