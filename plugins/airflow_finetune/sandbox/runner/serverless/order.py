"""What a serverless job is to do, decided when it is accepted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from ..inference import TINY_BASE
from .recipe import Recipe

if TYPE_CHECKING:
    from ...settings import Settings

MEMBER = "_customization"
"""Where the runner finds it in its copy of the request; no client sees it."""
TINY_LEARNING_RATE = {"SFT": 3e-3, "DPO": 3e-4}
"""What the tiny model is trained with where the recipe's default is asked for: its numbers are for other models."""
LORA_FACTOR = 4.0
"""An adapter needs a higher rate than all weights."""
EPOCHS = ("max_epochs", "epochs", "num_train_epochs")
LEARNING_RATE = ("learning_rate", "lr")
RANK, ALPHA, BETA = ("lora_rank", "lora_r"), ("lora_alpha",), ("adam_beta", "beta")
MAX_STEPS, SEED = ("max_steps",), ("seed",)
USED = frozenset((*EPOCHS, *LEARNING_RATE, *RANK, *ALPHA, *BETA, *MAX_STEPS, *SEED))
TRAINED = ("SFT", "DPO")
DEFAULT_EPOCHS, DEFAULT_RANK = 1.0, 16
HIGHEST_RANK = 64


@dataclass(frozen=True)
class Customization:
    """One job.

    Attributes:
        model: name of the hub's content.
        version: of that content.
        job_type: FineTuning or Evaluation.
        recipe: that it follows; None for an evaluation.
        hyperparameters: as they were given.
        usd_per_1k_tokens: what it is billed.
    """

    model: str
    version: str
    job_type: str
    recipe: Recipe | None
    hyperparameters: Mapping[str, str]
    usd_per_1k_tokens: float

    @property
    def really_trains(self) -> bool:
        """Whether the sandbox has a program that does what is asked for."""
        return self.recipe is not None and self.recipe.technique in TRAINED

    @property
    def task(self) -> str:
        """What it does, in AWS's words."""
        return self.job_type if self.recipe is None else self.recipe.technique

    @property
    def recipe_name(self) -> str:
        """The recipe's name; empty without one."""
        return "" if self.recipe is None else self.recipe.name

    def order(self, seed: int) -> dict[str, Any]:
        """Return what the program is told, but for its data and its base."""
        recipe, given = self.recipe, self.hyperparameters
        assert recipe is not None  # noqa: S101 - an evaluation has no program
        peak = TINY_LEARNING_RATE[recipe.technique]
        asked, default = recipe.value(given, LEARNING_RATE), recipe.default(LEARNING_RATE)
        rate = peak * math.sqrt(asked / default) if asked and default else peak
        order: dict[str, Any] = {
            "epochs": recipe.value(given, EPOCHS) or DEFAULT_EPOCHS,
            "learning_rate": rate,
            "seed": int(recipe.value(given, SEED) or seed),
            "max_steps": max(0, int(recipe.value(given, MAX_STEPS) or 0)),
        }
        if beta := recipe.value(given, BETA):
            order["beta"] = beta
        if recipe.peft:
            rank = min(HIGHEST_RANK, int(recipe.value(given, RANK) or DEFAULT_RANK))
            order["lora"] = {"rank": rank, "alpha": recipe.value(given, ALPHA) or 2 * rank}
            order["learning_rate"] = rate * LORA_FACTOR
        return order

    def without_effect(self) -> list[str]:
        """Return the hyperparameters that were given and change nothing here."""
        return [name for name in self.hyperparameters if name not in USED]


def base_of(settings: Settings, model: str) -> str:
    """Return the folder whose weights stand for a hub's model: one that the settings name, else the tiny base."""
    for pattern, folder in settings.models:
        if fnmatchcase(model, pattern):
            return str(folder.resolve())
    return str(TINY_BASE)
