"""What can be watched from outside: logs while the job runs, metrics, EventBridge, and what twenty jobs cost."""

from __future__ import annotations

import json
import resource
import time
from datetime import UTC, datetime, timedelta

import pytest

from airflow_finetune.sandbox.runner.jobs.log_stream import LINE_BYTES, LogFile
from airflow_finetune.sandbox.runner.jobs.metrics import Metrics
from tests.sandbox.training.account import GROUP, Jobs, wait_for
from tests.sandbox.training.programs import SLEEPER, TRAINER


def test_lines_come_while_the_job_runs_and_the_first_one_names_the_isolation(jobs: Jobs) -> None:
    jobs.create("watched", "print('one', flush=True)\n" + SLEEPER)
    jobs.until_printed("watched", "sleeping")
    assert jobs.describe("watched")["SecondaryStatus"] == "Training"
    printed = jobs.printed("watched")
    mode = jobs.sandbox.world.processes.isolation().mode
    assert printed[0].startswith(f"sandbox: isolation {mode}: ")
    assert printed[-2:] == ["one", "sleeping"]
    (stream,) = jobs.streams("watched")
    name, _, instance = stream.partition("/")
    host, _, millis = instance.rpartition("-")
    assert (name, host) == ("watched", "algo-1")
    started = datetime.fromtimestamp(int(millis) / 1000, UTC)
    assert abs(started - jobs.describe("watched")["TrainingStartTime"]) < timedelta(minutes=1)


def test_many_lines_stay_in_order_and_none_is_lost(jobs: Jobs) -> None:
    jobs.create("chatty", "for i in range(12_000): print(f'line {i} é')\nprint('no line end', end='')")
    assert jobs.end("chatty")["TrainingJobStatus"] == "Completed"
    (stream,) = jobs.streams("chatty")
    lines: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = jobs.logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True, **token)
        lines += [event["message"] for event in page["events"]]
        if not page["events"]:
            break
        token = {"nextToken": page["nextForwardToken"]}
    numbered = [line for line in lines if line.startswith("line")]
    assert numbered == [f"line {number} é" for number in range(12_000)]
    assert lines[-1] == "no line end"


def test_all_lines_are_there_when_the_job_has_ended(jobs: Jobs) -> None:
    jobs.create("brief", "print('last words')\nraise SystemExit(1)")
    jobs.end("brief")
    assert "last words" in jobs.printed("brief")


def test_a_log_group_that_somebody_deletes_does_not_fail_the_job(jobs: Jobs) -> None:
    jobs.create("unlogged", TRAINER, "--steps", "6", "--pause", "0.2")
    jobs.until_printed("unlogged", "step=1")
    jobs.logs.delete_log_group(logGroupName=GROUP)
    assert jobs.end("unlogged")["TrainingJobStatus"] == "Completed"


def test_odd_output_is_cut_into_events_that_cloudwatch_takes(tmp_path: object) -> None:
    from pathlib import Path

    file = Path(str(tmp_path)) / "log"
    log = LogFile(file)
    assert log.new_lines() == []
    file.write_bytes(b"a\r\n\n\xff\xfe\nhalf")
    assert log.new_lines() == ["a", " ", "��"]
    with file.open("ab") as more:
        more.write(b" done\n" + b"x" * (LINE_BYTES + 10))
    lines = log.new_lines()
    assert lines[0] == "half done"
    assert "".join(lines[1:]) == "x" * (LINE_BYTES + 10)
    assert all(len(line.encode()) <= LINE_BYTES for line in lines)
    assert log.new_lines(final=True) == []


def test_metric_definitions_become_final_metrics_and_cloudwatch_metrics(jobs: Jobs) -> None:
    definitions = [
        {"Name": "train:loss", "Regex": r"loss=([0-9.]+)"},
        {"Name": "never", "Regex": r"accuracy=([0-9.]+)"},
        {"Name": "odd", "Regex": r"(step)="},
    ]
    jobs.create("measured", TRAINER, "--steps", "4", AlgorithmSpecification={"MetricDefinitions": definitions})
    job = jobs.end("measured")
    (metric,) = job["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("train:loss", 0.25)
    cloudwatch = jobs.client("cloudwatch")

    def listed() -> list[str]:
        found = cloudwatch.list_metrics(Namespace="/aws/sagemaker/TrainingJobs", MetricName="train:loss")["Metrics"]
        return [d["Value"] for item in found for d in item["Dimensions"] if d["Name"] == "TrainingJobName"]

    assert wait_for(lambda: "measured" in listed())


@pytest.mark.parametrize(
    ("line", "value"), [("loss=0.5", 0.5), ("loss=1e-3", 0.001), ("loss='2.5'", None), ("no", None)]
)
def test_only_numbers_are_metrics(line: str, value: float | None) -> None:
    metrics = Metrics([{"Name": "loss", "Regex": r"loss=(\S+)"}])
    metrics.read([line], datetime.now(UTC))
    assert [item["Value"] for item in metrics.final()] == ([] if value is None else [value])


def test_eventbridge_tells_every_change_of_status(jobs: Jobs) -> None:
    sqs, events = jobs.client("sqs"), jobs.client("events")
    queue = sqs.create_queue(QueueName="changes")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Training Job State Change"]}
    events.put_rule(Name="jobs", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="jobs", Targets=[{"Id": "queue", "Arn": arn}])
    told = jobs.create("told", TRAINER, "--steps", "1")
    jobs.end("told")
    seen: list[dict[str, object]] = []

    def completed() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            seen.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return any(event["detail"]["SecondaryStatus"] == "Completed" for event in seen)  # type: ignore[index]  # JSON

    wait_for(completed)
    statuses = {event["detail"]["SecondaryStatus"] for event in seen}  # type: ignore[index]  # JSON
    assert statuses == {"Starting", "Downloading", "Training", "Uploading", "Completed"}
    assert all(event["resources"] == [told] for event in seen)
    events.remove_targets(Rule="jobs", Ids=["queue"])
    events.delete_rule(Name="jobs")


def test_twenty_sleeping_jobs_at_once_cost_little_processor_time(jobs: Jobs) -> None:
    names = [f"sleeper-{number}" for number in range(20)]
    request = jobs.request("sleeper", SLEEPER)
    for name in names:
        jobs.sagemaker.create_training_job(**request | {"TrainingJobName": name})
    for name in names:
        jobs.until_printed(name, "sleeping")
    before, since = _cpu_seconds(), time.monotonic()
    wait_for(lambda: time.monotonic() - since >= 2.0)
    share = (_cpu_seconds() - before) / (time.monotonic() - since)
    assert share < 0.25, f"{share:.0%} of a core"
    for name in names:
        jobs.sagemaker.stop_training_job(TrainingJobName=name)
    for name in names:
        assert jobs.end(name)["TrainingJobStatus"] == "Stopped"


def _cpu_seconds() -> float:
    """Of this process, which the server runs in."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
