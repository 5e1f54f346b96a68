"""What a job leaves behind: weights as safetensors, tokenizer, generation config, and the code that serves them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from .base import Trainee
from .config import Config

KEPT = ("config.json", "generation_config.json", "special_tokens_map.json", "added_tokens.json")
STATE = "training_state.json"
"""Says whether the model is finished; a server refuses one that is not."""


def serving_code(code_dir: Path) -> Path | None:
    """Returns the folder of the serving code: ``serve/`` in the job's source, or beside it in the package."""
    for folder in (code_dir / "serve", code_dir.parent / "serve"):
        if (folder / "inference.py").is_file():
            return folder
    return None


def write_state(model_dir: Path, *, finished: bool, step: int, steps: int) -> None:
    """Writes how far the training came; for a stopped job this is all that its model folder holds."""
    model_dir.mkdir(parents=True, exist_ok=True)
    state = {"finished": finished, "steps_done": step, "steps_planned": steps}
    (model_dir / STATE).write_text(json.dumps(state) + "\n")


def _dtype(config: Config, trainee: Trainee) -> torch.dtype:
    name = trainee.base_dtype if config.save_dtype == "auto" else config.save_dtype
    found = getattr(torch, name)
    if not isinstance(found, torch.dtype):
        raise TypeError(f"{name} is no torch dtype")
    return found


def merged(trainee: Trainee, config: Config, model_dir: Path) -> Any:
    """Returns the model with a LoRA adapter merged into it; keeps the adapter on its own where that is asked for."""
    if config.method == "full":
        return trainee.model
    if config.save_adapter:
        trainee.model.save_pretrained(model_dir / "adapter", safe_serialization=True)
    return trainee.model.merge_and_unload()


def keep_as_in_base(base: Path, model_dir: Path, save_dtype: str) -> None:
    """Puts the base's own configuration and tokenizer files in the place of rewritten ones.

    Tuning changes neither. But transformers 5 writes both in a form that version 4 reads wrongly without a word (the
    rotary base of Llama 3 is one), and the image that serves need not have the version of the one that trained.
    """
    for path in sorted(path for path in base.iterdir() if path.is_file()):
        if path.name in KEPT or path.name.startswith(("tokenizer", "vocab", "merges", "chat_template")):
            shutil.copyfile(path, model_dir / path.name)
    if save_dtype != "auto":
        written = json.loads((model_dir / "config.json").read_text())
        written = {name: value for name, value in written.items() if name not in ("dtype", "torch_dtype")}
        (model_dir / "config.json").write_text(json.dumps({**written, "torch_dtype": save_dtype}, indent=2) + "\n")


def export(trainee: Trainee, config: Config, base: Path, model_dir: Path, code_dir: Path) -> None:
    """Writes the tuned model so that AWS's Hugging Face inference containers (and ours) serve the folder as it is."""
    model_dir.mkdir(parents=True, exist_ok=True)
    model = merged(trainee, config, model_dir).to(_dtype(config, trainee))
    model.config.use_cache = True
    model.save_pretrained(model_dir, safe_serialization=True)
    trainee.tokenizer.save_pretrained(model_dir)
    keep_as_in_base(base, model_dir, config.save_dtype)
    code = serving_code(code_dir)
    if code is not None:
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "__init__.py")
        shutil.copytree(code, model_dir / "code", dirs_exist_ok=True, ignore=_ignore_top_init(code, ignored))


def _ignore_top_init(top: Path, ignored: Any) -> Any:
    """Returns a copytree filter: no caches, and no ``__init__.py`` in ``code/`` itself (it is a path, no package)."""

    def choose(folder: str, names: list[str]) -> set[str]:
        found = set(ignored(folder, names))
        return found if Path(folder) == top else found - {"__init__.py"}

    return choose
