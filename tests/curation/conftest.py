"""Places for curation in a temporary folder, and the real data sets where they are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airflow_finetune.curation.curate import Places, curate
from airflow_finetune.curation.mapping import UserMapping
from airflow_finetune.curation.spec import CurateSpec


class Made(NamedTuple):
    """A dataset that was made, and its report."""

    out: Path
    report: dict[str, Any]

    def lines(self, name: str) -> list[dict[str, Any]]:
        path = self.out / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def pairs(self, name: str = "train") -> set[tuple[str, str]]:
        chats = (line["messages"] for line in self.lines(name))
        return {(chat[-2]["content"], chat[-1]["content"]) for chat in chats}


class Desk:
    """A source folder to write into, and ``curate`` on it; ``prompt`` and ``completion`` columns unless told."""

    def __init__(self, folder: Path, source: Path | None = None) -> None:
        self.folder = folder
        self.source = source or folder / "source"
        self.source.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def write_lines(self, name: str, *records: Mapping[str, Any]) -> Path:
        return self.write(name, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))

    def curate(self, out: str = "out", *, mapping: UserMapping | None = None, **fields: Any) -> Made:
        golden, template_folder = fields.pop("golden_file", None), self.folder
        if golden is not None:
            fields["golden"] = str(golden)
        spec = CurateSpec.load({"source": "here", **fields}, rendered=True, thing="curate")
        places = Places(self.source, self.folder / out, golden, self.folder / "holdout", template_folder)
        return Made(self.folder / out, curate(spec, places, mapping))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture(scope="session")
def real() -> Callable[[str], Path]:
    """Gives the path of a real data set, or skips where it is not on this machine."""
    root = Path(os.environ.get("FINETUNE_DATA", Path(__file__).parents[2] / "../shared/data")).resolve()

    def path(name: str) -> Path:
        if not (root / name).exists():
            pytest.skip(f"{name} is not in {root}: FINETUNE_DATA names the folder of the real data sets")
        return root / name

    return path
