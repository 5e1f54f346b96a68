"""One evaluation from addresses to a stored report: what was judged already is returned, else both models are asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from airflow_finetune.errors import SpecError
from airflow_finetune.evaluation.asking import SERVICES, Asking, Desk, Patience, Tokens, ask_all, asking_usd
from airflow_finetune.evaluation.page import page
from airflow_finetune.evaluation.questions import Questions, questions
from airflow_finetune.evaluation.report import Arm, answer_lines, report
from airflow_finetune.evaluation.sampling import EvaluateSpec
from airflow_finetune.evaluation.store import ANSWERS, KEY, PAGE, REPORT, Store, identified, key_of, material
from airflow_finetune.values import EvalReport, ServedModel

ARMS = ("baseline", "candidate")
DEFAULT_FORMAT = EvaluateSpec.model_fields["sampling"].default.format


def utc_now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(UTC)


class Places(NamedTuple):
    """What an evaluation works with.

    Attributes:
        make_client: gives the boto3 client of a service; asked for S3 only where an address is on S3, and for the
            runtime of SageMaker or Bedrock only where a model of it is asked.
        say: takes one line for the task's log.
        end: set to end the asking, from any thread.
        kms_key_id: encrypts what is written to S3; None takes the bucket's own way.
        clock: the time, with a zone.
        patience: with failures.
    """

    make_client: Callable[[str], Any]
    say: Callable[[str], None]
    end: threading.Event
    kms_key_id: str | None = None
    clock: Callable[[], datetime] = utc_now
    patience: Patience = Patience()

    def s3(self) -> Any:
        """Return the boto3 client of S3."""
        return self.make_client("s3")


def evaluate_at(spec: EvaluateSpec, golden: Any, arms: Sequence[ServedModel], places: Places) -> EvalReport:
    """Evaluate a baseline and a candidate, and put the results at ``OUTPUT/evaluations/KEY/``.

    Args:
        spec: how.
        golden: an address, or a dumped ``DatasetReference``.
        arms: the baseline, the candidate; which is which follows from the order alone.
        places: what to work with.

    Raises:
        SpecError: the spec, the golden set or the models cannot work together.
        DataError: the golden set cannot be used.
        RequestRefused: a model is gone, refuses us or does not answer enough; S3 refused an address.
        Unavailable: AWS cannot answer now, or ``end`` was set.
    """
    _check_arms(arms)
    asked = questions(golden, spec, places.s3, {arm.service for arm in arms})
    named = [arm.model_copy(update={"arm": name}) for name, arm in zip(ARMS, arms, strict=True)]
    known = [identified(arm, places.s3, places.say) for arm in named]
    told = material(asked.golden.sha256, known, [each.name for each in asked.scorers], spec.sampling)
    store = Store(f"{spec.output_uri.rstrip('/')}/evaluations/{key_of(told)}", places.s3, places.kms_key_id)
    stored = store.report()
    if stored is not None:
        places.say(f"These models were judged on this golden set already: {store.address(REPORT)}. Nobody is asked.")
        return stored
    store.write(KEY, json.dumps(told, indent=1))  # so who may not write there learns it before a model is asked
    return _evaluated(spec, asked, known, store, places)


def _check_arms(arms: Sequence[ServedModel]) -> None:
    thing, (one, other) = "baseline and candidate", arms
    if (one.service, one.endpoint_name) == (other.service, other.endpoint_name):
        said = f"both are the {SERVICES[one.service].noun} {one.endpoint_name}."
        raise SpecError(thing, said, "Give the outputs of two deployments.")
    if one.region and other.region and one.region != other.region:
        said = f"they are served in {one.region} and in {other.region}, and one evaluation asks in one region."
        raise SpecError(thing, said, "Serve both in one region.")


def _evaluated(
    spec: EvaluateSpec, asked: Questions, arms: Sequence[ServedModel], store: Store, places: Places
) -> EvalReport:
    began = places.clock()
    answers, tokens = _answers(spec, asked, arms, places)
    seconds = (places.clock() - began).total_seconds()
    baseline, candidate = (Arm(arm.model, each) for arm, each in zip(arms, answers, strict=True))
    made, judged = report(asked.golden, asked.uri, baseline, candidate, asked.scorers)
    told = made.model_copy(
        update={
            "sampling": spec.sampling.told(),
            "seconds": seconds,
            "usd": asking_usd(list(zip(arms, tokens, strict=True)), seconds),
            **_told(arms, tokens),
            "report_uri": store.address(PAGE),
            "answers_uri": store.address(ANSWERS),
        }
    )
    store.write(ANSWERS, answer_lines(judged))
    store.write(PAGE, page(told, judged))
    store.write(REPORT, told.model_dump_json(indent=1))  # the last one: who finds it finds all
    return told


def _answers(
    spec: EvaluateSpec, asked: Questions, arms: Sequence[ServedModel], places: Places
) -> tuple[list[list[str | None]], list[Tokens]]:
    chats = [item.messages for item in asked.golden.items]
    clients = {arm.service: places.make_client(SERVICES[arm.service].client) for arm in arms}
    askings = [
        Asking(arm, spec.sampling, Desk(clients[arm.service], places.clock, places.end, places.patience))
        for arm in arms
    ]
    places.say(f"Asks {len(chats)} items of {' and '.join(asking.thing for asking in askings)}.")
    if "bedrock" in clients and spec.sampling.format != DEFAULT_FORMAT:
        places.say(f"Bedrock is asked by Converse, a chat a request: format {spec.sampling.format} is for endpoints.")
    answers = ask_all(askings, chats, spec.concurrency, places.end, places.say)
    return answers, [Tokens(asking.input_tokens, asking.output_tokens) for asking in askings]


def _told(arms: Sequence[ServedModel], tokens: Sequence[Tokens]) -> dict[str, int]:
    """Return the report's fields on tokens, where AWS counts them."""
    return {
        f"{kind}_tokens_{arm.arm}": count
        for arm, counted in zip(arms, tokens, strict=True)
        if arm.service == "bedrock"
        for kind, count in counted._asdict().items()
    }
