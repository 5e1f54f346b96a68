"""Evaluation and the gate as operators."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from airflow.sdk import BaseOperator, SkipMixin
from airflow.sdk.exceptions import AirflowFailException

from airflow_finetune.errors import FinetuneError, SpecError, Unavailable
from airflow_finetune.evaluation.policy import GatePolicy, read_policy
from airflow_finetune.evaluation.sampling import EvaluateSpec, SamplingSpec
from airflow_finetune.lifecycle.trigger import AwsAccess
from airflow_finetune.spec import is_later
from airflow_finetune.values import EvalReport, GateVerdict, ServedModel, Value

Loaded = TypeVar("Loaded", bound=Value)
OnReject = Literal["skip", "fail"]
_AWS = ("aws_conn_id", "region_name", "verify", "botocore_config")


class EvaluateOperator(BaseOperator):
    """Asks two served models the same golden set, and returns a dumped ``EvalReport``; ``output["items"]`` is a field.

    The results lie at ``OUTPUT/evaluations/KEY/``. What these models were asked before, in the same way, is returned
    from there without a question to either. Every value may be Jinja or another task's output; constants are checked
    when Airflow parses the DAG.

    Args:
        baseline: a dumped ``ServedModel``: the output of ``deploy_baseline``.
        candidate: likewise.
        golden: an address, or a dumped ``DatasetReference`` (``curate.output["golden"]``), whose digest is checked.
        output_uri: a folder or an ``s3://`` prefix.
        scorers: names; the metrics of the gate's policy must be among them.
        sampling: a ``SamplingSpec``, or a mapping with its fields; None asks greedily in this package's own format.
        concurrency: requests to each endpoint at a time.
        kms_key_id: encrypts what is written to S3; None takes the bucket's own way.
        aws_conn_id: Airflow connection.
        region_name: None takes the region that the models are served in.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
        kwargs: as of Airflow's ``BaseOperator``.

    Raises:
        SpecError: something cannot work, said when the DAG is parsed where that can be known.
    """

    template_fields: Sequence[str] = (
        *("baseline", "candidate", "golden", "output_uri", "scorers", "sampling", "concurrency", "kms_key_id"),
        *_AWS,
    )
    # Airflow's own class attribute
    template_fields_renderers = {"baseline": "json", "candidate": "json", "sampling": "json"}  # noqa: RUF012
    ui_color = "#e6d9f2"

    def __init__(
        self,
        *,
        baseline: Any,
        candidate: Any,
        golden: Any,
        output_uri: str,
        scorers: Sequence[str] | str = ("exact_match",),
        sampling: SamplingSpec | Mapping[str, Any] | None = None,
        concurrency: int = 4,
        kms_key_id: str | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.baseline, self.candidate, self.golden, self.output_uri = baseline, candidate, golden, output_uri
        self.scorers: Any = list(scorers) if isinstance(scorers, tuple) else scorers
        self.sampling: Any = sampling.raw() if isinstance(sampling, SamplingSpec) else sampling
        self.concurrency, self.kms_key_id = concurrency, kms_key_id
        self.aws_conn_id, self.region_name, self.verify = aws_conn_id, region_name, verify
        self.botocore_config = botocore_config
        self._spec(rendered=False)
        if isinstance(self.sampling, Mapping):  # whose constants count also where another of its values is Jinja
            SamplingSpec.load(self.sampling, rendered=False, thing=self.task_id)

    def execute(self, context: Any) -> dict[str, Any]:
        """Evaluate; return a dumped ``EvalReport``."""
        from airflow_finetune.evaluation.run import Places, evaluate_at  # brings botocore: not while a DAG is parsed

        self._end = threading.Event()
        try:
            spec = self._spec(rendered=True)
            arms = [loaded(ServedModel, self.baseline, "baseline"), loaded(ServedModel, self.candidate, "candidate")]
            access = access_of(self, self.region_name or arms[0].region or None)
            made = evaluate_at(
                spec, self.golden, arms, Places(access.client, self.log.info, self._end, self.kms_key_id)
            )
        except FinetuneError as error:
            fail(error)
        for name, metric in made.metrics.items():
            told = f"baseline {metric.baseline.mean:.3f}, candidate {metric.candidate.mean:.3f}"
            self.log.info("%s: %s, on %d items.", name, told, made.items)
        self.log.info("The report: %s", made.report_uri)
        return made.dump()

    def on_kill(self) -> None:
        """Ask nothing more; the endpoints are the scope's to delete."""
        if hasattr(self, "_end"):
            self._end.set()

    def _spec(self, *, rendered: bool) -> EvaluateSpec:
        names = ("output_uri", "scorers", "sampling", "concurrency")
        return EvaluateSpec.load({name: getattr(self, name) for name in names}, rendered=rendered, thing=self.task_id)


