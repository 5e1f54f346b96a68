"""A sandbox with short waits for training jobs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.sandbox.settings import Settings
from tests.sandbox.training.account import GROUP, Jobs


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands for the image ``local/trainer``: a program ``train``."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "train").write_text('#!/bin/sh\necho "image train $*" > /opt/ml/model/who.txt\n')
    (folder / "train").chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def training_sandbox(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Iterator[Sandbox]:
    settings = Settings(
        speed=1000.0,
        state_dir=tmp_path_factory.mktemp("training"),
        slots=24,
        sigterm_grace_seconds=1.0,
        checkpoint_sync_seconds=0.05,
        images=(("local/trainer*", image_folder),),
    )
    with Sandbox(settings) as sandbox:
        yield sandbox


@pytest.fixture
def jobs(training_sandbox: Sandbox) -> Iterator[Jobs]:
    """An empty account, as far as training jobs go: a reset of everything takes moto seconds."""
    made = Jobs(training_sandbox)
    yield made
    world = training_sandbox.world
    world.training.reset()
    for part in (world.store, world.faults, world.quotas, world.billing):
        part.clear()
    keys = [{"Key": key} for key in made.objects()]
    if keys:
        made.s3.delete_objects(Bucket="bucket", Delete={"Objects": keys})
    with contextlib.suppress(made.logs.exceptions.ResourceNotFoundException):
        made.logs.delete_log_group(logGroupName=GROUP)
    made.close()
