"""Which records make which step: a pure function of seed and step, so that a resumed job goes on where it was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from random import Random

import torch

from .records import IGNORED, Example

BUCKET_BATCHES = 32
"""Batches that are filled together, sorted by length: little padding, and still a random order."""


class Order:
    """The order of the data of one job.

    Args:
        lengths: tokens of each record.
        batch_size: records of a batch.
        seed: another seed gives another order.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.batches_per_epoch = math.ceil(len(lengths) / batch_size)
        self._epoch = lru_cache(maxsize=2)(self._shuffled)

    def _shuffled(self, epoch: int) -> list[list[int]]:
        """Returns the batches of an epoch; each record stands in exactly one."""
        # S311: this is an order of work, not a secret
        rng = Random(f"order:{self.seed}:{epoch}")  # noqa: S311
        indices = list(range(len(self.lengths)))
        rng.shuffle(indices)
        size, batches = self.batch_size * BUCKET_BATCHES, []
        for start in range(0, len(indices), size):
            bucket = sorted(indices[start : start + size], key=lambda index: self.lengths[index])
            batches += [bucket[at : at + self.batch_size] for at in range(0, len(bucket), self.batch_size)]
        rng.shuffle(batches)
        return batches

    def batch(self, number: int) -> list[int]:
        """Returns the records of batch ``number``, counted from 0 through all epochs."""
        epoch, place = divmod(number, self.batches_per_epoch)
        return self._epoch(epoch)[place]


def planned_steps(records: int, batch_size: int, accumulation: int, epochs: float, max_steps: int) -> int:
    """Returns the number of optimizer steps of a job: ``max_steps``, or what ``epochs`` makes, at least one."""
    batches = math.ceil(records / batch_size)
    return max_steps or max(1, math.ceil(epochs * batches / accumulation))


def collate(examples: Sequence[Example], pad: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Returns ids, mask and labels of shape (records, longest), padded on the right."""
    longest = max(len(example.ids) for example in examples)
    ids = torch.tensor([example.ids + [pad] * (longest - len(example.ids)) for example in examples])
    mask = torch.tensor([[1] * len(example.ids) + [0] * (longest - len(example.ids)) for example in examples])
    labels = torch.tensor([example.labels + [IGNORED] * (longest - len(example.ids)) for example in examples])
    return {
        "input_ids": ids.to(device, non_blocking=True),
        "attention_mask": mask.to(device, non_blocking=True),
        "labels": labels.to(device, non_blocking=True),
    }
