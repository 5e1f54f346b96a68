"""Data of a job on the embedded AWS: read as a stream, checked whole, uploaded once and never with a fault."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.response import StreamingBody

from airflow_finetune.aws.objects import StoredObject, stream_lines
from airflow_finetune.backends.backend import Outcome
from airflow_finetune.backends.bedrock.dataset import TRAIN, render
from airflow_finetune.backends.bedrock.families import family_of
from airflow_finetune.backends.bedrock.needs import needs_of
from airflow_finetune.backends.bedrock.prepare import prepared_request
from airflow_finetune.backends.bedrock.result import tuned_model
from airflow_finetune.backends.bedrock.spec import BedrockSpec
from airflow_finetune.backends.records import Source
from airflow_finetune.errors import DataError, FinetuneError, RequestRefused, SpecError
from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox

Aws = Callable[..., Any]
MICRO, TITAN = "amazon.nova-micro-v1:0:128k", "amazon.titan-text-lite-v1:0:4k"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0:200k"
DISTILLATION = {"customization": "distillation", "teacher_model": "us.amazon.nova-premier-v1:0"}


def chats(count: int, text: str = "How much is {n} and {n}?") -> list[dict[str, Any]]:
    return [
        {"messages": [{"role": "user", "content": text.format(n=n)}, {"role": "assistant", "content": str(2 * n)}]}
        for n in range(count)
    ]


class Bucket:
    """A bucket with data, and what a test asks of it."""

    def __init__(self, aws: Aws) -> None:
        self.aws, self.s3 = aws, aws("s3")
        self.s3.create_bucket(Bucket="acme")
        self.put("train.jsonl", chats(10))

    def put(self, key: str, examples: Iterable[Any]) -> str:
        body = "".join(each if isinstance(each, str) else json.dumps(each) + "\n" for each in examples)
        self.s3.put_object(Bucket="acme", Key=key, Body=body.encode())
        return f"s3://acme/{key}"

    def spec(self, **changes: Any) -> BedrockSpec:
        fields = {
            "role_arn": "arn:aws:iam::123456789012:role/bedrock",
            "output_uri": "s3://acme/models/",
            "base_model": MICRO,
            "dataset": "s3://acme/train.jsonl",
        }
        return BedrockSpec.load(
            {k: v for k, v in {**fields, **changes}.items() if v is not ...}, rendered=True, thing="fine_tune"
        )

    def request(self, region: str = "us-east-1", **changes: Any) -> dict[str, Any]:
        return prepared_request(self.spec(**changes), region, lambda name: self.aws(name, region_name=region))

    def refusal(self, region: str = "us-east-1", **changes: Any) -> FinetuneError:
        """What is said, after a look that nothing was uploaded."""
        with pytest.raises((DataError, SpecError, RequestRefused)) as caught:
            self.request(region, **changes)
        assert self.uploaded() == []
        return caught.value

    def uploaded(self) -> list[str]:
        rows = self.s3.list_objects_v2(Bucket="acme", Prefix="models/").get("Contents", [])
        return sorted(row["Key"] for row in rows)

    def lines(self, uri: str) -> list[dict[str, Any]]:
        body = self.s3.get_object(Bucket="acme", Key=uri.removeprefix("s3://acme/"))["Body"].read().decode()
        return [json.loads(line) for line in body.splitlines()]


@pytest.fixture
def bucket(aws: Aws) -> Bucket:
    return Bucket(aws)


def test_data_is_rendered_and_uploaded_once(bucket: Bucket, sandbox: Sandbox):
    first = bucket.request()
    uri = first["trainingDataConfig"]["s3Uri"]
    assert uri.startswith("s3://acme/models/bedrock-data/")
    assert uri.endswith("/train.jsonl")
    assert [line["messages"][0]["content"][0]["text"] for line in bucket.lines(uri)] == [
        f"How much is {n} and {n}?" for n in range(10)
    ]
    sandbox.world.calls.clear()
    assert bucket.request() == first
    assert sandbox.world.calls.records("s3", "PutObject") == []
    bucket.put("train.jsonl", chats(11))
    assert bucket.request() != first, "other data has another place"
    assert bucket.request(limits={"tokens": 31_000}) != first, "and so have other checks"


def test_all_files_of_a_folder_are_one_dataset(bucket: Bucket):
    bucket.put("parts/a.jsonl", chats(5))
    bucket.put("parts/b.jsonl", chats(4, "And {n}?"))
    found = bucket.request(dataset="s3://acme/parts")
    assert len(bucket.lines(found["trainingDataConfig"]["s3Uri"])) == 9
    bucket.put("parts/b.jsonl", ["{broken\n"])
    with pytest.raises(DataError, match=r"b\.jsonl, line 1: it is no JSON"):
        bucket.request(dataset="s3://acme/parts")


def test_the_first_faults_are_told_together_with_file_line_and_rule(bucket: Bucket):
    bad = chats(2)
    bad[1]["messages"][0]["content"] = "Bot: hi"
    bucket.put("train.jsonl", [*bad, "not json\n", {"messages": []}, *chats(20, "System: {n}")])
    text = str(bucket.refusal())
    assert "train.jsonl, line 2: the text 'Bot:' is reserved (nova-validator)." in text
    assert "train.jsonl, line 3: it is no JSON" in text
    assert "train.jsonl, line 4: it is no canonical example" in text
    assert "And 13 more." in text
    assert text.endswith("nothing was uploaded.")


@pytest.mark.parametrize(
    ("changes", "train", "said"),
    [
        ({}, chats(7), "7 records for training, and 8 to 20000 are allowed (nova-validator)"),
        ({"limits": {"records": [1, 9]}}, chats(10), "10 records for training, and 1 to 9 are allowed"),
        ({"limits": {"megabytes": 0.001}}, chats(10), "0.001 MB are allowed"),
        ({"limits": {"tokens": 2}}, chats(10), "line 1: it holds"),
        (DISTILLATION, chats(99), "99 records for training, and 100 to 15000 are allowed"),
        ({"dataset": "s3://acme/nowhere/"}, [], "nothing is there"),
        ({"dataset": "s3://missing/x"}, [], "NoSuchBucket"),
    ],
    ids=str,
)
def test_data_outside_the_limits_is_refused(bucket: Bucket, changes: dict[str, Any], train: list[Any], said: str):
    bucket.put("train.jsonl", train)
    assert said in str(bucket.refusal(**changes))


@pytest.mark.parametrize(
    ("region", "changes", "thing", "said"),
    [
        ("eu-west-1", {}, "region eu-west-1", "can be customized in us-east-1 (regions"),
        ("us-east-1", {"base_model": "amazon.nova-micro-v1:0"}, "model amazon.nova-micro-v1:0", "and not FINE_TUNING"),
        ("us-east-1", {"base_model": "acme.unheard-v1:0"}, "model acme.unheard-v1:0", "AWS answered"),
        ("us-east-1", {**DISTILLATION, "teacher_model": "acme.teacher-v1:0"}, "teacher acme", "AWS answered"),
        ("us-east-1", {"customization": "continued_pre_training"}, f"model {MICRO}", "not CONTINUED_PRE_TRAINING"),
        (
            "us-east-1",
            {"base_model": f"arn:aws:bedrock:us-west-2:123456789012:custom-model/{MICRO}/abcdef123456"},
            "us-east-1",
            "is in us-west-2",
        ),
    ],
    ids=str,
)
def test_a_model_that_cannot_do_it_here_is_refused_before_any_data_is_written(
    bucket: Bucket, region: str, changes: dict[str, Any], thing: str, said: str
):
    error = bucket.refusal(region, **changes)
    assert thing in error.thing
    assert said in error.said


def test_a_look_that_aws_does_not_allow_stops_nothing(bucket: Bucket, sandbox: Sandbox):
    sandbox.world.faults.add(Rule("access_denied", service="bedrock", operation="GetFoundationModel"))
    assert bucket.request()["baseModelIdentifier"] == MICRO


def test_curated_validation_data_is_left_out_where_it_cannot_be_taken(bucket: Bucket, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    enough, few = bucket.put("enough.jsonl", chats(8, "Is {n} even?")), bucket.put("few.jsonl", chats(3))
    bucket.put("train.jsonl", chats(100))
    taken = bucket.request(curated_validation=enough)
    assert len(bucket.lines(taken["validationDataConfig"]["validators"][0]["s3Uri"])) == 8
    assert bucket.request(curated_validation=enough) == taken, "found again with its validation data"
    assert "validationDataConfig" not in bucket.request(curated_validation=few)
    assert "left out: it holds 3 records, and 8 to 1000 are allowed" in caplog.text
    assert "validationDataConfig" not in bucket.request(curated_validation=enough, **DISTILLATION)
    assert "left out: this model takes no validation data (general)" in caplog.text
    assert "validationDataConfig" not in bucket.request(curated_validation=enough, limits={"sum_of_records": 107})
    assert "with it there are 108 records, and 107 are allowed" in caplog.text


def test_validation_data_that_a_person_asks_for_is_used_or_refused(bucket: Bucket):
    few = bucket.put("few.jsonl", chats(3))
    assert "3 records for validation, and 8 to 1000 are allowed" in str(bucket.refusal(validation=few))
    enough = bucket.put("enough.jsonl", chats(8))
    assert "18 records for training and validation, and 17 are allowed" in str(
        bucket.refusal(validation=enough, limits={"sum_of_records": 17})
    )
    bucket.put("train.jsonl", chats(2))
    both = str(bucket.refusal(validation=few))
    assert "train.jsonl and s3://acme/few.jsonl" in both, "the faults of both are told together"


def needs(bucket: Bucket, **changes: Any) -> Any:
    found = needs_of(bucket.spec(**changes), "us-east-1", bucket.aws)
    assert bucket.uploaded() == [], "a plan writes nothing"
    return found


def test_a_plan_counts_a_token_for_each_byte_and_pass(bucket: Bucket):
    found = needs(bucket, epochs=3, prices={"model_storage": 2.5})
    assert (found.role_arn, found.image_uri, found.rungs) == ("arn:aws:iam::123456789012:role/bedrock", "", ())
    assert (found.inputs, found.outputs) == (("s3://acme/train.jsonl",), ("s3://acme/models/",))
    bucket.request(epochs=3)
    (key,) = bucket.uploaded()
    size = bucket.s3.head_object(Bucket="acme", Key=key)["ContentLength"]
    trained, stored = found.charges
    assert (trained.quantity, trained.unit, trained.usage) == (size * 3 / 1000, "thousand tokens", "customization")
    assert (trained.model, trained.unit_usd) == ("Nova Micro", None)
    assert stored[1:] == (1, "month", "model_storage", "Nova Micro", 2.5)
    assert found.wrong == ()
    assert found.said["records"].startswith("10 for training")


def test_a_plan_of_a_distillation_counts_what_its_teacher_reads_and_writes(bucket: Bucket):
    bucket.put("train.jsonl", chats(100))
    found = needs(bucket, **DISTILLATION, max_response_length=50, limits={"most_made_records": 100})
    by_usage = {charge.usage: charge for charge in found.charges}
    assert by_usage["output_tokens"].quantity == 100 * 50 / 1000
    assert by_usage["output_tokens"].model == "Nova Premier"
    assert by_usage["customization"].quantity == pytest.approx((by_usage["input_tokens"].quantity + 5) * 5)
    most = needs(bucket, **DISTILLATION, max_response_length=50)
    assert most.charges[1].quantity == 15_000 * 50 / 1000, "AWS may make more prompts"


def test_a_plan_tells_what_is_wrong_instead_of_raising_it(bucket: Bucket):
    bucket.put("train.jsonl", chats(2))
    found = needs(bucket, base_model="amazon.nova-micro-v1:0")
    assert [wrong.thing for wrong in found.wrong] == ["model amazon.nova-micro-v1:0", "s3://acme/train.jsonl"]


def test_a_plan_of_a_model_that_nobody_knows_needs_the_number_of_passes(bucket: Bucket, sandbox: Sandbox):
    sandbox.world.faults.add(Rule("access_denied", service="bedrock", operation="GetFoundationModel"))
    unknown = needs(bucket, base_model="acme.unheard-v1:0")
    assert [wrong.thing for wrong in unknown.wrong] == ["epochs"]
    assert "AWS decides alone" in unknown.said["limits of acme.unheard-v1:0"]
    assert "not checked: AWS answered AccessDenied" in unknown.said["model acme.unheard-v1:0"]
    assert needs(bucket, base_model="acme.unheard-v1:0", epochs=2).wrong == ()
    for written in ({"hyperparameters": {"epochCount": "3"}}, {"limits": {"most_epochs": 3}}):
        assert needs(bucket, base_model="acme.unheard-v1:0", **written).charges[0].name == "customization, 3 passes"
    odd = needs(bucket, base_model="acme.unheard-v1:0", hyperparameters={"epochCount": "many"})
    assert [wrong.thing for wrong in odd.wrong] == ["epochs"]
    overridden = {"hyperParameters": {"epochCount": "4"}}
    assert needs(bucket, epochs=2, request_overrides=overridden).charges[0].name == "customization, 4 passes"


def outcome(bucket: Bucket, said: list[str], **job: Any) -> Outcome:
    begun = datetime(2026, 11, 28, tzinfo=UTC)
    described = {
        "jobName": "orders-a1",
        "jobArn": f"arn:aws:bedrock:us-east-1:123456789012:model-customization-job/{MICRO}/abcdef123456",
        "outputModelArn": f"arn:aws:bedrock:us-east-1:123456789012:custom-model/{MICRO}/fedcba654321",
        "outputDataConfig": {"s3Uri": "s3://acme/models/"},
        "statusDetails": {
            "trainingDetails": {"creationTime": begun, "lastModifiedTime": begun + timedelta(seconds=90)}
        },
        **job,
    }
    return Outcome(described, "fedcba9876543210", 1, "us-east-1", None, bucket.aws, said.append)


def test_losses_come_from_the_output_bucket_and_are_thinned_for_the_log(bucket: Bucket):
    folder = "models/model-customization-job-abcdef123456"
    rows = "".join(f"{n},{n // 50},{2 - n / 100},{7 - n / 50}\n" for n in range(100))
    steps = "step_number,epoch_number,training_loss,perplexity\n" + rows
    bucket.s3.put_object(
        Bucket="acme", Key=f"{folder}/training_artifacts/step_wise_training_metrics.csv", Body=steps.encode()
    )
    validation = "step_number,epoch_number,validation_loss,validation_perplexity\n0,0,3.0,20.1\n99,1,1.5,4.5\n"
    bucket.s3.put_object(
        Bucket="acme",
        Key=f"{folder}/validation_artifacts/post_fine_tuning_validation/validation_metrics.csv",
        Body=validation.encode(),
    )
    said: list[str] = []
    job = {"validationDataConfig": {"validators": [{"s3Uri": "s3://x/y"}]}, "trainingMetrics": {"trainingLoss": 9.0}}
    model = tuned_model(
        bucket.spec(validation="s3://acme/v", prices={"model_storage": 2}), outcome(bucket, said, **job)
    )
    assert model.metrics == {
        "training_loss": pytest.approx(1.01),
        "validation_loss": 1.5,
        "validation_perplexity": 4.5,
        "validation_loss_before": 3.0,
        "validation_perplexity_before": 20.1,
    }
    told = [line for line in said if line.startswith("training, step")]
    assert (told[0], told[-1]) == (
        "training, step 0: epoch_number 0, training_loss 2, perplexity 7",
        "training, step 99: epoch_number 1, training_loss 1.01, perplexity 5.02",
    )
    assert 5 < len(told) <= 11
    assert (model.model_arn, model.model_uri) == (outcome(bucket, []).described["outputModelArn"],) * 2
    assert model.validation is not None
    assert (model.training_seconds, model.monthly_usd, model.cost_usd, model.billed_tokens) == (90.0, 2, None, None)
    assert model.artefacts_uri == "s3://acme/models/model-customization-job-abcdef123456/"


class Generated(io.RawIOBase):
    """A body that nobody holds in memory: the same line again and again."""

    def __init__(self, line: bytes, count: int) -> None:
        self._line, self._left, self._rest = line, count, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while len(self._rest) < len(buffer) and self._left:
            self._rest, self._left = self._rest + self._line, self._left - 1
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


class GeneratingClient:
    """Answers ``get_object`` as boto3's S3 client does."""

    def __init__(self, line: bytes, count: int) -> None:
        self.line, self.count = line, count

    def get_object(self, **_: Any) -> dict[str, Any]:
        return {"Body": StreamingBody(Generated(self.line, self.count), len(self.line) * self.count)}


