"""Registration as an operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_finetune.errors import JobFailed
from airflow_finetune.lifecycle.operator import claim_of
from airflow_finetune.registry.spec import RegisterSpec
from airflow_finetune.resources import CUSTOM_MODEL
from airflow_finetune.serving.operator import ServingOperator
from airflow_finetune.serving.waiting import Waiting

if TYPE_CHECKING:
    from airflow_finetune.registry.register import Registration
    from airflow_finetune.values import ModelVersion


class RegisterOperator(ServingOperator):
    """Registers a model that passed the gate as a version that waits for approval; returns a dumped ``ModelVersion``.

    A retry or a clear finds the version that it has made: the same task of the same run registers the same weights on
    the same evidence once. What did not pass, or was not judged by this report, is refused before AWS is asked.

    Args:
        model: a dumped ``TunedModel``.
        report: a dumped ``EvalReport`` on it.
        verdict: a dumped ``GateVerdict`` on that.
        group: name of the model package group; made if it is missing.
        image_uri: what serves a model that lies in S3; None takes what a model of a hub says itself. Bedrock serves its
            own models.
        instance_types: what it may be served on; None takes what a model of a hub says itself, else ``ml.g5.xlarge``.
        environment: of the server; what a hub says goes below it.
        content_types: what it reads.
        response_types: what it answers.
        output_uri: an ``s3://`` prefix for the evidence; None takes the folder of the report.
        kms_key_id: encrypts the evidence; None takes the bucket's own way.
        tags: of the group, if this task makes it.
        kwargs: as of ``ServingOperator`` and Airflow's ``BaseOperator``.

    Raises:
        SpecError: something cannot work, said when the DAG is parsed where that can be known.
    """

    template_fields: Sequence[str] = (
        *("model", "report", "verdict", "group", "image_uri", "instance_types", "environment"),
        *("content_types", "response_types", "output_uri", "kms_key_id", "tags"),
        *ServingOperator.template_fields,
    )
    # Airflow's own class attribute
    template_fields_renderers = {"model": "json", "report": "json", "verdict": "json"}  # noqa: RUF012

    def __init__(
        self,
        *,
        model: Any,
        report: Any,
        verdict: Any,
        group: str,
        image_uri: str | None = None,
        instance_types: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        content_types: Sequence[str] = ("application/json",),
        response_types: Sequence[str] = ("application/json",),
        output_uri: str | None = None,
        kms_key_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model, self.report, self.verdict = model, report, verdict
        self.group, self.image_uri, self.instance_types = group, image_uri, instance_types
        self.environment, self.content_types, self.response_types = environment, content_types, response_types
        self.output_uri, self.kms_key_id, self.tags = output_uri, kms_key_id, tags
        self._spec(rendered=False)

    def begin(self, context: Any, kept: Mapping[str, Any] | None) -> None:
        """Load what is registered, and refuse what must not be."""
        from airflow_finetune.registry.task import registration  # brings botocore: not while a DAG is parsed

        given = {"model": self.model, "report": self.report, "verdict": self.verdict}
        spec, claim = self._spec(rendered=True), claim_of(context["ti"])
        self._registration: Registration = registration(given, spec, claim, self.access(), self.log.info)

    def step(self, now: datetime) -> Any:
        """Make what is missing and look."""
        from airflow_finetune.registry.weights import keep

        found = self._registration.step()
        if isinstance(found, str):
            return Waiting(None, found)
        keep(self.access().resource_client(CUSTOM_MODEL), found, self.log.info)
        return found

    def finish(self, result: ModelVersion) -> dict[str, Any]:
        """Return the dumped version."""
        self.log.info("%s is %s.", result.model_package_arn, result.approval_status)
        return result.dump()

    def out_of_time(self, waiting: Waiting) -> NoReturn:
        """Fail; a later try finds what was made."""
        raise JobFailed(
            f"a version in {self.group}", f"{waiting.why} max_wait of {self.max_wait} is over.", "Clear it."
        )

    def _spec(self, *, rendered: bool) -> RegisterSpec:
        given = {name: getattr(self, name) for name in RegisterSpec.model_fields}
        return RegisterSpec.load(
            {name: value for name, value in given.items() if value is not None}, rendered=rendered, thing=self.task_id
        )
