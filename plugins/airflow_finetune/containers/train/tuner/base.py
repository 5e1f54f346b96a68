"""The model to train: a base from the `model` channel, safetensors and no remote code, made ready for full or LoRA."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_log

from .config import Config
from .errors import ModelError
from .records import with_template

_EDGE_BYTES = 1 << 20


@dataclasses.dataclass
class Trainee:
    """A model in training.

    Attributes:
        model: what is trained: the base itself (full) or the base inside a peft model (lora).
        tokenizer: fast, with a chat template.
        device: where it runs.
        autocast: whether the forward pass runs in bf16.
        base_dtype: name of the type that the base was saved in.
    """

    model: Any
    tokenizer: Any
    device: torch.device
    autocast: bool
    base_dtype: str

    def trainable(self) -> dict[str, torch.Tensor]:
        """Returns the weights that training changes, by name: all of a checkpoint's weights."""
        return {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}


def locate(channel: Path, scratch: Path) -> Path:
    """Returns the folder that holds ``config.json``: the channel, a folder in it, or its one ``.tar.gz``, unpacked.

    Args:
        channel: the folder of the channel.
        scratch: an empty folder to unpack into.

    Raises:
        ModelError: there is none, or the archive cannot be used.
    """
    if not list(channel.rglob("config.json")):
        archives = sorted(channel.rglob("*.tar.gz"))
        if len(archives) == 1:
            _unpack(archives[0], scratch)
    places = (channel.rglob("config.json"), scratch.rglob("config.json"))
    found = sorted((path for place in places for path in place), key=lambda path: len(path.parts))
    if not found:
        raise ModelError(f"channel {channel}: no config.json in it. Point the channel at a Hugging Face model folder.")
    return found[0].parent


def _unpack(archive: Path, target: Path) -> None:
    try:
        with tarfile.open(archive) as packed:
            for member in packed:  # no extractall: its filters came with Python 3.11.4
                _write(packed, member, target)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ModelError(f"archive {archive.name}: {error}. Give a whole model.tar.gz.") from error


def _write(packed: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Writes one file; refuses links, devices and names that leave the folder."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not (member.isreg() or member.isdir()):
        raise tarfile.TarError(f"{member.name!r} is no plain file below the folder")
    if (content := packed.extractfile(member)) is not None:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        with content, (target / name).open("wb") as file:
            shutil.copyfileobj(content, file)


def digest(folder: Path) -> str:
    """Returns a sha256 of the base model: all of the small files, size and both edges of the weights (gigabytes)."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".safetensors")):
        size = path.stat().st_size
        total.update(f"{path.relative_to(folder)}:{size}:".encode())
        with path.open("rb") as stream:
            total.update(stream.read(_EDGE_BYTES))
            if size > _EDGE_BYTES:
                stream.seek(max(_EDGE_BYTES, size - _EDGE_BYTES))
                total.update(stream.read())
    return total.hexdigest()


def pick_device() -> torch.device:
    """Returns the first GPU, else the CPU. One job trains on one device."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def use_bf16(precision: str, device: torch.device) -> bool:
    """Returns whether the forward pass runs in bf16: on a GPU that has it in hardware, or where it was asked for.

    On a CPU bf16 was measured slower than fp32 (67 against 45 ms a step of the tiny model).
    """
    if precision != "auto":
        return precision == "bf16"
    return device.type == "cuda" and bool(torch.cuda.get_device_capability(device) >= (8, 0))


def load(folder: Path, config: Config) -> Trainee:
    """Returns the base model ready to train.

    Weights that are trained are kept in fp32 (bf16 alone loses small updates); a frozen LoRA base may be bf16.

    Raises:
        ModelError: the folder holds no safetensors, needs code of its own, or has no fast tokenizer.
    """
    if not list(folder.glob("*.safetensors")):
        raise ModelError(
            f"base model {folder}: no .safetensors file in it. Convert the weights: pickles are not loaded."
        )
    transformers_log.disable_progress_bar()  # a bar is noise in a log that is read by lines
    device = pick_device()
    autocast = use_bf16(config.precision, device)
    dtype = torch.bfloat16 if autocast and config.method == "lora" else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, trust_remote_code=False, use_safetensors=True, local_files_only=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"base model {folder}: {error} Models that need code of their own are not loaded.") from error
    if not tokenizer.is_fast:
        raise ModelError(f"base model {folder}: its tokenizer is not a fast one. Save it with tokenizer.json.")
    base_dtype = _saved_dtype(folder, model)
    model.config.use_cache = False
    if config.attention_dropout >= 0:
        model.config.attention_dropout = config.attention_dropout
        for layer in model.modules():  # attention modules copy the number when they are made
            if hasattr(layer, "attention_dropout"):
                layer.attention_dropout = config.attention_dropout
    model = _prepare(model, config).to(device)
    return Trainee(model, with_template(tokenizer), device, autocast, base_dtype)


def _saved_dtype(folder: Path, model: Any) -> str:
    """Returns the type of the saved weights, as the first weight of the first file says."""
    from safetensors import safe_open

    first = sorted(folder.glob("*.safetensors"))[0]
    with safe_open(first, "pt") as opened:
        kind = opened.get_slice(next(iter(opened.keys()))).get_dtype()
    return {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}.get(kind, str(model.dtype).removeprefix("torch."))


def _prepare(model: Any, config: Config) -> Any:
    """Returns the model with gradients where they are wanted: all weights, or a LoRA adapter."""
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    if config.method == "full":
        return model.requires_grad_(True)
    from peft import LoraConfig, get_peft_model

    wanted = config.lora_target_modules
    targets: str | list[str] = wanted if wanted == "all-linear" else [name.strip() for name in wanted.split(",")]
    lora = LoraConfig(
        r=config.lora_rank, lora_alpha=config.lora_alpha, lora_dropout=config.lora_dropout, target_modules=targets,
        task_type="CAUSAL_LM",
    )  # fmt: skip
    try:
        return get_peft_model(model, lora)
    except ValueError as error:
        raise ModelError(f"hyperparameter lora_target_modules: {error} Name modules of this model.") from error


def seed_everything(seed: int, threads: int) -> None:
    """Seeds torch and fixes the number of CPU threads: both decide the bits of the result."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a job reads its channels, no hub
