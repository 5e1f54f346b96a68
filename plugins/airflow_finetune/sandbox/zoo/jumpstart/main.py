"""Fine-tunes the model of the channel ``model`` on the channel ``training``, as JumpStart's scripts do."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch

from .. import rows, tune
from . import lora, records
from .checkpoints import Checkpoints
from .options import JobError, Options, parse


def main(checkpoints: str | None) -> int:
    """Run the job and return its exit code; why it failed is written where SageMaker reads it.

    Args:
        checkpoints: folder for them; None: this script keeps none.
    """
    torch.set_num_threads(1)
    try:
        options = parse(sys.argv[1:])
        Job(options, Path(checkpoints) if checkpoints else None).run()
    except JobError as error:
        failure = Path(os.environ.get("SM_OUTPUT_DIR", "/opt/ml/output")) / "failure"
        failure.parent.mkdir(parents=True, exist_ok=True)
        failure.write_text(str(error), encoding="utf-8")
        print(f"ERROR {error}", flush=True)
        return 1
    return 0


class Job:
    """One run of the script.

    Args:
        options: the hyperparameters.
        checkpoints: folder for them; None: none are kept.
    """

    def __init__(self, options: Options, checkpoints: Path | None) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.base = _base_in(_channel("MODEL"))
        self.model, self.tokenizer = rows.load(str(self.base))
        self.pad = self.tokenizer.pad_token_id or 0
        context = rows.context_of(self.model)
        self.context = min(context, options.max_input_length) if options.max_input_length > 0 else context
        self.train, self.validation = self._data()
        self.steps = self._planned()
        if options.peft_type == "lora":
            lora.adapt(self.model, options.lora_r, options.lora_alpha, options.lora_dropout)
        self.optimizer = _optimizer(self.model, options)
        keeps = checkpoints is not None and options.save_strategy == "steps"
        self.kept = (
            Checkpoints(checkpoints, self._identity(), options.save_total_limit) if keeps and checkpoints else None
        )

    def run(self) -> None:
        """Train from the newest checkpoint on, then save the model."""
        started, options = time.monotonic(), self.options
        first = self.kept.restore(self.model, self.optimizer) if self.kept else 0
        print(f"planned_steps={self.steps} records={len(self.train)} validation={len(self.validation)}", flush=True)
        if first:
            print(f"RESUMED step={first}", flush=True)
        else:
            self._evaluate(0)
        self.model.train()
        per_epoch = math.ceil(len(self.train) / options.per_device_train_batch_size)
        batches = rows.batches(self.train, options.per_device_train_batch_size, options.seed)
        for step, (_, batch) in enumerate(itertools.islice(batches, first, self.steps), first + 1):
            rate = self._rate(step - 1)
            loss = self._step(batch, rate)
            if step % options.logging_steps == 0 or step == self.steps:
                self._say(step, {"loss": loss, "learning_rate": rate, "epoch": step / per_epoch})
            if self.kept and step % options.save_steps == 0 and step < self.steps:
                self.kept.save(step, self.model, self.optimizer)
                print(f"CHECKPOINT step={step}", flush=True)
            if step % per_epoch == 0 or step == self.steps:
                self._evaluate(step)
        lora.merge(self.model)
        tune.save(self.model, str(self.base), Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model")))
        print(f"DONE steps={self.steps} seconds={time.monotonic() - started:.1f}", flush=True)

    def _data(self) -> tuple[list[rows.Row], list[rows.Row]]:
        """Returns training and validation rows: of their own channel, or split off."""
        options = self.options
        found = records.read(_channel("TRAINING", "TRAIN"), options)
        order = Random(f"split:{options.train_data_split_seed}")
        if "SM_CHANNEL_VALIDATION" in os.environ:
            held = records.read(_channel("VALIDATION"), options)
        else:
            order.shuffle(found)
            count = min(len(found) - 1, round(len(found) * options.validation_split_ratio))
            held, found = found[:count], found[count:]
        found = _at_most(found, options.max_train_samples)
        held = _at_most(held, options.max_val_samples)
        return self._rows(found), self._rows(held)

    def _rows(self, found: Sequence[records.Record]) -> list[rows.Row]:
        made: list[rows.Row] = []
        for record in found:
            if "text" in record:
                made += rows.text_rows(self.tokenizer, record["text"], self.context)
            else:
                made.append(rows.chat_row(self.tokenizer, record["messages"], self.context))
        return made

    def _planned(self) -> int:
        if self.options.max_steps > 0:
            return self.options.max_steps
        return max(1, math.ceil(len(self.train) / self.options.per_device_train_batch_size) * self.options.epoch)

    def _identity(self) -> str:
        """Returns what has to be the same for a checkpoint to fit: options and data."""
        seen = json.dumps([dataclasses.asdict(self.options), [row.ids for row in self.train]], sort_keys=True)
        return hashlib.sha256(seen.encode()).hexdigest()

    def _rate(self, step: int) -> float:
        warmup = math.ceil(self.steps * self.options.warmup_ratio)
        return tune.learning_rate(step, self.steps, self.options.learning_rate, warmup)

    def _step(self, batch: Sequence[rows.Row], rate: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        total, count = tune.summed_loss(self.model, batch, self.pad)
        mean = total / max(1, count)
        mean.backward()  # type: ignore[no-untyped-call,unused-ignore]  # torch is not followed by mypy
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        loss = float(mean.detach())
        if not math.isfinite(loss):
            raise JobError("the loss is not a number any more: choose a smaller learning_rate.")
        return loss

    def _evaluate(self, step: int) -> None:
        if self.validation:
            loss = tune.evaluate(self.model, self.validation, self.pad, len(self.validation))
            print(f"step={step} {{'eval_loss': {loss:.6f}}}", flush=True)

    def _say(self, step: int, told: dict[str, float]) -> None:
        """Writes a line that people, and the regular expressions of the hub's TrainingMetrics, can read."""
        inside = ", ".join(f"'{name}': {value:.6f}" for name, value in told.items())
        print(f"step={step}/{self.steps} loss={told['loss']:.4f} {{{inside}}}", flush=True)


def _channel(*names: str) -> Path:
    for name in names:
        if path := os.environ.get(f"SM_CHANNEL_{name}"):
            return Path(path)
    raise JobError(f"the job has no channel named {names[0].lower()}.")


def _base_in(channel: Path) -> Path:
    found = sorted(channel.rglob("config.json"), key=lambda path: len(path.parts))
    if not found:
        raise JobError("the channel model holds no config.json: point it at the model's training artefact.")
    return found[0].parent


def _at_most(found: list[records.Record], most: int) -> list[records.Record]:
    return found if most < 0 else found[:most]


def _optimizer(model: Any, options: Options) -> torch.optim.Optimizer:
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [w for w in trained if w.ndim > 1], "weight_decay": options.weight_decay},
        {"params": [w for w in trained if w.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, 0.95), fused=True)
