"""What travels must load whatever release wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_finetune.values import DatasetReference, TunedModel

# As version 1 of this package has written it; never change it.
OLD: dict[str, Any] = {
    "version": 1,
    "backend": "spot_training",
    "job_name": "orders-fine-tune-6a731681a6848cf4-g0-a1",
    "job_arn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/orders-fine-tune-6a731681a6848cf4-g0-a1",
    "model_uri": "s3://acme/models/orders-fine-tune-6a731681a6848cf4-g0-a1/output/model.tar.gz",
    "base_model": "s3://acme/base/",
    "dataset": {"version": 1, "uri": "s3://acme/train.jsonl"},
    "spec_digest": "fedcba9876543210",
}


def test_a_value_comes_back_as_it_was_through_json():
    value = TunedModel.load({**OLD, "metrics": {"train_loss": 0.5}, "market": "spot", "billable_seconds": 10.5})
    assert TunedModel.load(json.loads(json.dumps(value.dump()))) == value
    assert TunedModel.load(value) is value


def test_what_an_older_release_wrote_loads_with_defaults():
    value = TunedModel.load(OLD)
    assert (value.attempts, value.interruptions, value.cost_usd) == (1, 0, None)
    assert (value.hub_model_id, value.hub_model_version, value.hosting) == (None, None, None)


def test_what_a_newer_release_wrote_loads_without_what_is_not_known():
    value = TunedModel.load({**OLD, "version": 2, "carbon_grams": 3})
    assert value.version == 2
    assert not hasattr(value, "carbon_grams")


def test_values_are_frozen():
    with pytest.raises(ValidationError):
        DatasetReference(uri="s3://acme/x").uri = "s3://acme/y"  # type: ignore[misc]  # that it cannot be set is the fact


def test_a_reference_keeps_its_digest():
    assert DatasetReference.load({"uri": "s3://acme/x", "sha256": "ab"}).dump() == {
        "version": 1,
        "uri": "s3://acme/x",
        "sha256": "ab",
        "examples": None,
    }
