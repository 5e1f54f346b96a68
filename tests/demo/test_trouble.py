"""What is planned to go wrong can happen to the backend's jobs, and the embedded AWS is told so that it happens."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from airflow_finetune.errors import SpecError
from demo.cloud import Cloud
from demo.processes import Processes
from demo.trouble import BEDROCK, FAULTS, SPOT, planned


@pytest.mark.parametrize(("backend", "kind"), [(SPOT, "spot_interruption"), (BEDROCK, "throttle")])
def test_each_backend_has_a_fault_of_its_own_unless_another_is_asked_for(backend, kind):
    assert planned(backend, None, None).kind == kind
    assert planned(backend, "none", None).text() == "nothing will go wrong"


def test_only_spot_speaks_of_spot():
    assert "Spot" in planned(SPOT, None, 40).text()
    assert not any("Spot" in said for said in FAULTS[BEDROCK].values())


@pytest.mark.parametrize(
    ("backend", "kind", "step", "said"),
    [
        (BEDROCK, "spot_interruption", None, "--fault spot_interruption: cannot be planned for the backend bedrock"),
        (SPOT, "throttle", None, "--fault throttle: cannot be planned for the backend spot_training"),
        (BEDROCK, None, 40, "--interrupt-at 40: says when a Spot instance is taken away, and none will be"),
        (SPOT, "none", 40, "--interrupt-at 40"),
    ],
)
def test_what_cannot_happen_is_refused(backend, kind, step, said):
    with pytest.raises(SpecError, match=said):
        planned(backend, kind, step)


@pytest.mark.parametrize("backend", FAULTS)
def test_every_fault_is_one_that_the_embedded_aws_knows(backend, tmp_path: Path):
    with Processes() as processes:
        cloud = Cloud(processes, tmp_path / "log", 1000.0, secrets.token_urlsafe(8))
        for kind in FAULTS[backend]:
            planned(backend, kind, None).plan(cloud)
        if backend == BEDROCK:
            ask(cloud, 20)
            assert cloud.calls("Converse", "throttle") == 1


def ask(cloud: Cloud, times: int) -> None:
    """Ask questions to a model that is not there."""
    runtime = cloud.client("bedrock-runtime")
    for _ in range(times):
        with pytest.raises(ClientError):
            runtime.converse(modelId="nobody.nothing-v1:0", messages=[{"role": "user", "content": [{"text": "hi"}]}])
    runtime.close()
