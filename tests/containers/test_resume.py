"""A training job that is killed, however often and wherever, ends with the very weights of one that is not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import torch

from tests.containers.jobs import LORA, QUICK, Place, Zygote, toy_rows, write_lines

METHODS = {"full": QUICK, "lora": LORA}
SIGKILLED = -signal.SIGKILL


def kill_and_finish(zygote: Zygote, place: Place, how: dict[str, str], steps: list[int]) -> None:
    for step in steps:
        assert zygote.run(place, how, kill_after_step=step) == SIGKILLED, place.text()
    assert zygote.run(place, how) == 0, place.text()


def reseal(checkpoint: Path) -> None:
    """Makes a changed checkpoint look whole: only the loss of its content can now be noticed."""
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    for name, facts in manifest["files"].items():
        facts["sha256"] = hashlib.sha256((checkpoint / name).read_bytes()).hexdigest()
    (checkpoint / "manifest.json").write_text(json.dumps(manifest, sort_keys=True))


def newest(place: Place) -> Path:
    return sorted(place.checkpoints.glob("step-*"))[-1]


@pytest.mark.parametrize(
    ("method", "kills"), [("full", 1), ("full", 2), ("full", 3), ("full", 4), ("full", 5), ("lora", 1), ("lora", 5)]
)
def test_one_to_five_kills_at_random_steps_leave_the_weights_bit_identical(
    zygote: Zygote, place: Place, uninterrupted: Callable[[str], str], method: str, kills: int
) -> None:
    steps = sorted(Random(f"{method}{kills}").sample(range(1, 12), kills))
    kill_and_finish(zygote, place, METHODS[method], steps)
    assert place.weights() == uninterrupted(method), (steps, place.text())


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_kill_at_any_point_of_writing_a_checkpoint_does_no_harm(
    zygote: Zygote, place: Place, uninterrupted: Callable[[str], str], method: str
) -> None:
    points = ["weights.safetensors", "optimizer.pt", "random.pt", "state.json", "manifest.json", "renamed"]
    for point in points:
        assert zygote.run(place, METHODS[method], kill_after_writing=(point, 1)) == SIGKILLED, place.text()
    assert zygote.run(place, METHODS[method]) == 0, place.text()
    assert place.weights() == uninterrupted(method)
    assert place.text().count("was being written when the job was interrupted; removed") == 5  # all but the renamed one
    assert not list(place.checkpoints.glob("unfinished-*"))


def test_a_kill_from_outside_at_an_unplanned_moment_does_no_harm(
    zygote: Zygote, place: Place, uninterrupted: Callable[[str], str]
) -> None:
    pid = zygote.start(place, QUICK)
    until = time.monotonic() + 60
    while "step=5 " not in place.text() and time.monotonic() < until:
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    assert zygote.wait() == SIGKILLED
    assert zygote.run(place, QUICK) == 0
    assert place.weights() == uninterrupted("full")


def test_two_jobs_that_nobody_interrupts_end_with_the_same_weights_and_another_seed_does_not(
    zygote: Zygote, place: Place, uninterrupted: Callable[[str], str]
) -> None:
    assert zygote.run(place, QUICK) == 0
    assert place.weights() == uninterrupted("full")
    other = Place(place.root / "other", place.base, place.data)
    assert zygote.run(other, {**QUICK, "seed": "8"}) == 0
    assert other.weights() != uninterrupted("full")


def test_without_the_optimizers_state_the_weights_differ(
    zygote: Zygote, place: Place, uninterrupted: Callable[[str], str]
) -> None:
    assert zygote.run(place, QUICK, kill_after_step=7) == SIGKILLED
    found = newest(place) / "optimizer.pt"
    state = torch.load(found, weights_only=True)
    for moments in state["state"].values():
        moments["exp_avg"].zero_()
    torch.save(state, found)
    reseal(newest(place))
    assert zygote.run(place, QUICK) == 0, place.text()
    assert place.weights() != uninterrupted("full")


@pytest.mark.parametrize("method", ["full", "lora"])
def test_without_the_random_state_the_weights_differ(
    zygote: Zygote, place: Place, uninterrupted: Callable[[str], str], method: str
) -> None:
    assert zygote.run(place, METHODS[method], kill_after_step=7) == SIGKILLED
    torch.save({"cpu": torch.Generator().manual_seed(99).get_state()}, newest(place) / "random.pt")
    reseal(newest(place))
    assert zygote.run(place, METHODS[method]) == 0, place.text()
    assert place.weights() != uninterrupted(method)


def test_a_resume_leaves_a_receipt_in_the_log_and_in_the_checkpoints(zygote: Zygote, place: Place) -> None:
    kill_and_finish(zygote, place, QUICK, [4, 8])
    lines = [line for line in place.text().splitlines() if line.startswith("RESUMED ")]
    receipts = [json.loads(path.read_text()) for path in sorted((place.checkpoints / "receipts").glob("*.json"))]
    assert [receipt["step"] for receipt in receipts] == [3, 6]
    for line, receipt in zip(lines, receipts, strict=True):
        assert dict(word.split("=") for word in line.split()[1:]) == {k: str(v) for k, v in receipt.items()}
        assert len(receipt["sha256"]) == len(receipt["optimizer_sha256"]) == 64


def test_a_job_that_is_not_interrupted_writes_no_receipt(zygote: Zygote, place: Place) -> None:
    assert zygote.run(place, QUICK) == 0
    assert "RESUMED" not in place.text()
    assert not (place.checkpoints / "receipts").exists()


@pytest.mark.parametrize("harm", ["cut", "flipped", "no manifest", "no weights", "manifest of junk"])
def test_a_torn_checkpoint_is_skipped_and_said_and_the_one_before_it_is_used(
    zygote: Zygote, place: Place, uninterrupted: Callable[[str], str], harm: str
) -> None:
    assert zygote.run(place, QUICK, kill_after_step=8) == SIGKILLED
    torn = newest(place)
    weights = torn / "weights.safetensors"
    raw = weights.read_bytes()
    if harm == "cut":
        weights.write_bytes(raw[: len(raw) // 2])
    elif harm == "flipped":
        weights.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    elif harm == "no manifest":
        (torn / "manifest.json").unlink()
    elif harm == "no weights":
        weights.unlink()
    else:
        (torn / "manifest.json").write_text("{]")
    assert zygote.run(place, QUICK) == 0, place.text()
    assert "checkpoint step-00000006: torn, skipped" in place.text()
    assert "RESUMED step=3 " in place.text()
    assert place.weights() == uninterrupted("full")


def test_when_all_checkpoints_are_torn_the_job_starts_again(
    zygote: Zygote, place: Place, uninterrupted: Callable[[str], str]
) -> None:
    assert zygote.run(place, QUICK, kill_after_step=8) == SIGKILLED
    for folder in place.checkpoints.glob("step-*"):
        (folder / "optimizer.pt").write_bytes(b"")
    assert zygote.run(place, QUICK) == 0
    assert "RESUMED" not in place.text()
    assert place.weights() == uninterrupted("full")


def test_the_newest_two_checkpoints_are_kept(zygote: Zygote, place: Place) -> None:
    assert zygote.run(place, QUICK) == 0
    names = sorted(path.name for path in place.checkpoints.iterdir())
    assert names == ["step-00000009", "step-00000012"]


def test_a_checkpoint_of_another_configuration_is_refused_by_name(zygote: Zygote, place: Place) -> None:
    assert zygote.run(place, QUICK, kill_after_step=4) == SIGKILLED
    assert zygote.run(place, {**QUICK, "learning_rate": "0.001"}) == 1
    said = place.text().splitlines()[-1]
    assert "checkpoint step-00000003" in said
    assert "learning_rate: 0.003 -> 0.001" in said


def test_a_checkpoint_of_other_data_is_refused(zygote: Zygote, place: Place) -> None:
    assert zygote.run(place, QUICK, kill_after_step=4) == SIGKILLED
    place.data = write_lines(place.root / "other/train.jsonl", toy_rows(25))
    assert zygote.run(place, QUICK) == 1
    assert "data: " in place.text().splitlines()[-1]


def test_where_and_how_often_to_write_is_no_part_of_the_identity(
    zygote: Zygote, place: Place, uninterrupted: Callable[[str], str]
) -> None:
    assert zygote.run(place, QUICK, kill_after_step=4) == SIGKILLED
    moved = place.root / "moved"
    shutil.move(place.checkpoints, moved)
    assert zygote.run(place, {**QUICK, "checkpoint_dir": str(moved), "checkpoint_steps": "5", "log_steps": "4"}) == 0
    assert "RESUMED step=3 " in place.text()
    assert place.weights() == uninterrupted("full")


def test_a_job_killed_while_it_exports_only_exports_again(zygote: Zygote, place: Place) -> None:
    assert zygote.run(place, QUICK) == 0
    before = place.weights()
    shutil.rmtree(place.model)
    assert zygote.run(place, QUICK) == 0
    assert "RESUMED step=12 " in place.text()
    assert place.weights() == before


def test_a_stop_saves_marks_the_model_as_unfinished_and_exits_with_zero(
    zygote: Zygote, place: Place, uninterrupted: Callable[[str], str]
) -> None:
    assert zygote.run(place, QUICK, terminate_after_step=5) == 0
    state = json.loads((place.model / "training_state.json").read_text())
    assert state == {"finished": False, "steps_done": 5, "steps_planned": 12}
    assert sorted(path.name for path in place.model.iterdir()) == ["training_state.json"]
    assert newest(place).name == "step-00000005"
    assert "STOPPED step=5 steps=12" in place.text()
    assert zygote.run(place, QUICK) == 0
    assert json.loads((place.model / "training_state.json").read_text())["finished"] is True
    assert place.weights() == uninterrupted("full")


def test_a_stop_right_after_a_resume_keeps_the_checkpoint_it_came_from(zygote: Zygote, place: Place) -> None:
    assert zygote.run(place, QUICK, terminate_after_step=5) == 0
    before = (newest(place) / "manifest.json").read_bytes()
    assert zygote.run(place, QUICK, terminate_after_step=6) == 0
    assert (place.checkpoints / "step-00000005/manifest.json").read_bytes() == before
