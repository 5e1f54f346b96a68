"""The training script's own rules: hyperparameters, forms of data, adapters, checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
import torch  # the sandbox works without it; its programs do not

from airflow_finetune.sandbox.zoo.jumpstart import lora, records
from airflow_finetune.sandbox.zoo.jumpstart.checkpoints import Checkpoints
from airflow_finetune.sandbox.zoo.jumpstart.options import JobError, Options, parse


class Small(torch.nn.Module):  # type: ignore[misc,unused-ignore]  # torch is not followed by mypy
    """A model whose output is tied to its embedding, as the tiny base's is."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.inner, self.out = torch.nn.Embedding(6, 8), torch.nn.Linear(8, 8), torch.nn.Linear(8, 6)
        self.out.weight = self.words.weight

    def get_output_embeddings(self) -> torch.nn.Module:
        return self.out

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.out(self.inner(self.words(ids)))
        return answer


def written(folder: Path, name: str, *lines: Any) -> Path:
    (folder / name).write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines))
    return folder


def test_arguments_become_options() -> None:
    found = parse(["--epoch", "2", "--learning_rate", "1e-4", "--instruction_tuned", "True", "--other", "x"])
    assert (found.epoch, found.learning_rate, found.instruction_tuned, found.peft_type) == (2, 1e-4, True, "None")


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--epoch", "many"], "epoch is 'many': it must be a number"),
        (["--instruction_tuned", "yes"], "must be True or False"),
        (["--instruction_tuned", "True", "--chat_dataset", "True"], "cannot both be True"),
    ],
)
def test_what_cannot_be_an_option_is_refused(argv: list[str], text: str) -> None:
    with pytest.raises(JobError, match=text):
        parse(argv)


def test_instructions_are_filled_into_the_template(tmp_path: Path) -> None:
    written(tmp_path, "train.jsonl", {"q": "two", "a": {"n": 2}})
    written(tmp_path, "template.json", {"prompt": "Say {q}:", "completion": "{a}"})
    [found] = records.read(tmp_path, Options(instruction_tuned=True))
    assert [each["content"] for each in found["messages"]] == ["Say two:", '{"n": 2}']


def test_without_a_template_rows_have_prompt_and_completion(tmp_path: Path) -> None:
    written(tmp_path, "train.jsonl", {"prompt": "{p}", "completion": "c"})
    [found] = records.read(tmp_path, Options(instruction_tuned=True))
    assert [each["content"] for each in found["messages"]] == ["{p}", "c"]


def test_conversations_are_taken_as_they_are(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    written(tmp_path, "train.jsonl", {"messages": turns}, {"dialog": turns})
    assert records.read(tmp_path, Options(chat_dataset=True)) == [{"messages": turns}] * 2


def test_plain_text_comes_from_three_kinds_of_files(tmp_path: Path) -> None:
    written(tmp_path, "a.txt", "one", "", "two")
    written(tmp_path, "b.csv", "id,text", "1,three")
    written(tmp_path, "c.jsonl", {"text": "four"})
    assert [each["text"] for each in records.read(tmp_path, Options())] == ["one", "two", "three", "four"]


@pytest.mark.parametrize(
    ("chosen", "row", "template", "text"),
    [
        ({"instruction_tuned": True}, {"q": "x"}, None, r"train.jsonl line 1: .* wants the key 'prompt'.*'q'"),
        ({"instruction_tuned": True}, {"q": "x"}, {"prompt": "{a}", "completion": "{b}"}, "wants the key 'a'"),
        ({"instruction_tuned": True}, {"q": "x"}, {"prompt": "{q}"}, "template.json: it must be"),
        ({"instruction_tuned": True}, {"q": "x"}, {"prompt": "{q", "completion": "c"}, "cannot be filled in"),
        ({"instruction_tuned": True}, "no json", None, "train.jsonl line 1: no JSON"),
        ({"instruction_tuned": True}, "", None, "no training record.*train.jsonl"),
        ({"chat_dataset": True}, {"prompt": "p"}, None, "no conversation"),
        ({"chat_dataset": True}, {"messages": [{"role": "robot", "content": "c"}]}, None, "needs a role"),
        ({"chat_dataset": True}, {"messages": [{"role": "user", "content": "c"}]}, None, "last message"),
        ({}, {"prompt": "p"}, None, "no text: .*instruction_tuned"),
    ],
)
def test_wrong_data_is_refused_by_its_place(
    tmp_path: Path, chosen: dict[str, Any], row: Any, template: Any, text: str
) -> None:
    written(tmp_path, "train.jsonl", row)
    if template:
        written(tmp_path, "template.json", template)
    with pytest.raises(JobError, match=text):
        records.read(tmp_path, Options(**chosen))


def test_an_adapter_begins_as_nothing_and_is_merged_to_the_same_answers() -> None:
    model, ids = Small(), torch.arange(6)
    with torch.no_grad():
        before = model(ids)
        lora.adapt(model, 4, 8, 0.0)
        assert torch.equal(model(ids), before)
        for name, weight in model.named_parameters():
            if name.endswith(".up"):
                weight += 0.1
        adapted = model(ids)
        trained = {name.rsplit(".", 1)[-1] for name, weight in model.named_parameters() if weight.requires_grad}
        lora.merge(model)
        assert trained == {"down", "up"}
        assert model.out.weight is model.words.weight
        assert not torch.allclose(adapted, before, atol=1e-3)
        assert torch.allclose(model(ids), adapted, atol=1e-5)
    assert not any(isinstance(each, lora.Adapted) for each in model.modules())


def test_a_torn_or_foreign_checkpoint_is_passed_over(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    kept = Checkpoints(tmp_path, "this job", most=2)
    for step in (10, 20, 30):
        with torch.no_grad():
            model.weight.fill_(float(step))
        kept.save(step, model, optimizer)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-20.pt", "checkpoint-30.pt"]
    newest = tmp_path / "checkpoint-30.pt"
    newest.write_bytes(newest.read_bytes()[:100])
    (tmp_path / "checkpoint-40.tmp").write_bytes(b"half")
    assert kept.restore(model, optimizer) == 20
    assert float(model.weight[0, 0].detach()) == 20.0
    assert Checkpoints(tmp_path, "another job", most=2).restore(model, optimizer) == 0
