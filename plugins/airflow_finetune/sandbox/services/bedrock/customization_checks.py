"""What AWS refuses of a customization job before it exists: model, region, type, ranges, data, output."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ...edge.errors import AwsError
from ...runner.customizing import artefacts, ledger, records
from ...runner.customizing.plan import Plan
from ...runner.transfer.channels import split_uri
from ...state import FoundationModel, Limits
from .answers import arn, new_id, refuse

if TYPE_CHECKING:
    from ...edge.call import Call
    from ...world import World

INVALID_MODEL = "The provided model identifier is invalid."
GRADED, TAUGHT, TUNED = "REINFORCEMENT_FINE_TUNING", "DISTILLATION", "FINE_TUNING"


def planned(call: Call, world: World) -> Plan:
    """Return what the job is to do.

    Raises:
        AwsError: a ValidationException, before anything exists or costs.
    """
    asked = call.params
    kind = asked.get("customizationType", TUNED)
    base, weights = _base(call, world)
    limits = _limits(world, base, kind, call.region)
    _check_config(asked, kind)
    hyperparameters = _hyperparameters(asked.get("hyperParameters", {}), limits, kind)
    job_id = new_id()
    plan = Plan(
        request=dict(asked),
        region=call.region,
        account=call.account,
        job_id=job_id,
        job_arn=arn(call, f"model-customization-job/{base.id}/{job_id}"),
        kind=kind,
        base=base,
        weights=weights,
        limits=limits,
        hyperparameters=hyperparameters,
        teacher=_teacher(asked, base, world) if kind == TAUGHT else None,
        grader=_grader(asked, world) if kind == GRADED else None,
    )
    if plan.validators and limits.validation_records is None:
        raise refuse(f"Validation data is not supported for {kind} of {base.id}: leave validationDataConfig out.")
    if plan.validators and kind == GRADED:
        raise AwsError(
            "NotImplemented", f"The sandbox validates nothing in {kind}: leave validationDataConfig out.", 501
        )
    _check_places(call, world)
    return plan


def _base(call: Call, world: World) -> tuple[FoundationModel, str]:
    """Return the base model and the weights that training begins with: a custom model's own, where one is named."""
    identifier = call.params["baseModelIdentifier"]
    model = world.foundation_models.find(identifier)
    if model is not None:
        return model, world.bedrock.inference.folder_of(model)
    for document in world.store.list(ledger.MODEL, call.region):
        if identifier in (document["modelArn"], document["modelName"]):
            return world.foundation_models.all[document["_base"]], document["_weights"]
    raise refuse(INVALID_MODEL)


def _limits(world: World, base: FoundationModel, kind: str, region: str) -> Limits:
    if kind not in base.customizations:
        longer = [each for each in world.foundation_models.all if each.startswith(f"{base.id}:")]
        hint = f" (sandbox: {' and '.join(longer)} can be customized)" if longer else ""
        can = f"it supports {', '.join(base.customizations)}" if base.customizations else "it cannot be customized"
        raise refuse(f"The model {base.id} does not support {kind}: {can}.{hint}")
    if base.regions is not None and region not in base.regions:
        raise refuse(f"The model {base.id} cannot be customized in {region}: use {' or '.join(base.regions)}.")
    return world.foundation_models.limits(base, kind)


def _check_config(asked: Mapping[str, Any], kind: str) -> None:
    """Refuse a configuration of another type, or none where one is needed; likewise data."""
    config = asked.get("customizationConfig", {})
    for member, belongs_to in (("distillationConfig", TAUGHT), ("rftConfig", GRADED)):
        if (member in config) != (kind == belongs_to):
            needs = "needs" if kind == belongs_to else "does not take"
            raise refuse(f"customizationType {kind} {needs} customizationConfig.{member}.")
    data = asked["trainingDataConfig"]
    if ("s3Uri" in data) == ("invocationLogsConfig" in data):
        raise refuse("trainingDataConfig must hold either s3Uri or invocationLogsConfig.")
    if "invocationLogsConfig" in data and kind != TAUGHT:
        raise refuse(f"customizationType {kind} does not take invocationLogsConfig: only {TAUGHT} does.")


