"""The advice before tuning as an operator."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, SkipMixin

from airflow_finetune.errors import FinetuneError, SpecError, Unavailable
from airflow_finetune.evaluation.advice.spec import AdviseSpec
from airflow_finetune.evaluation.operators import access_of, fail, loaded, policy_of, push
from airflow_finetune.evaluation.sampling import EvaluateSpec, SamplingSpec
from airflow_finetune.spec import Spec, is_later, takes_fields_of
from airflow_finetune.values import Advice, ServedModel

if TYPE_CHECKING:
    from airflow_finetune.evaluation.policy import GatePolicy

_GO_ON = (
    "Nothing was tuned. To tune all the same, set require_advice: false under advise in the pipeline file, or, where"
    ' its form lists advise.require_advice, start a run with the conf {"advise.require_advice": false}.'
)


class AdviseOperator(BaseOperator, SkipMixin):
    """Asks the base model the golden set with a plain and with better prompts, and returns a dumped ``Advice``.

    Takes the fields of ``AdviseSpec`` as arguments. Where prompting already reaches the gate's target and
    ``require_advice`` is set, this task succeeds and skips the tasks directly after it but teardowns. The results lie
    at ``OUTPUT/advice/KEY/``; what was measured before, in the same way, is not asked again. A base model that cannot
    be asked with a prompt, or with none, gives an advice that says so, and the run goes on.

    Args:
        baseline: a dumped ``ServedModel`` of the base model.
        golden: an address, or a dumped ``DatasetReference``, whose digest is checked.
        train: likewise, where the examples come from; without one there are none.
        policy: of the gate, with ``at_least``: a ``GatePolicy``, a mapping with its fields, or the path of a YAML file.
        output_uri: a folder or an ``s3://`` prefix.
        sampling: how the model is asked, as of ``EvaluateOperator``.
        concurrency: requests at a time.
        kms_key_id: encrypts what is written to S3; None takes the bucket's own way.
        aws_conn_id: Airflow connection.
        region_name: None takes the region that the model is served in.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
        kwargs: the fields of ``AdviseSpec``, and as of Airflow's ``BaseOperator``.

    Raises:
        SpecError: something cannot work, said when the DAG is parsed where that can be known.
    """

    inherits_from_skipmixin = True  # Airflow asks for it, to skip what follows again after a clear
    template_fields: Sequence[str] = (
        *("baseline", "golden", "train", "policy", "prompting", "output_uri", "sampling", "concurrency", "kms_key_id"),
        *("aws_conn_id", "region_name", "verify", "botocore_config"),
    )
    # Airflow's own class attribute
    template_fields_renderers = {"baseline": "json", "policy": "json", "prompting": "json"}  # noqa: RUF012
    ui_color = "#e6d9f2"

    @takes_fields_of(AdviseSpec)
    def __init__(
        self,
        *,
        baseline: Any,
        golden: Any,
        policy: GatePolicy | Mapping[str, Any] | str,
        output_uri: str,
        train: Any = None,
        sampling: SamplingSpec | Mapping[str, Any] | None = None,
        concurrency: int = 4,
        kms_key_id: str | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        fields = {name: kwargs.pop(name) for name in AdviseSpec.model_fields if name in kwargs}
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.baseline, self.golden, self.train, self.output_uri = baseline, golden, train, output_uri
        self.policy: Any = policy.raw() if isinstance(policy, Spec) else policy
        self.prompting: dict[str, Any] = fields
        self.sampling: Any = sampling.raw() if isinstance(sampling, SamplingSpec) else sampling
        self.concurrency, self.kms_key_id = concurrency, kms_key_id
        self.aws_conn_id, self.region_name, self.verify = aws_conn_id, region_name, verify
        self.botocore_config = botocore_config
        self._ends: dict[str, threading.Event] = {}
        self._killed = False
        spec = AdviseSpec.load(self.prompting, rendered=False, thing=self.task_id)
        if isinstance(self.policy, Mapping) or not is_later(self.policy):
            self._check(spec, policy_of(self, rendered=False))
        self._how("exact_match", rendered=False)

    def execute(self, context: Any) -> dict[str, Any]:
        """Ask; return a dumped ``Advice``."""
        ti = context["ti"]
        try:
            told = self._advised(may_retry=ti.try_number <= ti.max_tries)
        except FinetuneError as error:
            fail(error)
        stops = told.require_advice and told.recommendation == "reaches"
        told = told.model_copy(update={"stopped": stops})
        if stops:
            push(self, ti, told)
            following = [each for each in self.get_direct_relatives(upstream=False) if not each.is_teardown]
            self.log.warning("Stops before %s. %s", ", ".join(each.task_id for each in following) or "nothing", _GO_ON)
            self.skip(ti=ti, tasks=following)
        return told.dump()

    def on_kill(self) -> None:
        """Ask nothing more; what serves is the scope's to delete."""
        self._killed = True
        for end in self._ends.values():
            end.set()

    def _advised(self, *, may_retry: bool) -> Advice:
        from airflow_finetune.evaluation.advice.run import Wanted, advised_at, no_advice  # bring botocore: not at parse
        from airflow_finetune.evaluation.run import Places

        spec = AdviseSpec.load(self.prompting, rendered=True, thing=self.task_id)
        policy, base = policy_of(self, rendered=True), loaded(ServedModel, self.baseline, "baseline")
        self._check(spec, policy)
        self._ends = {name: threading.Event() for name in spec.prompts}
        access = access_of(self, self.region_name or base.region or None)
        places = Places(access.client, self.log.info, threading.Event(), self.kms_key_id)
        wanted = Wanted(spec, policy, self._how(policy.metric, rendered=True), self.golden, self.train)
        try:
            return advised_at(wanted, base, places, self._ends)
        except Unavailable as error:
            if may_retry or self._killed:
                raise  # Airflow's retry asks again
            self.log.warning("No advice, and the run goes on: %s", error)
            return no_advice(wanted, base, str(error))

    def _check(self, spec: AdviseSpec, policy: GatePolicy) -> None:
        if said := spec.against(policy):
            raise SpecError(f"{self.task_id}: policy", said, "Correct it; nothing was asked.")

    def _how(self, metric: str, *, rendered: bool) -> EvaluateSpec:
        fields = {"output_uri": self.output_uri, "sampling": self.sampling, "concurrency": self.concurrency}
        return EvaluateSpec.load({**fields, "scorers": [metric]}, rendered=rendered, thing=self.task_id)
