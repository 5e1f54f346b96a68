"""The Spot market that managed Spot training meets: who has capacity when, and at what price.

A trace has one line per change::

    # seconds instance_type az available price
    0     ml.g5.2xlarge  a  yes  0.5463
    840   ml.g5.2xlarge  a  no   1.2120

``seconds`` are modelled seconds since the sandbox started, ``price`` is in dollars per hour (``-``: the price table's
Spot price), ``*`` as the instance type stands for every type that the trace does not name. After its last line the
trace starts again from its beginning, so that a long session does not run out of market. A type that no line speaks of
always has capacity.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TRACES = Path(__file__).with_name("traces")


@dataclass(frozen=True)
class Change:
    """One line of a trace."""

    seconds: float
    instance_type: str
    az: str
    available: bool
    price_usd: float | None


@dataclass(frozen=True)
class Offer:
    """Capacity in one zone; ``price_usd`` per hour is None where the price table's Spot price applies."""

    az: str
    price_usd: float | None


class TraceError(ValueError):
    """A line of a trace that cannot be read; the text names the file, the line and what is expected."""


def read_trace(path: Path) -> list[Change]:
    """Read a trace file.

    Raises:
        TraceError: a line is not ``seconds instance_type az available price``, or time runs backwards.
    """
    changes: list[Change] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.split("#", 1)[0].split()
        if not text:
            continue
        try:
            seconds, instance_type, az, available, price = text
            usd = None if price == "-" else float(price)
            change = Change(float(seconds), instance_type, az, {"yes": True, "no": False}[available], usd)
        except (ValueError, KeyError) as error:
            raise TraceError(
                f"{path}:{number}: {line!r} is not `seconds instance_type az yes|no price|-` ({error})."
            ) from error
        if changes and change.seconds < changes[-1].seconds:
            raise TraceError(f"{path}:{number}: {change.seconds} comes after {changes[-1].seconds}: sort the lines.")
        changes.append(change)
    return changes


class Market:
    """Answers for one trace; without a trace every type always has capacity.

    Args:
        changes: sorted by time.
    """

    def __init__(self, changes: Sequence[Change] = ()) -> None:
        self._period = changes[-1].seconds if changes else 0.0
        self._zones: dict[str, dict[str, list[Change]]] = {}
        for change in changes:
            self._zones.setdefault(change.instance_type, {}).setdefault(change.az, []).append(change)

    @classmethod
    def load(cls, path: Path | None) -> Market:
        """Return the market of a trace file, or of a shipped trace by its name (``calm``, ``stormy``); None: no trace.

        Raises:
            TraceError: there is no such file, or a line cannot be read.
        """
        if path is None:
            return cls()
        shipped = TRACES / f"{path}.trace"
        if not path.is_file() and not shipped.is_file():
            names = ", ".join(sorted(file.stem for file in TRACES.glob("*.trace")))
            raise TraceError(f"{path}: there is no such trace file; shipped traces are {names}.")
        return cls(read_trace(path if path.is_file() else shipped))

    def offer(self, instance_type: str, modelled: float) -> Offer | None:
        """Return the cheapest zone with capacity now, or None while there is none."""
        zones = self._of(instance_type)
        if zones is None:
            return Offer("a", None)
        open_now = [c for c in (self._at(lines, modelled) for lines in zones.values()) if c and c.available]
        best = min(open_now, key=lambda c: (c.price_usd or 0.0, c.az), default=None)
        return Offer(best.az, best.price_usd) if best else None

    def still_there(self, instance_type: str, az: str, modelled: float) -> bool:
        """Say whether the zone in which a job runs still has capacity for its type."""
        zones = self._of(instance_type)
        if zones is None:
            return True
        change = self._at(zones.get(az, []), modelled)
        return change is not None and change.available

    def _of(self, instance_type: str) -> dict[str, list[Change]] | None:
        return self._zones.get(instance_type) or self._zones.get("*")

    def _at(self, lines: list[Change], modelled: float) -> Change | None:
        moment = modelled % self._period if self._period > 0 else modelled
        index = bisect_right(lines, moment, key=lambda change: change.seconds)
        return lines[index - 1] if index else None


def generate(
    prices_usd: dict[str, float | None],
    *,
    seed: int,
    duration_seconds: float,
    mean_up_seconds: float,
    mean_down_seconds: float,
    azs: Sequence[str] = ("a", "b"),
) -> Iterator[str]:
    """Yield the lines of a made-up market: up and down times are exponential, prices wander by a fifth.

    Args:
        prices_usd: instance type -> its usual Spot price per hour; None for the price table's.
        seed: the same seed makes the same lines.
        duration_seconds: modelled seconds that the trace covers.
        mean_up_seconds: how long a zone has capacity on average.
        mean_down_seconds: how long it has none on average.
        azs: the zones; each lives its own life.
    """
    chance = random.Random(seed)  # noqa: S311  a market, not a secret; the same seed must make the same trace
    changes: list[Change] = []
    for instance_type, usual in sorted(prices_usd.items()):
        for az in azs:
            at, available = 0.0, True
            while at < duration_seconds:
                price = usual and round(usual * chance.uniform(0.8, 1.2), 4)
                changes.append(Change(round(at), instance_type, az, available, price))
                at += chance.expovariate(1 / (mean_up_seconds if available else mean_down_seconds))
                available = not available
            changes.append(Change(duration_seconds, instance_type, az, True, usual))
    yield "# A made-up market, not a record of AWS: airflow_finetune.sandbox.runner.jobs.market.generate with"
    yield (
        f"# seed={seed} duration_seconds={duration_seconds:g} mean_up_seconds={mean_up_seconds:g} "
        f"mean_down_seconds={mean_down_seconds:g} azs={','.join(azs)}"
    )
    yield "# usual prices: " + " ".join(f"{name}={_price(price)}" for name, price in sorted(prices_usd.items()))
    yield "# seconds instance_type az available price"
    for change in sorted(changes, key=lambda c: (c.seconds, c.instance_type, c.az)):
        state = "yes" if change.available else "no"
        yield f"{change.seconds:.0f} {change.instance_type} {change.az} {state} {_price(change.price_usd)}"


def _price(usd: float | None) -> str:
    return "-" if usd is None else f"{usd:g}"
