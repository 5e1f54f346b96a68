"""From a record to an example that may be written: mapped, masked, checked, in canonical form."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from airflow_finetune.curation.canonical import Chat, Keys, Message, keys, line, stripped
from airflow_finetune.curation.mapping import Mapper
from airflow_finetune.curation.readers import Options, SourceFile, read
from airflow_finetune.curation.records import TOO_LONG, Broken, Dropped, Origin, Record
from airflow_finetune.curation.redaction import KINDS, Kind, Redactor


class Example(NamedTuple):
    """An example that may be written.

    Attributes:
        line: its canonical line.
        keys: what it is compared by.
        prompt_characters: of all texts but the completion.
        completion_characters: of the completion.
    """

    line: bytes
    keys: Keys
    prompt_characters: int
    completion_characters: int


class Examples:
    """Makes examples of records.

    Args:
        mapper: from a record to an example.
        redact: what to mask in every text.
        max_characters: of all texts of an example; None for no limit.
    """

    def __init__(self, mapper: Mapper, redact: Collection[Kind], max_characters: int | None) -> None:
        self._mapper, self._redactor, self._max_characters = mapper, Redactor(redact), max_characters
        self._redacted_records = 0

    def of(self, values: Any) -> Example:
        """Return the example that a record holds.

        Raises:
            Dropped: there is none.
        """
        turns = self._masked(stripped(self._mapper(values)))
        completion = len(turns[-1].content)
        prompt = sum(len(content) for _, content in turns) - completion
        if self._max_characters is not None and prompt + completion > self._max_characters:
            said = f"{prompt + completion} characters; max_characters is {self._max_characters}."
            raise Dropped(TOO_LONG, said)
        encoded = line(turns)
        return Example(encoded, keys(turns, encoded), prompt, completion)

    def read(self, file: SourceFile, options: Options) -> Iterator[tuple[Origin, Example | Dropped]]:
        """Yield what each record of a file becomes: an example, or the reason why it is none."""
        for item in read(file, options):
            yield item.origin, self._outcome(item)

    @property
    def redacted(self) -> dict[str, int]:
        """Return how often each mask was put, and into how many examples; dropped ones count too."""
        return {**{kind: self._redactor.counts[kind] for kind in KINDS}, "records": self._redacted_records}

    def _outcome(self, item: Record | Broken) -> Example | Dropped:
        if isinstance(item, Broken):
            return Dropped(item.reason, item.said)
        try:
            return self.of(item.values)
        except Dropped as dropped:
            return dropped

    def _masked(self, turns: Chat) -> Chat:
        masked = tuple(Message(role, self._redactor.redact(content)) for role, content in turns)
        self._redacted_records += masked != turns
        return masked
