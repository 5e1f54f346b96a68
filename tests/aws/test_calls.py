"""S3, the log and the price list, against the embedded AWS."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from airflow_finetune.aws import s3
from airflow_finetune.aws.logs import JobLog
from airflow_finetune.aws.prices import hourly_usd
from airflow_finetune.errors import RequestRefused
from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox

MILLISECONDS = count(1_795_000_000_000)
GROUP = "/aws/sagemaker/TrainingJobs"


def test_something_named_by_its_content_is_put_once(aws: Callable[..., Any]):
    client = aws("s3")
    client.create_bucket(Bucket="acme")
    assert s3.put_once(client, "s3://acme/code/abc.tar.gz", b"x", None) is True
    assert s3.put_once(client, "s3://acme/code/abc.tar.gz", b"x", None) is False
    assert s3.holds_anything(client, "s3://acme/code/")
    assert not s3.holds_anything(client, "s3://acme/other/")


def test_a_key_encrypts_what_is_put(aws: Callable[..., Any]):
    client = aws("s3")
    client.create_bucket(Bucket="acme")
    s3.put_once(client, "s3://acme/x", b"x", "alias/mine")
    assert client.head_object(Bucket="acme", Key="x")["ServerSideEncryption"] == "aws:kms"


def test_a_bucket_that_is_not_there_is_said_with_the_words_of_aws(aws: Callable[..., Any]):
    with pytest.raises(RequestRefused, match="NoSuchBucket"):
        s3.put_once(aws("s3"), "s3://nobody/x", b"x", None)
    with pytest.raises(RequestRefused, match="NoSuchBucket"):
        s3.holds_anything(aws("s3"), "s3://nobody/x")


@pytest.mark.parametrize("uri", ["/local/x", "https://acme/x", "s3://", "acme"])
def test_what_is_no_s3_address_is_refused(uri: str):
    with pytest.raises(RequestRefused, match="S3 address"):
        s3.place_of(uri)


def write(client: Any, stream: str, *lines: str) -> None:
    events = [{"timestamp": next(MILLISECONDS), "message": line} for line in lines]
    client.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)


@pytest.fixture
def logs(aws: Callable[..., Any]) -> Any:
    client = aws("logs")
    client.create_log_group(logGroupName=GROUP)
    for stream in ("job/algo-1-1", "job/algo-2-1", "job-2/algo-1-1"):
        client.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    return client


def test_a_log_that_is_not_there_is_no_news(aws: Callable[..., Any]):
    log = JobLog(aws("logs"), GROUP, "job")
    assert log.news() == []
    assert log.tail() == []


def test_news_are_the_new_lines_that_are_worth_telling(logs: Any):
    log = JobLog(logs, GROUP, "job")
    write(logs, "job/algo-1-1", "Loading shards", "step=1 loss=0.5", "resumed from step 1")
    write(logs, "job-2/algo-1-1", "step=9 loss=9")
    assert log.news() == ["step=1 loss=0.5", "resumed from step 1"]
    assert log.news() == []
    write(logs, "job/algo-1-1", "step=2 loss=0.4")
    write(logs, "job/algo-2-1", "Error: CUDA out of memory")
    assert log.news() == ["step=2 loss=0.4", "Error: CUDA out of memory"]


def test_the_tail_is_the_last_lines_of_all_streams_without_secrets(logs: Any):
    write(logs, "job/algo-1-1", *[f"line {n}" for n in range(30)], "token hf_" + "a" * 34)
    tail = JobLog(logs, GROUP, "job").tail(3)
    assert tail == ["line 28", "line 29", "token ***"]


def test_a_price_comes_from_the_price_list_of_aws(aws: Callable[..., Any]):
    price = hourly_usd(aws("pricing"), "training", "ml.g5.2xlarge", "us-east-1")
    assert price is not None
    assert 0.5 < price < 5


def test_a_price_that_is_not_there_or_not_ours_to_read_is_none(aws: Callable[..., Any], sandbox: Sandbox):
    assert hourly_usd(aws("pricing"), "training", "ml.nope.large", "us-east-1") is None
    sandbox.world.faults.add(Rule("access_denied", operation="GetProducts"))
    assert hourly_usd(aws("pricing"), "training", "ml.g5.2xlarge", "us-east-1") is None
