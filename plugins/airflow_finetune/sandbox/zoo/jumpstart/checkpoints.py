"""Checkpoints that a kill at any moment cannot spoil: each is one file, written aside, flushed and renamed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch


class Checkpoints:
    """The checkpoints of one job.

    Args:
        folder: where they lie.
        identity: what the job is: a checkpoint of another job is not gone on from.
        most: how many are kept.
    """

    def __init__(self, folder: Path, identity: str, most: int) -> None:
        self._folder, self._identity, self._most = folder, identity, most

    def save(self, step: int, model: Any, optimizer: Any) -> None:
        """Write one, and remove the oldest; names that end in .tmp are never taken for one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        final = self._folder / f"checkpoint-{step}.pt"
        draft = final.with_suffix(".tmp")
        trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        state = {
            "identity": self._identity,
            "step": step,
            "weights": trained,
            "optimizer": optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        with draft.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(final)
        for old in self._found()[self._most :]:
            old.unlink(missing_ok=True)

    def restore(self, model: Any, optimizer: Any) -> int:
        """Take the newest whole one of this job over, and return its step; 0 without one."""
        for path in self._found():
            try:
                state = torch.load(path, weights_only=True)
            except Exception as error:  # torn or not ours: the one before it is as good
                print(f"{path.name} cannot be read and is left out: {type(error).__name__}", flush=True)
                continue
            if state["identity"] != self._identity:
                print(f"{path.name} belongs to another job and is left out", flush=True)
                continue
            with torch.no_grad():
                for name, weight in model.named_parameters():
                    if name in state["weights"]:
                        weight.copy_(state["weights"][name])
            optimizer.load_state_dict(state["optimizer"])
            torch.set_rng_state(state["random"])
            return int(state["step"])
        return 0

    def _found(self) -> list[Path]:
        """The files, the newest first."""
        return sorted(self._folder.glob("checkpoint-*.pt"), key=lambda path: int(path.stem[11:]), reverse=True)
