"""The kernel: a folder of raw files in; a dataset, its golden set and the account of every record out."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from airflow_finetune.curation.golden import existing, freeze
from airflow_finetune.curation.mapping import UserMapping
from airflow_finetune.curation.report import page
from airflow_finetune.curation.run import Run
from airflow_finetune.curation.spec import CurateSpec
from airflow_finetune.errors import SpecError

FILES = ("train.jsonl", "validation.jsonl", "golden.jsonl", "report.html", "report.json")
"""What a dataset's folder may hold, in the order in which it is put in place."""


class Places(NamedTuple):
    """Where things are on this machine.

    Attributes:
        source: a folder or a file.
        out: the folder of the dataset; made if it is not there, a dataset in it is replaced.
        golden: the golden set's file; None when there is none or it is frozen.
        holdout: the folder that keeps a frozen golden set from run to run; None without.
        templates: what the addresses of Jinja files are relative to.
    """

    source: Path
    out: Path
    golden: Path | None = None
    holdout: Path | None = None
    templates: Path = Path()


def curate(spec: CurateSpec, places: Places, mapping: UserMapping | None = None) -> dict[str, Any]:
    """Make a dataset: ``train.jsonl``, ``validation.jsonl`` and ``golden.jsonl`` where asked for, and the reports.

    The same records give the same bytes, in whatever order and files they come; only ``keep_first`` looks at the
    order. ``report.json`` is put in place last: where it is, the dataset is whole.

    Args:
        spec: what to do; its ``source`` and ``golden`` are only told, ``places`` says where they are.
        places: where things are on this machine.
        mapping: somebody's own function from a record to an example.

    Returns:
        What ``report.json`` holds.

    Raises:
        SpecError: the mapping cannot work, or a place is missing.
        DataError: the source or the golden set cannot be used.
    """
    _check(spec, places)
    mapper = spec.mapper(places.templates, mapping)
    places.out.mkdir(parents=True, exist_ok=True)
    while True:
        golden = existing(spec, places.golden, places.holdout, mapper)
        with tempfile.TemporaryDirectory(dir=places.out, prefix=".curate-") as scratch:
            report = Run(spec, mapper, golden, Path(scratch)).make(places.source)
            if report["golden"] == "chosen" and places.holdout:
                chosen = Path(scratch, "golden.jsonl").read_bytes()
                if not freeze(places.holdout, chosen, spec.holdout or 0):
                    continue  # another run was first in the meantime: its golden set is everybody's
            Path(scratch, "report.html").write_text(page(report), encoding="utf-8")
            text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
            Path(scratch, "report.json").write_text(text, encoding="utf-8")
            _publish(Path(scratch), places.out)
        return report


def _check(spec: CurateSpec, places: Places) -> None:
    if spec.holdout and places.holdout is None:
        said = "freeze_holdout needs a place that outlives the run."
        raise SpecError("golden", said, "Give the folder that keeps the golden set.")
    if isinstance(spec.golden, str) and places.golden is None:
        raise SpecError("golden", f"{spec.golden} is not on this machine.", "Say in `places` where it is.")


def _publish(scratch: Path, out: Path) -> None:
    """Put the files in place, ``report.json`` last; a file of an older dataset that is not in this one goes away."""
    (out / "report.json").unlink(missing_ok=True)
    for name in FILES:
        if (scratch / name).exists():
            (scratch / name).replace(out / name)
        else:
            (out / name).unlink(missing_ok=True)
