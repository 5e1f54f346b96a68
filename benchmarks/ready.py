"""How long the sandbox takes from nothing to READY and to its first answers, moto's own server beside it."""

from __future__ import annotations

import sys
import time

import boto3

from benchmarks import servers
from benchmarks.measure import report, spread
from demo.processes import Processes

ROUNDS, LIMIT_SECONDS = 10, 2.0


def main() -> int:
    with Processes() as processes:

        def start() -> dict[str, float]:
            began = time.perf_counter()
            url, process = servers.sandbox(processes)
            ready = time.perf_counter()
            clients = [boto3.client(name, endpoint_url=url, **servers.KEYS) for name in ("sagemaker", "s3")]
            made = time.perf_counter()
            clients[0].list_training_jobs()
            first = time.perf_counter()
            clients[1].list_buckets()
            second = time.perf_counter()
            processes.stop(process)
            return {"ready": ready - began, "first_job_call": first - made, "first_s3_call": second - first}

        def theirs() -> float:
            began = time.perf_counter()
            _, process = servers.moto(processes)
            ready = time.perf_counter()
            processes.stop(process)
            return ready - began

        start(), theirs()  # the files are in the page cache afterwards
        starts, moto = zip(*[(start(), theirs()) for _ in range(ROUNDS)], strict=True)
    figures = {f"{name}_s": spread([each[name] for each in starts]) for name in starts[0]}
    ready = figures["ready_s"]
    sentence = (
        f"The sandbox says READY after {ready['median']} s (from {ready['min']} to {ready['max']} s, {ROUNDS} starts; "
        f"target {LIMIT_SECONDS} s); the first S3 call loads moto: {figures['first_s3_call_s']['median']} s."
    )
    report("ready", sentence, **figures, moto_ready_s=spread(moto), starts=ROUNDS)
    return 0 if ready["median"] < LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
