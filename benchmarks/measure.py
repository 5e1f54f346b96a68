"""Measures pairs in turn and says how noisy they were, so that a busy machine disturbs both sides alike."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Sequence


def seconds_of(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    work()
    return clock() - started


def childrens_cpu() -> float:
    """A clock that only ended child processes move: what a busy neighbour does is not in it."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def in_turn(
    first: Callable[[], object],
    second: Callable[[], object],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[tuple[float, float]]:
    """Time both once a round; who goes first changes every round."""
    pairs = []
    for number in range(rounds):
        if number % 2:
            after = seconds_of(second, clock)
            pairs.append((seconds_of(first, clock), after))
        else:
            before = seconds_of(first, clock)
            pairs.append((before, seconds_of(second, clock)))
    return pairs


def spread(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Median with the range in which the middle half lies, and the extremes."""
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    named = {"median": middle, "p25": low, "p75": high, "min": min(values), "max": max(values)}
    return {name: round(value, digits) for name, value in named.items()}


def report(name: str, sentence: str, **figures: object) -> None:
    """Print the figures as one JSON line, then one sentence."""
    with open("/proc/cpuinfo") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "unknown")
    machine = f"{os.cpu_count()} cores, {model}, {platform.system()} {platform.release()}"
    load = round(os.getloadavg()[0], 2)
    python = platform.python_version()
    print(json.dumps({"benchmark": name, **figures, "load_1min": load, "machine": machine, "python": python}))
    print(sentence)
