"""A whole run on Bedrock's side of the embedded AWS: its bill to the cent by the price list, and below its plan."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from airflow_finetune.aws.prices import bedrock_usd
from airflow_finetune.sandbox.runner.inference import TINY_BASE
from tests.planning.conftest import Company
from tests.planning.needs import MICRO, TOKENS, needs, stored, trained
from tests.sandbox.bedrock.account import ASKED, Account, lines, order_records, until
from tests.sandbox.bedrock.account import MICRO as MICRO_ID

QUESTIONS = ("two books", "a pen and a cup", "one lamp to Oslo")
ANSWER_TOKENS = 12
CENT = 0.005
KINDS = ("customization_training", "custom_model_storage", "input_tokens", "output_tokens", "provisioned_throughput")


def counted(records: list[dict[str, Any]]) -> int:
    """Return the tokens of the records, by the tokenizer alone."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(TINY_BASE))
    chats = [
        [{"role": each["role"], "content": each["content"][0]["text"]} for each in record["messages"]]
        for record in records
    ]
    return sum(len(tokenizer.apply_chat_template(chat, return_dict=True)["input_ids"]) for chat in chats)


def asked(account: Account, model: str) -> tuple[int, int]:
    """Ask every question; return the tokens that AWS says it has read and written."""
    read = written = 0
    for question in QUESTIONS:
        answer = account.runtime.converse(
            modelId=model,
            messages=[{"role": "user", "content": [{"text": question}]}],
            inferenceConfig={"maxTokens": ANSWER_TOKENS, "temperature": 0},
        )
        read, written = read + answer["usage"]["inputTokens"], written + answer["usage"]["outputTokens"]
    return read, written


def bill_of(company: Company) -> list[dict[str, Any]]:
    """Return the bill's lines, over HTTP as everybody reads them."""
    headers = {"x-sandbox-token": company.sandbox.token}
    request = urllib.request.Request(f"{company.sandbox.url}/_sandbox/bill", headers=headers)
    with urllib.request.urlopen(request) as answer:
        document = json.load(answer)
    assert document["total_usd"] == pytest.approx(sum(line["usd"] for line in document["lines"]))
    found: list[dict[str, Any]] = document["lines"]
    return found


@pytest.mark.long
def test_a_run_costs_what_the_price_list_says_of_what_was_used_and_less_than_its_plan(company: Company) -> None:
    account, clock = Account(company.sandbox, company.aws), company.sandbox.world.clock
    usd = {
        usage: bedrock_usd(company.client("pricing"), usage, MICRO, "us-east-1") or 0.0
        for usage in ("customization", "input_tokens", "output_tokens", "model_unit", "model_storage")
    }
    assert all(usd.values())
    records = order_records(1, 8)
    golden = "".join(json.dumps({"messages": [{"role": "user", "content": each}]}) + "\n" for each in QUESTIONS)
    company.client("s3").put_object(Bucket="acme", Key="golden.jsonl", Body=golden.encode())
    plan = company.plan_of(
        needs(trained(len(lines(records)) / 1000), stored()),
        most_jobs=1,
        hosting={"hosting": "provisioned_throughput", "model": MICRO_ID, "hours": 2},
        evaluation={"golden": "s3://acme/golden.jsonl", "models": [ASKED, MICRO_ID], "max_new_tokens": ANSWER_TOKENS},
    )

    account.submit(records=records, hyperParameters={"epochCount": "1"})
    model_arn = account.ended()["outputModelArn"]
    tokens = [asked(account, ASKED), asked(account, account.deployed("candidate", model_arn))]
    request = {"modelUnits": 1, "provisionedModelName": "units", "modelId": model_arn}
    account.bedrock.create_provisioned_model_throughput(**request)
    clock.advance(1.5 * 3600)
    throughput = account.bedrock.get_provisioned_model_throughput(provisionedModelId="units")
    until(
        lambda: account.bedrock.list_provisioned_model_throughputs(statusEquals="InService")[
            "provisionedModelSummaries"
        ]
    )
    asked(account, throughput["provisionedModelArn"])
    account.bedrock.delete_provisioned_model_throughput(provisionedModelId="units")
    account.bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier="candidate")
    account.bedrock.delete_custom_model(modelIdentifier=model_arn)

    bill = bill_of(company)
    assert not [line for line in bill if line["running"]], "nothing is left billing"
    used = {kind: sum(line["quantity"] for line in bill if line["kind"] == kind) for kind in KINDS}
    assert used["customization_training"] == counted(records)
    assert used["input_tokens"] == sum(read for read, _ in tokens), "model units bill hours, not tokens"
    assert used["output_tokens"] == sum(written for _, written in tokens)
    assert used["provisioned_throughput"] > 1.5
    assert {line["kind"] for line in bill} == set(KINDS)
    owed = {
        "customization_training": counted(records) / 1000 * usd["customization"],
        "input_tokens": sum(read for read, _ in tokens) / 1000 * usd["input_tokens"],
        "output_tokens": sum(written for _, written in tokens) / 1000 * usd["output_tokens"],
        "provisioned_throughput": used["provisioned_throughput"] * usd["model_unit"],
        "custom_model_storage": used["custom_model_storage"] * usd["model_storage"],
    }
    for kind, dollars in owed.items():
        billed = sum(line["usd"] for line in bill if line["kind"] == kind)
        assert billed == pytest.approx(dollars, rel=1e-6), kind
    total = sum(line["usd"] for line in bill)
    assert abs(total - sum(owed.values())) < CENT
    # How long units live depends here on the machine, whose seconds are a quarter of an hour each; all else is bounded.
    planned = {item.name: item.usd for item in plan.items if "provisioned" not in item.name}
    assert total - owed["provisioned_throughput"] < sum(planned.values()) < plan.worst_case_usd
    tokens_planned = sum(item.quantity for item in plan.items if item.unit == TOKENS) * 1000
    assert tokens_planned > used["customization_training"] + used["input_tokens"] + used["output_tokens"]
