"""The section `advise`: what it may hold, what a run may change of it, and that a file without it is as it was."""

from __future__ import annotations

from typing import Any

import pytest

CUSTOM = "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-micro-v1:0:128k/abcdefabcdef"
BEDROCK: dict[str, Any] = {
    "backend": "bedrock",
    "model": {"base": "amazon.nova-micro-v1:0:128k", "method": ..., "epochs": 2},
    "compute": ...,
    "serving": {"hosting": "on_demand_deployment"},
}
HUB: dict[str, Any] = {
    "backend": "jumpstart",
    "model": {"base": "huggingface-llm-qwen2-5-7b-instruct", "method": ...},
    "compute": ...,
    "serving": ...,
}
SERVED = ("advice_open_scope", "advice_deploy_baseline", "advise", "advice_teardown", "advice_guard")


def test_without_the_section_nothing_is_asked_counted_or_made(read: Any) -> None:
    for sections in ({}, {"advise": None}):
        pipeline = read(**sections)
        assert pipeline.advise is None
        assert "advice" not in pipeline.limits
        assert not [task for task in pipeline.tasks if "advi" in task]


def test_an_empty_section_asks_by_default(read: Any) -> None:
    pipeline = read(advise={})
    assert (pipeline.advise.shots, pipeline.advise.require_advice) == (8, False)
    assert pipeline.tasks[:8] == ("curate", "plan", *SERVED, "fine_tune")
    assert pipeline.limits["advice"] == {}, "an endpoint as `hosting` says"


def test_on_bedrock_the_plan_is_told_how_much_is_asked_by_the_token(read: Any) -> None:
    serving = {"hosting": "provisioned_throughput", "prices": {"input_tokens": 0.1, "model_unit": 3}}
    advise = {"instruction": "abc", "shots": 2, "items": 50, "shot_bytes": 100}
    pipeline = read(**{**BEDROCK, "serving": serving}, advise=advise, evaluate={"sampling": {"max_new_tokens": 9}})
    assert pipeline.limits["advice"] == {
        "model": "amazon.nova-micro-v1:0:128k",
        "most_items": 50,
        "prompts": 3,
        "more_bytes": 2 * (3 + 32) + 2 * (100 + 64),
        "max_new_tokens": 9,
        "prices": {"input_tokens": 0.1},
    }


def test_a_run_may_change_whether_advice_is_required_where_the_form_lists_it(read: Any) -> None:
    pipeline = read(advise={"require_advice": True}, form=["advise.require_advice"])
    assert pipeline.advise.require_advice == "{{ params['advise.require_advice'] }}"
    (field,) = pipeline.form
    assert (field.default, field.schema["type"], field.section) == (True, "boolean", "Advise")
    assert "advise.require_advice" in pipeline.conf_names


@pytest.mark.parametrize(
    ("sections", "place", "said"),
    [
        ({"advise": {"instruction": " "}}, "advise", "instruction is blank"),
        ({"advise": {"instruction": ""}}, "advise.instruction", "at least 1 character"),
        ({"advise": {"shots": 0}}, "advise", "something to try beside the plain prompt"),
        ({"advise": {"shots": 65}}, "advise.shots", "less than or equal to 64"),
        ({"advise": {"shot": 3}}, "advise.shot", "did you mean 'shots'"),
        ({"advise": True}, "advise", "must hold keys"),
        ({"advise": {"items": 20}}, "advise", "20 items are asked at most, and the gate decides on 30 or more"),
        ({"advise": {}, "gate": {"at_least": ...}}, "advise", "the gate has no at_least"),
        ({"form": ["advise.require_advice"]}, "form.0", "the file has no section advise"),
        ({"advise": {}, "form": ["advise.shots"]}, "form.0", "can only be changed in the file"),
        ({**BEDROCK, "model": {**BEDROCK["model"], "base": CUSTOM}, "advise": {}}, "advise", "is a custom model"),
        ({**HUB, "advise": {}}, "advise", "is known once it is tuned"),
    ],
)
def test_what_cannot_work_is_said_at_its_place(faults: Any, sections: Any, place: str, said: str) -> None:
    assert said in faults(**sections)[place]


def test_a_fault_of_the_section_names_its_line(write: Any) -> None:
    from airflow_finetune.pipeline import PipelineError, read_pipeline

    path = write(advise={"shots": "many"})
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "shots" in text)
    with pytest.raises(PipelineError, match=rf"line {line}, advise\.shots"):
        read_pipeline(path)
