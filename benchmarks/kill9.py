"""What kill -9 of the server leaves behind: jobs with children, daemons among them, that ignore SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import servers
from benchmarks.describe import client
from benchmarks.measure import report, spread
from demo.keeper import descendants
from demo.processes import Processes, wait_for
from tests.demo.left_behind import processes_with

JOBS, ROUNDS, LIMIT_SECONDS = 6, 3, 1.0

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/stubborn:1"
STUBBORN = """#!/usr/bin/env python3
import os, signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:  # a child
    time.sleep(3600)
if os.fork() == 0:  # a daemon: a session of its own, its parent gone
    os.setsid()
    if os.fork() == 0:
        print("all up", flush=True)
        time.sleep(3600)
    os._exit(0)
time.sleep(3600)
"""


def start_jobs(url: str) -> Any:
    sagemaker = client("sagemaker", url)
    client("s3", url).create_bucket(Bucket="bench-bucket")
    for number in range(JOBS):
        sagemaker.create_training_job(
            TrainingJobName=f"job-{number}",
            RoleArn=servers.ROLE,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            OutputDataConfig={"S3OutputPath": "s3://bench-bucket/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            StoppingCondition={"MaxRuntimeInSeconds": 86400},
        )


def all_up(url: str) -> bool | None:
    logs, up = client("logs", url), 0
    group = "/aws/sagemaker/TrainingJobs"
    for number in range(JOBS):
        try:
            found = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"job-{number}/")["logStreams"]
        except logs.exceptions.ResourceNotFoundException:
            return None
        for stream in found:
            events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
            up += any("all up" in event["message"] for event in events)
    return True if up == JOBS else None


def alive(held: list[int], state: Path) -> set[int]:
    """Return what still runs of the server's descendants, and whatever else names its folder; zombies are not alive."""
    found = {pid for pid, _ in processes_with(str(state))}
    for pid in held:
        try:
            status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if status != "Z":
            found.add(pid)
    return found


def one_round(processes: Processes) -> tuple[int, int, float]:
    """Kill the server; return how many processes ran before, how many a second later, and when none did."""
    state = processes.folder / f"state-{os.urandom(4).hex()}"
    state.mkdir()
    image = processes.folder / "image"
    image.mkdir(exist_ok=True)
    (image / "train").write_text(STUBBORN)
    (image / "train").chmod(0o755)
    options = ("--speed", "1000", "--slots", str(JOBS), "--state", str(state), "--image", f"{IMAGE}={image}")
    url, server = servers.sandbox(processes, *options)
    start_jobs(url)
    wait_for("all jobs", lambda: all_up(url), seconds=120, pause_seconds=0.5)
    held = [pid for pid, _ in descendants(server.pid)]  # by parentage
    before = len(alive(held, state))
    os.kill(server.pid, signal.SIGKILL)
    killed = time.monotonic()
    gone = left = None
    while left is None or (gone is None and time.monotonic() < killed + 30):
        running = len(alive(held, state))
        if not running and gone is None:
            gone = time.monotonic() - killed
        if left is None and time.monotonic() >= killed + LIMIT_SECONDS:
            left = running
        time.sleep(0.01)
    processes.stop(server)
    return before, left, gone if gone is not None else float("inf")


def main() -> int:
    with Processes() as processes:
        rounds = [one_round(processes) for _ in range(ROUNDS)]
    before, left, gone = zip(*rounds, strict=True)
    after = spread(gone)
    sentence = (
        f"kill -9 of the server with {JOBS} jobs ({min(before)} processes, {JOBS} daemons among them, all ignoring "
        f"SIGTERM) leaves {max(left)} after {LIMIT_SECONDS:.0f} s; the last was gone after {after['max']} s at most "
        f"({ROUNDS} rounds)."
    )
    report("kill9", sentence, jobs=JOBS, running_before=before, left_after_1s=left, gone_after_s=after)
    return 0 if max(left) == 0 and min(before) >= 3 * JOBS else 1


if __name__ == "__main__":
    sys.exit(main())
