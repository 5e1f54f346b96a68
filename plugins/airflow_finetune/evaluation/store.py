"""Where an evaluation's results lie: a folder or an S3 prefix, and a key that says what was judged and how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_finetune.errors import DataError, RequestRefused
from airflow_finetune.evaluation.sampling import SamplingSpec
from airflow_finetune.values import EvalReport, ServedModel

FORMAT_VERSION = 1
KEY, REPORT, PAGE, ANSWERS, VERDICT = "key.json", "report.json", "page.html", "answers.jsonl", "verdict.json"
_TYPES = {".json": "application/json", ".html": "text/html; charset=utf-8", ".jsonl": "application/x-ndjson"}
_KEY_DIGITS = 32


def weights_digest(files: Sequence[tuple[str, int, str]]) -> str | None:
    """Return SHA-256 over the names, sizes and ETags of a model's files; None when there is none.

    Equal digests mean equal files, as far as ETags tell: S3's is a digest of the content, or of the digests of its
    parts. Equal files that were uploaded in other parts, or encrypted with KMS, have other ETags.

    Args:
        files: name below the model's address, bytes, ETag.
    """
    lines = sorted([name, size, etag.strip('"')] for name, size, etag in files)
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest() if lines else None


def identified(arm: ServedModel, make_client: Callable[[], Any], say: Callable[[str], None]) -> ServedModel:
    """Return a served model with the digest of what lies at its address now; as it is where nobody can read that.

    Bedrock shows nobody a model's weights, and does not need to: see ``material``.

    Args:
        arm: the model; only an address on S3 is looked at.
        make_client: gives the boto3 client of S3.
        say: takes one line for the task's log.

    Raises:
        Unavailable: S3 cannot answer now.
    """
    if not arm.model.uri.startswith("s3://"):
        return arm
    from airflow_finetune.aws.objects import list_objects  # brings botocore, which other addresses do not need

    try:
        found = weights_digest(
            [(each.name, each.bytes, each.etag) for each in list_objects(make_client(), arm.model.uri)]
        )
    except RequestRefused as error:
        say(f"The files of the {arm.arm} cannot be listed, so only this scope can use the report again. {error}")
        return arm
    return arm if found is None else arm.model_copy(update={"model": arm.model.model_copy(update={"sha256": found})})


def material(
    golden_sha256: str, arms: Sequence[ServedModel], scorers: Sequence[str], sampling: SamplingSpec
) -> dict[str, Any]:
    """Return everything that could change an answer or a score; two evaluations with equal material are the same.

    A model counts by its weights and by the spec that it was served with (image, environment, instance). Weights that
    nobody can read are the same only inside one scope. A model of Bedrock's counts by its ARN or id alone: AWS changes
    nothing behind the ARN of a custom model, and another one of the same name gets another ARN; the id of a base model
    has its version in it. Whether a deployment or model units serve it, and in which scope, changes no answer.
    """
    return {
        "version": FORMAT_VERSION,
        "golden": golden_sha256,
        "models": [_known(arm) for arm in arms],
        "scorers": list(scorers),
        "sampling": sampling.told(),
    }


def _known(arm: ServedModel) -> list[str]:
    if arm.service == "bedrock":
        return [arm.model.uri]
    return [arm.model.uri, arm.model.sha256 or f"scope {arm.scope_id}", arm.digest]


def key_of(told: Mapping[str, Any]) -> str:
    """Return what an evaluation of this material is stored under."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:_KEY_DIGITS]


class Store:
    """Small files below one address.

    Args:
        uri: a folder or an ``s3://`` prefix.
        make_client: gives the boto3 client of S3; called only for an ``s3://`` prefix.
        kms_key_id: encrypts what is written to S3; None takes the bucket's own way.
    """

    def __init__(self, uri: str, make_client: Callable[[], Any], kms_key_id: str | None = None) -> None:
        self._uri, self._make_client, self._kms_key_id = uri.rstrip("/"), make_client, kms_key_id

    def address(self, name: str) -> str:
        """Return where a file lies."""
        return f"{self._uri}/{name}"

    def read(self, name: str) -> bytes | None:
        """Return a file's content; None if it is not there.

        Raises:
            DataError: a folder's file cannot be read.
            RequestRefused, Unavailable: as of S3.
        """
        if not self._uri.startswith("s3://"):
            return read_local(self.address(name))
        from airflow_finetune.aws.objects import read_object  # brings botocore, which a folder does not need

        return read_object(self._make_client(), self.address(name))

    def write(self, name: str, content: str) -> str:
        """Write a file in one step; return its address.

        Raises:
            DataError: a folder cannot be written.
            RequestRefused, Unavailable: as of S3.
        """
        address, body = self.address(name), content.encode("utf-8", "replace")
        if self._uri.startswith("s3://"):
            from airflow_finetune.aws.objects import put

            put(self._make_client(), address, body, self._kms_key_id, _TYPES[Path(name).suffix])
            return address
        target = Path(address)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_name(f".{name}")
            unfinished.write_bytes(body)
            unfinished.replace(target)
        except OSError as error:
            raise DataError(address, f"cannot be written: {error.strerror}.", "Check output_uri.") from error
        return address

    def report(self) -> EvalReport | None:
        """Return the report that is stored here; None when there is none that this release can read."""
        content = self.read(REPORT)
        try:
            return None if content is None else EvalReport.load(json.loads(content))
        except ValueError:  # pydantic's error is one too
            return None


def read_local(path: str) -> bytes | None:
    """Return a local file's content; None if it is not there.

    Raises:
        DataError: it is there and cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}.", "Check the address.") from error
