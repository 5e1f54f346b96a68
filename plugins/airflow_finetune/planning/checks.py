"""Judges the facts: pure. Each check is fine, a fault that stops the run, or something that we may not look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from airflow_finetune.aws.quotas import Quota
from airflow_finetune.aws.s3 import place_of
from airflow_finetune.backends.backend import Needs
from airflow_finetune.lifecycle.failures import FailureClass, Refusal
from airflow_finetune.planning.facts import Facts
from airflow_finetune.planning.quantities import Golden, Line
from airflow_finetune.planning.worst_case import unit_dollars
from airflow_finetune.values import PlanCheck

_FIELDS = {"training": "usd_per_hour", "hosting": "hosting.usd_per_hour"}
_OWNERS = {"spec": "the spec", "hosting": "hosting", "evaluation": "evaluation", "advice": "advice"}


class Fault(NamedTuple):
    """Why there is no plan; the three parts of an error."""

    thing: str
    said: str
    next_step: str


def judged(needs: Needs, facts: Facts) -> Iterator[PlanCheck | Fault]:
    """Yield one judgment for each thing that was looked up."""
    yield PlanCheck(name="request", outcome="ok", said="AWS's model of the create request says nothing against it.")
    if needs.image_uri:
        yield PlanCheck(name="image", outcome="ok", said=needs.image_uri)
    yield from _by_the_backend(needs)
    yield _role(needs, facts)
    for bucket, region in facts.regions.items():
        yield _bucket(f"s3://{bucket}", region, facts.region)
    for uri in needs.inputs:
        if uri in facts.holds:  # else its bucket is the fault
            yield _input(uri, facts.holds[uri])
    for name, count in facts.wanted.items():
        yield _quota(name, count, facts.quotas, facts.region)
    for (usage, instance_type), price in facts.prices.items():
        if usage in _FIELDS:
            yield _price(f"{usage} price of {instance_type}", _FIELDS[usage], price, facts.region)
    yield from _by_quantity(facts)
    yield from _unnamed(needs, facts)


def _by_the_backend(needs: Needs) -> Iterator[PlanCheck | Fault]:
    yield from (PlanCheck(name=name, outcome="ok", said=said) for name, said in needs.said.items())
    yield from (Fault(*wrong) for wrong in needs.wrong)


def _role(needs: Needs, facts: Facts) -> PlanCheck | Fault:
    thing = f"role {needs.role_arn}"
    match facts.role:
        case Refusal(FailureClass.ABSENT):
            return Fault(thing, _words(facts.role), "Make the role, or correct role_arn.")
        case Refusal():
            return _unknown(thing, facts.role)
        case found if found != needs.role_arn:
            said = f"the connection's account has {found} instead."
            return Fault(thing, said, "AWS takes only a role of the account that the job runs in: correct role_arn.")
        case _:
            return PlanCheck(name=thing, outcome="ok", said="It is there.")


def _bucket(thing: str, found: str | Refusal, region: str) -> PlanCheck | Fault:
    match found:
        case Refusal(FailureClass.ABSENT):
            return Fault(thing, f"there is no such bucket; {_words(found)}", "Correct the address.")
        case Refusal():
            return _unknown(thing, found)
        case _ if found != region:
            said = f"the bucket is in {found}, and the connection works in {region}."
            return Fault(thing, said, "A training job reads only buckets of its own region: change one of them.")
        case _:
            return PlanCheck(name=thing, outcome="ok", said=f"It is in {region}.")


def _input(uri: str, found: bool | Refusal) -> PlanCheck | Fault:
    if isinstance(found, Refusal):
        return _unknown(uri, found)
    if not found:
        return Fault(uri, "nothing is there.", f"Put the data there, or correct the address in {place_of(uri).bucket}.")
    return PlanCheck(name=uri, outcome="ok", said="Something is there.")


def _quota(name: str, count: int, quotas: object, region: str) -> PlanCheck | Fault:
    thing = f"quota '{name}' in {region}"
    if isinstance(quotas, Refusal):
        return _unknown(thing, quotas)
    quota = quotas.get(name) if isinstance(quotas, dict) else None
    if not isinstance(quota, Quota):
        return PlanCheck(name=thing, outcome="unknown", said="Service Quotas does not list it.")
    if quota.value < count:
        said = f"is {quota.value:g}, and the run needs {count} at once."
        ask = (
            f"aws service-quotas request-service-quota-increase --service-code sagemaker"
            f" --quota-code {quota.code} --desired-value {count} --region {region}"
        )
        return Fault(thing, said, f"Ask for more ({ask}), or choose another instance type.")
    return PlanCheck(name=thing, outcome="ok", said=f"It is {quota.value:g}; the run needs {count}.")


def _price(thing: str, field: str, found: float | Refusal | None, region: str) -> PlanCheck | Fault:
    if isinstance(found, Refusal):
        hint = f"Allow pricing:GetProducts to the role of the connection, or give {field}."
        return Fault(thing, _words(found), hint)
    if found is None:
        said = f"AWS's price list has no single answer for {region}."
        return Fault(thing, said, f"Check instance type and region, or give {field}.")
    return PlanCheck(name=thing, outcome="ok", said=f"${found:g} per hour.")


def _by_quantity(facts: Facts) -> Iterator[PlanCheck | Fault]:
    for identifier, model in facts.billed.models.items():
        if isinstance(model, Refusal):
            yield Fault(f"model {identifier}", _words(model), "Correct its id, or allow bedrock:GetFoundationModel.")
    if (golden := facts.billed.golden) is not None and golden.said:
        yield _golden(golden)
    for line in {line.key: line for line in facts.billed.lines}.values():
        if line.key in facts.prices and line.usage not in _FIELDS:  # that of an instance is judged already
            yield _quantity_price(line, facts.prices[line.key], facts.region)


def _unnamed(needs: Needs, facts: Facts) -> Iterator[Fault]:
    if needs.wrong:
        return  # which says why a model has no name
    for usage in dict.fromkeys(line.usage for line in facts.billed.lines if not line.model and line.unit_usd is None):
        hint = f"Allow bedrock:GetFoundationModel to the role of the connection, or give prices: {{{usage}: ...}}."
        yield Fault(f"price of {usage}", "the model has no name to ask AWS's price list for.", hint)


def _golden(golden: Golden) -> PlanCheck | Fault:
    if golden.items is None:
        said = f"nobody knows how many questions it has: {golden.said}"
        return Fault("golden set", said, "Correct its address, or give their number as evaluation.golden.")
    said = f"Its size is not known, bytes_per_item is taken for each question: {golden.said}"
    return PlanCheck(name="golden set", outcome="unknown", said=said)


def _quantity_price(line: Line, found: float | Refusal | None, region: str) -> PlanCheck | Fault:
    thing, unit = f"price of {line.usage} of {line.model}", line.unit
    give = f"give its dollars in the key prices: of {_OWNERS[line.where]}, as {{{line.usage}: ...}} per {unit}."
    if isinstance(found, Refusal):
        return Fault(thing, _words(found), f"Allow pricing:GetProducts to the role of the connection, or {give}")
    if found is None:
        said = f"AWS's price list has no single answer for {region}."
        return Fault(thing, said, f"Look at the model and the region; if they are right, {give}")
    return PlanCheck(name=thing, outcome="ok", said=f"{unit_dollars(found)} per {unit}.")


def _unknown(thing: str, found: Refusal) -> PlanCheck:
    return PlanCheck(name=thing, outcome="unknown", said=f"Not checked: {_words(found)}")


def _words(found: Refusal) -> str:
    return f"AWS answered {found.code}: {found.message}"
