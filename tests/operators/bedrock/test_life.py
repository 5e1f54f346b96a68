"""The operator through the real task runner against an AWS in which the job really trains, in both wait modes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.operators.bedrock.conftest import Studio


def test_a_job_runs_and_its_model_is_returned(studio: Studio, deferrable: bool, capsys: pytest.CaptureFixture[str]):
    run = studio.run(deferrable=deferrable)
    assert run.try_once() == "success", run.error
    model: dict[str, Any] = run.result
    print(model)
