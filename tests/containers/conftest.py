"""One process that has imported torch, one toy model: shared by all tests of the training container."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.containers.jobs import LORA, QUICK, Place, Zygote, toy_base, toy_rows, write_lines


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    started = Zygote()
    yield started
    started.close()


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_base(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lines(tmp_path_factory.mktemp("data") / "train.jsonl", toy_rows())


@pytest.fixture
def place(tmp_path: Path, toy: Path, toy_data: Path) -> Place:
    return Place(tmp_path / "job", toy, toy_data)


@pytest.fixture(scope="session")
def uninterrupted(
    zygote: Zygote, toy: Path, toy_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], str]:
    """Weights of the job that nobody interrupts, by method; each is trained once."""
    known: dict[str, str] = {}

    def weights(method: str) -> str:
        if method not in known:
            straight = Place(tmp_path_factory.mktemp(method) / "job", toy, toy_data)
            assert zygote.run(straight, LORA if method == "lora" else QUICK) == 0, straight.text()
            known[method] = straight.weights()
        return known[method]

    return weights
