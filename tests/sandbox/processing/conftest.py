"""A sandbox with short waits for processing jobs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.sandbox.settings import Settings
from tests.sandbox.processing.account import GROUP, ProcessingJobs


@pytest.fixture(scope="module")
def processing_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    image = tmp_path_factory.mktemp("image")
    (image / "process").write_text('#!/bin/sh\necho "image $*" > /opt/ml/processing/output/result/who.txt\n')
    (image / "process").chmod(0o755)
    settings = Settings(
        speed=1000.0,
        state_dir=tmp_path_factory.mktemp("processing"),
        slots=24,
        sigterm_grace_seconds=1.0,
        checkpoint_sync_seconds=0.05,
        images=(("local/processor*", image),),
    )
    with Sandbox(settings) as sandbox:
        yield sandbox


@pytest.fixture
def jobs(processing_sandbox: Sandbox) -> Iterator[ProcessingJobs]:
    """An empty account, as far as processing jobs go: a reset of everything takes moto seconds."""
    made = ProcessingJobs(processing_sandbox)
    yield made
    world = processing_sandbox.world
    world.processing.reset()
    world.training.reset()
    for part in (world.store, world.faults, world.quotas, world.billing):
        part.clear()
    keys = [{"Key": key} for key in made.objects()]
    if keys:
        made.s3.delete_objects(Bucket="bucket", Delete={"Objects": keys})
    with contextlib.suppress(made.logs.exceptions.ResourceNotFoundException):
        made.logs.delete_log_group(logGroupName=GROUP)
    made.close()
