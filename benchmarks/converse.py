"""Converse calls per second of the embedded AWS: one client, and sixteen at a time, on the tiny model."""

from __future__ import annotations

import json
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

from benchmarks import servers
from benchmarks.measure import report, seconds_of, spread
from demo.processes import Processes

MODEL, CLIENTS, ROUNDS, SECONDS = "amazon.nova-micro-v1:0", 16, 5, 3.0
TOKENS = 16


def client(url: str) -> Any:
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=CLIENTS)
    return boto3.client("bedrock-runtime", endpoint_url=url, config=config, **servers.KEYS)


def raise_limit(url: str) -> None:
    """Let as many requests a minute be asked as can be answered."""
    body = json.dumps({"usage": "bedrock_requests_per_minute", "instance_type": MODEL, "limit": 1_000_000}).encode()
    headers = {"x-sandbox-token": servers.TOKEN}
    asked = urllib.request.Request(f"{url}/_sandbox/quotas", data=body, headers=headers, method="PUT")
    urllib.request.urlopen(asked, timeout=10).close()


def ask(runtime: Any, number: int) -> None:
    runtime.converse(
        modelId=MODEL,
        messages=[{"role": "user", "content": [{"text": f"order {number}: 2 blue mugs to Velmora Kint"}]}],
        inferenceConfig={"maxTokens": TOKENS, "temperature": 0.0},
    )


def per_second(runtime: Any, clients: int) -> float:
    """Ask with so many clients for some seconds; return how many answers came in a second."""
    over, asked, lock = threading.Event(), 0, threading.Lock()

    def one(number: int) -> None:
        nonlocal asked
        while not over.is_set():
            ask(runtime, number)
            with lock:
                asked += 1

    def all_of_them() -> None:
        timer = threading.Timer(SECONDS, over.set)
        timer.start()
        try:
            with ThreadPoolExecutor(clients) as pool:
                for each in [pool.submit(one, number) for number in range(clients)]:
                    each.result()
        finally:
            timer.cancel()

    seconds = seconds_of(all_of_them)
    return asked / seconds


def main() -> int:
    with Processes() as processes:
        url, _ = servers.sandbox(processes)
        runtime = client(url)
        raise_limit(url)
        ask(runtime, 0)  # the process that answers has started
        one, many = [], []
        for number in range(ROUNDS):
            for clients in (1, CLIENTS) if number % 2 else (CLIENTS, 1):
                (one if clients == 1 else many).append(per_second(runtime, clients))
    alone, together = spread(one, 1), spread(many, 1)
    sentence = (
        f"Converse answers {alone['median']} times a second to one client ({alone['min']} to {alone['max']}) and "
        f"{together['median']} to {CLIENTS} at a time ({together['min']} to {together['max']}): {ROUNDS} rounds of "
        f"{SECONDS:g} s in turn, answers of at most {TOKENS} tokens, boto3 included."
    )
    report("converse", sentence, one_client=alone, clients=CLIENTS, together=together, rounds=ROUNDS, tokens=TOKENS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
