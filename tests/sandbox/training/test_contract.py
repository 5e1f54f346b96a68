"""What training code finds below /opt/ml and in its environment, and what becomes of what it leaves there."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.training.account import Jobs, channel, transitions, unpacked
from tests.sandbox.training.programs import LOOKS_AROUND, TRAINER, archive


def test_a_job_trains_and_leaves_model_log_and_history(jobs: Jobs) -> None:
    arn = jobs.create("plain", TRAINER, "--steps", "3")
    job = jobs.end("plain")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert arn == job["TrainingJobArn"] == "arn:aws:sagemaker:us-east-1:123456789012:training-job/plain"
    assert transitions(job) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": "s3://bucket/out/plain/output/model.tar.gz"}
    assert json.loads(jobs.model("plain")["weights.json"]) == {"steps": 3, "started_at": 0}
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] >= 1
    times = [job[name] for name in ("CreationTime", "TrainingStartTime", "TrainingEndTime", "LastModifiedTime")]
    assert times == sorted(times)
    for step, following in zip(job["SecondaryStatusTransitions"], job["SecondaryStatusTransitions"][1:], strict=False):
        assert step["EndTime"] == following["StartTime"]


def test_the_container_finds_its_configuration_channels_and_environment(jobs: Jobs) -> None:
    for key in ("data/train/a.jsonl", "data/train/deep/er/b.jsonl", "data/eval/c.csv"):
        jobs.put(key, key)
    jobs.create(
        "look",
        LOOKS_AROUND,
        "one",
        "two words",
        HyperParameters={"lr": "0.1", "steps": "3", "name": "orders", "flag": "true", "with-dash": '"q\'s"'},
        Environment={"MY_OWN": "value", "SM_LOG_LEVEL": "10"},
        InputDataConfig=[
            channel("code", "code/look/"),
            channel("train", "data/train", ContentType="application/jsonlines"),
            channel("eval", "data/eval/", InputMode="FastFile"),
        ],
    )
    seen = jobs.seen("look")
    assert seen["files"] == ["code/train.py", "eval/c.csv", "train/a.jsonl", "train/deep/er/b.jsonl"]
    assert seen["argv"] == ["one", "two words"]
    assert seen["hyperparameters"] == {
        "lr": "0.1",
        "steps": "3",
        "name": "orders",
        "flag": "true",
        "with-dash": '"q\'s"',
    }
    assert seen["inputdataconfig"]["train"] == {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
        "ContentType": "application/jsonlines",
    }
    assert seen["resourceconfig"]["hosts"] == ["algo-1"]
    assert seen["resourceconfig"]["current_instance_type"] == "ml.m5.large"
    env = seen["env"]
    assert env["TRAINING_JOB_NAME"] == "look"
    assert env["TRAINING_JOB_ARN"].endswith(":training-job/look")
    assert env["SM_MODEL_DIR"] == "/opt/ml/model"
    assert env["SM_CHANNEL_TRAIN"] == "/opt/ml/input/data/train"
    assert json.loads(env["SM_CHANNELS"]) == ["code", "eval", "train"]
    assert json.loads(env["SM_HPS"]) == {"lr": 0.1, "steps": 3, "name": "orders", "flag": True, "with-dash": "q's"}
    assert (env["SM_HP_LR"], env["SM_HP_NAME"]) == ("0.1", "orders")
    assert (env["MY_OWN"], env["SM_LOG_LEVEL"]) == ("value", "10")
    assert seen["writable"]
    assert any("FastFile is treated as File" in line for line in jobs.printed("look"))


def test_the_job_sees_none_of_the_hosts_secrets(jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLANTED_PASSWORD", "planted-secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    monkeypatch.setenv("AWS_PROFILE", "planted-secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[default]\naws_secret_access_key = planted-secret\n")
    reader = f"""
import pathlib
file = pathlib.Path({str(tmp_path / ".aws" / "credentials")!r})
try:
    text = file.read_text()
except OSError as error:
    text = type(error).__name__
pathlib.Path("/opt/ml/model/read.txt").write_text(text)
"""
    jobs.create("secrets", LOOKS_AROUND + reader)
    seen = jobs.seen("secrets")
    assert "planted-secret" not in json.dumps(seen)
    assert seen["home"] == []
    if jobs.sandbox.world.processes.isolation().mode != "rewrite":
        assert b"planted-secret" not in jobs.model("secrets")["read.txt"]


def test_two_jobs_at_once_have_their_own_opt_ml(jobs: Jobs) -> None:
    program = """
import pathlib, sys, time
word = sys.argv[1]
pathlib.Path("/opt/ml/model/word").write_text(word)
other = pathlib.Path("/opt/ml/model/word")
for _ in range(20):
    time.sleep(0.02)
    assert other.read_text() == word
