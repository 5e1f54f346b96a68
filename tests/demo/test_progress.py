"""What the demo shows is read from the job's own log, and fits both a terminal and a file."""

from __future__ import annotations

import io

import pytest

from demo.airflow_api import line
from demo.jobs.spot_log import Training
from demo.progress import Progress

LOG = [
    (0.0, "device=cpu parameters=700000 planned_steps=40"),
    (10.0, "step=1 loss=4.000000 learning_rate=0.001 tokens=1 seconds=1.0"),
    (12.0, "step=5 eval_loss=3.000000 eval_tokens=10"),
    (20.0, "step=11 loss=2.000000 learning_rate=0.001 tokens=9 seconds=9.0"),
    (30.0, "RESUMED step=10 checkpoint=ckpt-10"),
    (31.0, "step=11 loss=2.000000 learning_rate=0.001 tokens=9 seconds=9.0"),
    (36.0, "step=21 loss=1.000000 learning_rate=0.001 tokens=9 seconds=9.0"),
]


def test_steps_losses_and_resumptions_are_read_from_the_log():
    training = Training.of(LOG)
    assert training.steps == 40
    assert [(step, loss) for _, step, loss in training.seen] == [(1, 4.0), (11, 2.0), (11, 2.0), (21, 1.0)]
    assert training.resumed == ["RESUMED step=10 checkpoint=ckpt-10"]
    assert (training.interrupted_at, training.resumed_at, training.step) == (11, 10, 21)


def test_a_job_that_was_left_alone_was_neither_interrupted_nor_resumed():
    training = Training.of(LOG[:4])
    assert (training.interrupted_at, training.resumed_at, training.step) == (None, None, 11)


def test_the_time_left_follows_the_pace_since_the_last_start():
    assert Training.of(LOG[:4]).left_seconds() == pytest.approx(29.0)  # a step a second
    assert Training.of(LOG).left_seconds() == pytest.approx(9.5)  # two a second, since it came back


def test_the_last_step_is_told_with_how_many_there_are_and_the_time_left():
    assert Training.of(LOG).text() == "step 21 of 40, loss 1.000, about 10 s left"
    assert Training.of(LOG[1:4]).text() == "step 11 of ?, loss 2.000", "the program has not said how many"
    assert Training.of(LOG[:1]).text() == ""
    assert Training.of(LOG[:5]).text() == "starts again after step 11", "the steps before are no progress of now"


@pytest.mark.parametrize("lines", [[], LOG[:1], LOG[:2]])
def test_no_time_is_promised_before_two_steps_are_known(lines):
    assert Training.of(lines).left_seconds() is None


def test_a_file_gets_a_line_when_something_changed_and_no_control_codes():
    out = io.StringIO()
    progress = Progress(out)
    for status in ("Starting", "Starting", "Training", "Training"):
        progress.show("fine_tune", status)
    assert [text.split("] ")[1] for text in out.getvalue().splitlines()] == [
        "fine_tune: Starting",
        "fine_tune: Training",
    ]
    assert "\x1b" not in out.getvalue()


def test_a_terminal_gets_one_line_that_is_written_again():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    progress = Progress(out)
    progress.show("fine_tune", "Starting")
    progress.show("fine_tune", "Training", "step 1/40")
    assert "\n" not in out.getvalue()
    progress.say("done")
    assert out.getvalue().count("\n") == 1


def test_an_error_in_a_structured_log_keeps_its_words():
    entry = {
        "timestamp": "12:00",
        "level": "error",
        "event": "Task failed with exception",
        "error_detail": [{"exc_type": "JobFailed", "exc_value": "AlgorithmError: exit code 1"}],
    }
    assert line(entry) == "12:00 error Task failed with exception\n    JobFailed: AlgorithmError: exit code 1"
    assert line("plain") == "plain"
