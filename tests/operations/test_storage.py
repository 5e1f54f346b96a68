"""What is stored is counted and priced; checkpoints go only where nobody can go on from them, and only when told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_finetune.aws.stored import delete_below
from airflow_finetune.backends import Place
from airflow_finetune.backends.spot_training.spec import SpotTrainingSpec
from airflow_finetune.backends.training_job import checkpoint_uri
from airflow_finetune.errors import RequestRefused
from airflow_finetune.operations import storage
from airflow_finetune.operations.bills import BillingItem, BillingReport
from airflow_finetune.operations.checkpoints import Folder, Job, folder_at, need_of, part_of

KEY, DIGEST = "0123456789abcdef", "fedcba9876543210"
FOLDER = Folder(f"s3://acme/x/checkpoints/{KEY}/g0/{DIGEST}/", KEY, 0, DIGEST)
ALL = ["s3://acme/models/"]
DELETES = {"prefixes": ALL, "delete_checkpoints": True, "keep_checkpoints": timedelta(0)}


def stored(report: BillingReport) -> BillingItem:
    (item,) = [item for item in report.items if item.kind == "storage"]
    return item


def put(company: Any, key: str, size: int, **more: Any) -> None:
    company.aws("s3").put_object(Bucket="acme", Key=key, Body=b"x" * size, **more)


def keys(company: Any, prefix: str = "models/checkpoints/") -> list[str]:
    rows = company.aws("s3").list_objects_v2(Bucket="acme", Prefix=prefix).get("Contents", [])
    return [row["Key"] for row in rows]


def trained(company: Any, **changes: Any) -> Any:
    """Train a model, or fail to; return the task."""
    run = company.run(company.spec(**changes))
    run.try_once()
    return run


def test_what_lies_below_a_prefix_is_counted_and_priced(company, report):
    put(company, "tuning/a", 3 << 20)
    put(company, "tuning/deep/er/b", 1 << 20)
    put(company, "tunings/c", 7 << 20)
    item = stored(found := report(prefixes=["s3://acme/tuning"]))
    assert (item.name, item.bytes, item.state) == ("s3://acme/tuning/", 4 << 20, "expected")
    per_gb = company.sandbox.world.prices.storage_tiers("us-east-1")[0]["usd"]
    assert item.usd_per_month == pytest.approx(per_gb * 4 / 1024)
    assert found.usd_per_month == pytest.approx(item.usd_per_month, abs=1e-6)
    assert "2 objects." in item.reason
    assert item.since is not None


def test_prefixes_inside_others_and_empty_ones_are_not_counted_twice(company, report):
    put(company, "tuning/a", 10)
    found = report(prefixes=["s3://acme/tuning/", "", "s3://acme/tuning/deeper/", "s3://acme/tuning"])
    assert [item.bytes for item in found.items] == [10]


def test_a_price_is_that_of_the_buckets_own_region(company, report, aws):
    aws("s3", region_name="eu-central-1").create_bucket(
        Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    aws("s3").put_object(Bucket="far", Key="a", Body=b"x" * (1 << 20))
    per_gb = company.sandbox.world.prices.storage_tiers("eu-central-1")[0]["usd"]
    assert stored(report(prefixes="s3://far/")).usd_per_month == pytest.approx(per_gb / 1024)


def test_a_price_that_aws_does_not_tell_is_none(company, report):
    put(company, "tuning/a", 10)
    company.fault("access_denied", operation="GetProducts")
    found = report(prefixes="s3://acme/tuning/")
    assert (stored(found).bytes, stored(found).usd_per_month, found.usd_per_month) == (10, None, None)


def test_another_storage_class_is_counted_and_not_priced(company, report):
    put(company, "tuning/a", 10)
    put(company, "tuning/b", 5, StorageClass="GLACIER")
    item = stored(report(prefixes="s3://acme/tuning/"))
    assert (item.bytes, item.usd_per_month) == (15, None)
    assert "5 bytes are in other storage classes" in item.reason


def test_a_bucket_that_is_not_there_is_said_with_awss_words_and_hides_nothing_else(company, report):
    put(company, "tuning/a", 10)
    found = report(prefixes=["s3://acme/tuning/", "s3://nobody-has-this/"])
    items = {item.name: item for item in found.items}
    assert items["s3://acme/tuning/"].bytes == 10
    lost = items["s3://nobody-has-this/"]
    assert (lost.state, lost.bytes) == ("unjudged", None)
    assert "NoSuchBucket" in lost.reason
    assert found.usd_per_month is None


def test_counting_stops_where_it_is_told_to_and_says_so(company, report):
    for index in range(5):
        put(company, f"many/{index:04}", 1)
    item = stored(report(prefixes="s3://acme/many/", most_objects=4))
    assert item.bytes == 4
    assert "There are more" in item.reason
    item = stored(report(prefixes="s3://acme/many/", most_objects=5))
    assert item.bytes == 5
    assert "There are more" not in item.reason


def test_without_prefixes_it_looks_where_the_jobs_have_written_to(company, report):
    assert trained(company, checkpoint_uri="s3://acme/elsewhere").state == "success"
    put(company, "other/a", 10)
    (checkpoint,) = keys(company, "elsewhere/")
    folder = f"s3://acme/{checkpoint.removesuffix('step')}"
    assert [item.name for item in report().items] == [folder, "s3://acme/models/"]
    assert report(prefixes="").items == report().items, "a Variable that is not set"
    assert report(prefixes=[]).items == ()


def test_without_prefixes_the_places_of_another_deployment_are_left_out(company, report, monkeypatch):
    assert trained(company).state == "success"
    assert [item.name for item in report().items] == ["s3://acme/models/"], "the control"
    monkeypatch.setenv("AIRFLOW__AIRFLOW_FINETUNE__DEPLOYMENT", "staging")
    assert report().items == ()


def test_checkpoints_of_a_job_that_is_done_could_be_deleted_and_are_not(company, report):
    assert trained(company).state == "success"
    found = report(prefixes=ALL)
    (item,) = found.removable
    assert item.kind == "checkpoints"
    assert item.name + "step" == "s3://acme/" + keys(company)[0]
    assert item.bytes == 1
    assert "is done: nobody goes on from them" in item.reason
    assert stored(found).bytes > item.bytes, "the model and the code are counted too"
    assert found.deleted == ()
    assert company.calls("DeleteObjects") == []


def test_checkpoints_of_a_job_that_is_done_are_deleted_when_told_to_and_nothing_beside_them(company, report, capsys):
    run = trained(company)
    before, everything = stored(report(prefixes=ALL)), keys(company, "")
    (checkpoint,) = keys(company)
    found = report(**DELETES)
    assert [item.name + "step" for item in found.deleted] == ["s3://acme/" + checkpoint]
    assert found.removable == ()
    assert keys(company, "") == [key for key in everything if key != checkpoint]
    assert stored(found).bytes == before.bytes - found.deleted[0].bytes
    assert f"deleted: expected  checkpoints  {found.deleted[0].name}" in capsys.readouterr().out
    assert report(**DELETES).deleted == (), "again is fine"
    run.clear()
    assert run.try_once() == "success", "a clear takes the model over, without checkpoints"
    assert len(company.jobs()) == 1


def test_checkpoints_are_kept_for_a_while_after_their_job(company, report):
    assert trained(company).state == "success"
    found = report(prefixes=ALL, delete_checkpoints=True)
    assert found.deleted == ()
    assert len(found.removable) == 1, "a week has not passed"


def test_checkpoints_of_a_job_that_failed_or_runs_are_never_deleted(company, report):
    assert trained(company, hyperparameters={"steps": 3, "crash": 1}).state == "failed"
    (failed,) = company.jobs()
    uri = company.job(failed)["CheckpointConfig"]["S3Uri"]
    put(company, uri.removeprefix("s3://acme/") + "step", 4)
    slow = company.run(company.spec(hyperparameters=company.slow()), run_id="manual__slow", deferrable=True)
    slow.try_number = 1
    assert slow.run_part(None) == "deferred"
    (running,) = set(company.jobs()) - {failed}
    uri = company.job(running)["CheckpointConfig"]["S3Uri"]
    put(company, uri.removeprefix("s3://acme/") + "kept", 4)
    found = report(**DELETES)
    assert (found.removable, found.deleted) == ((), ())
    assert len(keys(company)) >= 2
    company.aws("sagemaker").stop_training_job(TrainingJobName=running)
    company.wait(running, "Stopped")
    assert report(**DELETES).deleted == (), "a retry may go on from what was stopped"


def test_checkpoints_of_another_deployment_are_never_deleted(company, report, monkeypatch):
    assert trained(company).state == "success"
    monkeypatch.setenv("AIRFLOW__AIRFLOW_FINETUNE__DEPLOYMENT", "staging")
    found = report(**DELETES)
    assert (found.removable, found.deleted) == ((), ())
    assert len(keys(company)) == 1


def test_a_folder_that_only_looks_like_one_of_checkpoints_is_never_deleted(company, report):
    put(company, f"models/checkpoints/{KEY}/g0/{DIGEST}/step", 4)
    found = report(**DELETES)
    assert (found.removable, found.deleted) == ((), ())
    assert len(keys(company)) == 1


def test_a_copy_of_checkpoints_in_another_place_is_not_deleted(company, report):
    assert trained(company).state == "success"
    (checkpoint,) = keys(company)
    copy = checkpoint.replace("models/", "models/copies/")
    put(company, copy, 4)
    found = report(**DELETES)
    assert len(found.deleted) == 1
    assert keys(company, "models/copies/") == [copy]


def test_a_delete_that_aws_refuses_is_told_and_counted_as_still_there(company, report):
    assert trained(company).state == "success"
    company.fault("access_denied", operation="DeleteObjects")
    found = report(**DELETES)
    assert found.deleted == ()
    assert len(found.removable) == 1
    assert any("Not deleted" in note and "AccessDenied" in note for note in found.notes)
    assert len(keys(company)) == 1


def test_only_the_biggest_folders_are_asked_about_and_the_rest_is_told(company, report):
    for index in range(storage.MOST_FOLDERS + 2):
        put(company, f"models/checkpoints/{KEY}/g{index}/{DIGEST}/step", 10 + index)
    company.sandbox.world.calls.clear()
    found = report(prefixes=ALL)
    assert len([call for call in company.calls("ListTrainingJobs")]) == storage.MOST_FOLDERS + 1
    assert found.notes == ("2 smaller folders of checkpoints in acme were not looked at: 21 bytes.",)


@pytest.mark.parametrize("uri", ["s3://acme/", "s3://acme", "s3://acme/tuning", "s3://acme//", "/tmp/x/"])
def test_only_a_folder_inside_a_bucket_can_be_deleted(company, uri):
    put(company, "tuning/a", 1)
    with pytest.raises(RequestRefused):
        delete_below(company.aws("s3"), uri)
    assert keys(company, "tuning") == ["tuning/a"]


def test_more_objects_than_aws_lists_at_once_are_deleted_and_no_neighbour(company):
    for index in range(8):
        put(company, f"tuning/a/{index}", 0)
    put(company, "tuning/ab", 1)
    assert delete_below(company.aws("s3"), "s3://acme/tuning/a/", at_once=3) == 8
    assert len(company.calls("DeleteObjects")) == 3
    assert keys(company, "tuning/") == ["tuning/ab"]
    assert delete_below(company.aws("s3"), "s3://acme/tuning/a/") == 0


@pytest.mark.parametrize("base", [None, "s3://acme/own/place"])
def test_the_folder_is_the_one_that_a_training_job_is_given(base: str | None):
    fields = {
        "role_arn": "arn:aws:iam::123456789012:role/trainer",
        "output_uri": "s3://acme/models",
        "base_model": "s3://acme/base/",
        "dataset": "s3://acme/train.jsonl",
        "checkpoint_uri": base,
    }
    spec = SpotTrainingSpec.load(
        {key: value for key, value in fields.items() if value}, rendered=True, thing="fine_tune"
    )
    uri = checkpoint_uri(spec, Place("us-east-1", KEY, 12, DIGEST))
    key = uri.removeprefix("s3://acme/")
    assert part_of(f"{key}ckpt-40/weights") == key
    assert folder_at("acme", key) == Folder(uri, KEY, 12, DIGEST)


def job(status: str = "Completed", uri: str = FOLDER.uri, **tags: str | None) -> Job:
    pairs = {"owner": KEY, "deployment": "prod", "spec": DIGEST, **tags}
    described = {
        "TrainingJobName": f"orders-{KEY}-g0-a1",
        "TrainingJobStatus": status,
        "CheckpointConfig": {"S3Uri": uri},
        "LastModifiedTime": datetime(2026, 11, 20, tzinfo=UTC),
    }
    return Job(described, {f"airflow-finetune:{key}": value for key, value in pairs.items() if value is not None})


@pytest.mark.parametrize(
    ("jobs", "needed"),
    [
        ([job()], False),
        ([job(uri=FOLDER.uri.rstrip("/"))], False),
        ([job("Failed"), job()], False),
        ([job("Stopped"), job()], False),
        ([], True),
        ([job("Failed")], True),
        ([job("Stopped")], True),
        ([job("InProgress")], True),
        ([job(), job("InProgress")], True),
        ([job(), job("Stopping")], True),
        ([job(deployment="staging")], True),
        ([job(deployment=None)], True),
        ([job(owner="f" * 16)], True),
        ([job(), job(owner="f" * 16)], True),
        ([job(spec="0" * 16)], True),
        ([job(uri="s3://acme/y/" + FOLDER.uri.removeprefix("s3://acme/x/"))], True),
        ([Job(job().described, None)], True),
        ([job(), Job(job().described, None)], True),
    ],
)
def test_checkpoints_are_needed_unless_a_job_of_just_this_folder_is_done(jobs: list[Job], needed: bool):
    need = need_of(FOLDER, jobs, "prod")
    assert (need.done_at is None) is needed
    assert need.why
