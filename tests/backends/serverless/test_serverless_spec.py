"""What a person may write: everything that can be known is refused when the DAG is parsed."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune import ServerlessSpec, SpecError
from tests.backends.serverless.specs import EVALUATOR, given


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"technique": "ppo"}, "Input should be 'sft', 'dpo', 'rlvr' or 'rlaif'"),
        ({"technique": "rlvr"}, "need what says how good an answer is: evaluator_arn"),
        ({"technique": "rlaif"}, "need what says how good an answer is"),
        ({"evaluator_arn": EVALUATOR}, "evaluator_arn belongs to rlvr and rlaif"),
        ({"method": "full", "lora_rank": 8}, "lora_rank and lora_alpha belong to method: lora"),
        ({"epochs": 2, "hyperparameters": {"max_epochs": 3}}, "is given in one place only"),
        ({"epochs": 0}, "greater than or equal to 1"),
        ({"base_model": "s3://acme/base/"}, "String should match pattern"),
        ({"model_package_group": "or ders"}, "String should match pattern"),
        ({"sequence_length": "4096 tokens"}, "String should match pattern"),
        ({"version": "newest"}, "String should match pattern"),
        ({"epoch": 3}, "did you mean 'epochs'"),
        ({"subnets": ["subnet-1"]}, "subnets and security_group_ids are given together"),
        ({"prices": {"sft": 1}}, "sft_lora"),
        ({"hyperparameters": {"api_token": "hf_abcdefghijklmnopqrstuvwxyz0123"}}, "anybody who may describe the job"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        ServerlessSpec.load(given(**changes), rendered=True, thing="fine_tune")


@pytest.mark.parametrize(
    "changes",
    [
        {"technique": "rlvr", "evaluator_arn": EVALUATOR},
        {"technique": "rlvr", "hyperparameters": {"preset_reward_function": "gsm8k"}},
        {"model_package_group": "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/orders"},
        {"epochs": "{{ params.epochs }}", "technique": "{{ params.technique }}"},
    ],
    ids=str,
)
def test_what_can_work_is_taken(changes: dict[str, Any]) -> None:
    assert ServerlessSpec(**given(**changes)).backend == "serverless"
