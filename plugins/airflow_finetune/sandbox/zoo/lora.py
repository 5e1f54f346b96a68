"""Low-rank adapters on the linear layers of a model, and how they are merged into its weights."""

from __future__ import annotations

import math
from typing import Any

import torch


class Adapted(torch.nn.Module):  # type: ignore[misc,unused-ignore]  # torch is not followed by mypy
    """A frozen linear layer, and a trained one of low rank beside it.

    Args:
        base: the layer.
        rank: of the adapter.
        alpha: what its output is multiplied with, divided by the rank.
    """

    def __init__(self, base: torch.nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.down = torch.nn.Parameter(torch.empty(rank, base.in_features))
        self.up = torch.nn.Parameter(torch.zeros(base.out_features, rank))
        torch.nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns what both say together."""
        said: torch.Tensor = self.base(x) + (x @ self.down.T) @ self.up.T * self.scale
        return said

    @torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]  # torch is not followed by mypy
    def merged(self) -> torch.nn.Linear:
        """Returns the layer with the adapter in its weights."""
        self.base.weight += self.up @ self.down * self.scale
        return self.base


def adapt(model: Any, rank: int, alpha: float) -> int:
    """Freezes a model and puts an adapter on each linear layer of its blocks; returns how many weights are trained."""
    for weight in model.parameters():
        weight.requires_grad_(False)
    for parent, name, layer in _layers(model):
        setattr(parent, name, Adapted(layer, rank, alpha))
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def merge(model: Any) -> None:
    """Puts every adapter into the weights that it stands beside, so that an ordinary model is left."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Adapted):
                setattr(parent, name, child.merged())


def _layers(model: Any) -> list[tuple[Any, str, torch.nn.Linear]]:
    """Returns (parent, name, layer) of each linear layer but the one that gives the words."""
    head = model.get_output_embeddings()
    return [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, torch.nn.Linear) and child is not head
    ]