"""
    for word in ("left", "right"):
        jobs.create(word, program, word)
    for word in ("left", "right"):
        assert jobs.end(word)["TrainingJobStatus"] == "Completed"
        assert jobs.model(word)["word"] == word.encode()


def test_a_prefix_means_the_same_with_and_without_its_slash_and_also_finds_its_neighbours(jobs: Jobs) -> None:
    for key in ("set/train/a", "set/train2/b", "set/train.csv", "set/train/"):
        jobs.put(key)
    channels = [
        channel("code", "code/slash/"),
        channel("without", "set/train"),
        channel("with", "set/train/"),
        channel("file", "set/train.csv"),
    ]
    jobs.create("slash", LOOKS_AROUND, InputDataConfig=channels)
    assert jobs.seen("slash")["files"] == [
        "code/train.py",
        "file/train.csv",
        "with/a",
        "without/a",
        "without/train.csv",
        "without/train2/b",
    ]


def test_a_manifest_and_gzip_are_unpacked(jobs: Jobs) -> None:
    jobs.put("m/a.txt", "a")
    jobs.put("m/sub/b.txt.gz", gzip.compress(b"b"))
    jobs.put("m.manifest", json.dumps([{"prefix": "s3://bucket/m/"}, "a.txt", "sub/b.txt.gz"]))
    manifest = channel("train", "m.manifest", CompressionType="Gzip")
    manifest["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    jobs.create("manifest", LOOKS_AROUND, InputDataConfig=[channel("code", "code/manifest/"), manifest])
    assert jobs.seen("manifest")["files"] == ["code/train.py", "train/a.txt", "train/sub/b.txt"]


@pytest.mark.parametrize("where", ["s3", "channel"])
def test_the_training_toolkits_contract(jobs: Jobs, where: str) -> None:
    code = archive(main__py=LOOKS_AROUND, requirements__txt="boto3\nno-such-package>=1\n")
    jobs.put("source/sourcedir.tar.gz", code)
    submit = {"s3": "s3://bucket/source/sourcedir.tar.gz", "channel": "/opt/ml/input/data/code/sourcedir.tar.gz"}
    request = jobs.request(
        f"toolkit-{where}",
        HyperParameters={
            "sagemaker_program": "main.py",
            "sagemaker_submit_directory": submit[where],
            "sagemaker_container_log_level": "20",
            "epochs": "3",
            "name": '"orders"',
            "bare": "text",
            "x": "1",
            "nested": '{"a": 1}',
        },
        AlgorithmSpecification={"TrainingImage": "img", "TrainingInputMode": "File"},
        InputDataConfig=[channel("code", "source/sourcedir.tar.gz")],
    )
    del request["AlgorithmSpecification"]["ContainerEntrypoint"]
    jobs.sagemaker.create_training_job(**request)
    seen = jobs.seen(f"toolkit-{where}")
    assert seen["argv"] == ["--bare", "text", "--epochs", "3", "--name", "orders", "--nested", "a=1", "-x", "1"]
    assert seen["cwd"] == "/opt/ml/code"
    assert json.loads(seen["env"]["SM_USER_ARGS"]) == seen["argv"]
    assert "missing: no-such-package" in "\n".join(jobs.printed(f"toolkit-{where}"))


def without_entrypoint(jobs: Jobs, name: str, **further: Any) -> dict[str, Any]:
    request = jobs.request(name, **further)
    del request["AlgorithmSpecification"]["ContainerEntrypoint"]
    return request


def test_a_shell_script_and_a_module_are_programs_too(jobs: Jobs) -> None:
    script = '#!/bin/sh\necho "$@" > /opt/ml/model/args\n'
    jobs.put("source.tar.gz", archive(go__sh=script, mod__py="print('module ran')"))
    for name, program in (("shell", "go.sh"), ("module", "mod")):
        hyperparameters = {"sagemaker_program": program, "a": "1", "two": "2 words"}
        hyperparameters["sagemaker_submit_directory"] = "s3://bucket/source.tar.gz"
        jobs.sagemaker.create_training_job(**without_entrypoint(jobs, name, HyperParameters=hyperparameters))
    assert jobs.end("module")["TrainingJobStatus"] == "Completed"
    assert "module ran" in jobs.printed("module")
    assert jobs.end("shell")["TrainingJobStatus"] == "Completed", jobs.printed("shell")
    assert jobs.model("shell")["args"] == b"-a 1 --two 2 words\n"


def test_a_local_folder_stands_for_an_image(jobs: Jobs) -> None:
    spec = {"TrainingImage": "local/trainer:2", "TrainingInputMode": "File"}
    jobs.sagemaker.create_training_job(**without_entrypoint(jobs, "image", AlgorithmSpecification=spec))
    assert jobs.end("image")["TrainingJobStatus"] == "Completed"
    assert jobs.model("image") == {"who.txt": b"image train train\n"}


def test_a_job_with_nothing_to_run_says_what_would_be_run(jobs: Jobs) -> None:
    jobs.sagemaker.create_training_job(**without_entrypoint(jobs, "nothing"))
    job = jobs.end("nothing")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: There is no container engine here")
    assert "sagemaker_program" in job["FailureReason"]
    assert "example/trainer:1" in job["FailureReason"]


LEAVES_TWO = """
import pathlib
(pathlib.Path("/opt/ml/model") / "deep").mkdir()
pathlib.Path("/opt/ml/model/deep/w.bin").write_bytes(b"w")
pathlib.Path("/opt/ml/model/out").symlink_to("/etc/hostname")
pathlib.Path("/opt/ml/output/data/plot.txt").write_text("plot")
"""


def test_model_and_output_become_archives(jobs: Jobs) -> None:
    jobs.create("packed", LEAVES_TWO)
    assert jobs.end("packed")["TrainingJobStatus"] == "Completed"
    assert jobs.model("packed") == {"deep/w.bin": b"w"}
    assert unpacked(jobs.get("out/packed/output/output.tar.gz")) == {"plot.txt": b"plot"}


def test_an_uncompressed_model_is_a_prefix(jobs: Jobs) -> None:
    jobs.create("loose", LEAVES_TWO, OutputDataConfig={"S3OutputPath": "s3://bucket/out/", "CompressionType": "NONE"})
    job = jobs.end("loose")
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": "s3://bucket/out/loose/output/model/"}
    assert jobs.objects("out/loose/") == ["out/loose/output/model/deep/w.bin", "out/loose/output/output/plot.txt"]


def test_a_job_that_leaves_no_model_completes_without_an_object(jobs: Jobs) -> None:
    jobs.create("empty", "print('done')")
    assert jobs.end("empty")["TrainingJobStatus"] == "Completed"
    assert jobs.objects("out/") == []


def test_checkpoints_are_restored_for_a_new_job_with_the_same_place(jobs: Jobs) -> None:
    place = {"CheckpointConfig": {"S3Uri": "s3://bucket/ck", "LocalPath": "/opt/ml/other/place"}}
    words = ("--checkpoints", "/opt/ml/other/place")
    jobs.create("first", TRAINER, "--steps", "2", *words, **place)
    assert jobs.end("first")["TrainingJobStatus"] == "Completed"
    assert jobs.objects("ck/") == ["ck/1.json", "ck/2.json"]
    jobs.create("second", TRAINER, "--steps", "4", *words, **place)
    assert jobs.end("second")["TrainingJobStatus"] == "Completed"
    assert json.loads(jobs.model("second")["weights.json"])["started_at"] == 2
    assert any("2 checkpoint files restored" in line for line in jobs.printed("second"))


def test_files_that_end_in_tmp_are_never_uploaded_and_deleted_ones_stay_in_s3(jobs: Jobs) -> None:
    program = """
