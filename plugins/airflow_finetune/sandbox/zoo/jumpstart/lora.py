"""Low-rank adapters: small matrices beside frozen ones, added into them at the end."""

from __future__ import annotations

from typing import Any

import torch


class Adapted(torch.nn.Module):  # type: ignore[misc,unused-ignore]  # torch is not followed by mypy
    """A frozen linear layer with a trained low-rank part.

    Args:
        base: the layer.
        rank: of the two small matrices.
        alpha: their product counts alpha / rank.
        dropout: of what goes into them.
    """

    def __init__(self, base: torch.nn.Linear, rank: int, alpha: int, dropout: float) -> None:
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.down = torch.nn.Parameter(torch.empty(rank, base.in_features))
        self.up = torch.nn.Parameter(torch.zeros(base.out_features, rank))
        self.dropout = torch.nn.Dropout(dropout)
        torch.nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's answer and the adapter's."""
        low = torch.nn.functional.linear(self.dropout(x), self.down)
        answer: torch.Tensor = self.base(x) + torch.nn.functional.linear(low, self.up) * self.scale
        return answer

    def merged(self) -> torch.nn.Linear:
        """The layer with the adapter added into its weights."""
        with torch.no_grad():
            self.base.weight += self.up @ self.down * self.scale
        return self.base


def adapt(model: Any, rank: int, alpha: int, dropout: float) -> None:
    """Freezes a model and puts an adapter beside each linear layer of its blocks."""
    model.requires_grad_(False)
    for parent, name, layer in _linear(model):
        setattr(parent, name, Adapted(layer, rank, alpha, dropout))


def merge(model: Any) -> None:
    """Adds every adapter into its layer."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Adapted):
                setattr(parent, name, child.merged())


def _linear(model: Any) -> list[tuple[Any, str, torch.nn.Linear]]:
    """The linear layers that are not the output: with tied weights that one is the embedding too."""
    output = model.get_output_embeddings()
    return [
        (parent, name, child)
        for parent in list(model.modules())
        for name, child in parent.named_children()
        if isinstance(child, torch.nn.Linear) and child is not output
    ]
