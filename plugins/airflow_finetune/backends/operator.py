"""One operator for every way to tune: it takes any backend's spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_finetune.backends import Backend, Outcome, Place, backend_of, completed, loaded_spec
from airflow_finetune.errors import SpecError
from airflow_finetune.lifecycle.decide import Policy
from airflow_finetune.lifecycle.operator import JobOperator
from airflow_finetune.spec import Spec, is_later
from airflow_finetune.values import Plan

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.claim import Claim
    from airflow_finetune.resources import Resource


class FineTuneOperator(JobOperator):
    """Tunes a model and returns a dumped ``TunedModel``; ``output["model_uri"]`` is a field of it.

    Args:
        spec: a backend's spec, or a mapping with its fields and ``backend``; every value may be Jinja or another
            task's output. Constants are checked when Airflow parses the DAG.
        dataset: what to tune on, if the spec does not say so: an S3 address or a dumped ``DatasetReference``.
        defaults: fields for every spec that does not give them itself, where its backend has them: what the specs of a
            mapped task have in common.
        plan: a dumped ``Plan`` of this spec: its image and its time limit are what runs. None looks them up again.
        kwargs: as of ``JobOperator`` and Airflow's ``BaseOperator``.

    Raises:
        SpecError: the spec cannot work, said when the DAG is parsed where that can be known.
    """

    template_fields: Sequence[str] = ("spec", "dataset", "defaults", "plan", *JobOperator.template_fields)
    # Airflow's own class attribute
    template_fields_renderers = {"spec": "json", "dataset": "json", "defaults": "json", "plan": "json"}  # noqa: RUF012

    def __init__(
        self,
        *,
        spec: Any,
        dataset: Any = None,
        defaults: Mapping[str, Any] | None = None,
        plan: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.spec: Any = spec.raw() if isinstance(spec, Spec) else spec
        self.dataset, self.plan, self.defaults = dataset, plan, dict(defaults or {})
        if plan is not None and self.max_wait is not None:
            raise SpecError(self.task_id, "max_wait is given twice, in the plan and beside it.", "Give it to the plan.")
        fields = self._fields()
        if isinstance(self.spec, Mapping):  # else it is another task's output
            loaded_spec(fields, dataset, rendered=False, thing=self.task_id)

    @property
    def backend(self) -> Backend:
        """The way to tune that the spec names."""
        return backend_of(self._fields(), self.task_id)

    @property
    def resource(self) -> Resource:
        """What AWS makes."""
        return self.backend.resource

    def spec_policy(self) -> Policy:
        """Return digest, rungs and default ``max_wait`` of the rendered spec, and the number of jobs in its plan."""
        spec, backend = self._loaded(), self.backend
        plan, digest = self._plan(), backend.digest(spec)
        if plan is not None and plan.spec_digest != digest:
            said = f"the plan is of spec {plan.spec_digest}, and this is spec {digest}: something changed in between."
            raise SpecError(self.task_id, said, "Clear plan too: it checks and prices what would run now.")
        longest = backend.longest(spec) if plan is None else timedelta(seconds=plan.max_wait_seconds)
        most = None if plan is None else plan.most_jobs
        return Policy(digest=digest, rungs=backend.rungs(spec), max_wait=longest, most_jobs=most)

    def create_request(self, claim: Claim, rung: int, region: str) -> Mapping[str, Any]:
        """Return the checked create request; uploads the code that it names."""
        spec, backend = self._loaded(), self.backend
        # The digest is of what was asked for, so that a planned job and one without a plan are the same job.
        place = Place(region, claim.key, claim.generation, backend.digest(spec), claim)
        if (plan := self._plan()) is not None:
            if plan.region != region:
                said = f"the plan is for {plan.region}, and this is {region}."
                raise SpecError(self.task_id, said, "Give plan and fine_tune the same connection and region.")
            spec = _as_planned(spec, plan)
        return backend.request(spec, place, rung, self.access().client)

    def outcome(self, described: Mapping[str, Any], attempts: int, region: str) -> dict[str, Any]:
        """Return the dumped model, and log what it took."""
        spec, backend = self._loaded(), self.backend
        price = self._hourly_usd(described, region)
        digest, access = backend.digest(spec), self.access()
        told = Outcome(described, digest, attempts, region, price, access.client, self.log.info)
        model, unknown = backend.result(spec, told), "what it cost is not known"
        cost = unknown if model.cost_usd is None else f"cost ${model.cost_usd}"
        self.log.info("%s has made %s; %s.", model.job_name, model.model_uri, cost)
        return model.dump()

    def _plan(self) -> Plan | None:
        return None if self.plan is None else Plan.load(self.plan)

    def _hourly_usd(self, described: Mapping[str, Any], region: str) -> float | None:
        from airflow_finetune.aws.prices import hourly_usd  # brings botocore: not while a DAG is parsed

        usage, instance_type = self.resource.bills_as, described.get("ResourceConfig", {}).get("InstanceType")
        if usage is None or instance_type is None:
            return None
        return hourly_usd(self.access().client("pricing"), usage, instance_type, region)

    def _fields(self) -> dict[str, Any]:
        unknown_yet = not isinstance(self.spec, Mapping) and is_later(self.spec)
        return completed({} if unknown_yet else self.spec, self.defaults, self.task_id)

    def _loaded(self) -> Spec:
        return loaded_spec(self._fields(), self.dataset, rendered=True, thing=self.task_id)


def _as_planned(spec: Spec, plan: Plan) -> Spec:
    """Return the spec with what the plan has looked up or shortened, where its backend has such a field."""
    frozen: dict[str, Any] = {"image_uri": plan.image_uri, "max_runtime_seconds": plan.max_runtime_seconds}
    frozen |= plan.resolved
    return spec.model_copy(update={name: value for name, value in frozen.items() if name in type(spec).model_fields})
