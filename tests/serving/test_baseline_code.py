"""A base model in S3 has no serving code: it is served from a copy that has, made once, and stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune.errors import RequestRefused
from airflow_finetune.serving.endpoint.baseline import CODE, with_code
from tests.serving.conftest import Hosts

FOLDER, BELOW = "s3://acme/base/", "s3://acme/tuning/baselines/"
FILES = {"config.json": b"{}", "model.safetensors": b"w" * 1000, "deep/tokenizer.json": b"{}"}


@pytest.fixture
def s3(hosts: Hosts) -> Any:
    client = hosts.aws("s3")
    for name, body in FILES.items():
        client.put_object(Bucket="acme", Key=f"base/{name}", Body=body)
    return client


def names(s3: Any, uri: str) -> set[str]:
    prefix = uri.removeprefix("s3://acme/")
    rows = s3.list_objects_v2(Bucket="acme", Prefix=prefix).get("Contents", ())
    return {row["Key"].removeprefix(prefix) for row in rows}


def test_a_folder_without_code_is_copied_once_with_ours_and_not_touched(hosts: Hosts, s3: Any) -> None:
    said: list[str] = []
    copy = with_code(s3, FOLDER, BELOW, None, said.append)
    assert copy.startswith(BELOW)
    assert copy.endswith("/")
    ours = {f"code/{path.relative_to(CODE).as_posix()}" for path in CODE.rglob("*.py")} - {"code/__init__.py"}
    assert names(s3, copy) == {*FILES, *ours, "code/requirements.txt"}
    assert "code/answering/__init__.py" in ours, "inside code/ it is a package, code/ itself is a path"
    assert (
        s3.get_object(Bucket="acme", Key=f"{copy.removeprefix('s3://acme/')}model.safetensors")["Body"].read()
        == (FILES["model.safetensors"])
    )
    assert names(s3, FOLDER) == set(FILES)
    assert len(said) == 1
    hosts.sandbox.world.calls.clear()
    assert with_code(s3, FOLDER, BELOW, None, said.append) == copy
    assert {call.operation for call in hosts.sandbox.world.calls.records()} == {"ListObjectsV2"}
    assert len(said) == 1


def test_another_model_in_the_same_folder_is_another_copy(s3: Any) -> None:
    first = with_code(s3, FOLDER, BELOW, None, lambda _: None)
    s3.put_object(Bucket="acme", Key="base/model.safetensors", Body=b"other")
    assert with_code(s3, FOLDER, BELOW, None, lambda _: None) != first


def test_a_copy_that_was_cut_off_is_completed(s3: Any) -> None:
    copy = with_code(s3, FOLDER, BELOW, None, lambda _: None)
    for name in ("model.safetensors", "code/inference.py"):
        s3.delete_object(Bucket="acme", Key=f"{copy.removeprefix('s3://acme/')}{name}")
    assert with_code(s3, FOLDER, BELOW, None, lambda _: None) == copy
    assert {"model.safetensors", "code/inference.py"} <= names(s3, copy)


def test_a_folder_with_code_of_its_own_is_served_as_it_is(s3: Any) -> None:
    s3.put_object(Bucket="acme", Key="base/code/inference.py", Body=b"def model_fn(d): ...")
    assert with_code(s3, FOLDER, BELOW, None, lambda _: None) == FOLDER
    assert names(s3, BELOW) == set()


def test_an_empty_address_is_refused(hosts: Hosts) -> None:
    with pytest.raises(RequestRefused, match="nothing lies there"):
        with_code(hosts.aws("s3"), "s3://acme/nowhere/", BELOW, None, lambda _: None)


def test_a_deployment_serves_the_copy(hosts: Hosts, s3: Any) -> None:
    for code_uri, place in ((BELOW, BELOW), (None, FOLDER)):
        spec = hosts.spec(model=FOLDER, **({"code_uri": code_uri} if code_uri else {}))
        run_id = f"manual__{code_uri}"
        run = hosts.deploy(hosts.open(run_id=run_id), spec, run_id=run_id, deferrable=True)
        run.try_number += 1
        assert run.run_part(None) == "deferred", run.error
        source = hosts.calls("CreateModel")[-1].params["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
        assert source["S3Uri"].startswith(place)
        assert source["S3DataType"] == "S3Prefix"
