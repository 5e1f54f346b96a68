"""A billing report in words, for a task's log and for people."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_finetune.operations.bills import BillingItem, BillingReport

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def lines(report: BillingReport) -> Iterator[str]:
    """Yield the report line by line: the sums, then one line for each thing, what is wrong first."""
    where = f"deployment {report.deployment} in {report.region}"
    if not report.items:
        yield f"Nothing of {where} bills."
    else:
        hour, month = _usd(report.usd_per_hour), _usd(report.usd_per_month)
        yield f"Bills now, {where}: {hour} an hour, {month} a month for storage."
    order = {"overdue": 0, "unjudged": 1, "expected": 2}
    for item in sorted(report.items, key=lambda item: (order[item.state], item.kind, item.name)):
        yield line(item)
    for item in report.removable:
        yield f"could be deleted: {line(item)}"
    for item in report.deleted:
        yield f"deleted: {line(item)}"
    yield from report.notes


def line(item: BillingItem) -> str:
    """Return one thing as a line."""
    if item.bytes is not None:
        cost = f"{size(item.bytes)}, {_usd(item.usd_per_month)} a month"
    elif item.kind == "storage":
        cost = "size not known"
    elif item.kind == "custom model":
        cost = f"{_usd(item.usd_per_month)} a month"
    else:
        cost = f"{_usd(item.usd_per_hour)} an hour"
    since = "" if item.since is None else f" since {item.since:%Y-%m-%d %H:%M}"
    lifecycle = f", {item.lifecycle}" if item.lifecycle else ""
    return f"{item.state:8}  {item.kind}{lifecycle}  {item.name}: {cost}{since}. {item.reason}".rstrip()


def size(count: int) -> str:
    """Return bytes as people read them."""
    amount, unit = float(count), _UNITS[0]
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == _UNITS[0] else f"{amount:.1f} {unit}"


def _usd(amount: float | None) -> str:
    if amount is None:
        return "$ not known"
    return f"${amount:.2f}" if amount >= 1 or not amount else f"${amount:.4f}"
