"""`make demo` and `make ui`: a pipeline from raw data to a verdict, in a real Airflow on the embedded AWS.

Exit status: 0 the gate let the model through and nothing is left; 1 the run failed, or something is left running or
billing; 2 pipeline or data cannot work, and nothing was started; 3 all went well, and the gate held the model back;
130 stopped by Ctrl-C (0 for --stay, which ends that way).
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from airflow_finetune.errors import FinetuneError
from demo import summary
from demo.airflow_stack import PROJECT
from demo.chosen import Chosen, choose
from demo.processes import DemoError, Processes
from demo.run import Demo
from demo.trouble import FAULTS, Trouble, planned


def left_running(folder: Path) -> list[str]:
    """Return the command lines of processes that still name the demo's temporary folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


def options(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pipeline", metavar="FILE", help="a pipeline file (default: include/pipelines/orders.yaml)")
    parser.add_argument("--data", metavar="PATH", help="raw data, a file or folder (default: include/datasets/orders)")
    parser.add_argument("--out", type=Path, default=PROJECT / "build" / "demo", help="for logs, pages and summary.json")
    parser.add_argument(
        "--interrupt-at", type=int, help="the step at which Spot takes the instance away (default: half)"
    )
    faults = sorted({kind for kinds in FAULTS.values() for kind in kinds})
    parser.add_argument("--fault", choices=faults, help="what goes wrong (default: what the backend must stand)")
    parser.add_argument("--speed", type=float, default=20.0, help="modelled seconds in a real one, for waits and bills")
    parser.add_argument(
        "--stay", action="store_true", help="run nothing; keep Airflow open in the browser until Ctrl-C"
    )
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Run the demo and return the exit status."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    asked = options(argv)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)  # a shell gives programs in its background an ignored one
    try:
        chosen = choose(asked.pipeline, asked.data, asked.out.resolve())
        trouble = planned(chosen.backend, asked.fault, asked.interrupt_at)
    except FinetuneError as error:
        print(f"{error}\nNothing was started.", file=sys.stderr)
        return summary.REFUSED
    except KeyboardInterrupt:
        print("\nStopped; nothing was started.")
        return summary.STOPPED
    return started(asked, chosen, trouble)


def started(asked: argparse.Namespace, chosen: Chosen, trouble: Trouble) -> int:
    """Run with what was chosen."""
    found: dict[str, Any] | None = None
    status = summary.FAILED
    processes = Processes()
    try:
        with processes:
            found = Demo(asked, chosen, trouble, processes).run()
    except KeyboardInterrupt:
        print("\nStopped.")
        status = summary.PASSED if asked.stay else summary.STOPPED
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
    left = left_running(processes.folder)
    if found is None:
        print("Left running:\n" + "\n".join(f"  {line}" for line in left) if left else "Left running: nothing")
        return summary.FAILED if left else status
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)  # all that ran; each was waited for
    found["cpu_seconds"] = round(ended.ru_utime + ended.ru_stime + time.process_time(), 1)
    found["left_running"] = left
    found["exit_status"] = summary.status(found)
    (asked.out / "summary.json").write_text(json.dumps(found, indent=2) + "\n")
    print(summary.text(found, asked.out))
    return int(found["exit_status"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
