"""A policy that cannot work is refused where it is written, with every fault and the near name."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_finetune.errors import SpecError
from airflow_finetune.evaluation.policy import GatePolicy, Guard, read_policy

POLICIES = Path(__file__).parents[2] / "include" / "policies"
WHOLE = """\
metric: exact_match
at_least: 0.8
better_than_baseline: true
min_improvement: 0.05
alpha: 0.01
power: 0.9
guards:
  - {metric: json_validity, margin: 0.02}
min_items: 100
golden_sha256: "%s"
on_reject: fail
""" % ("c" * 64)


def policy(folder: Path, text: str) -> GatePolicy:
    path = folder / "orders.yaml"
    path.write_text(text)
    return read_policy(path)


def test_a_whole_policy_is_read(tmp_path: Path) -> None:
    read = policy(tmp_path, WHOLE)
    assert read.guards == (Guard(metric="json_validity", margin=0.02),)
    assert (read.at_least, read.min_improvement, read.alpha, read.power) == (0.8, 0.05, 0.01, 0.9)
    assert (read.min_items, read.golden_sha256, read.on_reject) == (100, "c" * 64, "fail")
    assert read.metrics == ("exact_match", "json_validity")


def test_a_metric_alone_asks_to_be_better_than_the_baseline(tmp_path: Path) -> None:
    read = policy(tmp_path, "metric: field_f1\n")
    assert (read.better_than_baseline, read.at_least, read.alpha, read.on_reject) == (True, None, 0.05, "skip")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metric: exact_match\nat_leat: 0.8\n", "'at_leat' is no field: did you mean 'at_least'?"),
        ("metric: exact_match\ncolour: red\n", "'colour' is no field: known are alpha, at_least"),
        ("metric: exact_mach\n", "'exact_mach' is no scorer: did you mean 'exact_match'?"),
        ("metric: rouge\n", "'rouge' is no scorer: known are exact_match, json_validity, field_f1, text_f1."),
        ("at_least: 0.8\n", "metric: Field required."),
        ("metric: exact_match\nat_least: 80\n", "at_least: Input should be less than 1."),
        ("metric: exact_match\nat_least: 1.0\n", "at_least: Input should be less than 1."),
        ("metric: exact_match\nat_least: much\n", "at_least: Input should be a valid number"),
        ("metric: exact_match\nalpha: 0\n", "alpha: Input should be greater than 0."),
        ("metric: exact_match\nalpha: 0.5\n", "alpha: Input should be less than 0.5."),
        ("metric: exact_match\nmin_items: 0\n", "min_items: Input should be greater than 0."),
        ("metric: exact_match\non_reject: shout\n", "on_reject: Input should be 'skip' or 'fail'."),
        ("metric: exact_match\ngolden_sha256: abc\n", "golden_sha256: String should match pattern"),
        ("metric: exact_match\nbetter_than_baseline: false\n", "or every candidate passes."),
        (
            "metric: exact_match\nat_least: 0.5\nbetter_than_baseline: false\nmin_improvement: 0.1\n",
            "min_improvement needs better_than_baseline: true.",
        ),
        ("metric: exact_match\nguards: [{metric: field_f1}]\n", "guards.0.margin: Field required."),
        ("metric: exact_match\nguards: [{metric: field_f1, margn: 0.1}]\n", "did you mean 'margin'?"),
        ("metric: exact_match\nguards: [{metric: field_f1, margin: 0}]\n", "guards.0.margin: Input should be greater"),
        (
            "metric: exact_match\nguards: [{metric: field_f1, margin: 0.1}, {metric: field_f1, margin: 0.2}]\n",
            "guards names a metric twice.",
        ),
        ("metric: exact_match\nmetric: field_f1\n", "metric stands twice"),
        ("metric: [\n", "cannot be read"),
        ("- exact_match\n", "it holds no fields."),
        ("", "it holds no fields."),
        ("metric: !!python/object/apply:os.getcwd []\n", "cannot be read"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        policy(tmp_path, text)
    assert said in str(caught.value)
    assert str(caught.value).startswith("policy orders.yaml")


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"at_least: .* alpha: .* on_reject: "):
        policy(tmp_path, "metric: exact_match\nat_least: 2\nalpha: 2\non_reject: x\n")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"policy gone\.yaml: cannot be read"):
        read_policy(tmp_path / "gone.yaml")


def test_what_is_asked_for_has_a_digest() -> None:
    one, same = (
        GatePolicy(metric="exact_match", at_least=0.8),
        GatePolicy(metric="exact_match", at_least=0.8, alpha=0.05),
    )
    assert one.digest() == same.digest() != GatePolicy(metric="exact_match", at_least=0.81).digest()


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_policies_are_good(path: Path) -> None:
    assert read_policy(path).metric in read_policy(path).metrics


def test_there_are_shipped_policies() -> None:
    assert {path.stem for path in POLICIES.glob("*.yaml")} >= {"orders"}
