"""Plans all candidates, has the rules choose, and puts the record where people and machines read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from airflow_finetune.evaluation.store import Store
from airflow_finetune.lifecycle.life import utc_now
from airflow_finetune.planning.choice.choose import choose
from airflow_finetune.planning.choice.offers import Candidate, offered
from airflow_finetune.planning.choice.page import in_words, page
from airflow_finetune.planning.choice.spec import Wishes
from airflow_finetune.values import Plan

__all__ = ["Candidate", "chosen_plan", "recorded", "told_of"]
RECORD, PAGE = "choice.json", "page.html"


def chosen_plan(candidates: Sequence[Candidate], wishes: Wishes, client: Callable[[str], Any]) -> Plan:
    """Return the plan of the candidate that the rules or a person choose, with the choice; nothing is created.

    Args:
        candidates: rendered.
        wishes: of the file and the run.
        client: makes a boto3 client of a service.

    Raises:
        SpecError: nothing fits, or what a person has chosen cannot run; names every reason.
        Unavailable: AWS cannot answer now.
    """
    region = client("sagemaker").meta.region_name
    offers = [offered(each, region, client, utc_now()) for each in candidates]
    counted = [offer.plan.dataset.examples for offer in offers if offer.plan is not None]
    choice = choose(offers, wishes, next(iter(counted), None), region)
    plan = next(offer.plan for offer in offers if offer.name == choice.chosen)
    assert plan is not None  # noqa: S101 - what has no plan is never chosen; for the type checker
    return plan.model_copy(update={"choice": choice})


def recorded(plan: Plan, folder: str, make_client: Callable[[], Any], kms_key_id: str | None) -> Plan:
    """Write the choice of a plan as JSON and as a page; return the plan with their addresses.

    Args:
        plan: with its choice.
        folder: an ``s3://`` prefix or a folder.
        make_client: gives the boto3 client of S3; called only for a prefix.
        kms_key_id: encrypts both; None takes the bucket's own way.

    Raises:
        DataError, RequestRefused, Unavailable: it cannot be written.
    """
    assert plan.choice is not None  # noqa: S101 - for the type checker
    store = Store(folder, make_client, kms_key_id)
    addresses = {"record_uri": store.address(RECORD), "page_uri": store.address(PAGE)}
    choice = plan.choice.model_copy(update=addresses)
    store.write(RECORD, choice.model_dump_json(indent=1))
    store.write(PAGE, page(choice))
    return plan.model_copy(update={"choice": choice})


def told_of(plan: Plan) -> Iterator[str]:
    """Yield the choice of a plan for a log, and where its page lies."""
    if plan.choice is not None:
        yield from in_words(plan.choice)
        if plan.choice.page_uri:
            yield f"The record of this choice: {plan.choice.page_uri}"
