"""The first pass: every record of the source is read, becomes an example or is dropped, and waits in the spool."""

from __future__ import annotations

from airflow_finetune.curation.examples import Example, Examples
from airflow_finetune.curation.golden import Golden
from airflow_finetune.curation.readers import Found, Options, SourceFile
from airflow_finetune.curation.records import IN_GOLDEN_EXACT, IN_GOLDEN_NORMALISED, Dropped, Origin
from airflow_finetune.curation.report.ledger import Ledger
from airflow_finetune.curation.spool import Row, Spool


class Intake:
    """Reads a source into a spool.

    Args:
        examples: makes examples of records.
        golden: whose prompts must not be trained on.
        ledger: counts every record.
        spool: takes what is left.
    """

    def __init__(self, examples: Examples, golden: Golden, ledger: Ledger, spool: Spool) -> None:
        self._examples, self._golden, self._ledger, self._spool = examples, golden, ledger, spool
        self._files: list[SourceFile] = []

    def read(self, found: Found, options: Options, max_unusable_fraction: float) -> None:
        """Read every file.

        Raises:
            DataError: a file cannot be read any further.
            EmptySource: there is no record.
            NothingToTrainOn: too few of them can be used.
        """
        for file in found.files:
            self._files.append(file)
            self._ledger.open_file(file.name)
            for origin, outcome in self._examples.read(file, options):
                self._ledger.count_in(origin)
                self._take(origin, outcome)
                self._ledger.check(max_unusable_fraction, at_end=False)
            if not self._ledger.records_of_file[file.name]:
                self._ledger.notice("files without a record", f"{file.name} holds no record.")
        self._ledger.check(max_unusable_fraction, at_end=True)

    def origin(self, row: Row) -> Origin:
        """Return where the example of a row comes from."""
        file = self._files[row.file]
        return Origin(file.name, row.number, "row" if file.format == "parquet" else "line")

    def _take(self, origin: Origin, outcome: Example | Dropped) -> None:
        if isinstance(outcome, Dropped):
            self._ledger.drop(origin, outcome.reason, outcome.said)
        elif outcome.keys.prompt in self._golden.prompts:
            exact = outcome.keys.prompt_exact in self._golden.exact
            said = "the same prompt." if exact else "the same prompt but for case, width or white space."
            self._ledger.drop(origin, IN_GOLDEN_EXACT if exact else IN_GOLDEN_NORMALISED, said)
        else:
            characters = (outcome.prompt_characters, outcome.completion_characters)
            self._spool.add(outcome.line, outcome.keys, (len(self._files) - 1, origin.number), characters)
