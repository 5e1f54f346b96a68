"""Starts the servers that are measured, each as its user would, and ends them."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from demo.airflow_stack import free_port
from demo.processes import Process, Processes, clean_environment, wait_for

PROJECT = Path(__file__).resolve().parents[1]
TOKEN = "token-of-the-benchmark"
KEYS = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox", "region_name": "us-east-1"}
ROLE = "arn:aws:iam::123456789012:role/training"


def sandbox(processes: Processes, *options: str) -> tuple[str, Process]:
    """Start `python -m airflow_finetune.sandbox serve` and give its endpoint once it says READY."""
    log = processes.folder / f"sandbox-{os.urandom(4).hex()}.log"
    environment = clean_environment(processes.folder) | {
        "PYTHONPATH": str(PROJECT / "plugins"),
        "AIRFLOW_FINETUNE_SANDBOX_TOKEN": TOKEN,
    }
    argv = [sys.executable, "-m", "airflow_finetune.sandbox", "serve", "--port", "0", *options]
    process = processes.start("the sandbox", argv, environment=environment, log=log)

    def ready() -> str | None:
        processes.check()
        found = [line for line in log.read_text().splitlines() if line.startswith("READY ")]
        return found[0].removeprefix("READY ") if found else None

    return wait_for(f"the sandbox (log {log})", ready, seconds=60, pause_seconds=0.005), process


def moto(processes: Processes) -> tuple[str, Process]:
    """Start moto's own server and give its endpoint once it answers."""
    log, port = processes.folder / f"moto-{os.urandom(4).hex()}.log", free_port()
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = processes.start("moto's server", argv, environment=clean_environment(processes.folder), log=log)
    url = f"http://127.0.0.1:{port}"

    def ready() -> str | None:
        try:
            urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=5).close()
        except urllib.error.HTTPError:
            return url
        except OSError:
            processes.check()
            return None
        return url

    return wait_for(f"moto's server (log {log})", ready, seconds=60, pause_seconds=0.005), process
