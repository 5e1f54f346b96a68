"""The first two phases of a customization job: its data is checked, then made into the rows that it trains on."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...state import Limits
from ..inference import NotAnswering, Refused, Sampling
from . import invocation_logs, records
from .forms import Row
from .plan import Broke, Plan, Stopped

if TYPE_CHECKING:
    from ...world import World
    from ..inference import Answer

TEACHER_BATCH = 32
DEFAULT_ANSWER_TOKENS = 128
FEWEST_PROMPTS = 100


@dataclass
class Sources:
    """What a job trains on.

    Attributes:
        rows: training rows.
        validation: rows of each validator.
        insights: for a distillation, what was accepted and what was not.
        teacher_tokens: tokens that the teacher read and wrote.
    """

    rows: list[Row] = field(default_factory=list)
    validation: list[list[Row]] = field(default_factory=list)
    insights: list[dict[str, Any]] = field(default_factory=list)
    teacher_tokens: tuple[int, int] = (0, 0)


def validate(world: World, plan: Plan) -> Sources:
    """Read all data of a job and refuse what AWS refuses.

    Raises:
        BadData: the text is the job's failureMessage.
    """
    s3 = world.clients.client("s3", plan.region)
    logs = plan.request["trainingDataConfig"].get("invocationLogsConfig")
    if logs:
        return _from_logs(s3, logs, plan)
    uri, limits = plan.request["trainingDataConfig"]["s3Uri"], plan.limits
    name, lines = records.lines_of(s3, uri, limits.megabytes)
    sources = Sources()
    if plan.kind == "DISTILLATION":
        sources.rows, rejected = records.usable(lines, limits)
        sources.insights = _insights(len(sources.rows), rejected)
    else:
        sources.rows = list(records.check(lines, name, limits))
    records.check_count(len(sources.rows), limits.records, "training")
    sources.validation = [_validation(s3, each, limits) for each in plan.validators]
    total = len(sources.rows) + sum(map(len, sources.validation))
    if limits.sum_of_records is not None and total > limits.sum_of_records:
        records.check_count(total, (0, limits.sum_of_records), "training and validation")
    return sources


def _validation(s3: Any, uri: str, limits: Limits) -> list[Row]:
    name, lines = records.lines_of(s3, uri, limits.validation_megabytes)
    rows = list(records.check(lines, name, limits))
    assert limits.validation_records is not None  # noqa: S101 - a request with validators was refused otherwise
    records.check_count(len(rows), limits.validation_records, "validation")
    return rows


def _from_logs(s3: Any, config: dict[str, Any], plan: Plan) -> Sources:
    uri, answered = config["invocationLogSource"]["s3Uri"], bool(config.get("usePromptResponse"))
    rows = [
        row
        for log in records.logged(s3, uri)
        if invocation_logs.fits(log, config.get("requestMetadataFilters"))
        and (row := invocation_logs.row_of(log, answered)) is not None
    ]
    records.check_count(len(rows), plan.limits.records, "invocation log")
    return Sources(rows=rows, insights=_insights(len(rows), []))


def _insights(accepted: int, rejected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"status": "Accepted", "count": accepted}, *rejected]


def process(world: World, plan: Plan, sources: Sources, cancelled: threading.Event) -> None:
    """Make the rows that are trained on; a distillation asks its teacher.

    Raises:
        Broke: the teacher does not answer.
        Stopped: between two batches.
    """
    waiting = [row for row in sources.rows if row.get("messages") and row["messages"][-1]["role"] != "assistant"]
    if plan.kind != "DISTILLATION" or not waiting:
        return
    assert plan.teacher is not None  # noqa: S101 - a distillation without a teacher was refused
    config = plan.request["customizationConfig"]["distillationConfig"]["teacherModelConfig"]
    sampling = Sampling(max_tokens=config.get("maxResponseLengthForInference") or DEFAULT_ANSWER_TOKENS)
    answers: list[Answer] = []
    for batch in _batches(waiting):
        if cancelled.is_set():
            raise Stopped
        try:
            chats = [row["messages"] for row in batch]
            answers += world.bedrock.inference.ask(world.bedrock.inference.folder_of(plan.teacher), chats, sampling)
        except (Refused, NotAnswering) as error:
            raise Broke(f"The teacher model did not answer: {error}") from error
    pairs = zip(waiting, answers, strict=True)
    sources.rows = [_taught(row, answer.text) for row, answer in pairs if answer.text.strip()]
    sources.teacher_tokens = sum(each.input_tokens for each in answers), sum(each.output_tokens for each in answers)


def _taught(row: Row, answer: str) -> Row:
    return {"messages": [*row["messages"], {"role": "assistant", "content": answer}]}


def _batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), TEACHER_BATCH):
        yield rows[start : start + TEACHER_BATCH]


def lay_out(sources: Sources, folder: Path) -> dict[str, Any]:
    """Write the rows below ``input/`` of a job's folder, and return the part of its order that names them."""
    (folder / "input").mkdir(parents=True, exist_ok=True)
    records.write(sources.rows, folder / "input" / "train.jsonl")
    names = []
    for number, rows in enumerate(sources.validation):
        names.append(f"input/validation-{number}.jsonl")
        records.write(rows, folder / names[-1])
    return {"train": "input/train.jsonl", "validation": names}
