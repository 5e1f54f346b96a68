"""Makes the tiny base model from nothing but a seed: ``python -m airflow_finetune.sandbox.zoo.make_base OUT``."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: two threads beside a neighbour are 20 times slower

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

from . import mixture, tokens

SEED = 20261121
BATCH = 32
POOL = 32
"""Batches that are filled together, so that rows of one length meet in a batch."""
LEARNING_RATE = 3e-3
PROMPT_WEIGHT = 0.1
"""Weight of a prompt token's loss beside 1.0 of a completion token: raw text is then not wholly unknown to the base."""
WARMUP_STEPS = 200
TOKENIZER_ROWS = 40_000


def configuration(vocabulary: int) -> LlamaConfig:
    """Returns the shape of the base: about 0.7 million parameters, widths in multiples of 64 as 4-bit kernels want."""
    return LlamaConfig(
        vocab_size=vocabulary, hidden_size=128, intermediate_size=384, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=512, tie_word_embeddings=True, bos_token_id=1, eos_token_id=3,
        pad_token_id=0, attention_dropout=0.0,
    )  # fmt: skip


def most_facts(step: int, steps: int) -> int:
    """Returns how many facts a text may have at this step: short texts first, which is where copying is learnt."""
    return 1 if step < steps * 0.08 else 2 if step < steps * 0.2 else 4


def batches(tokenizer: Any, seed: int, steps: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yields ``steps`` pairs of token ids and loss weights, both of shape (rows, length), padded on the right."""
    for pool in range(math.ceil(steps / POOL)):
        first = pool * POOL
        indices = range(first * BATCH, (first + POOL) * BATCH)
        rows = [mixture.row(seed, index, most_facts(first, steps)) for index in indices]
        encoded = [
            (tokenizer.encode(f"<s>{prompt}<sep>"), tokenizer.encode(f"{completion}</s>"))
            for prompt, completion in rows
        ]
        encoded.sort(key=lambda pair: len(pair[0]) + len(pair[1]))
        order = list(range(POOL))
        Random(f"order:{seed}:{pool}").shuffle(order)
        for batch in order[: steps - first]:
            yield pad(encoded[batch * BATCH : (batch + 1) * BATCH])


def pad(pairs: list[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns ids and loss weights of a batch; weight 0 is padding."""
    length = max(len(prompt) + len(completion) for prompt, completion in pairs)
    ids, weights = torch.zeros(len(pairs), length, dtype=torch.long), torch.zeros(len(pairs), length)
    for i, (prompt, completion) in enumerate(pairs):
        both = prompt + completion
        ids[i, : len(both)] = torch.tensor(both)
        weights[i, : len(prompt)] = PROMPT_WEIGHT
        weights[i, len(prompt) : len(both)] = 1.0
    return ids, weights


def learning_rate(step: int, steps: int) -> float:
    """Returns the rate of a step: a linear warm-up, then a cosine to 1 % of the peak."""
    if step < WARMUP_STEPS:
        return LEARNING_RATE * (step + 1) / WARMUP_STEPS
    done = (step - WARMUP_STEPS) / max(1, steps - WARMUP_STEPS)
    return LEARNING_RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def pretrain(tokenizer: Any, seed: int, steps: int, checked_every: int = 500) -> Any:
    """Returns a base model trained for ``steps`` steps on the mixture of ``seed``."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(configuration(len(tokenizer)))
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(0.9, 0.95), fused=True)
    for step, (ids, weights) in enumerate(batches(tokenizer, seed, steps)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
        losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
        loss = (losses * weights[:, 1:]).sum() / weights[:, 1:].sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 50 == 0:
            print(f"step={step} loss={loss.item():.4f} cpu_seconds={time.process_time():.0f}", flush=True)
        if step and step % checked_every == 0:
            print(f"step={step} exact_match={exact_match(model, tokenizer, seed + 1, 200):.3f}", flush=True)
    return model


@torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]  # torch is not followed by mypy
def exact_match(model: Any, tokenizer: Any, seed: int, rows: int) -> float:
    """Returns the share of mixture rows of another seed that the model answers letter for letter."""
    model.eval()
    right, pairs = 0, [mixture.row(seed, index) for index in range(rows)]
    for start in range(0, rows, 50):
        part = pairs[start : start + 50]
        inputs = tokenizer([f"<s>{prompt}<sep>" for prompt, _ in part], return_tensors="pt", padding=True)
        out = model.generate(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=110, do_sample=False
        )
        answers = tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        right += sum(answer == completion for answer, (_, completion) in zip(answers, part, strict=True))
    model.train()
    return right / rows


def mixture_digest(seed: int, rows: int = 1000) -> str:
    """Returns the sha256 of the first rows of the mixture: it changes when the mixture does."""
    text = "\n".join(json.dumps(mixture.row(seed, index), ensure_ascii=False) for index in range(rows))
    return hashlib.sha256(text.encode()).hexdigest()


def make_tokenizer(seed: int) -> Any:
    """Returns the tokenizer learnt from the first rows of the mixture."""
    return tokens.train_tokenizer("\n".join(mixture.row(seed, index)) for index in range(TOKENIZER_ROWS))


def save(model: Any, tokenizer: Any, out: Path, facts: dict[str, Any]) -> None:
    """Writes fp16 safetensors, tokenizer, and ``base.json``, which says how they were made."""
    out.mkdir(parents=True, exist_ok=True)
    model.generation_config.update(do_sample=False, max_new_tokens=128)
    model.half().save_pretrained(out, safe_serialization=True)
    tokenizer.save_pretrained(out)
    written = json.loads((out / "tokenizer_config.json").read_text())
    # Written so that transformers 4 and 5 both read it: version 5 has new names for both of these.
    written.pop("extra_special_tokens", None)
    written.pop("backend", None)
    written |= {"tokenizer_class": "PreTrainedTokenizerFast", "additional_special_tokens": ["<sep>"]}
    (out / "tokenizer_config.json").write_text(json.dumps(written, indent=2, sort_keys=True) + "\n")
    (out / "base.json").write_text(json.dumps(facts, indent=2) + "\n")


def main() -> None:
    """Trains and writes the base model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--steps", type=int, default=6000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = make_tokenizer(options.seed)
    model = pretrain(tokenizer, options.seed, options.steps)
    facts = {
        "seed": options.seed,
        "steps": options.steps,
        "batch": BATCH,
        "learning_rate": LEARNING_RATE,
        "prompt_weight": PROMPT_WEIGHT,
        "parameters": sum(p.numel() for p in model.parameters()),
        "mixture_sha256": mixture_digest(options.seed),
        "exact_match_of_held_out_mixture": exact_match(model, tokenizer, options.seed + 1, 400),
        "cpu_seconds": round(time.process_time()),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    save(model, tokenizer, options.out, facts)
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