def test_memory_does_not_grow_with_the_data():
    line = json.dumps(chats(1, "{n}" * 30_000)[0]).encode() + b"\n"
    source = Source("s3://acme/x.jsonl", (StoredObject("x.jsonl", "x.jsonl", "etag", 1),))
    limits = family_of(MICRO, "fine_tuning", {}).limits
    tracemalloc.start()
    try:
        account = render(GeneratingClient(line, 1500), source, limits, TRAIN)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (account.records, account.bytes > 40_000_000) == (1500, True)
    assert peak < 8_000_000


def test_a_line_without_end_is_not_read():
    with pytest.raises(RequestRefused, match="a line is longer than 10 bytes"):
        list(stream_lines(GeneratingClient(b"x" * 1000, 5), "s3://acme/x", StoredObject("x", "x", "e", 1), 10))


@pytest.mark.parametrize("content", [None, b"", b"step_number\n", b"\xff,\n1", b"a,b\n1,x\n"])
def test_metric_files_that_are_missing_or_odd_are_no_failure(bucket: Bucket, content: bytes | None):
    if content is not None:
        key = "models/model-customization-job-abcdef123456/training_artifacts/step_wise_training_metrics.csv"
        bucket.s3.put_object(Bucket="acme", Key=key, Body=content)
    model = tuned_model(bucket.spec(), outcome(bucket, [], trainingMetrics={"trainingLoss": 0.5}))
    assert model.metrics == {"training_loss": 0.5}


def test_a_metric_file_that_may_not_be_read_is_said_and_no_failure(bucket: Bucket, sandbox: Sandbox):
    sandbox.world.faults.add(Rule("access_denied", service="s3", operation="GetObject"))
    said: list[str] = []
    assert tuned_model(bucket.spec(), outcome(bucket, said)).metrics == {}
    assert any("The losses are not shown" in line for line in said)
