"""What a principal may do, as IAM's simulator says it: nobody evaluates policies here, so all that exists may all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ...edge.errors import AwsError

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

_ARN = re.compile(r"arn:[^:]+:iam::\d{12}:(?P<kind>role|user|group)/(?:.*/)?(?P<name>[^/]+)")


def simulate_principal_policy(call: Call, world: World) -> Mapping[str, Any]:
    """Say of each action and resource that it is allowed, if there is such a principal."""
    request = call.params
    _check_principal(call, world, request["PolicySourceArn"])
    resources = request.get("ResourceArns") or ["*"]
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": "allowed",
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for action in request["ActionNames"]
        for resource in resources
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


def _check_principal(call: Call, world: World, arn: str) -> None:
    found = _ARN.fullmatch(arn)
    if found is None:
        raise AwsError("InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    iam = world.clients.client("iam", "us-east-1", call.account)
    kind, name = found["kind"], found["name"]
    try:
        getattr(iam, f"get_{kind}")(**{f"{kind.title()}Name": name})
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        raise AwsError("NoSuchEntity", f"The {kind} with name {name} cannot be found.", status=404) from error


OPERATIONS: dict[str, Handler] = {"SimulatePrincipalPolicy": simulate_principal_policy}
