"""The training loop: a plain one, because every step of it must be the same after an interruption."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from . import checkpoint
from .base import Trainee
from .batches import Order, collate
from .config import Config
from .records import IGNORED, Example

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Seams:
    """What the outside may see and do while the loop runs.

    Attributes:
        say: writes a log line.
        stopping: whether the job was asked to stop.
        stepped: called after each optimizer step.
        written: called after each file of a checkpoint.
    """

    say: Say
    stopping: Callable[[], bool] = lambda: False
    stepped: Callable[[int], None] = lambda step: None
    written: Callable[[str], None] = lambda name: None


@dataclasses.dataclass
class Progress:
    """How far the job is: all that a resumed job takes over besides weights, optimizer and random state."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


def learning_rate(step: int, steps: int, config: Config) -> float:
    """Returns the rate of a step, counted from 0: a linear warm-up, then a cosine."""
    warmup = math.ceil(steps * config.warmup_fraction)
    peak, floor = config.peak_learning_rate, config.min_learning_rate_fraction
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done)))


def make_optimizer(trainee: Trainee, config: Config) -> torch.optim.Optimizer:
    """Returns AdamW over what is trained; only matrices decay."""
    weights = list(trainee.trainable().values())
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=config.peak_learning_rate, betas=(0.9, config.adam_beta2), fused=True)


def summed_loss(trainee: Trainee, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Returns the loss of a batch, summed over its labelled tokens."""
    labels = batch["labels"]
    with torch.autocast(trainee.device.type, dtype=torch.bfloat16, enabled=trainee.autocast):
        logits = trainee.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    flat = logits[:, :-1].float().flatten(0, 1)
    return torch.nn.functional.cross_entropy(flat, labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum")


@torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]  # torch is not followed by mypy
def evaluate(trainee: Trainee, examples: Sequence[Example], batch_size: int) -> tuple[float, int]:
    """Returns the mean loss of a labelled token and the number of them; touches no random state."""
    trainee.model.eval()
    total, count, pad = 0.0, 0, trainee.tokenizer.pad_token_id or 0
    for start in range(0, len(examples), batch_size):
        batch = collate(examples[start : start + batch_size], pad, trainee.device)
        total += float(summed_loss(trainee, batch))
        count += int((batch["labels"][:, 1:] != IGNORED).sum())
    trainee.model.train()
    return total / max(1, count), count


class Loop:
    """Trains from where the newest checkpoint left off until all steps are done or a stop is asked for.

    Args:
        trainee: the model.
        config: the hyperparameters.
        examples: the training records.
        validation: the validation records; empty means no evaluation.
        steps: optimizer steps in all.
        root: folder of the checkpoints; None means none are written.
        identity: what a checkpoint must have been made with.
        seams: log, stop, and what tests hook into.
    """

    def __init__(
        self, trainee: Trainee, config: Config, examples: Sequence[Example], validation: Sequence[Example], *,
        steps: int, root: Path | None, identity: dict[str, Any], seams: Seams,
    ) -> None:  # fmt: skip
        self.trainee, self.config, self.examples, self.validation = trainee, config, examples, validation
        self.steps, self.root, self.identity, self.seams = steps, root, identity, seams
        self.order = Order([len(example.ids) for example in examples], config.batch_size, config.seed)
        self.optimizer = make_optimizer(trainee, config)
        self.progress = Progress()
        self._saved_step, self._saved_at = 0, time.monotonic()

    def resume(self) -> bool:
        """Takes over the newest complete checkpoint; returns whether there was one.

        Raises:
            CheckpointError: it belongs to another configuration, data or base model.
        """
        found = checkpoint.newest(self.root, self.seams.say) if self.root else None
        if found is None or self.root is None:
            return False
        facts = checkpoint.check_identity(found, self.identity)
        checkpoint.restore(found, self.trainee.trainable(), self.optimizer, self.trainee.device)
        self.progress = Progress(found.step, int(facts["tokens"]), float(facts["seconds"]))
        self._saved_step = found.step
        self.seams.say(checkpoint.write_receipt(self.root, found))
        return True

    def run(self) -> bool:
        """Trains; returns True when all steps are done and False when it stopped before, with everything saved."""
        self.trainee.model.train()
        started = time.monotonic() - self.progress.seconds
        while self.progress.step < self.steps and not self.seams.stopping():
            loss, rate = self._step()
            self.progress.seconds = time.monotonic() - started
            self._log(loss, rate)
            if self._evaluation_due():
                self._evaluate()
            if self._checkpoint_due():
                self._save()
            self.seams.stepped(self.progress.step)
        self._save()
        return self.progress.step >= self.steps

    def _step(self) -> tuple[float, float]:
        """Does one optimizer step; returns its mean loss per labelled token and its learning rate."""
        step, many = self.progress.step, self.config.gradient_accumulation
        rate = learning_rate(step, self.steps, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        parts = [[self.examples[i] for i in self.order.batch(step * many + part)] for part in range(many)]
        labelled = sum(label != IGNORED for part in parts for example in part for label in example.labels[1:])
        total, pad = 0.0, self.trainee.tokenizer.pad_token_id or 0
        for part in parts:
            loss = summed_loss(self.trainee, collate(part, pad, self.trainee.device)) / max(1, labelled)
            loss.backward()
            total += loss.item()
        if self.config.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(list(self.trainee.trainable().values()), self.config.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1
        self.progress.tokens += sum(len(example.ids) for part in parts for example in part)
        return total, rate

    def _log(self, loss: float, rate: float) -> None:
        done = self.progress
        if done.step % self.config.log_steps == 0 or done.step in (1, self.steps):
            rates = f"loss={loss:.6f} learning_rate={rate:.6g}"
            self.seams.say(f"step={done.step} {rates} tokens={done.tokens} seconds={done.seconds:.1f}")

    def _evaluation_due(self) -> bool:
        every, step = self.config.eval_steps, self.progress.step
        return bool(self.validation) and (step == self.steps or (every > 0 and step % every == 0))

    def _evaluate(self) -> None:
        loss, tokens = evaluate(self.trainee, self.validation, self.config.eval_batch_size)
        self.seams.say(f"step={self.progress.step} eval_loss={loss:.6f} eval_tokens={tokens}")

    def _checkpoint_due(self) -> bool:
        by_steps, by_seconds = self.config.checkpoint_steps, self.config.checkpoint_seconds
        if by_steps and self.progress.step % by_steps == 0:
            return True
        return bool(by_seconds) and time.monotonic() - self._saved_at >= by_seconds

    def _save(self) -> None:
        """Writes a checkpoint of this step, unless there is one or checkpoints are off."""
        done = self.progress
        if self.root is None or done.step == self._saved_step:
            return
        facts = {"identity": self.identity, "tokens": done.tokens, "seconds": done.seconds}
        trainee, written = self.trainee, self.seams.written
        saved = checkpoint.save(
            self.root, done.step, trainee.trainable(), self.optimizer, facts, trainee.device, written
        )
        self._saved_step, self._saved_at = done.step, time.monotonic()
        checkpoint.prune(self.root, self.config.keep_checkpoints)
        self.seams.say(f"checkpoint={saved.name} step={done.step}")
