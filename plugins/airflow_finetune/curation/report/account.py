"""The account of a run for machines: plain JSON types, the same bytes for the same run, and sums that add up."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from airflow_finetune.curation.records import REASONS
from airflow_finetune.curation.redaction import Redactor
from airflow_finetune.curation.report.ledger import Ledger
from airflow_finetune.curation.report.measures import BINS, Measures
from airflow_finetune.curation.spool import Spool

_MOST_FILES = 200
_MOST_ANSWERS = 50


class Output:
    """A file of the dataset that is written line by line, with its digest.

    Args:
        path: where.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb", buffering=1 << 20)
        self._sha256 = hashlib.sha256()
        self.examples = 0
        self._bytes = 0

    def add(self, line: bytes) -> None:
        """Write one line."""
        self._file.write(line)
        self._sha256.update(line)
        self.examples += 1
        self._bytes += len(line)

    def close(self) -> dict[str, Any]:
        """Finish the file; return what is to be told of it."""
        self._file.close()
        return {"sha256": self._sha256.hexdigest(), "examples": self.examples, "bytes": self._bytes}


class Outcome(NamedTuple):
    """What a run has come to.

    Attributes:
        outputs: file name -> what ``Output.close`` returns.
        held_out: how many records of the source went into the golden set.
        golden: where the golden set comes from: ``file``, ``frozen``, ``chosen``, or None.
        source: what is to be told of the source.
        settings: the spec, as plain types.
        contradictions: policy, prompts and records.
        redacted: mask -> how often it was put; ``records`` is how many examples were touched.
    """

    outputs: dict[str, dict[str, Any]]
    held_out: int
    golden: str | None
    source: dict[str, Any]
    settings: dict[str, Any]
    contradictions: dict[str, Any]
    redacted: dict[str, int]


def dataset_version(outputs: dict[str, dict[str, Any]]) -> str:
    """Return the version of a dataset: what ``sha256sum train.jsonl validation.jsonl | sha256sum`` prints.

    What is not there is left out. The golden set has a digest of its own.
    """
    names = [name for name in ("train.jsonl", "validation.jsonl") if name in outputs]
    return hashlib.sha256("".join(f"{outputs[name]['sha256']}  {name}\n" for name in names).encode()).hexdigest()


def account(outcome: Outcome, ledger: Ledger, measures: Measures, spool: Spool) -> dict[str, Any]:
    """Return the report for machines.

    Raises:
        AssertionError: the sums do not add up; then nothing of the run can be trusted.
    """
    parts = {name: told["examples"] for name, told in outcome.outputs.items() if name != "golden.jsonl"}
    out = sum(parts.values()) + outcome.held_out
    if ledger.records_in != out + ledger.dropped.total():
        raise AssertionError(f"{ledger.records_in} in, {out} out, {ledger.dropped.total()} dropped")
    return {
        "format": 1,
        "dataset_version": dataset_version(outcome.outputs),
        "records_in": ledger.records_in,
        "records_out": out,
        "out": {name.removesuffix(".jsonl"): count for name, count in parts.items()} | {"golden": outcome.held_out},
        "dropped": dict(ledger.dropped.most_common()),
        "reasons": {reason: REASONS.get(reason, "a reason of the mapping") for reason in ledger.dropped},
        "dropped_examples": {
            reason: [example._asdict() for example in ledger.examples[reason]] for reason in ledger.dropped
        },
        "files": outcome.outputs,
        "golden": outcome.golden,
        "redacted": outcome.redacted,
        "contradictions": outcome.contradictions,
        "source": outcome.source | {"records": _of_files(ledger)},
        "notices": ledger.notices,
        "measures": _measured(measures, spool),
        "settings": outcome.settings,
    }


def _of_files(ledger: Ledger) -> dict[str, int]:
    told = list(ledger.records_of_file.items())[:_MOST_FILES]
    return {ledger.shown(name): records for name, records in told}


def _measured(measures: Measures, spool: Spool) -> dict[str, Any]:
    mask = Redactor().redact  # what people see is masked, also where the dataset is not
    answers, lengths = measures.answers(spool), measures.lengths()
    return {
        "bins": list(BINS),
        "lengths": {name: each._asdict() | {"bins": list(each.bins)} for name, each in lengths.items()},
        "answers": None if answers is None else [[mask(text), count] for text, count in answers[:_MOST_ANSWERS]],
        "different_answers": None if answers is None else len(answers),
        "samples": [
            [{"role": each["role"], "content": mask(each["content"])} for each in messages]
            for messages in measures.samples(spool)
        ],
    }
