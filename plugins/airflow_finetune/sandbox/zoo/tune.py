"""Tunes a model on a file of records: the program behind Bedrock's customization jobs and serverless ones.

It reads ``input/order.json`` below its working folder and writes ``model/`` (weights and tokenizer),
``output/steps.jsonl`` (a line per optimizer step), ``output/validation.jsonl`` and ``output/result.json``.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from . import lora, rows
from .rows import Row

BATCH = 8
MOST_STEPS = 600
"""Optimizer steps that are really taken; a job that asks for more gets these, spread over its epochs."""
WARMUP_FRACTION = 0.05
FLOOR = 0.05
VALIDATION_ROWS = 64
NOT_WEIGHTS = ("*.json", "*.jinja", "*.model", "*.txt")
MADE_ANEW = ("config.json", "generation_config.json", "base.json", "model.safetensors.index.json")


def planned_steps(count: int, epochs: float) -> int:
    """Returns the steps that the records and epochs ask for, at least one."""
    return max(1, math.ceil(count * epochs / BATCH))


def learning_rate(step: int, steps: int, peak: float, warmup: int) -> float:
    """Returns the rate of a step, counted from 0: a linear warm-up, then a cosine."""
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return peak * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))


def make_optimizer(model: Any, rate: float) -> torch.optim.Optimizer:
    """Returns AdamW over all weights that are trained; only matrices decay."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [w for w in trained if w.ndim > 1], "weight_decay": 0.01},
        {"params": [w for w in trained if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), fused=True)


def summed_loss(model: Any, batch: Sequence[Row], pad_token: int) -> tuple[torch.Tensor, int]:
    """Returns the loss of a batch, summed over what is learnt, and how many tokens that is."""
    ids, mask, labels = rows.pad(batch, pad_token)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
    wanted = labels[:, 1:]
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), wanted.flatten(), ignore_index=rows.IGNORED, reduction="sum"
    )
    return loss, int((wanted != rows.IGNORED).sum())


@torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]  # torch is not followed by mypy
def evaluate(model: Any, found: Sequence[Row], pad_token: int, most: int = VALIDATION_ROWS) -> float:
    """Returns the mean loss of a token that is learnt, over at most ``most`` rows."""
    model.eval()
    total, count = 0.0, 0
    for start in range(0, min(len(found), most), BATCH):
        loss, tokens = summed_loss(model, found[start : min(start + BATCH, most)], pad_token)
        total, count = total + float(loss), count + tokens
    model.train()
    return total / max(1, count)


class Tuning:
    """One run.

    Args:
        order: ``base``, ``train``, ``validation`` (paths), ``epochs``, ``learning_rate``, ``seed``; with ``lora``
            (``rank``, ``alpha``) adapters are trained and merged, without it all weights; ``max_steps`` goes before the
            epochs.
        folder: where input and output lie.
    """

    def __init__(self, order: dict[str, Any], folder: Path) -> None:
        torch.manual_seed(order["seed"])
        self._order, self._folder = order, folder
        self.model, self.tokenizer = rows.load(order["base"])
        if order.get("lora"):
            lora.adapt(self.model, order["lora"]["rank"], order["lora"]["alpha"])
        self._pad = self.tokenizer.pad_token_id or 0
        self._rows = self._read(folder / order["train"])
        self._validation = [self._read(folder / path) for path in order["validation"]]
        self._planned = order.get("max_steps") or planned_steps(len(self._rows), order["epochs"])
        self.steps = min(self._planned, MOST_STEPS)
        self.epoch_steps = max(1, math.ceil(self.steps / max(1.0, order["epochs"])))
        self._of_how_many = {"epoch_steps": self.epoch_steps, "epochs": math.ceil(self.steps / self.epoch_steps)}

    def run(self) -> dict[str, Any]:
        """Train, and return what the result file shall say."""
        output = self._folder / "output"
        output.mkdir(exist_ok=True)
        warmup = math.ceil(self.steps * WARMUP_FRACTION)
        peak, loss, tokens = self._order["learning_rate"], 0.0, 0
        optimizer = make_optimizer(self.model, peak)
        self.model.train()
        self._validate(output, 0)
        with (output / "steps.jsonl").open("w") as log:
            for step, (_, batch) in zip(
                range(self.steps), rows.batches(self._rows, BATCH, self._order["seed"]), strict=False
            ):
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(step, self.steps, peak, warmup)
                loss = self._step(optimizer, batch)
                tokens += sum(len(row.ids) for row in batch)
                billed = round(tokens * self._planned / self.steps)
                line = {"step": step, "epoch": step // self.epoch_steps, "loss": loss, "tokens": billed}
                log.write(json.dumps(line | self._of_how_many) + "\n")
                log.flush()
                if step % 10 == 0 or step == self.steps - 1:
                    print(f"step={step} epoch={line['epoch']} loss={loss:.4f}", flush=True)
                if (step + 1) % self.epoch_steps == 0 or step == self.steps - 1:
                    self._validate(output, step + 1)
        return {"training_loss": loss, "tokens": billed, "steps": self.steps}

    def _read(self, path: Path) -> list[Any]:
        return rows.read(path, self.tokenizer, rows.context_of(self.model))

    def _loss(self, batch: Sequence[Any]) -> torch.Tensor:
        total, count = summed_loss(self.model, batch, self._pad)
        return total / max(1, count)

    def _evaluated(self, found: Sequence[Any]) -> float:
        return float(evaluate(self.model, found, self._pad))

    def _step(self, optimizer: torch.optim.Optimizer, batch: Sequence[Any]) -> float:
        mean: Any = self._loss(batch)
        mean.backward()  # type: ignore[no-untyped-call,unused-ignore]  # torch is not followed by mypy
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(mean.detach())

    def _validate(self, output: Path, step: int) -> None:
        with (output / "validation.jsonl").open("a") as log:
            for number, found in enumerate(self._validation):
                line = {"validator": number, "step": step, "epoch": max(0, step - 1) // self.epoch_steps}
                loss = self._evaluated(found)
                log.write(json.dumps({**line, "loss": loss}) + "\n")
                print(f"step={step} validator={number} eval_loss={loss:.4f}", flush=True)

    def save(self) -> None:
        """Write weights and what belongs to them."""
        lora.merge(self.model)
        save(self.model, self._order["base"], self._folder / "model")


def save(model: Any, base: str, target: Path) -> None:
    """Writes a model; whatever is not weights is the base's own, byte for byte."""
    model.save_pretrained(target, safe_serialization=True)
    for pattern in NOT_WEIGHTS:
        for path in Path(base).glob(pattern):
            if path.name not in MADE_ANEW:
                shutil.copyfile(path, target / path.name)


def main(kind: type[Tuning] = Tuning) -> None:
    """Run the order of the working folder."""
    started = time.process_time()
    folder = Path.cwd()
    torch.set_num_threads(1)
    tuning = kind(json.loads((folder / "input" / "order.json").read_text()), folder)
    result = tuning.run()
    tuning.save()
    result["cpu_seconds"] = round(time.process_time() - started, 1)
    (folder / "output" / "result.json").write_text(json.dumps(result))
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
