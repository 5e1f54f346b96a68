"""A sandbox with short waits, and an account with a group for models."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.sandbox.settings import Settings
from tests.sandbox.serverless.account import Serverless
from tests.sandbox.training.account import GROUP


@pytest.fixture(scope="module")
def serverless_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    settings = Settings(speed=1000.0, state_dir=tmp_path_factory.mktemp("serverless"), slots=4)
    with Sandbox(settings) as sandbox:
        yield sandbox


@pytest.fixture
def jobs(serverless_sandbox: Sandbox) -> Iterator[Serverless]:
    """An empty account, as far as training jobs go: a reset of everything takes moto seconds."""
    made = Serverless(serverless_sandbox)
    yield made
    world = serverless_sandbox.world
    world.training.reset()
    for part in (world.store, world.faults, world.quotas, world.billing):
        part.clear()
    keys = [{"Key": key} for key in made.objects()]
    if keys:
        made.s3.delete_objects(Bucket="bucket", Delete={"Objects": keys})
    with contextlib.suppress(made.logs.exceptions.ResourceNotFoundException):
        made.logs.delete_log_group(logGroupName=GROUP)
    made.close()
