"""One run over a source: the first pass into the spool, the selection, and the files of the dataset."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_finetune.curation.examples import Examples
from airflow_finetune.curation.golden import Golden
from airflow_finetune.curation.intake import Intake
from airflow_finetune.curation.readers import Found, digest_of, find
from airflow_finetune.curation.report import Ledger, Measures, Outcome, Output, account
from airflow_finetune.curation.selection import EXPLAINED, Rules, Selection
from airflow_finetune.curation.spool import Row, Spool

if TYPE_CHECKING:
    from airflow_finetune.curation.mapping import Mapper
    from airflow_finetune.curation.spec import CurateSpec


class Run:
    """Makes a dataset in a folder of its own.

    Args:
        spec: what to do.
        mapper: from a record to an example.
        golden: the golden set that there is already; without an origin, this run may choose one.
        folder: empty, for the files of the dataset.
    """

    def __init__(self, spec: CurateSpec, mapper: Mapper, golden: Golden, folder: Path) -> None:
        self._spec, self._golden, self._folder = spec, golden, folder
        self._holdout = (spec.holdout or 0) if golden.origin is None else 0
        self._examples = Examples(mapper, spec.redact, spec.max_characters)
        self._ledger, self._measures = Ledger(), Measures()
        self._outputs: dict[str, Output] = {}
        self._held_out = 0
        self._open = ExitStack()

    def make(self, source: Path) -> dict[str, Any]:
        """Write the dataset; return its account.

        Raises:
            DataError: the source cannot be used.
            NothingToTrainOn: nothing is left to train on.
        """
        found = find(source, self._spec.options)
        for said in self._golden.notices:
            self._ledger.notice("golden set", said)
        with ExitStack() as self._open, Spool(self._folder / "spool") as spool:
            intake = Intake(self._examples, self._golden, self._ledger, spool)
            intake.read(found, self._spec.options, self._spec.max_unusable_fraction)
            selection = self._select(spool, intake)
            self._check()
            report = account(self._outcome(found, selection), self._ledger, self._measures, spool)
        (self._folder / "spool").unlink()
        return report

    def _outcome(self, found: Found, selection: Selection) -> Outcome:
        return Outcome(
            outputs={name: output.close() for name, output in sorted(self._outputs.items())},
            held_out=self._held_out,
            golden=self._golden.origin or ("chosen" if self._held_out else None),
            source=self._source(found),
            settings=self._spec.model_dump(mode="json"),
            contradictions={
                "policy": self._spec.on_contradiction,
                "prompts": selection.contradictory_prompts,
                "records": selection.contradictory_records,
            },
            redacted=self._examples.redacted,
        )

    def _select(self, spool: Spool, intake: Intake) -> Selection:
        def drop(row: Row, reason: str, other: Row) -> None:
            self._ledger.drop(intake.origin(row), reason, EXPLAINED[reason].format(intake.origin(other)))

        rules = Rules(self._spec.on_contradiction, self._spec.validation_fraction, self._holdout)
        selection = Selection(rules, drop)
        for line in self._golden.lines:
            self._output("golden").add(line)
        for side, row in selection.sides(spool.rows()):
            self._output(side).add(spool.line(row))
            if side == "golden":
                self._held_out += 1
            else:
                self._measures.add(row)
        return selection

    def _output(self, side: str) -> Output:
        name = f"{side}.jsonl"
        if name not in self._outputs:
            self._outputs[name] = Output(self._folder / name)
            self._open.callback(self._outputs[name].close)
        return self._outputs[name]

    def _check(self) -> None:
        if "train.jsonl" not in self._outputs:
            self._ledger.nothing_left(self._held_out, self._holdout)
        if self._spec.validation_fraction and "validation.jsonl" not in self._outputs:
            self._ledger.notice("validation", "no prompt fell into validation: there are too few for its fraction.")

    def _source(self, found: Found) -> dict[str, Any]:
        return {
            "sha256": digest_of(found.files),
            "files": len(found.files),
            "bytes": sum(file.path.stat().st_size for file in found.files),
            "ignored": [self._ledger.shown(name) for name in found.ignored[:20]],
        }
