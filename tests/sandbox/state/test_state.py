"""Clock, store, bill, prices and quotas on their own."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_finetune.sandbox.edge.call_log import CallLog, Record
from airflow_finetune.sandbox.settings import Settings
from airflow_finetune.sandbox.state import Billing, Clock, Prices, Quotas, Store
from airflow_finetune.sandbox.state.redaction import REDACTED, is_secret, redact


class Seconds:
    """A clock's source that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_modelled_time_runs_at_speed_and_can_be_skipped() -> None:
    seconds = Seconds()
    clock = Clock(60, seconds)
    assert clock.modelled() == 0
    seconds.now += 2
    assert clock.modelled() == 120
    clock.advance(30)
    assert clock.modelled() == 150
    assert clock.real_seconds(600) == 10
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_timestamps_are_real_whatever_the_speed() -> None:
    before = datetime.now(UTC)
    assert before <= Clock(100_000).now() <= datetime.now(UTC)


def test_documents_go_in_and_come_out_as_copies() -> None:
    store, doc = Store(), {"inner": {"list": [1]}}
    assert store.create("kind", "region", "name", doc)
    doc["inner"]["list"].append(2)
    got: Any = store.get("kind", "region", "name")
    got["inner"]["list"].append(3)
    assert store.get("kind", "region", "name") == {"inner": {"list": [1]}}


def test_a_name_is_taken_once_per_kind_and_region() -> None:
    store = Store()
    assert store.create("kind", "a", "name", {"n": 1})
    assert not store.create("kind", "a", "name", {"n": 2})
    assert store.create("kind", "b", "name", {"n": 3})
    assert store.create("other", "a", "name", {"n": 4})
    assert store.get("kind", "a", "name") == {"n": 1}
    assert store.delete("kind", "a", "name")
    assert not store.delete("kind", "a", "name")
    assert store.get("kind", "a", "name") is None


def test_a_change_that_fails_leaves_the_document_as_it_was() -> None:
    store = Store()
    store.put("kind", "r", "name", {"n": 1})

    def broken(doc: dict[str, Any]) -> None:
        doc["n"] = 2
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.update("kind", "r", "name", broken)
    assert store.get("kind", "r", "name") == {"n": 1}
    assert store.update("kind", "r", "absent", broken) is None


def test_changes_from_many_threads_all_count_and_one_creator_wins() -> None:
    store = Store()
    store.put("kind", "r", "counter", {"n": 0})
    created = []

    def work() -> None:
        created.append(store.create("kind", "r", "new", {}))
        for _ in range(200):
            store.update("kind", "r", "counter", lambda doc: doc.update(n=doc["n"] + 1))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("kind", "r", "counter") == {"n": 1600}
    assert created.count(True) == 1


def test_a_meter_bills_modelled_hours_until_it_is_stopped() -> None:
    seconds = Seconds()
    clock = Clock(60, seconds)
    billing = Billing(clock)
    billing.meter("arn", "hosting", 2.0)
    seconds.now += 60  # an hour
    [line] = billing.lines()
    assert (line.quantity, line.usd, line.running) == (1.0, 2.0, True)
    billing.stop("arn")
    clock.advance(3600)
    [line] = billing.lines()
    assert (line.usd, line.running) == (2.0, False)
    billing.stop("arn")
    assert len(billing.lines()) == 1


def test_a_new_size_ends_the_old_meter() -> None:
    clock = Clock(1, Seconds())
    billing = Billing(clock)
    billing.meter("arn", "hosting", 1.0)
    clock.advance(3600)
    billing.meter("arn", "hosting", 10.0)
    clock.advance(3600)
    assert billing.total_usd() == pytest.approx(11.0)


def test_spot_is_cheaper_and_other_regions_dearer() -> None:
    prices = Prices()
    on_demand = prices.hourly_usd("training", "ml.g5.2xlarge", "us-east-1")
    assert 0 < prices.hourly_usd("spot_training", "ml.g5.2xlarge", "us-east-1") < on_demand
    assert prices.hourly_usd("training", "ml.g5.2xlarge", "eu-central-1") > on_demand
    assert prices.instance("ml.g5.2xlarge").gpus == 1
    with pytest.raises(KeyError):
        prices.hourly_usd("training", "ml.unheard.of", "us-east-1")
    with pytest.raises(KeyError):
        prices.hourly_usd("training", "ml.t2.medium", "us-east-1")  # AWS hosts on it, but does not train


def test_the_tables_agree_with_each_other_and_with_botocore() -> None:
    from airflow_finetune.sandbox.edge.protocol.models import service_model

    prices, quotas = Prices(), Quotas(Clock(1))
    model: Any = service_model("sagemaker")
    for usage, shape in (("training", "TrainingInstanceType"), ("hosting", "ProductionVariantInstanceType")):
        priced = {name for name, row in prices.table["instances"].items() if usage in row}
        assert priced <= set(model.shape_for(shape).enum)
        assert all(prices.table["instances"][name][usage] > 0 for name in priced)
    assert set(quotas.table["limits"]) == set(prices.table["instances"])
    datetime.fromisoformat(prices.table["date"])


