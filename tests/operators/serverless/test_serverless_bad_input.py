"""Bad input is refused before it costs, with the thing, the words of AWS or of the rule, and the next step."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune import SpecError
from airflow_finetune.backends.serverless.needs import needs_of
from airflow_finetune.backends.serverless.spec import ServerlessSpec
from tests.backends.serverless.specs import QWEN, given
from tests.operators.bedrock.conftest import chat, order_chats
from tests.operators.serverless.conftest import Works

LLAMA, FALCON = "meta-textgeneration-llama-3-2-1b-instruct", "huggingface-llm-falcon-7b-bf16"
GROUP = "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/none"


def refused(works: Works, deferrable: bool = False, region_name: str | None = None, **changes: Any) -> str:
    """What a task says that fails without a retry and without a job."""
    run = works.run(works.spec(**changes), retries=2, deferrable=deferrable, region_name=region_name)
    assert run.try_once() == "failed", "no retry: it could not help"
    assert works.mutating() == []
    assert works.uploads() == []
    return str(run.error)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base_model": "huggingface-llm-qwen2-5-7b-instruc"}, f"Did you mean {QWEN}"),
        ({"version": "9.9.9"}, "There is no version 9.9.9; there are 2.0.0"),
        ({"base_model": FALCON}, "it is retired"),
        ({"base_model": LLAMA}, "AWS gives it only to who accepts the license at https://"),
        ({"base_model": LLAMA, "accept_eula": True, "technique": "dpo"}, "there is sft with method full, sft with"),
        ({"sequence_length": "1024K"}, "Correct sequence_length"),
        ({"epochs": 1000}, "max_epochs is 1000 and must be from 1 to 100"),
        ({"hyperparameters": {"warmth": 1}}, "this recipe has no warmth; it has"),
        ({"model_package_group": GROUP}, "Give the group's name alone, and it is made"),
    ],
    ids=str,
)
def test_what_the_hub_does_not_have_is_refused(works: Works, mode: bool, changes: dict[str, Any], said: str) -> None:
    assert said in refused(works, mode, **changes)


def test_a_region_without_serverless_customization(works: Works, mode: bool) -> None:
    said = refused(works, mode, region_name="eu-central-1")
    assert "region eu-central-1" in said
    assert "is offered in us-east-1, us-west-2, ap-northeast-1, eu-west-1" in said
    assert "as of 2026-11-28" in said


@pytest.mark.parametrize(
    ("changes", "train", "said"),
    [
        ({}, [*order_chats(1, 2), {"prompt": "a"}], "train.jsonl, line 3: it is no canonical example"),
        ({"technique": "dpo"}, [chat("a", "b")], "rejected must stand beside messages"),
        ({}, [], "it holds no record"),
    ],
    ids=["no example", "no preference", "empty"],
)
def test_data_that_the_technique_does_not_take(
    works: Works, mode: bool, changes: dict[str, Any], train: list[Any], said: str
) -> None:
    assert said in refused(works, mode, dataset=works.put("bad/train.jsonl", train), **changes)


def needs(works: Works, **changes: Any) -> Any:
    clients = {"pricing": None, **{name: works.aws(name) for name in ("sagemaker", "s3")}}
    return needs_of(ServerlessSpec(**given(**changes)), "us-east-1", clients.__getitem__)


def test_a_plan_counts_tokens_and_makes_nothing(works: Works) -> None:
    found = needs(works, epochs=3)
    [charge] = found.charges
    stored = works.aws("s3").head_object(Bucket="acme", Key="train.jsonl")["ContentLength"]
    assert 0.5 * stored < charge.quantity * 1000 / 3 <= stored, "a token is at least one byte of the rendered data"
    assert (charge.usage, charge.model, charge.unit) == ("sft_lora", QWEN, "thousand tokens")
    assert found.resolved == {"version": "2.0.0"}
    assert found.serves_on.startswith("ml.")
    assert (found.rungs, found.wrong) == ((), ())
    assert found.said["model package group orders"] == "is not there yet; fine_tune makes it."
    assert needs(works, epochs=6).charges[0].quantity == pytest.approx(2 * charge.quantity)
    steps = needs(works, max_steps=10, batch_size=4).charges[0]
    assert "10 steps" in steps.name
    assert needs(works, prices={"sft_lora": 0.5}).charges[0].unit_usd == 0.5
    assert (works.mutating(), works.uploads()) == ([], [])


def test_a_plan_says_everything_that_is_wrong_at_once(works: Works) -> None:
    dataset = works.put("bad.jsonl", [{"prompt": "a"}])
    found = needs(works, base_model=LLAMA, dataset=dataset, epochs=1000)
    things = [each.thing for each in found.wrong]
    assert things == [f"model {LLAMA} 1.1.0 of hub SageMakerPublicHub", "epochs", dataset]
    with pytest.raises(SpecError, match="Did you mean"):
        needs(works, base_model=QWEN[:-1])
