"""The teacher of a distillation really learns, and nothing that the student is taught or judged on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from demo import orders, teacher
from demo.chosen import OWN_DATA, OWN_PIPELINE, Chosen
from demo.cloud import BASE
from demo.processes import DemoError, Processes
from demo.teacher import Teacher, teacher_of

PRO = "amazon.nova-pro-v1:0"
PATIENCE_SECONDS = 240.0


def wait_for(made: Teacher) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not made.is_ready():
        assert time.monotonic() < until
        time.sleep(0.1)


def chosen(model: str | None, data: Path = OWN_DATA) -> Chosen:
    return Chosen(OWN_PIPELINE, data, {}, OWN_DATA, "any", "bedrock", model)


def test_its_orders_are_in_neither_the_data_nor_the_golden_set():
    taught = {row["text"] for row in orders.records(teacher.SEED, teacher.ROWS)}
    assert len(taught) == teacher.ROWS
    assert not taught & {row["text"] for row in orders.records(orders.TRAIN_SEED, orders.TRAIN_ROWS)}
    assert not taught & {row["prompt"] for row in orders.read(orders.GOLDEN_FILE)}


def test_only_a_distillation_of_our_own_orders_needs_one(tmp_path):
    with Processes() as processes:
        assert teacher_of(chosen(None), processes, tmp_path / "log") is None
        assert teacher_of(chosen(PRO, tmp_path), processes, tmp_path / "log") is None
        made = teacher_of(chosen(f"arn:aws:bedrock:us-east-1::foundation-model/{PRO}"), processes, tmp_path / "log")
        assert made is not None
        assert (made.model, list(made.models)) == (PRO, [f"{PRO}*"])


@pytest.mark.long
def test_its_weights_are_in_place_when_it_is_ready(tmp_path):
    with Processes() as processes:
        made = Teacher(PRO, processes, tmp_path / "log", rows=16)
        weights, base = made.models[f"{PRO}*"] / "model.safetensors", (BASE / "model.safetensors").read_bytes()
        assert weights.read_bytes() == base
        made.begin()
        wait_for(made)
        assert weights.read_bytes() != base
        assert made.step() == "step 4 of 4"


def test_a_training_that_fails_ends_the_demo_with_its_log(tmp_path):
    with Processes() as processes:
        made = Teacher(PRO, processes, tmp_path / "log", rows=16)
        made.begin()
        assert made.process is not None
        os.kill(made.process.pid, signal.SIGKILL)
        with pytest.raises(DemoError, match="teacher's training ended with exit code -9:"):
            wait_for(made)
