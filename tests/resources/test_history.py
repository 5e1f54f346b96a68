"""The log tells each thing about a job once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_finetune.resources import CUSTOMIZATION_JOB, TRAINING_JOB
from airflow_finetune.resources.history import History, interruptions

START = datetime(2026, 11, 20, tzinfo=UTC)


def described(*transitions: tuple[str, str, float], **members: Any) -> dict[str, Any]:
    rows = [
        {"Status": status, "StatusMessage": message, "StartTime": START + timedelta(seconds=at)}
        for status, message, at in transitions
    ]
    return {"CreationTime": START, "SecondaryStatusTransitions": rows, **members}


def test_each_transition_is_told_once_and_a_new_wording_again():
    history = History(TRAINING_JOB)
    one = described(("Starting", "Launching", 0))
    assert list(history.transitions(one)) == ["+0 s Starting: Launching"]
    assert list(history.transitions(one)) == []
    reworded = described(("Starting", "Insufficient capacity, retrying!", 0))
    assert list(history.transitions(reworded)) == ["+0 s Starting: Insufficient capacity, retrying!"]
    more = described(("Starting", "Insufficient capacity, retrying!", 0), ("Training", "", 200))
    assert list(history.transitions(more)) == ["+3 min Training"]


def test_elapsed_time_is_told_once_a_minute():
    history, one = History(TRAINING_JOB), described()
    told = [len(list(history.times(one, START + timedelta(seconds=at)))) for at in (0, 30, 61, 90, 125)]
    assert told == [1, 0, 1, 0, 1]


def test_the_end_tells_what_was_trained_and_billed_once():
    history = History(TRAINING_JOB)
    ended = described(
        TrainingEndTime=START + timedelta(seconds=600), TrainingTimeInSeconds=400, BillableTimeInSeconds=100
    )
    (line,) = history.times(ended, START + timedelta(hours=1))
    assert line == "10 min from submission to end; trained 7 min, billed 100 s, 75% less than it ran."
    assert list(history.times(ended, START + timedelta(hours=2))) == []


def progress(epoch: int, step: int) -> dict[str, Any]:
    info = {"CurrentEpoch": epoch, "MaxEpoch": 3, "CurrentStep": step, "TotalStepCountPerEpoch": 50}
    return described(ProgressInfo=info)


def test_progress_is_told_when_it_has_moved_and_not_for_jobs_that_say_none():
    history = History(TRAINING_JOB)
    assert list(history.progress(described())) == []
    assert list(history.progress(described(ProgressInfo={}))) == []
    assert list(history.progress(progress(1, 7))) == ["Epoch 1 of 3, step 7 of 50."]
    assert list(history.progress(progress(1, 7))) == []
    assert list(history.progress(progress(2, 7))) == ["Epoch 2 of 3, step 7 of 50."]
    assert list(History(CUSTOMIZATION_JOB).progress(progress(1, 7))) == []


def test_a_job_that_bills_tokens_tells_them_at_its_end():
    ended = described(TrainingEndTime=START + timedelta(seconds=60), TrainingTimeInSeconds=40, BillableTokenCount=1800)
    (line,) = History(TRAINING_JOB).times(ended, START + timedelta(hours=1))
    assert line == "60 s from submission to end; 1800 tokens billed."


def test_secrets_in_messages_are_hidden():
    (line,) = History(TRAINING_JOB).transitions(described(("Failed", "cannot use hf_" + "a" * 30, 1)))
    assert "hf_a" not in line


def test_interruptions_are_counted():
    assert interruptions(described(("Training", "", 0), ("Interrupted", "", 1), ("Restarting", "", 2))) == 1
    assert interruptions({}) == 0


def test_the_phases_of_a_customization_job_are_told_as_they_change() -> None:
    history = History(CUSTOMIZATION_JOB)
    details = {
        "validationDetails": {"status": "InProgress", "creationTime": START + timedelta(seconds=5)},
        "dataProcessingDetails": {"status": "NotStarted"},
        "trainingDetails": {"status": "NotStarted"},
    }
    job: dict[str, Any] = {"creationTime": START, "statusDetails": details}
    assert list(history.transitions(job)) == ["+5 s validation: InProgress"]
    assert list(history.transitions(job)) == []
    details["validationDetails"]["status"] = "Completed"
    details["trainingDetails"] = {"status": "InProgress", "creationTime": START + timedelta(seconds=9)}
    assert list(history.transitions(job)) == ["+5 s validation: Completed", "+9 s training: InProgress"]
    assert list(history.times({**job, "endTime": START + timedelta(seconds=60)}, START)) == [
        "60 s from submission to end."
    ]
