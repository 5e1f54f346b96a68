"""Scope and deployment as operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf

from airflow_finetune.errors import JobFailed, SpecError
from airflow_finetune.lifecycle.operator import SECTION, deployment_name
from airflow_finetune.serving.hosts import host_of
from airflow_finetune.serving.operator import ServingOperator
from airflow_finetune.serving.scope import Arm, Scope, ScopeClaim, open_scope
from airflow_finetune.spec import Spec
from airflow_finetune.values import ServedModel

if TYPE_CHECKING:
    from airflow_finetune.serving.deploy import Deployment
    from airflow_finetune.serving.waiting import Waiting
CLEANUP_DAG = "cleanup_expired"


class OpenScopeOperator(BaseOperator):
    """Fixes the names and the lease of a run's endpoints, and returns a dumped ``Scope``; asks AWS for nothing.

    Args:
        scope: the same in all tasks of one scope; another scope of the same DAG has another one.
        lease: how long the endpoints may live, whatever happens to the run; then cleanup deletes them.
        kwargs: as of Airflow's ``BaseOperator``.
    """

    template_fields: Sequence[str] = ("lease",)

    def __init__(self, *, scope: str = "served", lease: timedelta = timedelta(hours=6), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scope, self.lease = scope, lease

    def execute(self, context: Any) -> dict[str, Any]:
        """Return the scope."""
        opened = open_scope(scope_claim(context["ti"], self.scope), self.lease, datetime.now(UTC))
        self.log.info("Scope %s: %s; its lease ends at %s.", opened.scope_id, opened.names, opened.expires_at)
        if trouble := cleanup_trouble(context["ti"]):
            self.log.warning("%s What this run leaves behind bills until somebody deletes it.", trouble)
        return opened.dump()


class DeployModelOperator(ServingOperator):
    """Lets a model answer inside a scope, finds what an earlier try has made, and returns a dumped ``ServedModel``.

    A kill of this task deletes nothing: the scope's teardown does, and cleanup at the latest when the lease ends.

    Args:
        scope: the output of ``open_scope``.
        arm: ``baseline`` or ``candidate``.
        spec: a ``DeploySpec`` or ``BedrockDeploySpec``, or a mapping with its fields, whose ``backend`` says which
            (``endpoint`` or ``bedrock_hosting``; an endpoint without one); every value may be Jinja or another task's
            output.
        kwargs: as of ``ServingOperator`` and Airflow's ``BaseOperator``; ``max_wait`` counts from the creation of what
            answers, over all tries.

    Raises:
        SpecError: the spec cannot work, said when the DAG is parsed where that can be known.
    """

    template_fields: Sequence[str] = ("scope", "spec", *ServingOperator.template_fields)
    template_fields_renderers = {"spec": "json", "scope": "json"}  # noqa: RUF012 - Airflow's own class attribute

    def __init__(self, *, scope: Any, arm: Arm, spec: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scope, self.arm = scope, arm
        self.spec: Any = spec.raw() if isinstance(spec, Spec) else spec
        if isinstance(self.spec, Mapping):  # else it is another task's output
            host_of(self.spec, self.task_id).spec.load(self.spec, rendered=False, thing=self.task_id)

    def begin(self, context: Any, kept: Mapping[str, Any] | None) -> None:
        """Load scope and spec."""
        from airflow_finetune.serving.deploy import Deployment

        host = host_of(self.spec, self.task_id)
        self._loaded = host.spec.load(self.spec, rendered=True, thing=self.task_id)
        self._scope, now = Scope.load(self.scope), datetime.now(UTC)
        self._scope.check_lease(now)
        claim = scope_claim(context["ti"], self._scope.group)
        if claim.id != self._scope.scope_id:
            said = f"is not of this run (its scope is {claim.id})."
            raise SpecError(f"{self.task_id}: scope {self._scope.scope_id}", said, "Give the output of open_scope.")
        self._recipe = host.recipe(self._loaded, self.asks(now))
        self._deployment: Deployment = Deployment(
            self.access().resource_client,
            self._scope,
            self.arm,
            claim,
            self._loaded.digest(),
            self._recipe,
            self.log.info,
        )

    def step(self, now: datetime) -> Any:
        """Make what is missing and look."""
        self._scope.check_lease(now)
        return self._deployment.step(self.max_wait, now)

    def finish(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Return the dumped ``ServedModel``."""
        served = ServedModel(
            arm=self.arm,
            region=self.region,
            scope_id=self._scope.scope_id,
            expires_at=self._scope.expires_at,
            digest=self._loaded.digest(),
            **self._recipe.served(result),
        )
        self.log.info("%s serves %s until %s.", served.endpoint_name, served.model.uri, served.expires_at)
        return served.dump()

    def out_of_time(self, waiting: Waiting) -> NoReturn:
        """Fail; what was made is left to the teardown."""
        said = f"{waiting.why} max_wait of {self.max_wait} is over."
        thing = f"{waiting.kind} {self._scope.names[self.arm]}"
        raise JobFailed(thing, said, "The scope's teardown deletes what is there.")


def cleanup_trouble(ti: Any) -> str | None:
    """Return why nothing deletes what outlives its lease; None when the cleanup DAG is on, or Airflow does not tell."""
    dag_id = (conf.get(SECTION, "cleanup_dag", fallback=CLEANUP_DAG) or "").strip()
    if not dag_id:
        return None
    try:
        paused = ti.get_dag(dag_id).is_paused
    except Exception as error:  # whatever it is: a warning that cannot be given must not cost the run
        return f"There is no DAG {dag_id} in this Airflow." if is_not_found(error) else None
    return f"The DAG {dag_id} is paused." if paused else None


def is_not_found(error: Exception) -> bool:
    """Say whether Airflow answered 404: to a worker, or to a task in the supervisor's own process."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status == 404 or "'status_code': 404" in str(error)


def scope_claim(ti: Any, scope: str) -> ScopeClaim:
    """Return the claim of a scope in a task's run."""
    map_index = -1 if ti.map_index is None else ti.map_index
    return ScopeClaim(deployment_name(), ti.dag_id, ti.run_id, scope, map_index)
