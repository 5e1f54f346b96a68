"""A place for jobs, and the isolation modes that work on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_finetune.sandbox.runner.isolation import MODES
from airflow_finetune.sandbox.runner.processes import Process, Processes, Program
from airflow_finetune.sandbox.settings import Settings
from tests.sandbox.processes.programs import PYTHON


@pytest.fixture(scope="session")
def works_here() -> dict[str, str]:
    """Mode -> reason, for the modes that work here."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            probe.mode: probe.reason for probe in Processes(Settings(state_dir=Path(folder))).probes() if probe.works
        }


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest, works_here: dict[str, str]) -> str:
    """Each mode that works here."""
    if request.param not in works_here:
        pytest.skip(f"{request.param} does not work on this machine")
    return str(request.param)


class Workshop:
    """Runs small Python programs as jobs."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self.processes, self.folder = processes, folder

    def ml(self, name: str) -> Path:
        ml = self.folder / "jobs" / name / "ml"
        (ml / "code").mkdir(parents=True, exist_ok=True)
        return ml

    def run(self, name: str, script: str, *arguments: str, memory_limit_bytes: int | None = None) -> Process:
        ml = self.ml(name)
        (ml / "code" / "main.py").write_text(script)
        return self.processes.start(
            Program(
                name,
                [PYTHON, "/opt/ml/code/main.py", *arguments],
                self.processes.base_environment(ml, "http://127.0.0.1:1", "us-east-1"),
                ml,
                "/opt/ml/code",
                ml.parent / "log",
                memory_limit_bytes,
            )
        )

    def log(self, name: str) -> str:
        path = self.ml(name).parent / "log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def make_workshop(tmp_path: Path) -> Iterator[Callable[..., Workshop]]:
    made: list[Processes] = []

    def make(
        isolation: str | None = None, images: tuple[tuple[str, Path], ...] = (), log_limit_mb: int = 128
    ) -> Workshop:
        state = tmp_path / "state"
        state.mkdir(exist_ok=True)
        made.append(Processes(Settings(state_dir=state, isolation=isolation, images=images, log_limit_mb=log_limit_mb)))
        return Workshop(made[-1], state)

    yield make
    for processes in made:
        processes.stop_all()


@pytest.fixture
def workshop(make_workshop: Callable[..., Workshop], mode: str) -> Workshop:
    """A workshop for each mode that works here."""
    return make_workshop(mode)
