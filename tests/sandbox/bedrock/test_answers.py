"""Models answer: by Converse and InvokeModel, base and tuned, in batches; with limits, bills and refusals."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.runner.inference import Requests
from airflow_finetune.sandbox.zoo import mixture
from tests.sandbox.bedrock.account import ASKED, MICRO, TITAN, Account, refusal

KNOWN = [row for row in (mixture.row(99, number, most=1) for number in range(60)) if "\n" not in row[0]][:24]
"""Small tasks of the kind that the tiny base has seen."""


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": text}]}


def test_a_base_model_really_answers_and_concurrent_callers_share_batches(account: Account) -> None:
    with ThreadPoolExecutor(12) as pool:
        together = list(pool.map(lambda row: account.ask(ASKED, row[0], maxTokens=60), KNOWN))
    right = sum(answer == completion for answer, (_, completion) in zip(together, KNOWN, strict=True))
    assert right >= len(KNOWN) / 3, "the base knows tasks of its mixture"
    assert account.ask(ASKED, KNOWN[0][0], maxTokens=60) == together[0], "a batch changes no greedy answer"


def test_usage_is_counted_and_billed_by_token(account: Account) -> None:
    answer = account.runtime.converse(modelId=ASKED, messages=[user(KNOWN[0][0])], inferenceConfig={"maxTokens": 3})
    usage = answer["usage"]
    assert (answer["stopReason"], usage["outputTokens"]) == ("max_tokens", 3)
    assert usage["totalTokens"] == usage["inputTokens"] + 3
    [read], [written] = account.bill("input_tokens"), account.bill("output_tokens")
    assert (read.quantity, written.quantity) == (usage["inputTokens"], 3)
    assert written.usd == pytest.approx(3 / 1000 * 0.00014)
    account.runtime.converse(modelId=f"us.{ASKED}", messages=[user("x")], inferenceConfig={"maxTokens": 2})
    assert [line.quantity for line in account.bill("output_tokens")] == [5], "one line a model"


def test_an_answer_ends_at_a_stop_text(account: Account) -> None:
    whole = account.ask(ASKED, KNOWN[0][0])
    assert len(whole) > 2
    answer = account.runtime.converse(
        modelId=ASKED,
        messages=[user(KNOWN[0][0])],
        inferenceConfig={"maxTokens": 60, "stopSequences": [whole[1]], "temperature": 0},
    )
    assert answer["stopReason"] == "stop_sequence"
    assert answer["output"]["message"]["content"][0]["text"] == whole[: whole.index(whole[1])]


@pytest.mark.parametrize(
    ("model", "body", "read"),
    [
        (ASKED, {"messages": [user("x")]}, lambda body: body["output"]["message"]["content"][0]["text"]),
        (TITAN.removesuffix(":0:4k"), {"inputText": "x"}, lambda body: body["results"][0]["outputText"]),
        ("meta.llama3-1-8b-instruct-v1:0", {"prompt": "x"}, lambda body: body["generation"]),
        (
            "anthropic.claude-3-haiku-20240307-v1:0",
            {"messages": [{"role": "user", "content": "x"}]},
            lambda body: body["content"][0]["text"],
        ),
        ("cohere.command-light-text-v14", {"prompt": "x"}, lambda body: body["generations"][0]["text"]),
    ],
    ids=["nova", "titan", "llama", "claude", "cohere"],
)
def test_invoke_model_speaks_each_familys_dialect(account: Account, model: str, body: Any, read: Any) -> None:
    text = json.dumps(body).replace('"x"', json.dumps(KNOWN[0][0]))
    answer = account.runtime.invoke_model(modelId=model, body=text)
    assert answer["contentType"] == "application/json"
    assert read(json.loads(answer["body"].read())) == account.ask(model, KNOWN[0][0], maxTokens=256)


def test_a_body_of_another_form_is_malformed(account: Account) -> None:
    code, text = refusal(account.runtime.invoke_model, modelId=ASKED, body=b'{"prompt": "x"}')
    assert code == "ValidationException"
    assert text.startswith("Malformed input request: required key [messages] not found")
    assert "Malformed input request" in refusal(account.runtime.invoke_model, modelId=ASKED, body=b"{")[1]


def test_deployments_and_throughput_answer_and_the_models_own_arn_does_not(account: Account) -> None:
    arn = account.model("m")
    deployment = account.deployed("d", arn)
    assert account.ask(deployment, KNOWN[0][0]) == account.ask(ASKED, KNOWN[0][0])
    assert {line.arn for line in account.bill("output_tokens")} >= {deployment}
    bought = account.bedrock.create_provisioned_model_throughput(modelUnits=1, provisionedModelName="p", modelId=arn)[
        "provisionedModelArn"
    ]
    account.sandbox.world.clock.advance(3600)
    assert account.ask(bought, KNOWN[0][0]) == account.ask(ASKED, KNOWN[0][0])
    assert bought not in {line.arn for line in account.bill("output_tokens")}, "hours are billed, not tokens"
    code, _ = refusal(account.runtime.converse, modelId=arn, messages=[user("x")])
    assert code == "ValidationException"
    account.bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier="d")
    assert refusal(account.runtime.converse, modelId=deployment, messages=[user("x")])[0] == (
        "ResourceNotFoundException"
    )


def test_what_is_still_being_made_is_not_ready(account: Account) -> None:
    store, clock = account.sandbox.world.store, account.sandbox.world.clock
    arn = account.model("m")
    deployment = account.bedrock.create_custom_model_deployment(modelDeploymentName="d", modelArn=arn)
    later = {"status": "Creating", "_ready_at": clock.modelled() + 86_400.0, "_done": {"status": "Active"}}
    store.update("custom_model_deployment", "us-east-1", "d", lambda document: document.update(later))
    asked = {"modelId": deployment["customModelDeploymentArn"], "messages": [user("x")]}
    assert refusal(account.runtime.converse, **asked)[0] == "ModelNotReadyException"
    clock.advance(86_400.0)
    account.runtime.converse(**asked)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"modelId": "amazon.nothing-v1:0"}, "The provided model identifier is invalid."),
        ({"modelId": MICRO}, "with on-demand throughput isn\u2019t supported. Retry your request with the ID or ARN"),
        ({"messages": []}, "A conversation must start with a user message."),
        ({"messages": [user("a"), user("b")]}, "A conversation must alternate between user and assistant roles."),
        ({"messages": [user(" ")]}, "The text field in the ContentBlock object is blank."),
        ({"messages": [user("x " * 5000)]}, "Input is too long for requested model."),
        ({"inferenceConfig": {"temperature": 2.0}}, "Member must have value less than or equal to 1"),
    ],
)
def test_what_a_model_cannot_be_asked_is_refused(account: Account, more: dict[str, Any], text: str) -> None:
    code, said = refusal(account.runtime.converse, **{"modelId": ASKED, "messages": [user("x")], **more})
    assert code == "ValidationException"
    assert text in said


def test_what_the_sandbox_does_not_have_is_said_and_not_pretended(account: Account) -> None:
    tool = {"toolSpec": {"name": "t", "inputSchema": {"json": {}}}}
    asked = {"modelId": ASKED, "messages": [user("x")], "toolConfig": {"tools": [tool]}}
    assert refusal(account.runtime.converse, **asked)[0] == "NotImplemented"
    image = {"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": b"1"}}}]}
    assert refusal(account.runtime.converse, modelId=ASKED, messages=[image])[0] == "NotImplemented"


def test_requests_are_counted_over_a_minute_for_each_model() -> None:
    requests = Requests()
    assert [requests.admit("a", 2, now) for now in (0.0, 59.0, 59.5)] == [True, True, False]
    assert requests.admit("b", 2, 59.5)
    assert requests.admit("a", 2, 60.0), "the first is a minute old"
    assert not requests.admit("a", 2, 60.5)


def test_too_many_requests_are_throttled_and_cost_nothing(account: Account) -> None:
    account.sandbox.world.quotas.set("us-east-1", "bedrock_requests_per_minute", ASKED, 0)
    code, text = refusal(account.runtime.converse, modelId=ASKED, messages=[user("x")])
    assert (code, text) == ("ThrottlingException", "Too many requests, please wait before trying again.")
    assert account.sandbox.world.billing.lines() == []
    account.ask("amazon.nova-lite-v1:0", "x", maxTokens=1)


def test_planned_throttles_strike_the_runtime_too(account: Account) -> None:
    account.sandbox.world.faults.add(Rule("throttle", service="bedrock-runtime", operation="Converse", first=1))
    asked = {"modelId": ASKED, "messages": [user("x")], "inferenceConfig": {"maxTokens": 1}}
    assert refusal(account.runtime.converse, **asked)[0] == "ThrottlingException"
    account.runtime.converse(**asked)


def test_a_dead_process_is_started_again(account: Account) -> None:
    account.ask(ASKED, "x", maxTokens=1)
    process = account.sandbox.world.bedrock.inference._process
    assert process is not None
    process.end()
    account.ask(ASKED, "x", maxTokens=1)
