"""Checkpoints that a kill at any moment cannot spoil: written aside, synchronised, renamed, and verified before use."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from .errors import CheckpointError

PREFIX, ASIDE = "step-", "unfinished-"
MANIFEST = "manifest.json"
WEIGHTS, OPTIMIZER, RANDOM, STATE = "weights.safetensors", "optimizer.pt", "random.pt", "state.json"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """One complete, verified checkpoint.

    Attributes:
        folder: where it lies.
        step: optimizer steps done.
        sha256: of its manifest, which holds the sha256 of every file.
        optimizer_sha256: of the optimizer's file.
    """

    folder: Path
    step: int
    sha256: str
    optimizer_sha256: str


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """Returns the state of torch's random generators."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def save(
    root: Path, step: int, weights: Mapping[str, torch.Tensor], optimizer: Any, facts: Mapping[str, Any],
    device: torch.device, written: Callable[[str], None] = lambda name: None,
) -> Path:  # fmt: skip
    """Writes the checkpoint of ``step`` and returns its folder.

    Everything is written into a folder aside and flushed to the disk, the manifest last; then the folder is renamed. A
    reader therefore sees a complete checkpoint or none; and where files are copied one by one to S3 meanwhile, the
    manifest's sha256 tell a torn copy from a whole one.

    Args:
        root: the folder of the checkpoints.
        step: optimizer steps done.
        weights: by name; the trained ones.
        optimizer: a torch optimizer.
        facts: what ``state.json`` holds besides the step: identity, tokens, seconds.
        device: its random state is kept too.
        written: called with each file's name after it was written (tests kill the process there).
    """
    name = f"{PREFIX}{step:08d}"
    aside = root / f"{ASIDE}{name}-{os.getpid()}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    save_file({key: tensor.detach().cpu().contiguous() for key, tensor in weights.items()}, aside / WEIGHTS)
    written(WEIGHTS)
    torch.save(optimizer.state_dict(), aside / OPTIMIZER)
    written(OPTIMIZER)
    torch.save(random_state(device), aside / RANDOM)
    written(RANDOM)
    (aside / STATE).write_text(json.dumps({"step": step, **facts}, sort_keys=True))
    written(STATE)
    names = (WEIGHTS, OPTIMIZER, RANDOM, STATE)
    sums = {item: {"sha256": _sha256(aside / item), "bytes": (aside / item).stat().st_size} for item in names}
    for item in names:
        _synchronise(aside / item)
    (aside / MANIFEST).write_text(json.dumps({"step": step, "files": sums}, sort_keys=True))
    _synchronise(aside / MANIFEST)
    _synchronise(aside)
    written(MANIFEST)
    final = root / name
    shutil.rmtree(final, ignore_errors=True)  # a torn one of the same step
    aside.rename(final)
    _synchronise(root)
    written("renamed")
    return final


def verify(folder: Path) -> Checkpoint:
    """Returns the checkpoint in a folder.

    Raises:
        ValueError: it is torn: the text says how.
    """
    try:
        raw = (folder / MANIFEST).read_bytes()
        manifest = json.loads(raw)
        sums = {name: manifest["files"][name]["sha256"] for name in (WEIGHTS, OPTIMIZER, RANDOM, STATE)}
        for name, wanted in sums.items():
            if _sha256(folder / name) != wanted:
                raise ValueError(f"{name} is not what the manifest says")
        return Checkpoint(folder, int(manifest["step"]), hashlib.sha256(raw).hexdigest(), sums[OPTIMIZER])
    except FileNotFoundError as error:
        raise ValueError(f"{Path(str(error.filename)).name} is missing") from error
    except (OSError, KeyError, TypeError) as error:
        raise ValueError(f"its manifest cannot be used ({error!r})") from error


def newest(root: Path, say: Callable[[str], None]) -> Checkpoint | None:
    """Returns the newest complete checkpoint, or None; says which are skipped and why, and clears what was aside."""
    for leftover in root.glob(f"{ASIDE}*"):
        say(f"checkpoint {leftover.name}: was being written when the job was interrupted; removed")
        shutil.rmtree(leftover, ignore_errors=True)
    for folder in sorted(root.glob(f"{PREFIX}*"), reverse=True):
        try:
            return verify(folder)
        except ValueError as error:
            say(f"checkpoint {folder.name}: torn, skipped: {error}")
    return None


def check_identity(found: Checkpoint, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the facts of a checkpoint that belongs to this configuration, data and base model.

    Raises:
        CheckpointError: it belongs to others; the text names what differs.
    """
    facts: dict[str, Any] = json.loads((found.folder / STATE).read_text())
    theirs = facts.get("identity", {})
    if theirs != identity:
        names = sorted(set(theirs) | set(identity))
        changed = [f"{n}: {theirs.get(n)} -> {identity.get(n)}" for n in names if theirs.get(n) != identity.get(n)]
        raise CheckpointError(
            f"checkpoint {found.folder.name}: it was made by another configuration, data or base model "
            f"({'; '.join(changed)}). Give the job an empty checkpoint folder, or the old configuration."
        )
    return facts


def restore(found: Checkpoint, weights: Mapping[str, torch.Tensor], optimizer: Any, device: torch.device) -> None:
    """Puts weights, optimizer and random state back as they were."""
    saved = load_file(found.folder / WEIGHTS)
    if set(saved) != set(weights):
        raise CheckpointError(f"checkpoint {found.folder.name}: its weights have other names. Use an empty folder.")
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(saved[name])
    optimizer.load_state_dict(torch.load(found.folder / OPTIMIZER, map_location=device, weights_only=True))
    state = torch.load(found.folder / RANDOM, map_location="cpu", weights_only=True)
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def prune(root: Path, keep: int) -> None:
    """Removes all but the newest ``keep`` checkpoints."""
    for folder in sorted(root.glob(f"{PREFIX}*"), reverse=True)[keep:]:
        shutil.rmtree(folder, ignore_errors=True)


def write_receipt(root: Path, found: Checkpoint) -> str:
    """Writes ``receipts/NNNN.json`` and returns the log line that says from where the job goes on."""
    folder = root / "receipts"
    folder.mkdir(exist_ok=True)
    receipt = {
        "step": found.step, "checkpoint": found.folder.name, "sha256": found.sha256,
        "optimizer_sha256": found.optimizer_sha256,
    }  # fmt: skip
    number = 1 + len(list(folder.glob("*.json")))
    (folder / f"{number:04d}.json").write_text(json.dumps(receipt))
    return "RESUMED " + " ".join(f"{name}={value}" for name, value in receipt.items())
