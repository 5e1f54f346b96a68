"""The golden set: read from a file, or frozen by the first run and the same for ever after."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airflow_finetune.curation.canonical import Chat
from airflow_finetune.curation.examples import Example, Examples
from airflow_finetune.curation.mapping import Mapper, Values, already_canonical
from airflow_finetune.curation.readers import Options, find
from airflow_finetune.curation.records import Dropped
from airflow_finetune.curation.redaction import Kind, Redactor
from airflow_finetune.errors import DataError

if TYPE_CHECKING:
    from airflow_finetune.curation.spec import CurateSpec

POINTER = "holdout.json"
_HOW_TO_CHANGE = "A golden set must not change between two models; for another one give it another place."


class Golden(NamedTuple):
    """What models are judged on, and what must therefore not be trained on.

    Attributes:
        lines: canonical, sorted by their prompts' digests; one for each prompt.
        prompts: digests of the normalised prompts, those that were left out of ``lines`` included.
        exact: digests of the prompts to the letter.
        notices: what a person should know about the set.
        origin: ``file`` or ``frozen``; None when there is none yet.
    """

    lines: tuple[bytes, ...] = ()
    prompts: frozenset[bytes] = frozenset()
    exact: frozenset[bytes] = frozenset()
    notices: tuple[str, ...] = ()
    origin: str | None = None


def existing(spec: CurateSpec, file: Path | None, holdout: Path | None, mapper: Mapper) -> Golden:
    """Return the golden set that there is already.

    Args:
        spec: what is asked for.
        file: the golden set; None when there is none or it is frozen.
        holdout: the folder that keeps a frozen one; None without.
        mapper: makes examples of records that are none yet.

    Raises:
        DataError: it cannot be used.
    """
    path, origin = file, "file"
    if spec.holdout and holdout:
        path, origin = frozen(holdout, spec.holdout), "frozen"
    if path is None:
        return Golden()
    options = spec.options._replace(format=None, pattern="*")
    return read_golden(path, mapper, spec.redact, options)._replace(origin=origin)


def read_golden(path: Path, mapper: Mapper, redact: Collection[Kind], options: Options) -> Golden:
    """Read a golden set: records that are examples already, or that the mapping of the source makes examples of.

    A prompt with two different answers cannot be judged: it is left out, and still kept out of the training data.

    Raises:
        DataError: it holds no record, or one that cannot be used.
    """

    def mapped(values: Values) -> Chat:
        return already_canonical(values) or mapper(values)

    examples = Examples(mapped, redact, None)
    of_prompt: defaultdict[bytes, list[Example]] = defaultdict(list)
    for file in find(path, options).files:
        for origin, outcome in examples.read(file, options):
            if isinstance(outcome, Dropped):
                said = f"{outcome.reason}: {Redactor().redact(outcome.said)}"
                raise DataError(f"golden set, {origin}", said, "Every golden record must be usable: correct it.")
            of_prompt[outcome.keys.prompt].append(outcome)
    if not of_prompt:
        raise DataError(f"golden set {path.name}", "it holds no record.", "Give a file with prompts and completions.")
    return _judgeable(of_prompt)


def _judgeable(of_prompt: dict[bytes, list[Example]]) -> Golden:
    lines, ambiguous, repeated = [], 0, 0
    for prompt in sorted(of_prompt):
        answers = of_prompt[prompt]
        if len({(each.keys.system, each.keys.completion) for each in answers}) > 1:
            ambiguous += len(answers)
        else:
            lines.append(min(answers, key=lambda each: each.keys.line).line)
            repeated += len(answers) - 1
    notices = []
    if ambiguous:
        notices.append(f"golden set: records left out because their prompt has several answers there: {ambiguous}.")
    if repeated:
        notices.append(f"golden set: records left out because they repeat a prompt: {repeated}.")
    exact = frozenset(each.keys.prompt_exact for answers in of_prompt.values() for each in answers)
    return Golden(tuple(lines), frozenset(of_prompt), exact, tuple(notices))


def frozen(folder: Path, asked: int) -> Path | None:
    """Return the golden set that an earlier run froze in a folder; None when this is the first run.

    Raises:
        DataError: it is not what was frozen, or not what is asked for now.
    """
    pointer = folder / POINTER
    if not pointer.exists():
        return None
    try:
        told = json.loads(pointer.read_text())
        path, wanted, examples = folder / str(told["file"]), str(told["sha256"]), int(told["examples"])
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(str(pointer), f"cannot be read: {type(error).__name__}: {error}.", _HOW_TO_CHANGE) from error
    if digest != wanted:
        raise DataError(str(path), f"its SHA-256 is {digest}, but {wanted} was frozen.", _HOW_TO_CHANGE)
    if examples != asked:
        raise DataError(str(pointer), f"{examples} were frozen; freeze_holdout asks for {asked}.", _HOW_TO_CHANGE)
    return path


def freeze(folder: Path, content: bytes, examples: int) -> bool:
    """Freeze a golden set; return False if somebody else was first.

    The set is written under the name of its digest; what freezes it is the pointer, which one run alone can make.
    """
    digest = hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    name = f"golden-{digest[:16]}.jsonl"
    told = json.dumps({"file": name, "sha256": digest, "examples": examples}, indent=2) + "\n"
    with tempfile.TemporaryDirectory(dir=folder, prefix=".freeze-") as scratch:
        Path(scratch, name).write_bytes(content)
        Path(scratch, name).replace(folder / name)
        Path(scratch, POINTER).write_text(told)
        try:
            os.link(Path(scratch, POINTER), folder / POINTER)
        except FileExistsError:
            return False
    return True
