"""What people write about their data: where it is, how a record becomes an example, and what must not come through."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from airflow_finetune.curation.canonical import Chat
from airflow_finetune.curation.mapping import (
    Mapper,
    Text,
    UserMapping,
    already_canonical,
    literal,
    messages,
    own,
    pattern,
    single_turn,
    template,
)
from airflow_finetune.curation.readers import Format, Options
from airflow_finetune.curation.records import MISSING_COLUMN, Dropped
from airflow_finetune.curation.redaction import KINDS, Kind
from airflow_finetune.errors import SpecError
from airflow_finetune.spec import Rule, Spec

ContradictionPolicy = Literal["keep_first", "drop_all", "report"]


def _known_encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"{name!r} is no encoding that Python knows, for example utf-8 or cp1252") from None


def _fillable(text: str) -> str:
    try:
        pattern(text, "")
    except SpecError as error:
        raise ValueError(f"{error.said} {error.next_step}") from None
    return text


Pattern = Annotated[str, AfterValidator(_fillable)]


class FreezeHoldout(BaseModel):
    """Ask for a golden set that the first run takes out of the data, and that never changes again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    freeze_holdout: int = Field(gt=0)


class CurateSpec(Spec):
    r"""How raw data becomes a dataset.

    Without any mapping the records must be examples already: ``messages``, or ``prompt`` and ``completion``.

    Attributes:
        source: a folder, a file or an ``s3://`` prefix.
        prompt: a pattern like ``{text}``; ``\{`` is a brace.
        completion: likewise.
        system: a text for every example, taken as it is; None for none.
        prompt_template: a Jinja file instead of ``prompt``.
        completion_template: a Jinja file instead of ``completion``.
        messages: a column of chat messages instead of both.
        golden: the file that models are judged on, or ``{freeze_holdout: n}``; None for none. Its prompts are taken
            out of the training data.
        validation_fraction: how much of the prompts goes to validation; equal prompts stay together.
        max_characters: of all texts of an example together; a token has about four in English.
        on_contradiction: what happens to equal prompts with different completions.
        redact: what to mask.
        max_unusable_fraction: when more of the records cannot be read or mapped, the run stops.
        format: of all files; None goes by each file's suffix.
        files: a shell pattern on the names below the source.
        encoding: of text files without a byte order mark.
        delimiter: of CSV; None means a comma, or a tab in a .tsv.
    """

    backend: ClassVar[str] = "curate"

    source: str
    prompt: Pattern | None = None
    completion: Pattern | None = None
    system: str | None = None
    prompt_template: str | None = None
    completion_template: str | None = None
    messages: str | None = None
    golden: str | FreezeHoldout | None = None
    validation_fraction: float = Field(default=0.0, ge=0.0, le=0.5)
    max_characters: int = Field(default=32_000, gt=0)
    on_contradiction: ContradictionPolicy = "drop_all"
    redact: tuple[Kind, ...] = KINDS
    max_unusable_fraction: float = Field(default=0.5, ge=0.0, le=1.0)
    format: Format | None = None
    files: str = "*"
    encoding: Annotated[str, AfterValidator(_known_encoding)] = "utf-8"
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("prompt", "prompt_template"),
            lambda spec: bool(spec.prompt and spec.prompt_template),
            "prompt and prompt_template exclude each other.",
        ),
        Rule(
            ("completion", "completion_template"),
            lambda spec: bool(spec.completion and spec.completion_template),
            "completion and completion_template exclude each other.",
        ),
        Rule(
            ("prompt", "prompt_template", "completion", "completion_template"),
            lambda spec: bool(spec.prompt or spec.prompt_template) != bool(spec.completion or spec.completion_template),
            "prompt and completion go together: give both, or none where the records have both.",
        ),
        Rule(
            ("messages", "prompt", "prompt_template", "system"),
            lambda spec: bool(spec.messages and (spec.prompt or spec.prompt_template or spec.system)),
            "messages stands instead of prompt, completion and system.",
        ),
    )

    @property
    def options(self) -> Options:
        """Return how to read the files."""
        return Options(self.format, self.encoding, self.delimiter, self.files)

    @property
    def holdout(self) -> int | None:
        """Return how many prompts to freeze as golden set; None where it is a file or there is none."""
        return self.golden.freeze_holdout if isinstance(self.golden, FreezeHoldout) else None

    def mapper(self, folder: Path, function: UserMapping | None = None) -> Mapper:
        """Return what makes an example of a record.

        Args:
            folder: what the addresses of Jinja files are relative to.
            function: somebody's own mapping; then the spec must have none.

        Raises:
            SpecError: a Jinja file cannot be read, or there are two mappings.
        """
        mapped = self.messages or self.prompt or self.prompt_template
        if function is not None and mapped:
            raise SpecError("mapping", "there is a function and a mapping in the spec.", "Give one of them.")
        if function is not None:
            return own(function)
        if self.messages:
            return messages(self.messages)
        if not mapped:
            return _as_it_is
        prompt = self._text(folder, "prompt", self.prompt, self.prompt_template)
        completion = self._text(folder, "completion", self.completion, self.completion_template)
        return single_turn(prompt, completion, literal(self.system) if self.system else None)

    def _text(self, folder: Path, field: str, text: str | None, file: str | None) -> Text:
        if file:
            return template(folder / file, f"{field}_template")
        return pattern(text or "", field)


def _as_it_is(values: Mapping[str, Any]) -> Chat:
    example = already_canonical(values)
    if example is None:
        said = f"no column 'messages', nor texts 'prompt' and 'completion'; there are {', '.join(sorted(values))}."
        raise Dropped(MISSING_COLUMN, said)
    return example
