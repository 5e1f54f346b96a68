"""ListTrainingJobs: filters, order, pages, and AWS's rule for StatusEquals together with MaxResults."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_finetune.sandbox.edge.errors import AwsError
from airflow_finetune.sandbox.services.sagemaker.training_job_list import list_jobs
from tests.sandbox.training.account import Jobs
from tests.sandbox.training.programs import TRAINER

START = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = ("InProgress", "Completed", "Failed", "Stopping", "Stopped")


def job(number: int) -> dict[str, Any]:
    at = START + timedelta(hours=number)
    return {
        "TrainingJobName": f"{'Orders' if number % 2 else 'replies'}-{number:02}",
        "TrainingJobArn": f"arn:{number}",
        "CreationTime": at,
        "LastModifiedTime": at + timedelta(minutes=1),
        "TrainingJobStatus": STATUSES[number % 5],
        "SecondaryStatus": "Training",
        "HyperParameters": {"not": "shown"},
    }


JOBS = [job(number) for number in range(23)]


def names(params: dict[str, Any]) -> list[str]:
    return [entry["TrainingJobName"] for entry in list_jobs(JOBS, params)["TrainingJobSummaries"]]


def all_pages(params: dict[str, Any], jobs: list[dict[str, Any]] = JOBS) -> list[str]:
    found: list[str] = []
    token: dict[str, Any] = {}
    for _ in range(100):
        answer = list_jobs(jobs, params | token)
        found += [entry["TrainingJobName"] for entry in answer["TrainingJobSummaries"]]
        if "NextToken" not in answer:
            return found
        token = {"NextToken": answer["NextToken"]}
    raise AssertionError("it does not end")


def test_ten_a_page_the_newest_first_and_only_what_a_summary_shows() -> None:
    answer = list_jobs(JOBS, {})
    assert [entry["TrainingJobArn"] for entry in answer["TrainingJobSummaries"]] == [
        f"arn:{number}" for number in range(22, 12, -1)
    ]
    assert "HyperParameters" not in answer["TrainingJobSummaries"][0]
    assert "NextToken" in answer


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"NameContains": "Orders-0"}, [9, 7, 5, 3, 1]),
        ({"NameContains": "orders-0"}, []),
        ({"CreationTimeAfter": START + timedelta(hours=20)}, [22, 21]),
        ({"CreationTimeBefore": START + timedelta(hours=2)}, [1, 0]),
        ({"LastModifiedTimeAfter": START + timedelta(hours=22)}, [22]),
        ({"LastModifiedTimeBefore": START + timedelta(hours=1)}, [0]),
        ({"StatusEquals": "Failed"}, [22, 17, 12, 7, 2]),
        ({"SortOrder": "Ascending", "MaxResults": 2}, [0, 1]),
        ({"SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 2}, [1, 3]),
        ({"SortBy": "Status", "SortOrder": "Ascending", "MaxResults": 2}, [1, 11]),
        ({"WarmPoolStatusEquals": "Available"}, []),
    ],
)
def test_filters_and_order(params: dict[str, Any], expected: list[int]) -> None:
    assert [int(name[-2:]) for name in names(params)] == expected


def test_status_and_max_results_together_take_the_page_first() -> None:
    first = list_jobs(JOBS, {"StatusEquals": "Failed", "MaxResults": 3})
    assert [entry["TrainingJobName"] for entry in first["TrainingJobSummaries"]] == ["replies-22"]
    params = {"StatusEquals": "Stopped", "MaxResults": 2}
    empty = list_jobs(JOBS, params)
    assert empty["TrainingJobSummaries"] == []
    assert "NextToken" in empty
    assert [int(name[-2:]) for name in all_pages(params)] == [19, 14, 9, 4]


@settings(deadline=None)
@given(
    size=st.integers(1, 30),
    sort=st.sampled_from(["Name", "CreationTime", "Status"]),
    order=st.sampled_from(["Ascending", "Descending"]),
    status=st.sampled_from([None, *STATUSES]),
)
def test_pages_together_hold_everything_once(size: int, sort: str, order: str, status: str | None) -> None:
    params: dict[str, Any] = {"MaxResults": size, "SortBy": sort, "SortOrder": order}
    if status:
        params["StatusEquals"] = status
    expected = sorted(entry["TrainingJobName"] for entry in JOBS if status in (None, entry["TrainingJobStatus"]))
    assert sorted(all_pages(params)) == expected


def test_a_job_that_is_created_between_two_pages_moves_nothing() -> None:
    first = list_jobs(JOBS[:10], {"MaxResults": 4})
    second = list_jobs(JOBS, {"MaxResults": 4, "NextToken": first["NextToken"]})
    assert [entry["TrainingJobArn"] for entry in second["TrainingJobSummaries"]] == ["arn:5", "arn:4", "arn:3", "arn:2"]


@pytest.mark.parametrize("token", ["garbage", "bm90IGpzb24="])
def test_a_token_of_somebody_else_is_refused(token: str) -> None:
    with pytest.raises(AwsError, match="Invalid pagination token"):
        list_jobs(JOBS, {"NextToken": token})
    other = list_jobs(JOBS, {"NameContains": "r", "MaxResults": 1})["NextToken"]
    with pytest.raises(AwsError, match="use it with the request"):
        list_jobs(JOBS, {"NextToken": other})


def test_boto3_pages_through_real_jobs(jobs: Jobs) -> None:
    for number in range(3):
        jobs.create(f"listed-{number}", TRAINER, "--steps", "1")
    for number in range(3):
        jobs.end(f"listed-{number}")
    pages = jobs.sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains="listed", PaginationConfig={"PageSize": 2}
    )
    found = [entry for page in pages for entry in page["TrainingJobSummaries"]]
    assert [entry["TrainingJobName"] for entry in found] == ["listed-2", "listed-1", "listed-0"]
    assert {entry["TrainingJobStatus"] for entry in found} == {"Completed"}
    assert all(entry["TrainingEndTime"] >= entry["CreationTime"] for entry in found)