import boto3, pathlib, time
folder = pathlib.Path("/opt/ml/checkpoints")
(folder / "half.tmp").write_text("half")
(folder / "old").write_text("old")
s3 = boto3.client("s3")
while not s3.list_objects_v2(Bucket="bucket", Prefix="rotate/old")["KeyCount"]:
    time.sleep(0.02)
(folder / "old").unlink()
(folder / "new").write_text("new")
"""
    jobs.create("rotate", program, CheckpointConfig={"S3Uri": "s3://bucket/rotate/"})
    job = jobs.end("rotate")
    assert job["TrainingJobStatus"] == "Completed", (job.get("FailureReason"), jobs.printed("rotate"))
    assert jobs.objects("rotate/") == ["rotate/new", "rotate/old"]


def test_a_file_that_is_written_while_it_is_uploaded_does_no_harm(jobs: Jobs) -> None:
    program = """
import pathlib, shutil, time
folder = pathlib.Path("/opt/ml/checkpoints")
end = time.time() + 1.5
turn = 0
while time.time() < end:
    turn += 1
    with (folder / "torn").open("wb") as file:  # not renamed into place, as it should be
        for _ in range(turn % 7):
            file.write(b"x" * 300_000)
            file.flush()
    (folder / f"step-{turn}").mkdir()
    (folder / f"step-{turn}" / "weights").write_text("w")
    if turn > 3:
        shutil.rmtree(folder / f"step-{turn - 3}")
(folder / "torn").write_bytes(b"whole")
"""
    jobs.create("torn", program, CheckpointConfig={"S3Uri": "s3://bucket/torn/"})
    job = jobs.end("torn")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert jobs.get("torn/torn") == b"whole"
    assert not [line for line in jobs.printed("torn") if "sandbox: " in line][1:], jobs.printed("torn")


def test_a_large_file_is_uploaded_as_it_was_at_one_moment(jobs: Jobs) -> None:
    program = (
        "open('/opt/ml/checkpoints/large', 'wb').write(bytes(20_000_000)); open('/opt/ml/model/m', 'wb').write(b'm')"
    )
    jobs.create("large", program, CheckpointConfig={"S3Uri": "s3://bucket/large"})
    assert jobs.end("large")["TrainingJobStatus"] == "Completed"
    assert jobs.s3.head_object(Bucket="bucket", Key="large/large")["ContentLength"] == 20_000_000