class GateOperator(BaseOperator, SkipMixin):
    """Judges a report by a policy, and returns a dumped ``GateVerdict``, also where what follows is skipped or fails.

    ``pass`` lets the run go on. Anything else does what ``on_reject`` says: ``skip`` lets this task succeed and skips
    the tasks directly after it but teardowns (later ones follow their trigger rules); ``fail`` fails it, without a
    retry. A task that takes ``output`` or a field of it (``output["decision"]``) comes directly after.

    Args:
        report: a dumped ``EvalReport``: the output of ``evaluate``.
        policy: a ``GatePolicy``, a mapping with its fields, or the path of a YAML file, relative to the DAG's file.
        on_reject: ``skip`` or ``fail``, instead of the policy's; None takes that.
        kms_key_id: encrypts what is written to S3; None takes the bucket's own way.
        aws_conn_id: Airflow connection.
        region_name: None takes the connection's.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
        kwargs: as of Airflow's ``BaseOperator``.

    Raises:
        SpecError: the policy cannot work, said when the DAG is parsed where that can be known.
    """

    inherits_from_skipmixin = True  # Airflow asks for it, to skip what follows again after a clear
    template_fields: Sequence[str] = ("report", "policy", "on_reject", "kms_key_id", *_AWS)
    template_fields_renderers = {"report": "json", "policy": "json"}  # noqa: RUF012 - Airflow's own class attribute
    ui_color = "#e6d9f2"

    def __init__(
        self,
        *,
        report: Any,
        policy: GatePolicy | Mapping[str, Any] | str,
        on_reject: OnReject | None = None,
        kms_key_id: str | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.report, self.on_reject, self.kms_key_id = report, on_reject, kms_key_id
        self.policy: Any = policy.raw() if isinstance(policy, GatePolicy) else policy
        self.aws_conn_id, self.region_name, self.verify = aws_conn_id, region_name, verify
        self.botocore_config = botocore_config
        if isinstance(self.policy, Mapping) or not is_later(self.policy):
            policy_of(self, rendered=False)  # a path too: its file is read again when the task runs
        if not is_later(on_reject):
            _on_reject(on_reject, self.task_id)

    def execute(self, context: Any) -> dict[str, Any]:
        """Judge; return a dumped ``GateVerdict``."""
        from airflow_finetune.evaluation.record import in_words, judged  # the kernel is not needed to parse a DAG

        try:
            report, policy = loaded(EvalReport, self.report, "report"), policy_of(self, rendered=True)
            told = judged(report, policy)
            otherwise = _on_reject(self.on_reject, self.task_id) or policy.on_reject
        except FinetuneError as error:
            fail(error)
        told = told.model_copy(update={"on_reject": otherwise})
        for line in in_words(told):
            self.log.info("%s", line)
        self._record(report, told)
        if told.decision != "pass":
            self._refuse(context, told)
        return told.dump()

    def _refuse(self, context: Any, told: GateVerdict) -> None:
        ti = context["ti"]
        push(self, ti, told)
        if told.on_reject == "fail":
            raise AirflowFailException(f"The gate does not let the candidate pass: {told.decision}. {told.reason}")
        following = [each for each in self.get_direct_relatives(upstream=False) if not each.is_teardown]
        self.log.info("Skips %s.", ", ".join(each.task_id for each in following) or "nothing: no task follows")
        self.skip(ti=ti, tasks=following)

    def _record(self, report: EvalReport, told: GateVerdict) -> None:
        """Put the verdict beside the report; the verdict holds also where that cannot be done."""
        from airflow_finetune.evaluation.record import record

        try:
            where = record(report, told, lambda: access_of(self, self.region_name).client("s3"), self.kms_key_id)
            self.log.info("The verdict: %s", where or "only in this task's XCom, as the report lies nowhere")
        except FinetuneError as error:
            self.log.warning("The verdict is in this task's XCom, and not beside the report. %s", error)


def _on_reject(value: Any, task_id: str) -> OnReject | None:
    if value in (None, "None", ""):
        return None
    if value not in ("skip", "fail"):
        raise SpecError(f"{task_id}: on_reject", f"{value!r} is neither 'skip' nor 'fail'.", "Correct it.")
    return "fail" if value == "fail" else "skip"


def policy_of(task: Any, *, rendered: bool) -> GatePolicy:
    """Return the policy that a task was given.

    Raises:
        SpecError: it cannot work.
    """
    if isinstance(task.policy, str):
        return read_policy(Path(task.dag.fileloc).parent / task.policy)
    if not isinstance(task.policy, Mapping):
        said = f"{type(task.policy).__name__} is neither a mapping nor the path of a YAML file."
        raise SpecError(f"{task.task_id}: policy", said, "Write for example {'metric': 'exact_match'}.")
    return GatePolicy.load(task.policy, rendered=rendered, thing=task.task_id)


def push(task: Any, ti: Any, told: Value) -> None:
    """Keep the result of a task that skips or fails, which Airflow itself does not."""
    dumped = told.dump()
    for key, value in (dumped if task.multiple_outputs else {}).items():
        ti.xcom_push(key=key, value=value)
    ti.xcom_push(key="return_value", value=dumped)


def loaded(kind: type[Loaded], dumped: Any, name: str) -> Loaded:
    """Return a value from its dump.

    Raises:
        SpecError: it is none.
    """
    try:
        return kind.load(dumped)
    except ValueError as error:  # pydantic's error is one too
        said = f"{str(dumped)[:200]!r} is no dumped {kind.__name__}."
        raise SpecError(name, said, f"Give the output of the task that returns a {kind.__name__}.") from error


def access_of(task: Any, region_name: str | None) -> AwsAccess:
    """Return how a task reaches AWS; from its rendered fields."""
    return AwsAccess(task.aws_conn_id, region_name, task.verify, dict(task.botocore_config or {}))


def fail(error: FinetuneError) -> NoReturn:
    """Raise what Airflow repeats for what can pass by itself, and what it does not repeat for all else."""
    if isinstance(error, Unavailable):
        raise error
    raise AirflowFailException(str(error)) from error
