"""Data that nobody here made, through patterns and mapping files only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_finetune.curation.canonical import normalised
from airflow_finetune.curation.curate import Places, curate
from airflow_finetune.curation.spec import CurateSpec

TEMPLATES = Path(__file__).parents[2] / "include" / "datasets"


def lines(path: Path) -> list[list[dict[str, str]]]:
    return [json.loads(line)["messages"] for line in path.read_text().splitlines()]


def prompts(path: Path) -> set[str]:
    return {normalised(messages[-2]["content"]) for messages in lines(path)}


def run(out: Path, source: Path, golden: Path | None = None, **fields: Any) -> dict[str, Any]:
    if golden:
        fields["golden"] = str(golden)
    spec = CurateSpec.load({"source": str(source), **fields}, rendered=True, thing="curate")
    return curate(spec, Places(source, out, golden, out.parent / "holdout", TEMPLATES))


def test_what_people_typed_becomes_json_of_spans(real: Callable[[str], Path], tmp_path: Path) -> None:
    source = real("restaurant8k/train.json")
    mapping = {"prompt": "{userInput.text}", "completion_template": "spans.jinja"}
    told = run(tmp_path / "out", source, golden=None, **mapping)
    assert told["records_in"] == 8198
    assert told["records_out"] + sum(told["dropped"].values()) == 8198
    assert set(told["dropped"]) <= {"duplicate", "contradiction"}
    answers = {
        messages[0]["content"]: json.loads(messages[1]["content"]) for messages in lines(tmp_path / "out/train.jsonl")
    }
    assert answers["There will be 5 adults and 1 child."] == {"people": "5 adults and 1 child"}
    raw = {record["userInput"]["text"].strip(): record for record in json.loads(source.read_text())}
    without_start = 0
    for text, answer in answers.items():
        assert all(words and words in raw[text]["userInput"]["text"] for words in answer.values())
        labels = raw[text].get("labels", [])
        without_start += any("startIndex" not in label["valueSpan"] for label in labels)
        assert bool(answer) == bool(labels)
    assert without_start > 900


def test_a_test_set_as_golden_set_loses_what_it_shares_with_training(
    real: Callable[[str], Path], tmp_path: Path
) -> None:
    mapping = {"prompt": "{userInput.text}", "completion_template": "spans.jinja"}
    told = run(tmp_path / "out", real("restaurant8k/train.json"), real("restaurant8k/test.json"), **mapping)
    assert told["dropped"]["in_golden_exact"] > 50
    assert prompts(tmp_path / "out/golden.jsonl").isdisjoint(prompts(tmp_path / "out/train.jsonl"))
    assert any("several answers" in notice for notice in told["notices"])


def test_questions_and_intents_need_two_patterns(real: Callable[[str], Path], tmp_path: Path) -> None:
    mapping = {"prompt": "{text}", "completion": "{category}", "validation_fraction": 0.05}
    told = run(tmp_path / "out", real("banking77/train.csv"), real("banking77/test.csv"), **mapping)
    assert told["records_in"] == 10_003
    assert told["measures"]["different_answers"] == 77
    assert told["dropped"] == {"in_golden_exact": 6, "duplicate": 4, "in_golden_normalised": 1}
    sides = [prompts(tmp_path / f"out/{name}.jsonl") for name in ("train", "validation", "golden")]
    assert sum(map(len, sides)) == len(set.union(*sides))


def test_right_and_wrong_solutions_to_one_question_are_contradictions(
    real: Callable[[str], Path], tmp_path: Path
) -> None:
    records = [json.loads(line) for line in real("gsm8k/example_model_solutions.jsonl").read_text().splitlines()]
    pairs = [
        {"prompt": record["question"], "completion": solution["solution"]}
        for record in records
        for solution in (record["6b_finetuning"], record["175b_finetuning"])
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    twins = zip(pairs[::2], pairs[1::2], strict=True)
    different = sum(normalised(one["completion"]) != normalised(two["completion"]) for one, two in twins)
    told = run(tmp_path / "out", tmp_path / "pairs.jsonl", on_contradiction="report")
    assert told["contradictions"] == {"policy": "report", "prompts": different, "records": 2 * different}
    assert different > 1000


def test_chats_with_a_system_text_are_examples_already(real: Callable[[str], Path], tmp_path: Path) -> None:
    told = run(tmp_path / "out", real("aws-samples/nova_train.jsonl"), messages="messages", max_unusable_fraction=1.0)
    assert told["records_in"] == 560
    assert told["records_out"] + sum(told["dropped"].values()) == 560
