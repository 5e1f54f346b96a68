"""Curation between addresses: S3 or folders in, a folder named by the dataset's version out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from airflow_finetune.curation.curate import FILES, Places, curate
from airflow_finetune.curation.golden import POINTER
from airflow_finetune.curation.mapping import UserMapping
from airflow_finetune.curation.spec import CurateSpec
from airflow_finetune.errors import SpecError
from airflow_finetune.values import CuratedDataset, DatasetReference, RawDataset

VERSION_DIGITS = 16


class Desk(NamedTuple):
    """What a run works with.

    Attributes:
        work: an empty folder on local disk, with room for the source and the dataset.
        templates: what the addresses of Jinja files are relative to.
        make_client: gives the boto3 client of S3; called only where an address is on S3.
        kms_key_id: encrypts what is written to S3; None takes the bucket's own way.
    """

    work: Path
    templates: Path
    make_client: Callable[[], Any]
    kms_key_id: str | None = None


def curate_at(spec: CurateSpec, output_uri: str, desk: Desk, mapping: UserMapping | None = None) -> CuratedDataset:
    """Curate what lies at an address, and put the dataset at ``OUTPUT/VERSION/``.

    A frozen golden set is kept at ``OUTPUT/holdout/``; of several first runs at once, one freezes it for all.

    Args:
        spec: what to do.
        output_uri: a folder or an ``s3://`` prefix.
        desk: what to work with.
        mapping: somebody's own function from a record to an example.

    Raises:
        SpecError: the spec or an address cannot work.
        DataError: the source or the golden set cannot be used.
        RequestRefused: S3 refused an address.
        Unavailable: S3 cannot answer now.
    """
    source = _fetched(spec.source, desk, "source", spec.files)
    golden = _fetched(spec.golden, desk, "golden", "*") if isinstance(spec.golden, str) else None
    store = _Bucket(output_uri, desk) if output_uri.startswith("s3://") else _Folder(output_uri)
    while True:
        holdout = store.holdout(desk.work / "holdout") if spec.holdout else None
        report = curate(spec, Places(source, desk.work / "out", golden, holdout, desk.templates), mapping)
        if report["golden"] != "chosen" or store.freeze(desk.work / "holdout"):
            break
    uri = store.deliver(desk.work / "out", str(report["dataset_version"])[:VERSION_DIGITS])
    return _value(spec, report, uri)


def _fetched(uri: str, desk: Desk, name: str, pattern: str) -> Path:
    if not uri.startswith("s3://"):
        if "://" in uri:
            raise SpecError(name, f"{uri} is neither S3 nor a folder.", "Give an s3:// address or a path.")
        return Path(uri)
    from airflow_finetune.aws.objects import download  # brings botocore, which a folder does not need

    folder = desk.work / name
    download(desk.make_client(), uri, folder, pattern)
    return folder


class _Folder:
    """Puts datasets into a folder of this machine; the frozen golden set is there already."""

    def __init__(self, output: str) -> None:
        self._output = Path(output)

    def holdout(self, local: Path) -> Path:
        return self._output / "holdout"

    def freeze(self, local: Path) -> bool:
        return True

    def deliver(self, made: Path, version: str) -> str:
        target = self._output / version
        target.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            if (made / name).exists():
                shutil.copyfile(made / name, target / f".{name}")
                (target / f".{name}").replace(target / name)
        return str(target)


class _Bucket:
    """Puts datasets below an S3 prefix; a golden set is frozen there by whoever is first."""

    def __init__(self, output: str, desk: Desk) -> None:
        self._output, self._desk = output.rstrip("/"), desk

    def holdout(self, local: Path) -> Path:
        from airflow_finetune.aws.objects import download

        shutil.rmtree(local, ignore_errors=True)
        download(self._desk.make_client(), f"{self._output}/holdout/", local)
        return local

    def freeze(self, local: Path) -> bool:
        from airflow_finetune.aws.objects import put_first, upload

        client, key = self._desk.make_client(), self._desk.kms_key_id
        for path in sorted(local.glob("golden-*.jsonl")):
            upload(client, path, f"{self._output}/holdout/{path.name}", key)
        return put_first(client, f"{self._output}/holdout/{POINTER}", (local / POINTER).read_bytes(), key)

    def deliver(self, made: Path, version: str) -> str:
        from airflow_finetune.aws.objects import upload

        for name in FILES:
            if (made / name).exists():
                upload(self._desk.make_client(), made / name, f"{self._output}/{version}/{name}", self._desk.kms_key_id)
        return f"{self._output}/{version}"


def _value(spec: CurateSpec, report: dict[str, Any], uri: str) -> CuratedDataset:
    def reference(name: str) -> DatasetReference | None:
        told = report["files"].get(name)
        return told and DatasetReference(uri=f"{uri}/{name}", sha256=told["sha256"], examples=told["examples"])

    train = reference("train.jsonl")
    assert train is not None  # noqa: S101 - without training data curate has raised; this is for the type checker
    told = report["source"]
    return CuratedDataset(
        uri=uri,
        dataset_version=report["dataset_version"],
        train=train,
        validation=reference("validation.jsonl"),
        golden=reference("golden.jsonl"),
        source=RawDataset(uri=spec.source, sha256=told["sha256"], files=told["files"], bytes=told["bytes"]),
        records_in=report["records_in"],
        records_out=report["records_out"],
        dropped=report["dropped"],
        redacted=report["redacted"],
        report_uri=f"{uri}/report.html",
        manifest_uri=f"{uri}/report.json",
    )
