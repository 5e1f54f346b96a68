"""Curation between S3 addresses and folders: what is read is what is there, and the version names the place."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.aws.objects import download, list_objects, put_first, read_object, upload
from airflow_finetune.curation.addresses import Desk, curate_at
from airflow_finetune.curation.spec import CurateSpec
from airflow_finetune.errors import DataError, EmptySource, RequestRefused, SpecError
from airflow_finetune.values import CuratedDataset

PAIR = {"prompt": "{text}", "completion": "{label}"}
HELD = {**PAIR, "golden": {"freeze_holdout": 10}}


class Shop:
    """A bucket of a company, and curation on it; every run has a disk of its own."""

    def __init__(self, s3: Any, folder: Path) -> None:
        self.s3, self.folder, self._runs = s3, folder, 0

    def put(self, key: str, *records: dict[str, Any]) -> None:
        body = "".join(json.dumps(record) + "\n" for record in records)
        self.s3.put_object(Bucket="acme", Key=key, Body=body.encode())

    def curate(self, output: str = "s3://acme/datasets", **fields: Any) -> CuratedDataset:
        self._runs += 1
        work = self.folder / str(self._runs)
        work.mkdir()
        spec = CurateSpec.load({"source": "s3://acme/raw/", **fields}, rendered=True, thing="curate")
        return curate_at(spec, output, Desk(work, self.folder, lambda: self.s3))

    def keys(self, prefix: str = "") -> list[str]:
        return [row["Key"] for row in self.s3.list_objects_v2(Bucket="acme", Prefix=prefix).get("Contents", [])]

    def body(self, uri: str) -> bytes:
        return read_object(self.s3, uri) or b""


@pytest.fixture
def shop(aws: Callable[..., Any], tmp_path: Path) -> Shop:
    s3 = aws("s3")
    s3.create_bucket(Bucket="acme")
    return Shop(s3, tmp_path)


def rows(count: int, word: str = "question") -> list[dict[str, Any]]:
    return [{"text": f"{word} {number}", "label": f"answer {number}"} for number in range(count)]


def test_a_prefix_becomes_a_dataset_under_its_version(shop: Shop) -> None:
    shop.put("raw/day=1/a.jsonl", *rows(30))
    shop.put("raw/day=2/b.jsonl", *rows(10, "other"))
    shop.put("raw/_SUCCESS")
    made = shop.curate(**PAIR, validation_fraction=0.2)
    assert made.uri == f"s3://acme/datasets/{made.dataset_version[:16]}"
    assert shop.keys("datasets/") == [
        f"datasets/{made.dataset_version[:16]}/{name}"
        for name in ("report.html", "report.json", "train.jsonl", "validation.jsonl")
    ]
    assert len(shop.body(made.train.uri).splitlines()) == made.train.examples
    assert (made.records_in, made.records_out, made.source.files) == (40, 40, 2)
    assert CuratedDataset.load(json.loads(json.dumps(made.dump()))) == made
    assert shop.curate(**PAIR, validation_fraction=0.2) == made


def test_a_folder_in_and_a_folder_out_need_no_aws(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(30)))

    def no_client() -> Any:
        raise AssertionError("nothing here is on S3")

    made = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        spec = CurateSpec.load({"source": str(tmp_path / "raw"), **HELD}, rendered=True, thing="curate")
        made.append(curate_at(spec, str(tmp_path / "datasets"), Desk(tmp_path / run, tmp_path, no_client)))
    assert made[0].dataset_version == made[1].dataset_version
    assert made[0].golden == made[1].golden
    assert made[1].dropped == {"in_golden_exact": 10}
    assert Path(made[0].train.uri).exists()
    assert sorted(path.name for path in (tmp_path / "datasets").iterdir()) == [made[0].dataset_version[:16], "holdout"]


def test_three_windows_share_the_golden_set_of_the_first(shop: Shop) -> None:
    for window in range(3):
        shop.put(f"raw/window={window}/a.jsonl", *rows(40, f"week {window}"), *rows(15))
    made = [shop.curate(source=f"s3://acme/raw/window={window}", **HELD) for window in range(3)]
    assert len({each.dataset_version for each in made}) == 3
    assert len({each.golden.sha256 for each in made if each.golden}) == 1
    first = made[0].golden
    assert first is not None
    golden = {json.loads(line)["messages"][0]["content"] for line in shop.body(first.uri).splitlines()}
    for each in made:
        train = {json.loads(line)["messages"][0]["content"] for line in shop.body(each.train.uri).splitlines()}
        assert train.isdisjoint(golden)
    assert json.loads(shop.body("s3://acme/datasets/holdout/holdout.json"))["sha256"] == first.sha256


def test_of_first_runs_at_once_one_freezes_for_all(shop: Shop, aws: Callable[..., Any]) -> None:
    for window in range(4):
        shop.put(f"raw/window={window}/a.jsonl", *rows(40, f"week {window}"))
    made: list[CuratedDataset] = []
    barrier = threading.Barrier(4)

    def run(window: int, own: Shop) -> None:
        barrier.wait(60)
        made.append(own.curate(source=f"s3://acme/raw/window={window}", **HELD))

    threads = []
    for window in range(4):
        own = Shop(aws("s3"), shop.folder / f"w{window}")
        own.folder.mkdir()
        threads.append(threading.Thread(target=run, args=(window, own)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(made) == 4
    assert len({each.golden.sha256 for each in made if each.golden}) == 1


def test_a_window_never_means_one_that_begins_with_its_name(shop: Shop) -> None:
    shop.put("raw/day=1/a.jsonl", *rows(3))
    shop.put("raw/day=10/a.jsonl", *rows(5))
    assert shop.curate(source="s3://acme/raw/day=1", **PAIR).records_in == 3
    assert shop.curate(source="s3://acme/raw/day=10/a.jsonl", **PAIR).records_in == 5
    with pytest.raises(EmptySource, match="no file"):
        shop.curate(source="s3://acme/raw/day", **PAIR)


def test_only_files_that_the_pattern_names_are_downloaded(shop: Shop) -> None:
    shop.put("raw/a.jsonl", *rows(3))
    shop.s3.put_object(Bucket="acme", Key="raw/huge.bin", Body=b"\0")
    assert shop.curate(files="*.jsonl", **PAIR).records_in == 3
    with pytest.raises(DataError, match=r"huge\.bin: its format cannot be told"):
        shop.curate(**PAIR)


def test_a_golden_set_may_lie_on_s3(shop: Shop) -> None:
    shop.put("raw/a.jsonl", *rows(30))
    shop.put("golden.jsonl", *rows(4))
    made = shop.curate(**PAIR, golden="s3://acme/golden.jsonl")
    assert made.dropped == {"in_golden_exact": 4}
    assert made.golden is not None
    assert made.golden.examples == 4


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"source": "s3://no-such-bucket-here/raw/"}, RequestRefused, "NoSuchBucket"),
        ({"source": "s3:///raw"}, RequestRefused, "this is no S3 address"),
        ({"source": "gs://acme/raw"}, SpecError, "is neither S3 nor a folder"),
        ({"source": "s3://acme/gone/"}, EmptySource, "no file"),
        ({"golden": "s3://acme/gone.jsonl"}, EmptySource, "no file"),
        ({"output": "s3://no-such-bucket-here/out"}, RequestRefused, "NoSuchBucket"),
        ({"output": "s3://no-such-bucket-here/out", "golden": {"freeze_holdout": 2}}, RequestRefused, "NoSuchBucket"),
    ],
)
def test_a_wrong_address_is_named_with_what_aws_said(shop: Shop, fields: Any, error: Any, said: str) -> None:
    shop.put("raw/a.jsonl", *rows(30))
    with pytest.raises(error) as refused:
        shop.curate(**{**PAIR, **fields})
    assert said in str(refused.value)
    assert refused.value.next_step


def test_names_that_cannot_be_files_are_refused(shop: Shop, tmp_path: Path) -> None:
    shop.put("up/../../escape.jsonl", *rows(1))
    with pytest.raises(RequestRefused, match="leads out of the folder"):
        download(shop.s3, "s3://acme/up/", tmp_path / "up")
    shop.put("both/a", *rows(1))
    shop.put("both/a/b", *rows(1))
    with pytest.raises(RequestRefused, match="cannot both be files"):
        download(shop.s3, "s3://acme/both/", tmp_path / "both")
    assert not (tmp_path / "escape.jsonl").exists()


def test_objects_come_and_go_as_they_are(shop: Shop, tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    (tmp_path / "file").write_bytes(content)
    upload(shop.s3, tmp_path / "file", "s3://acme/x/file")
    shop.s3.put_object(Bucket="acme", Key="x/empty/", Body=b"")
    assert [each.name for each in list_objects(shop.s3, "s3://acme/x")] == ["file"]
    assert download(shop.s3, "s3://acme/x", tmp_path / "back") == 1
    assert (tmp_path / "back" / "file").read_bytes() == content
    assert read_object(shop.s3, "s3://acme/x/gone") is None
    assert put_first(shop.s3, "s3://acme/first", b"1") is True
    assert put_first(shop.s3, "s3://acme/first", b"2") is False
    assert read_object(shop.s3, "s3://acme/first") == b"1"
