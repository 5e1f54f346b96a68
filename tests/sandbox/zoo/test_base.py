"""The tiny base comes from a seed, is small, knows nothing of the project's own task, and has what tuning needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from airflow_finetune.sandbox.zoo import make_base, mixture
from demo import orders

BASE = Path(make_base.__file__).with_name("tiny-llama")
FACTS = json.loads((BASE / "base.json").read_text())


def test_weights_and_tokenizer_together_are_at_most_three_megabytes() -> None:
    assert sum(path.stat().st_size for path in BASE.iterdir()) <= 3_000_000


def test_the_committed_tokenizer_is_what_the_script_makes() -> None:
    made = make_base.make_tokenizer(FACTS["seed"])
    committed = AutoTokenizer.from_pretrained(BASE)
    assert made.get_vocab() == committed.get_vocab()
    for prompt, completion in (mixture.row(5, i) for i in range(200)):
        text = f"<s>{prompt}<sep>{completion}</s>"
        assert made.encode(text) == committed.encode(text)
        assert committed.decode(committed.encode(prompt)) == prompt


def test_the_mixture_is_the_one_that_the_base_was_trained_on() -> None:
    assert make_base.mixture_digest(FACTS["seed"]) == FACTS["mixture_sha256"]
    assert make_base.mixture_digest(FACTS["seed"] + 1) != FACTS["mixture_sha256"]


def test_no_key_of_the_projects_own_task_is_ever_asked_for() -> None:
    assert set(mixture.FORBIDDEN) == set(orders.FIELDS)
    answers = [answer for _, answer in (mixture.row(FACTS["seed"], i) for i in range(4000)) if answer.startswith("{")]
    keys = {key for answer in answers for key in json.loads(answer)}
    assert len(keys) > 1000
    assert not keys & set(mixture.FORBIDDEN)


def test_the_shape_is_the_one_in_the_script() -> None:
    model = AutoModelForCausalLM.from_pretrained(BASE)
    made = make_base.configuration(640)
    for name in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size"):
        assert getattr(model.config, name) == getattr(made, name)
    assert model.config.intermediate_size % 64 == 0  # 4-bit kernels on a CPU want that
    assert sum(weight.numel() for weight in model.parameters()) == FACTS["parameters"] < 800_000


def test_the_base_solves_its_mixture_and_not_one_order() -> None:
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    model = AutoModelForCausalLM.from_pretrained(BASE).float()
    assert make_base.exact_match(model, tokenizer, FACTS["seed"] + 1, 100) > 0.5
    golden = orders.read(orders.GOLDEN_FILE)[:50]
    inputs = tokenizer([f"<s>{row['prompt']}<sep>" for row in golden], return_tensors="pt", padding=True)
    out = model.generate(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=80, do_sample=False
    )
    said = tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert orders.exact_match(said, [row["completion"] for row in golden]) == 0


def test_text_without_an_answer_is_not_unknown_to_the_base() -> None:
    """Prompts had a share of the loss: their tokens are predicted far better than by chance (640 tokens)."""
    import torch

    tokenizer, model = AutoTokenizer.from_pretrained(BASE), AutoModelForCausalLM.from_pretrained(BASE).float()
    ids = [tokenizer.encode(f"<s>{mixture.row(9, i)[0]}<sep>", return_tensors="pt") for i in range(50)]
    with torch.no_grad():
        losses = [float(model(input_ids=text, labels=text).loss) for text in ids]
    assert sum(losses) / len(losses) < 3.5  # 6.46 is chance


@pytest.mark.long
def test_the_first_steps_of_pre_training_repeat_bit_for_bit() -> None:
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    one, two = (make_base.pretrain(tokenizer, 3, 5).state_dict() for _ in range(2))
    other = make_base.pretrain(tokenizer, 4, 5).state_dict()
    assert all((one[name] == two[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)
