"""The hyperparameters of a job, read from its arguments: ``--epoch 3 --instruction_tuned True``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from typing import Any


class JobError(Exception):
    """The job cannot work as asked; the text becomes its FailureReason."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What a user chose; names are those of the hub's document.

    Attributes:
        peft_type: ``lora``, or ``None`` for all weights.
        max_steps: optimizer steps; -1: as many as ``epoch`` makes.
        max_input_length: tokens of a record; -1: as many as the model takes.
        max_train_samples: -1: all of them.
        max_val_samples: likewise.
        validation_split_ratio: of the training data, where there is no validation data.
        save_strategy: ``steps`` or ``no``.
        save_total_limit: checkpoints that are kept.
    """

    peft_type: str = "None"
    lora_r: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    instruction_tuned: bool = False
    chat_dataset: bool = False
    epoch: int = 3
    max_steps: int = -1
    learning_rate: float = 0.003
    warmup_ratio: float = 0.05
    weight_decay: float = 0.01
    per_device_train_batch_size: int = 8
    per_device_eval_batch_size: int = 8
    max_input_length: int = -1
    max_train_samples: int = -1
    max_val_samples: int = 64
    validation_split_ratio: float = 0.1
    train_data_split_seed: int = 0
    seed: int = 10
    logging_steps: int = 10
    save_strategy: str = "steps"
    save_steps: int = 40
    save_total_limit: int = 2


def parse(argv: Sequence[str]) -> Options:
    """Returns the options; arguments that this script does not know are left alone, as JumpStart's scripts do.

    Raises:
        JobError: a value is not of its type.
    """
    kinds = {field.name: type(field.default) for field in dataclasses.fields(Options)}
    given: dict[str, Any] = {}
    for name, text in pairwise(argv):
        key = name.removeprefix("--")
        if name.startswith("--") and key in kinds:
            given[key] = _value(key, text, kinds[key])
    options = Options(**given)
    if options.instruction_tuned and options.chat_dataset:
        raise JobError("instruction_tuned and chat_dataset cannot both be True: choose the one that fits the data.")
    return options


def _value(name: str, text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise JobError(f"hyperparameter {name} is {text!r}: it must be True or False.")
        return text.lower() == "true"
    try:
        return kind(float(text)) if kind is int else kind(text)
    except ValueError:
        raise JobError(f"hyperparameter {name} is {text!r}: it must be a number.") from None
