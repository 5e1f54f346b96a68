"""The Spot market: traces are read, repeat, and say who has capacity at what price."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_finetune.sandbox.runner.jobs.market import TRACES, Market, Offer, TraceError, generate, read_trace

TRACE = """
# seconds instance_type az available price
0    ml.g5.xlarge a yes 0.40
0    ml.g5.xlarge b yes 0.50   # dearer
100  ml.g5.xlarge a no  0.90
200  ml.g5.xlarge b no  0.90
300  ml.g5.xlarge a yes -
400  *            a no  -
500  *            a yes -
"""


@pytest.fixture
def market(tmp_path: Path) -> Market:
    file = tmp_path / "trace"
    file.write_text(TRACE)
    return Market.load(file)


@pytest.mark.parametrize(
    ("at", "offer"),
    [
        (0, Offer("a", 0.40)),
        (99, Offer("a", 0.40)),
        (100, Offer("b", 0.50)),
        (250, None),
        (300, Offer("a", None)),
        (500, Offer("a", 0.40)),  # from the beginning again
        (1101, Offer("b", 0.50)),
    ],
)
def test_the_cheapest_zone_with_capacity_is_offered(market: Market, at: float, offer: Offer | None) -> None:
    assert market.offer("ml.g5.xlarge", at) == offer


def test_a_job_keeps_its_zone_until_that_zone_has_none_left(market: Market) -> None:
    assert market.still_there("ml.g5.xlarge", "b", 150)
    assert not market.still_there("ml.g5.xlarge", "a", 150)
    assert not market.still_there("ml.g5.xlarge", "c", 150)


def test_a_star_speaks_for_every_other_type(market: Market) -> None:
    assert market.offer("ml.m5.large", 450) is None
    assert market.offer("ml.g5.xlarge", 450) == Offer("a", None)


def test_without_a_trace_there_is_always_capacity() -> None:
    assert Market().offer("ml.g5.xlarge", 1e9) == Offer("a", None)
    assert Market().still_there("ml.g5.xlarge", "a", 1e9)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("0 ml.g5.xlarge a yes", "is not `seconds instance_type az yes|no price|-`"),
        ("0 ml.g5.xlarge a maybe 1", "is not `seconds"),
        ("x ml.g5.xlarge a yes 1", "is not `seconds"),
        ("5 a a yes 1\n4 a a no 1", "sort the lines"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, what: str) -> None:
    file = tmp_path / "trace"
    file.write_text(line)
    with pytest.raises(TraceError, match=r"trace:[12]: ") as caught:
        read_trace(file)
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("calm", {"seed": 1, "duration_seconds": 86400, "mean_up_seconds": 21600, "mean_down_seconds": 900}),
        ("stormy", {"seed": 2, "duration_seconds": 21600, "mean_up_seconds": 1500, "mean_down_seconds": 600}),
    ],
)
def test_the_shipped_traces_are_what_the_generator_makes(name: str, options: dict[str, int]) -> None:
    prices = {"*": None, "ml.g5.xlarge": 0.42, "ml.g5.2xlarge": 0.55}
    file = TRACES / f"{name}.trace"
    assert file.read_text().splitlines() == list(generate(prices, **options))  # type: ignore[arg-type]  # keywords by name
    assert file.read_text().startswith("# A made-up market, not a record of AWS")
    changes = read_trace(file)
    down = [change for change in changes if not change.available]
    assert down
    assert {change.instance_type for change in changes} == set(prices)


def test_another_seed_makes_another_market() -> None:
    def lines(seed: int) -> list[str]:
        return list(generate({"*": None}, seed=seed, duration_seconds=9000, mean_up_seconds=900, mean_down_seconds=300))

    assert lines(1) == lines(1) != lines(2)


def test_shipped_traces_are_found_by_name_and_others_are_named(tmp_path: Path) -> None:
    assert Market.load(Path("stormy")).offer("ml.m5.large", 0) == Offer("a", None)
    with pytest.raises(TraceError, match=r"there is no such trace file; shipped traces are calm, stormy\."):
        Market.load(tmp_path / "none")
