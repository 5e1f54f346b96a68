"""Deployment of approved versions to endpoints that stay, and their end, as operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_finetune.errors import JobFailed
from airflow_finetune.lifecycle.operator import claim_of
from airflow_finetune.registry.promoted.spec import PromotedSpec, loaded_spec
from airflow_finetune.serving.operator import ServingOperator
from airflow_finetune.serving.waiting import Waiting

if TYPE_CHECKING:
    from airflow_finetune.registry.promoted.deploy import Takeover
    from airflow_finetune.registry.promoted.on_demand import OnDemand
    from airflow_finetune.registry.promoted.undeploy import Undeployment
    from airflow_finetune.values import CleanupReceipt, ModelVersion


class DeployPromotedOperator(ServingOperator):
    """Lets an approved version answer at an endpoint that stays; returns a dumped ``PromotedEndpoint``.

    A version that is not Approved is refused. An endpoint of this name that this Airflow has promoted is updated in
    place: what served before answers until the new version is healthy, and stays if it never gets so. Any other
    endpoint of this name is refused. It has no lease and bills until ``UndeployOperator`` ends it: no teardown and no
    cleanup touches it, and a kill of this task neither. A custom model of Bedrock answers at a custom model deployment
    of this name instead, which bills by the token; everything else is the same.

    Args:
        version: a dumped ``ModelVersion``, or the ARN of a model package.
        endpoint_name: what is invoked; the same over all versions.
        role_arn: the role that the endpoint runs with; Bedrock needs none, nor anything that follows but ``tags``.
        instance_type: for example ``ml.g5.xlarge``.
        instance_count: how many of them.
        environment: of the server, beside what the version says.
        startup_timeout_seconds: until the server must answer; None takes AWS's 480 seconds.
        subnets: of your VPC, with ``security_group_ids``.
        security_group_ids: of your VPC.
        network_isolation: the container gets no network.
        tags: of your own, beside ours.
        kwargs: as of ``ServingOperator`` and Airflow's ``BaseOperator``.

    Raises:
        SpecError: something cannot work, said when the DAG is parsed where that can be known.
    """

    template_fields: Sequence[str] = (
        *("version", "endpoint_name", "role_arn", "instance_type", "instance_count", "environment"),
        *("startup_timeout_seconds", "subnets", "security_group_ids", "network_isolation", "tags"),
        *ServingOperator.template_fields,
    )
    template_fields_renderers = {"version": "json"}  # noqa: RUF012 - Airflow's own class attribute

    def __init__(
        self,
        *,
        version: Any,
        endpoint_name: str,
        role_arn: str | None = None,
        instance_type: str = "ml.g5.xlarge",
        instance_count: int | str = 1,
        environment: Mapping[str, str] | None = None,
        startup_timeout_seconds: int | None = None,
        subnets: Sequence[str] | None = None,
        security_group_ids: Sequence[str] | None = None,
        network_isolation: bool = False,
        tags: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.version, self.endpoint_name, self.role_arn = version, endpoint_name, role_arn
        self.instance_type, self.instance_count, self.environment = instance_type, instance_count, environment
        self.startup_timeout_seconds, self.network_isolation = startup_timeout_seconds, network_isolation
        self.subnets, self.security_group_ids, self.tags = subnets, security_group_ids, tags
        self._spec(rendered=False)

    def begin(self, context: Any, kept: Mapping[str, Any] | None) -> None:
        """Refuse what is not approved, and prepare the steps."""
        from airflow_finetune.registry.promoted.task import approved, takeover  # bring botocore

        self._loaded, access = self._spec(rendered=True), self.access()
        self._version: ModelVersion = approved(access, self._loaded)
        deployment, updated = claim_of(context["ti"]).deployment, bool(kept and kept["updated"])
        self._takeover: Takeover | OnDemand = takeover(
            access, deployment, self._loaded, self._version, self.log.info, updated
        )

    def keeps(self) -> dict[str, Any]:
        """Return whether AWS was asked for the change."""
        return {"updated": self._takeover.updated}

    def step(self, now: datetime) -> Any:
        """Make what is missing and look."""
        return self._takeover.step()

    def finish(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Tidy up, and return the dumped ``PromotedEndpoint``."""
        from airflow_finetune.registry.promoted.task import deployment_of, endpoint_of

        self._takeover.settle(result)
        if "modelDeploymentName" in result:
            hosted = deployment_of(result, self._loaded, self._version, self.region)
            self.log.info("%s answers as %s, by the token.", hosted.endpoint_name, hosted.model_package_arn)
            return hosted.dump()
        price = self.hourly_usd(self._loaded.instance_type)
        made = endpoint_of(result, self._loaded, self._version, self.region, price)
        cost = "at a price that AWS's list did not give" if price is None else f"${made.hourly_usd} an hour"
        self.log.info("%s serves %s and bills %s until undeployed.", made.endpoint_name, made.model_package_arn, cost)
        return made.dump()

    def out_of_time(self, waiting: Waiting) -> NoReturn:
        """Fail; what AWS has begun goes on, and a later try finds it."""
        said = f"{waiting.why} max_wait of {self.max_wait} is over."
        raise JobFailed(f"endpoint {self._loaded.endpoint_name}", said, "Clear this task, or undeploy the endpoint.")

    def _spec(self, *, rendered: bool) -> PromotedSpec:
        given = {name: getattr(self, name) for name in ("version", *PromotedSpec.model_fields) if hasattr(self, name)}
        return loaded_spec(given, rendered=rendered, thing=self.task_id)


class UndeployOperator(ServingOperator):
    """Ends a promoted endpoint or deployment and all that was made for it; returns a dumped ``CleanupReceipt``.

    The way to stop the bill of a ``DeployPromotedOperator``. It ends promoted endpoints of this Airflow only, and the
    registered versions stay. Running it again is fine.

    Args:
        endpoint_name: as of ``DeployPromotedOperator``.
        kwargs: as of ``ServingOperator`` and Airflow's ``BaseOperator``.
    """

    template_fields: Sequence[str] = ("endpoint_name", *ServingOperator.template_fields)

    def __init__(self, *, endpoint_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.endpoint_name = endpoint_name

    def begin(self, context: Any, kept: Mapping[str, Any] | None) -> None:
        """Prepare the steps."""
        from airflow_finetune.registry.promoted.task import undeployment  # brings botocore

        deployment, deleted = claim_of(context["ti"]).deployment, (kept or {}).get("deleted", ())
        self._undeployment: Undeployment = undeployment(
            self.access(), deployment, str(self.endpoint_name), self.log.info, [(kind, name) for kind, name in deleted]
        )

    def keeps(self) -> dict[str, Any]:
        """Return what AWS was asked to delete."""
        return {"deleted": [list(key) for key in sorted(self._undeployment.deleted)]}

    def step(self, now: datetime) -> Any:
        """Delete what can be deleted."""
        return self._undeployment.step()

    def finish(self, result: CleanupReceipt) -> dict[str, Any]:
        """Return the dumped receipt."""
        for word, rows in (("Deleted", result.deleted), ("Already gone", result.already_gone)):
            for row in rows:
                self.log.info("%s: %s %s.", word, row.kind, row.name)
        return result.dump()

    def out_of_time(self, waiting: Waiting) -> NoReturn:
        """Fail: something may still bill."""
        said = f"{waiting.why} max_wait of {self.max_wait} is over."
        raise JobFailed(f"endpoint {self.endpoint_name}", said, "It may still bill: clear this task.")
