"""Service Quotas of SageMaker: limits, defaults, and requests for more that are approved after a modelled wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from ..pages import page

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...state.quotas import Increase, Quota
    from ...world import World

_SERVICE = {"ServiceCode": "sagemaker", "ServiceName": "Amazon SageMaker"}


def _check_service(call: Call) -> None:
    code = call.params.get("ServiceCode", "sagemaker")
    if code != "sagemaker":
        raise AwsError("NoSuchResourceException", f"The embedded AWS knows no quotas of the service {code}.")


def _find(call: Call, world: World) -> Quota:
    _check_service(call)
    quota = world.quotas.all.get(call.params["QuotaCode"])
    if quota is None:
        raise AwsError("NoSuchResourceException", "The request failed because the specified quota does not exist.")
    return quota


def _describe(quota: Quota, call: Call, value: float) -> dict[str, Any]:
    return {
        **_SERVICE,
        "QuotaArn": f"arn:aws:servicequotas:{call.region}:{call.account}:sagemaker/{quota.code}",
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
        "QuotaAppliedAtLevel": "ACCOUNT",
    }


def _applied(quota: Quota, call: Call, world: World) -> dict[str, Any]:
    return _describe(quota, call, world.quotas.limit(call.region, quota.usage, quota.instance_type))


def _change(increase: Increase, call: Call) -> dict[str, Any]:
    return {
        **_SERVICE,
        "Id": increase.id,
        "QuotaCode": increase.quota.code,
        "QuotaName": increase.quota.name,
        "DesiredValue": increase.desired,
        "Status": increase.status,
        "Created": increase.requested_at,
        "LastUpdated": increase.updated_at,
        "Requester": f'{{"accountId":"{call.account}","callerArn":"arn:aws:iam::{call.account}:root"}}',
        "QuotaArn": f"arn:aws:servicequotas:{call.region}:{call.account}:sagemaker/{increase.quota.code}",
        "GlobalQuota": False,
        "Unit": "None",
        "QuotaRequestedAtLevel": "ACCOUNT",
    }


def list_services(call: Call, world: World) -> Mapping[str, Any]:
    """The one service with quotas here."""
    return page([_SERVICE], call.params, "Services")


def list_service_quotas(call: Call, world: World) -> Mapping[str, Any]:
    """Every limit in force, or the one of ``QuotaCode``."""
    _check_service(call)
    code = call.params.get("QuotaCode")
    quotas = [_find(call, world)] if code else list(world.quotas.all.values())
    return page([_applied(quota, call, world) for quota in quotas], call.params, "Quotas")


def list_aws_default_service_quotas(call: Call, world: World) -> Mapping[str, Any]:
    """Every limit of a new account."""
    _check_service(call)
    quotas = world.quotas.all.values()
    return page([_describe(quota, call, quota.default) for quota in quotas], call.params, "Quotas")


def get_service_quota(call: Call, world: World) -> Mapping[str, Any]:
    """One limit in force."""
    return {"Quota": _applied(_find(call, world), call, world)}


def get_aws_default_service_quota(call: Call, world: World) -> Mapping[str, Any]:
    """One limit of a new account."""
    quota = _find(call, world)
    return {"Quota": _describe(quota, call, quota.default)}


def request_service_quota_increase(call: Call, world: World) -> Mapping[str, Any]:
    """Ask for more; one open request per quota, and only upwards."""
    quota, desired = _find(call, world), float(call.params["DesiredValue"])
    if any(each.quota == quota and each.status == "PENDING" for each in world.quotas.increases(call.region)):
        raise AwsError(
            "ResourceAlreadyExistsException",
            "Only one open service quota increase request is allowed per quota.",
        )
    if desired <= world.quotas.limit(call.region, quota.usage, quota.instance_type):
        raise AwsError(
            "IllegalArgumentException", "You must provide a quota value greater than the current quota value."
        )
    return {"RequestedQuota": _change(world.quotas.request(call.region, quota, desired), call)}


def get_requested_service_quota_change(call: Call, world: World) -> Mapping[str, Any]:
    """One request for more."""
    for increase in world.quotas.increases(call.region):
        if increase.id == call.params["RequestId"]:
            return {"RequestedQuota": _change(increase, call)}
    raise AwsError("NoSuchResourceException", "The request failed because the specified request does not exist.")


def list_requested_service_quota_change_history(call: Call, world: World) -> Mapping[str, Any]:
    """Requests for more, by status when given."""
    _check_service(call)
    status = call.params.get("Status")
    changes = [
        _change(increase, call) for increase in world.quotas.increases(call.region) if status in (None, increase.status)
    ]
    return page(changes, call.params, "RequestedQuotas")


def list_requested_service_quota_change_history_by_quota(call: Call, world: World) -> Mapping[str, Any]:
    """Requests for more of one quota."""
    quota, status = _find(call, world), call.params.get("Status")
    changes = [
        _change(increase, call)
        for increase in world.quotas.increases(call.region)
        if increase.quota == quota and status in (None, increase.status)
    ]
    return page(changes, call.params, "RequestedQuotas")


OPERATIONS: dict[str, Handler] = {
    "ListServices": list_services,
    "ListServiceQuotas": list_service_quotas,
    "ListAWSDefaultServiceQuotas": list_aws_default_service_quotas,
    "GetServiceQuota": get_service_quota,
    "GetAWSDefaultServiceQuota": get_aws_default_service_quota,
    "RequestServiceQuotaIncrease": request_service_quota_increase,
    "GetRequestedServiceQuotaChange": get_requested_service_quota_change,
    "ListRequestedServiceQuotaChangeHistory": list_requested_service_quota_change_history,
    "ListRequestedServiceQuotaChangeHistoryByQuota": list_requested_service_quota_change_history_by_quota,
}