def _hyperparameters(given: Mapping[str, str], limits: Limits, kind: str) -> dict[str, str]:
    """Return what was given, after a look at names, types and ranges.

    Raises:
        AwsError: in our words; AWS's are not known.
    """
    known = limits.hyperparameters
    unknown = sorted(set(given) - set(known))
    if unknown:
        can = f"Supported hyperparameters: {', '.join(sorted(known))}." if known else f"{kind} takes none."
        raise refuse(f"Unsupported hyperparameter: {', '.join(unknown)}. {can}")
    for name, text in given.items():
        row = known[name]
        value = _number(text, row["type"])
        if value is None:
            raise refuse(f"Hyperparameter {name} has the value {text!r}: it must be of type {row['type']}.")
        if not row["min"] <= value <= row["max"]:
            raise refuse(f"Hyperparameter {name} has the value {text}: it must be from {row['min']} to {row['max']}.")
    defaults = {name: f"{row['default']}" for name, row in known.items()}
    return defaults | dict(given)


def _number(text: str, kind: str) -> float | None:
    try:
        value = int(text) if kind == "integer" else float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _teacher(asked: Mapping[str, Any], base: FoundationModel, world: World) -> FoundationModel:
    config = asked["customizationConfig"]["distillationConfig"]["teacherModelConfig"]
    models, identifier = world.foundation_models, config["teacherModelIdentifier"]
    teacher = models.find(identifier) or models.behind_profile(identifier)
    if teacher is None:
        raise refuse(INVALID_MODEL)
    if base.id not in teacher.students:
        can = [each.id for each in models.all.values() if base.id in each.students]
        raise refuse(f"The model {teacher.id} cannot teach {base.id}: its teachers are {', '.join(can) or 'none'}.")
    return teacher


def _grader(asked: Mapping[str, Any], world: World) -> Path:
    """Return the folder that stands for the grader's Lambda function."""
    name = asked["customizationConfig"]["rftConfig"]["graderConfig"]["lambdaGrader"]["lambdaArn"].split(":")[6]
    for pattern, folder in world.settings.functions:
        if fnmatchcase(name, pattern):
            return folder.resolve()
    raise AwsError(
        "NotImplemented",
        f"The embedded AWS cannot run the Lambda function {name}: start it with --function {name}=FOLDER, a "
        "folder with the function's lambda_function.py.",
        501,
    )


def _check_places(call: Call, world: World) -> None:
    """Refuse data that cannot be read and an output that cannot be written, in AWS's words.

    Raises:
        AwsError: a bucket or key that is not there, or a bucket of another region.
    """
    s3 = world.clients.client("s3", call.region)
    for uri in _files(call.params):
        bucket, key = split_uri(uri)
        try:
            _check_bucket(s3, bucket, call.region)
            s3.head_object(Bucket=bucket, Key=key)
            _check_role(call, world, "GetObject", bucket, key)
        except (ClientError, PermissionError):
            raise refuse(str(records.not_readable(uri))) from None
    bucket, key = split_uri(call.params["outputDataConfig"]["s3Uri"])
    place = f"{key.rstrip('/')}/{artefacts.WRITE_CHECK}".lstrip("/")
    try:
        _check_bucket(s3, bucket, call.region)
        _check_role(call, world, "PutObject", bucket, place)
        s3.put_object(Bucket=bucket, Key=place, Body=b"")
        s3.delete_object(Bucket=bucket, Key=place)
    except (ClientError, PermissionError):
        raise refuse(
            "Amazon S3 perms missing (PutObject): Could not validate PutObject permissions to access S3 bucket: "
            f"{bucket} at key {place}"
        ) from None


def _check_role(call: Call, world: World, operation: str, bucket: str, key: str) -> None:
    """Let a fault rule say that the role may not do this: nobody evaluates its policies here.

    Raises:
        PermissionError: a rule ``access_denied`` fits.
    """
    facts = {"roleArn": call.params["roleArn"], "bucket": bucket, "key": key}
    if any(rule.kind == "access_denied" for rule in world.faults.for_call("bedrock", operation, facts)):
        raise PermissionError(operation)


def _files(asked: Mapping[str, Any]) -> Iterator[str]:
    if "s3Uri" in asked["trainingDataConfig"]:
        yield asked["trainingDataConfig"]["s3Uri"]
    for validator in asked.get("validationDataConfig", {}).get("validators", []):
        yield validator["s3Uri"]


def _check_bucket(s3: Any, bucket: str, region: str) -> None:
    found = s3.head_bucket(Bucket=bucket).get("BucketRegion", region)
    if found != region:
        raise refuse(
            f"The Amazon S3 bucket {bucket} is in the Region {found}. It must be in the same Region as the Amazon "
            f"Bedrock model customization job: {region}."
        )
