"""What a job leaves behind, and that each of its options runs."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.containers.jobs import BASE, LORA, QUICK, Place, Zygote, toy_rows, write_lines

SHORT = {**QUICK, "max_steps": "3", "checkpoint_steps": "0"}


def losses(place: Place) -> list[float]:
    lines = [dict(word.split("=") for word in line.split()) for line in place.text().splitlines() if " loss=" in line]
    return [float(line["loss"]) for line in lines]


@pytest.mark.parametrize(
    "option",
    [
        {"gradient_accumulation": "3"},
        {"gradient_checkpointing": "true"},
        {"gradient_checkpointing": "true", "method": "lora"},
        {"precision": "bf16"},
        {"precision": "bf16", "method": "lora"},
        {"method": "lora", "lora_target_modules": "q_proj, v_proj"},
        {"weight_decay": "0.1", "max_grad_norm": "0", "max_steps": "0", "epochs": "0.5"},
    ],
    ids=lambda option: " ".join(f"{name}={value}" for name, value in option.items()),
)
def test_each_option_trains_and_exports(zygote: Zygote, place: Place, option: dict[str, str]) -> None:
    assert zygote.run(place, {**SHORT, **option}) == 0, place.text()
    assert "FINISHED step=3 steps=3" in place.text()
    assert all(0 < loss < 10 for loss in losses(place))
    assert (place.model / "model.safetensors").exists()


def test_recomputing_activations_changes_no_weight(zygote: Zygote, place: Place) -> None:
    still = {**SHORT, "attention_dropout": "0"}
    assert zygote.run(place, still) == 0
    other = Place(place.root / "other", place.base, place.data)
    assert zygote.run(other, {**still, "gradient_checkpointing": "true"}) == 0
    one, two = (load_file(job.model / "model.safetensors") for job in (place, other))
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)


def test_a_lora_adapter_is_merged_and_kept_where_that_is_asked_for(zygote: Zygote, place: Place) -> None:
    assert zygote.run(place, {**LORA, "save_adapter": "true"}) == 0, place.text()
    merged, base = load_file(place.model / "model.safetensors"), load_file(place.base / "model.safetensors")
    assert set(merged) == set(base)  # no trace of peft in the names
    name = "model.layers.0.self_attn.q_proj.weight"
    low_rank = merged[name] - base[name]
    assert 0 < torch.linalg.matrix_rank(low_rank, atol=1e-6) <= 4
    assert torch.equal(merged["model.norm.weight"], base["model.norm.weight"])
    assert (place.model / "adapter/adapter_model.safetensors").exists()


def test_the_export_keeps_the_bases_number_type_configuration_and_tokenizer(zygote: Zygote, place: Place) -> None:
    place.base = BASE
    assert zygote.run(place, {**SHORT, "save_dtype": "auto"}) == 0, place.text()
    weights = load_file(place.model / "model.safetensors")
    assert {str(weight.dtype) for weight in weights.values()} == {"torch.float16"}
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (place.model / name).read_bytes() == (BASE / name).read_bytes()
    assert not torch.equal(weights["model.norm.weight"], load_file(BASE / "model.safetensors")["model.norm.weight"])
    assert AutoModelForCausalLM.from_pretrained(place.model).config.hidden_size == 128


def test_another_number_type_is_said_in_the_configuration(zygote: Zygote, place: Place) -> None:
    place.base = BASE
    assert zygote.run(place, {**SHORT, "save_dtype": "bfloat16"}) == 0, place.text()
    assert AutoModelForCausalLM.from_pretrained(place.model, dtype="auto").dtype == torch.bfloat16


def test_a_base_without_a_chat_template_is_exported_with_the_one_it_was_trained_with(
    zygote: Zygote, place: Place, toy: Path, tmp_path: Path
) -> None:
    place.base = tmp_path / "plain"
    tokenizer = AutoTokenizer.from_pretrained(toy)
    tokenizer.chat_template = None
    AutoModelForCausalLM.from_pretrained(toy).save_pretrained(place.base)
    tokenizer.save_pretrained(place.base)
    assert zygote.run(place, SHORT) == 0, place.text()
    chat = [{"role": "user", "content": "hi "}, {"role": "assistant", "content": "ho"}]
    exported = AutoTokenizer.from_pretrained(place.model)
    assert exported.apply_chat_template(chat, tokenize=False) == "<s>hi ho</s>"


def test_a_base_may_come_as_an_archive_and_one_that_climbs_out_is_refused(
    zygote: Zygote, place: Place, tmp_path: Path
) -> None:
    toy = place.base
    place.base = tmp_path / "packed"
    place.base.mkdir()
    with tarfile.open(place.base / "model.tar.gz", "w:gz") as packed:
        packed.add(toy, "model")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    assert zygote.run(place, SHORT, temporary=str(temporary)) == 0, place.text()
    assert list(temporary.iterdir()) == [], "what was unpacked is gone with the job"
    with tarfile.open(place.base / "model.tar.gz", "w:gz") as packed:
        packed.add(toy / "config.json", "../../escaped.json")
    assert zygote.run(place, SHORT, temporary=str(temporary)) == 1
    assert "archive model.tar.gz" in place.text().splitlines()[-1]
    assert not list(tmp_path.rglob("escaped.json"))
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("harm", ["pickle", "code", "empty"])
def test_a_base_that_would_run_code_or_is_none_is_refused(
    zygote: Zygote, place: Place, toy: Path, tmp_path: Path, harm: str
) -> None:
    place.base = tmp_path / "bad"
    place.base.mkdir()
    config = json.loads((toy / "config.json").read_text())
    if harm != "empty":
        (place.base / "tokenizer.json").write_bytes((toy / "tokenizer.json").read_bytes())
        (place.base / "tokenizer_config.json").write_bytes((toy / "tokenizer_config.json").read_bytes())
    if harm == "pickle":
        (place.base / "config.json").write_text(json.dumps(config))
        torch.save(load_file(toy / "model.safetensors"), place.base / "pytorch_model.bin")
    if harm == "code":
        own = {"model_type": "mine", "auto_map": {"AutoConfig": "mine.C", "AutoModelForCausalLM": "mine.M"}}
        (place.base / "config.json").write_text(json.dumps({**config, **own}))
        (place.base / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
        (place.base / "model.safetensors").write_bytes((toy / "model.safetensors").read_bytes())
    assert zygote.run(place, SHORT) == 1, place.text()
    assert "ERROR ModelError" in place.text()
    assert not (tmp_path / "ran").exists()


def test_the_loss_of_a_batch_is_weighted_by_its_tokens(zygote: Zygote, place: Place, tmp_path: Path) -> None:
    """Two records of very different length: one batch of both and two batches of one each give the same step."""
    place.data = write_lines(tmp_path / "pair/train.jsonl", [toy_rows()[0], {"prompt": "a", "completion": "1" * 60}])
    how = {**SHORT, "max_steps": "1", "attention_dropout": "0"}
    assert zygote.run(place, {**how, "batch_size": "2"}) == 0
    other = Place(place.root / "other", place.base, place.data)
    assert zygote.run(other, {**how, "batch_size": "1", "gradient_accumulation": "2"}) == 0
    assert losses(place) == pytest.approx(losses(other), rel=1e-5)
