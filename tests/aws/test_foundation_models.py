"""What AWS says of a base model, whatever names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_finetune.aws.foundation_models import FoundationModel, found_model, is_profile
from airflow_finetune.lifecycle.failures import FailureClass, Refusal

MICRO = "amazon.nova-micro-v1:0"


@pytest.mark.parametrize(
    "identifier",
    [
        MICRO,
        f"us.{MICRO}",
        f"apac.{MICRO}",
        f"arn:aws:bedrock:us-east-1::foundation-model/{MICRO}",
        f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{MICRO}",
    ],
)
def test_a_model_is_found_by_its_id_its_arn_and_its_profiles(aws: Callable[..., Any], identifier: str) -> None:
    found = found_model(aws("bedrock"), identifier)
    assert isinstance(found, FoundationModel)
    assert (found.id, found.name, found.inference_types) == (MICRO, "Nova Micro", ("ON_DEMAND",))


def test_a_model_that_is_not_there_is_a_refusal_in_awss_words(aws: Callable[..., Any]) -> None:
    found = found_model(aws("bedrock"), "amazon.nova-colossal-v1:0")
    assert isinstance(found, Refusal)
    assert found.meaning is FailureClass.REFUSED
    assert "model identifier is invalid" in found.message


def test_a_provider_is_no_profile() -> None:
    assert is_profile(f"eu.{MICRO}")
    assert not is_profile(MICRO)
    assert not is_profile("ai21.jamba-1-5-mini-v1:0")
