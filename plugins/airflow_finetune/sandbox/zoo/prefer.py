"""Tunes a model on pairs of answers, a preferred and a rejected one: direct preference optimization.

It reads and writes what ``tune`` does. The base's own likelihood of both answers is the reference, computed once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from . import rows, tune

BETA = 0.1
"""How far the model may leave its base, where the order says nothing."""


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt.

    Attributes:
        chosen: the preferred one.
        rejected: the other one.
        margin: by how much likelier the base finds the preferred one, as a difference of logarithms.
    """

    chosen: rows.Row
    rejected: rows.Row
    margin: float

    @property
    def ids(self) -> list[int]:
        """The tokens of both, which are what is paid for."""
        return [*self.chosen.ids, *self.rejected.ids]


class Preferring(tune.Tuning):
    """One run."""

    def _read(self, path: Path) -> list[Pair]:
        context, found = rows.context_of(self.model), []
        with path.open(encoding="utf-8") as file:
            for line in file:
                record = json.loads(line)
                chosen, rejected = (
                    rows.chat_row(self.tokenizer, record[name], context) for name in ("messages", "rejected")
                )
                found.append((chosen, rejected))
        pairs: list[Pair] = []
        self.model.eval()
        with torch.no_grad():
            for start in range(0, len(found), tune.BATCH):
                part = found[start : start + tune.BATCH]
                margins = self._margins([one for one, _ in part], [other for _, other in part])
                pairs += [Pair(one, other, float(margin)) for (one, other), margin in zip(part, margins, strict=True)]
        return pairs

    def _margins(self, chosen: Sequence[rows.Row], rejected: Sequence[rows.Row]) -> torch.Tensor:
        said = self._likelihoods([*chosen, *rejected])
        return said[: len(chosen)] - said[len(chosen) :]

    def _likelihoods(self, batch: Sequence[rows.Row]) -> torch.Tensor:
        """Returns the logarithm of the likelihood of each answer."""
        ids, mask, labels = rows.pad(batch, self._pad)
        logits = self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
        losses = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), labels[:, 1:], ignore_index=rows.IGNORED, reduction="none"
        )
        return -losses.sum(dim=1)

    def _loss(self, batch: Sequence[Pair]) -> torch.Tensor:
        margins = self._margins([pair.chosen for pair in batch], [pair.rejected for pair in batch])
        gained = margins - torch.tensor([pair.margin for pair in batch])
        return -torch.nn.functional.logsigmoid(self._order.get("beta", BETA) * gained).mean()

    @torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]  # torch is not followed by mypy
    def _evaluated(self, found: Sequence[Pair]) -> float:
        self.model.eval()
        taken = found[: tune.VALIDATION_ROWS]
        parts = [taken[start : start + tune.BATCH] for start in range(0, len(taken), tune.BATCH)]
        total = sum(float(self._loss(part)) * len(part) for part in parts)
        self.model.train()
        return total / max(1, len(taken))


if __name__ == "__main__":
    tune.main(Preferring)
