"""ListTrainingJobs: filters, order and pages as AWS documents them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ...edge.errors import AwsError

Document = Mapping[str, Any]

DEFAULT_PAGE = 10
SORT_KEYS: dict[str, Callable[[Document], Any]] = {
    "Name": lambda job: job["TrainingJobName"],
    "CreationTime": lambda job: job["CreationTime"].timestamp(),
    "Status": lambda job: job["TrainingJobStatus"],
}
TIME_FILTERS: tuple[tuple[str, str, Callable[[datetime, datetime], bool]], ...] = (
    ("CreationTimeAfter", "CreationTime", lambda at, limit: at > limit),
    ("CreationTimeBefore", "CreationTime", lambda at, limit: at < limit),
    ("LastModifiedTimeAfter", "LastModifiedTime", lambda at, limit: at > limit),
    ("LastModifiedTimeBefore", "LastModifiedTime", lambda at, limit: at < limit),
)
SHOWN = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "TrainingJobStatus",
    "SecondaryStatus",
)


def list_jobs(jobs: list[dict[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return one page of summaries.

    AWS: when StatusEquals and MaxResults are given together, MaxResults jobs of any status are taken first, and the
    status is filtered afterwards: such a page may be short, or empty, and still have a NextToken.

    Args:
        jobs: all jobs of the region.
        params: the members of the request.

    Raises:
        AwsError: a NextToken that was not made by this list.
    """
    wanted = params.get("StatusEquals")
    late = wanted is not None and params.get("MaxResults") is not None
    found = [job for job in jobs if _fits(job, params) and (late or wanted in (None, job["TrainingJobStatus"]))]
    key = SORT_KEYS[params.get("SortBy", "CreationTime")]
    downwards = params.get("SortOrder", "Descending") == "Descending"
    found.sort(key=lambda job: (key(job), job["TrainingJobName"]), reverse=downwards)
    after = _read_token(params)
    if after is not None:
        found = [job for job in found if _is_after([key(job), job["TrainingJobName"]], after, downwards)]
    size = params.get("MaxResults", DEFAULT_PAGE)
    page, more = found[:size], len(found) > size
    shown = [job for job in page if not late or job["TrainingJobStatus"] == wanted]
    answer: dict[str, Any] = {"TrainingJobSummaries": [{n: job[n] for n in SHOWN if n in job} for job in shown]}
    if more:
        answer["NextToken"] = _make_token(params, [key(page[-1]), page[-1]["TrainingJobName"]])
    return answer


def _fits(job: Document, params: Mapping[str, Any]) -> bool:
    if params.get("WarmPoolStatusEquals") or params.get("TrainingPlanArnEquals"):
        return False  # no job here has a warm pool or a training plan
    if params.get("NameContains", "") not in job["TrainingJobName"]:
        return False
    return all(compare(job[member], params[name]) for name, member, compare in TIME_FILTERS if params.get(name))


def _question(params: Mapping[str, Any]) -> str:
    """Return what a token belongs to: the request without its page."""
    return json.dumps({k: v for k, v in params.items() if k not in ("NextToken", "MaxResults")}, default=str)


def _make_token(params: Mapping[str, Any], last: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([_question(params), last]).encode()).decode()


def _read_token(params: Mapping[str, Any]) -> list[Any] | None:
    token = params.get("NextToken")
    if not token:
        return None
    try:
        question, last = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        question, last = None, None
    if question != _question(params) or not isinstance(last, list):
        raise AwsError("ValidationException", "Invalid pagination token: use it with the request that it came from.")
    return last


def _is_after(position: list[Any], last: list[Any], downwards: bool) -> bool:
    return position < last if downwards else position > last
