"""Hyperparameters: typed, checked, and refused with what to write instead."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .errors import ConfigError

PLACE_ONLY = frozenset(
    {
        "checkpoint_dir",
        "checkpoint_steps",
        "checkpoint_seconds",
        "keep_checkpoints",
        "log_steps",
        "eval_steps",
        "eval_batch_size",
    }
)
"""Hyperparameters that do not change the weights, so that a checkpoint fits whatever they are."""


@dataclasses.dataclass(frozen=True)
class Config:
    """What to train and how.

    Attributes:
        method: ``full`` trains all weights, ``lora`` trains an adapter and merges it at the end.
        epochs: passes over the data; ``max_steps`` goes first where it is not 0.
        max_steps: optimizer steps; 0 means by ``epochs``.
        batch_size: records of one forward pass.
        gradient_accumulation: forward passes of one optimizer step.
        learning_rate: peak; 0 means 2e-5 for full and 2e-4 for lora.
        warmup_fraction: share of the steps in which the rate rises.
        min_learning_rate_fraction: where the cosine ends, as a share of the peak.
        weight_decay: of matrices; norms and biases have none.
        adam_beta2: second-moment decay of AdamW (the first is 0.9).
        max_grad_norm: gradients are clipped to it; 0 means no clipping.
        max_length: tokens of a record; 0 means what the model allows.
        overlong: what happens to a longer record: ``drop`` or ``truncate`` (cut at the end); counted either way.
        lora_rank: rank of the adapter matrices.
        lora_alpha: scale of the adapter.
        lora_dropout: dropout before the adapter.
        lora_target_modules: ``all-linear`` or comma-separated names.
        save_adapter: keep the LoRA adapter in ``adapter/`` beside the merged weights.
        attention_dropout: dropout of attention weights in training; negative means the model's own.
        gradient_checkpointing: less memory for more time.
        precision: ``auto`` is bf16 on a GPU that has it and fp32 elsewhere; or ``bf16``, ``fp32``.
        save_dtype: of the exported weights: ``auto`` is the base's own; or ``float32``, ``bfloat16``, ``float16``.
        seed: of everything random.
        threads: CPU threads of torch.
        log_steps: steps between two metric lines.
        eval_steps: steps between two evaluations on the validation channel; 0 means at the end only.
        eval_batch_size: records of one forward pass of an evaluation.
        checkpoint_steps: steps between two checkpoints; 0 means by time only.
        checkpoint_seconds: seconds between two checkpoints; 0 means by steps only.
        keep_checkpoints: how many of the newest stay.
        checkpoint_dir: where they are written; the default is used only where it exists (AWS makes it on request).
    """

    method: str = "full"
    epochs: float = 3.0
    max_steps: int = 0
    batch_size: int = 8
    gradient_accumulation: int = 1
    learning_rate: float = 0.0
    warmup_fraction: float = 0.03
    min_learning_rate_fraction: float = 0.0
    weight_decay: float = 0.0
    adam_beta2: float = 0.95
    max_grad_norm: float = 1.0
    max_length: int = 0
    overlong: str = "drop"
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    lora_target_modules: str = "all-linear"
    save_adapter: bool = False
    attention_dropout: float = -1.0
    gradient_checkpointing: bool = False
    precision: str = "auto"
    save_dtype: str = "auto"
    seed: int = 0
    threads: int = 1
    log_steps: int = 10
    eval_steps: int = 0
    eval_batch_size: int = 16
    checkpoint_steps: int = 0
    checkpoint_seconds: float = 60.0
    keep_checkpoints: int = 2
    checkpoint_dir: str = ""

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate, or the method's default."""
        return self.learning_rate or (2e-5 if self.method == "full" else 2e-4)

    def identity(self) -> dict[str, Any]:
        """Returns what decides the weights: a checkpoint of another identity is refused."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in PLACE_ONLY}


_CHOICES: dict[str, tuple[str, ...]] = {
    "method": ("full", "lora"),
    "overlong": ("drop", "truncate"),
    "precision": ("auto", "bf16", "fp32"),
    "save_dtype": ("auto", "float32", "bfloat16", "float16"),
}
_RANGES: dict[str, tuple[float, float]] = {
    "epochs": (0.001, 10_000), "max_steps": (0, 10**8), "batch_size": (1, 65_536), "gradient_accumulation": (1, 65_536),
    "learning_rate": (0, 10), "warmup_fraction": (0, 1), "min_learning_rate_fraction": (0, 1), "weight_decay": (0, 10),
    "adam_beta2": (0, 0.999_999), "max_grad_norm": (0, 1e9), "max_length": (0, 10**7), "lora_rank": (1, 4096),
    "lora_alpha": (1, 65_536), "lora_dropout": (0, 0.999), "attention_dropout": (-1, 0.999), "seed": (0, 2**31),
    "threads": (1, 1024), "log_steps": (1, 10**6), "eval_steps": (0, 10**8), "eval_batch_size": (1, 65_536),
    "checkpoint_steps": (0, 10**8), "checkpoint_seconds": (0, 10**7), "keep_checkpoints": (1, 1000),
}  # fmt: skip


def parse_arguments(argv: Sequence[str]) -> dict[str, str]:
    """Returns ``--name value`` and ``--name=value`` pairs as the training toolkit writes them.

    Raises:
        ConfigError: an argument has no name or no value.
    """
    values: dict[str, str] = {}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise ConfigError(f"argument {word!r}: a value without a name. Write --name value.")
        name, joined, value = word[2:].partition("=")
        if not joined:
            if not rest:
                raise ConfigError(f"argument --{name}: it has no value. Write --{name} value.")
            value = rest.pop(0)
        values[name.replace("-", "_")] = value
    return values


def _boolean(text: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    return known[text.lower()]


_CASTS: dict[str, tuple[Callable[[str], Any], str]] = {
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "bool": (_boolean, "true or false"),
    "str": (str, "text"),
}


def _cast(field: dataclasses.Field[Any], value: object) -> Any:
    """Returns the value in the field's type; SageMaker hands over all values as text, some of it JSON text."""
    text = str(value).strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = str(json.loads(text))
    cast, wanted = _CASTS[str(field.type)]
    try:
        return cast(text)
    except (ValueError, KeyError):
        raise ConfigError(f"hyperparameter {field.name}: {text!r} is not {wanted}. Give {wanted}.") from None


def _check(name: str, value: Any) -> None:
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ConfigError(f"hyperparameter {name}: {value!r} is not known. Choose one of {', '.join(_CHOICES[name])}.")
    if name in _RANGES:
        low, high = _RANGES[name]
        if not low <= value <= high:  # also refuses nan
            raise ConfigError(f"hyperparameter {name}: {value} is out of range. Choose from {low:g} to {high:g}.")


def build(values: Mapping[str, object]) -> Config:
    """Returns the checked configuration; keys of the training toolkit (``sagemaker_*``) are left out.

    Raises:
        ConfigError: a name is unknown, or a value does not fit.
    """
    fields = {field.name: field for field in dataclasses.fields(Config)}
    chosen: dict[str, Any] = {}
    for name, value in values.items():
        if name.startswith("sagemaker_"):
            continue
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(fields)}."
            raise ConfigError(f"hyperparameter {name}: there is no such hyperparameter. {hint}")
        chosen[name] = _cast(fields[name], value)
        _check(name, chosen[name])
    return Config(**chosen)