def test_quotas_are_separate_and_zero_where_nothing_is_known() -> None:
    quotas = Quotas(Clock(1))
    quotas.set("us-east-1", "spot_training", "ml.g5.2xlarge", 0)
    assert quotas.limit("us-east-1", "spot_training", "ml.g5.2xlarge") == 0
    assert quotas.limit("us-east-1", "training", "ml.g5.2xlarge") > 0
    assert quotas.limit("us-east-1", "training", "ml.unheard.of") == 0
    assert quotas.limit("us-east-1", "training", "ml.p4d.24xlarge") == 0
    quotas.clear()
    assert quotas.limit("us-east-1", "spot_training", "ml.g5.2xlarge") > 0


@pytest.mark.parametrize(
    "key",
    ["password", "SecretString", "HF_TOKEN", "hf-token", "apiKey", "API_KEY", "AWS_SECRET_ACCESS_KEY", "accessKey",
     "private_key", "db_passwd", "Authorization", "Plaintext", "SessionToken",
     "HFTOKEN", "dbpassword", "CLIENT_TOKEN", "OAUTH_REQUEST_TOKEN", "SSH_KEY", "ENCRYPTION_KEY"],
)  # fmt: skip
def test_names_of_secrets_are_known(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize(
    "key",
    ["NextToken", "ClientRequestToken", "max_tokens", "tokenizer", "SecretId", "secret_arn", "TrainingJobName",
     "KeyId", "monkey", "token_count", "keypath", "compatible"],
)  # fmt: skip
def test_names_that_only_look_like_secrets_are_kept(key: str) -> None:
    assert not is_secret(key)


def test_secrets_are_taken_out_wherever_they_are() -> None:
    document = {
        "Environment": {"HF_TOKEN": "x", "LR": "0.1"},
        "Tags": [{"Key": "api_token", "Value": "x"}, {"Key": "team", "Value": "red"}],
        "Body": b"1234",
        "When": datetime(2026, 1, 2, tzinfo=UTC),
    }
    clean = redact(document)
    assert clean == {
        "Environment": {"HF_TOKEN": REDACTED, "LR": "0.1"},
        "Tags": [{"Key": "api_token", "Value": REDACTED}, {"Key": "team", "Value": "red"}],
        "Body": "[4 bytes]",
        "When": "2026-01-02T00:00:00+00:00",
    }
    json.dumps(clean)
    assert document["Environment"]["HF_TOKEN"] == "x"


HF, BEARER = "hf_" + "a1B2" * 8, "Bearer abc.def-123456"


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ({"CONFIG": '{"hf_token": "x", "lr": 0.1}'}, {"CONFIG": f'{{"hf_token": "{REDACTED}", "lr": 0.1}}'}),
        ({"CONFIG": '{"lr":0.1}'}, {"CONFIG": '{"lr":0.1}'}),
        ({"BASE": f"pulls with {HF}"}, {"BASE": f"pulls with {REDACTED}"}),
        ({"HEADER": BEARER}, {"HEADER": f"Bearer {REDACTED}"}),
        ({"DB": "postgresql://me:pw@db:5432/x"}, {"DB": f"postgresql://me:{REDACTED}@db:5432/x"}),
        (["train.py", "--hf-token", "x", "--lr", "0.1"], ["train.py", "--hf-token", REDACTED, "--lr", "0.1"]),
        (["--api-key=x", "--max-tokens=5"], [f"--api-key={REDACTED}", "--max-tokens=5"]),
        (["bash", "-c", "DB_PASSWORD=x LR=1 run"], ["bash", "-c", f"DB_PASSWORD={REDACTED} LR=1 run"]),
        (
            {"Name": "/x", "Type": "SecureString", "Value": "x"},
            {"Name": "/x", "Type": "SecureString", "Value": REDACTED},
        ),
        ({"Name": "/x", "Type": "String", "Value": "x"}, {"Name": "/x", "Type": "String", "Value": "x"}),
        (
            {"Tags.member.1.Key": "API_TOKEN", "Tags.member.1.Value": "x", "Tags.member.2.Value": "kept"},
            {"Tags.member.1.Key": "API_TOKEN", "Tags.member.1.Value": REDACTED, "Tags.member.2.Value": "kept"},
        ),
        ({"S3Uri": "s3://bucket/a=1/b"}, {"S3Uri": "s3://bucket/a=1/b"}),
    ],
)
def test_secrets_are_found_in_texts_arguments_and_forms(value: object, clean: object) -> None:
    assert redact(value) == clean


def test_the_call_log_forgets_the_oldest_and_says_how_many_there_were() -> None:
    from airflow_finetune.sandbox.edge.call_log import MAX_CALLS

    log = CallLog()
    for number in range(MAX_CALLS + 5):
        log.add(Record(datetime.now(UTC), "s3", "PutObject", "r", "a", {"n": number}, 200, "ok", "id", 0.0))
    assert log.total == MAX_CALLS + 5
    assert log.records()[0].params == {"n": 5}


@pytest.mark.parametrize(
    ("choice", "says"),
    [({"speed": 0}, "speed is 0"), ({"account": "12"}, "twelve digits"), ({"slots": 0}, "slots is 0")],
)
def test_settings_that_cannot_work_are_refused(choice: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Settings(**choice)


def test_the_token_is_not_shown() -> None:
    settings = Settings()
    assert settings.token not in repr(settings)
    settings.state_dir.rmdir()
