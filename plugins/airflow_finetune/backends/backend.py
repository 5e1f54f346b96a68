"""What a way to tune brings: the declaration that the operator works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.resources import Resource
from airflow_finetune.spec import Spec
from airflow_finetune.values import DatasetReference, Market, TunedModel

MakeClient = Callable[[str], Any]


@dataclass(frozen=True)
class Place:
    """Where a job of one generation runs and keeps its things.

    Attributes:
        region: AWS's name.
        key: the claim's key.
        generation: the claim's generation.
        digest: of the spec; with the two above it makes the checkpoint's place, so that attempts and fallbacks of one
            generation share it and nobody else.
        claim: on the job; None where none is made.
    """

    region: str
    key: str
    generation: int
    digest: str
    claim: Claim | None = None


@dataclass(frozen=True)
class Outcome:
    """What the life of a job knows at its end.

    Attributes:
        described: AWS's description.
        digest: of the spec.
        attempts: jobs of this generation.
        region: where it ran.
        hourly_usd: AWS's price; None when it could not be read, and for what is not bought by instance.
        make_client: gives boto3 clients, for what AWS says elsewhere than in the description.
        say: takes one line for the task's log.
    """

    described: Mapping[str, Any]
    digest: str
    attempts: int
    region: str
    hourly_usd: float | None
    make_client: MakeClient
    say: Callable[[str], None]


@dataclass(frozen=True)
class Rung:
    """One market of a job, as its create request says.

    Attributes:
        market: Spot or on demand.
        instance_type: AWS's name.
        instance_count: how many of them.
        max_runtime_seconds: after which AWS ends the job.
        warm_pool_seconds: for which AWS keeps, and bills, the instances after the job.
    """

    market: Market
    instance_type: str
    instance_count: int
    max_runtime_seconds: int
    warm_pool_seconds: int = 0


class Charge(NamedTuple):
    """Something that a job is billed for by quantity, not by instance and hour.

    Attributes:
        name: for the worst case.
        quantity: the most that it can be, of one job; storage (``usage`` ``model_storage``) is paid for the one model.
        unit: of the quantity, for example ``thousand tokens``.
        usage: what AWS's price list is asked for, with ``model``; see ``aws/prices.py``.
        model: as the price list names it.
        unit_usd: the user's own price; None asks AWS.
    """

    name: str
    quantity: float
    unit: str
    usage: str
    model: str
    unit_usd: float | None = None


class Wrong(NamedTuple):
    """Why a job cannot work; the three parts of an error."""

    thing: str
    said: str
    next_step: str


@dataclass(frozen=True)
class Needs:
    """What must be there, and may be paid for, before a job can be made; read from its create request.

    Attributes:
        role_arn: that the job runs with.
        image_uri: looked up where the spec has none; empty for a job without.
        dataset: what the model learns from.
        inputs: S3 addresses that must hold something.
        outputs: S3 addresses that the job writes to.
        rungs: in the order in which they are tried; empty for a job that is not bought by instance.
        charges: what else is billed.
        wrong: what the backend has found that no general check looks at.
        said: name of a check -> what the backend has looked up and found in order.
        deploys_on_demand: False where AWS serves what is made of this base on provisioned throughput only; None where
            nobody knows, which refuses nothing.
        resolved: field of the spec -> what was looked up for it, which the plan keeps.
        serves_on: the instance that the model says it is served on; empty for one that says nothing.
    """

    role_arn: str
    image_uri: str
    dataset: DatasetReference
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rungs: tuple[Rung, ...]
    charges: tuple[Charge, ...] = ()
    wrong: tuple[Wrong, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)
    deploys_on_demand: bool | None = None
    resolved: Mapping[str, str] = field(default_factory=dict)
    serves_on: str = ""


@dataclass(frozen=True)
class PipelineKeys:
    """Where a pipeline file has the fields of a spec: key there -> field; curation brings the data.

    Attributes:
        model: keys of its section ``model``.
        compute: keys of its section ``compute``.
        aws: keys of its section ``aws``, those that this backend uses.
        output: the field that is filled with an address below ``aws.work_uri``; None without.
        validation: the field that takes the validation data that curation has made; None where there is none.
        form: keys of ``model`` that the file may let a run change: no address, image, instance, key or money.
    """

    model: Mapping[str, str] = field(default_factory=dict)
    compute: Mapping[str, str] = field(default_factory=dict)
    aws: Mapping[str, str] = field(default_factory=dict)
    output: str | None = None
    validation: str | None = "validation"
    form: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backend:
    """One way to tune a model on AWS.

    Attributes:
        name: the word in ``backend:``.
        spec: the class of what people write.
        resource: what AWS makes.
        rungs: how many markets a job may be bought on, by the spec.
        longest: how long a job and its fallback may take at most by AWS's own limits, by the spec.
        request: gives the create request for (spec, place, rung, make_client); may upload
            code and data, and make what AWS wants to be there before, unless it bills.
        digest: of the spec and of the code that it names, without what only describes it.
        needs: gives what must be there for (spec, region, make_client); reads, makes and uploads nothing.
        result: gives the model that a finished job has made, by (spec, outcome).
        keys: where a pipeline file has the spec's fields.
        served_by: what baseline and candidate answer on.
        brings_server: whether its models say themselves what serves them (``TunedModel.hosting``).
    """

    name: str
    spec: type[Spec]
    resource: Resource
    rungs: Callable[[Any], int]
    longest: Callable[[Any], timedelta]
    digest: Callable[[Any], str]
    request: Callable[[Any, Place, int, MakeClient], dict[str, Any]]
    needs: Callable[[Any, str, MakeClient], Needs]
    result: Callable[[Any, Outcome], TunedModel]
    keys: PipelineKeys = field(default_factory=PipelineKeys)
    served_by: Literal["endpoint", "bedrock"] = "endpoint"
    brings_server: bool = False
