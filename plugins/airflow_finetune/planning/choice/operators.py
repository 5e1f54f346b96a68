"""The preflight of several backends as one operator: it plans each, and the written rules choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from airflow_finetune.backends import backend_of, loaded_spec
from airflow_finetune.errors import FinetuneError, SpecError, Unavailable
from airflow_finetune.lifecycle.operator import claim_of
from airflow_finetune.lifecycle.trigger import AwsAccess
from airflow_finetune.planning.choice.spec import Wishes
from airflow_finetune.planning.limits import Limits
from airflow_finetune.planning.operators import tell_plan

if TYPE_CHECKING:
    from airflow_finetune.planning.choice.offers import Candidate

_KEYS = ("spec", "dataset", "limits", "baseline", "min_examples", "max_examples")


class ChooseOperator(BaseOperator):
    """Plans every candidate, chooses one by the written rules, and returns its dumped ``Plan`` with the ``choice``.

    Nothing is created but the record of the choice. A candidate whose preflight fails is out, with the reason; the task
    fails only when none is left. AWS that does not answer now fails this try: a retry asks again, so that no hiccup
    decides. Every value may be Jinja or another task's output; constants are checked when Airflow parses the DAG.

    Args:
        candidates: name -> what it would be: ``spec`` and ``dataset`` as of ``FineTuneOperator``; ``limits``, the
            fields of ``Limits``; ``baseline``, what it would be compared with; ``min_examples`` and ``max_examples``.
            Only the first and ``limits`` must be given.
        wishes: the fields of ``Wishes``.
        output_uri: below which the record goes; None writes none.
        kms_key_id: encrypts it; None takes the bucket's own way.
        aws_conn_id: Airflow connection.
        region_name: None takes the connection's.
        verify: as boto3's ``verify``.
        botocore_config: arguments of ``botocore.config.Config``.
        kwargs: as of Airflow's ``BaseOperator``.

    Raises:
        SpecError: a candidate or a wish cannot work, said when the DAG is parsed where that can be known.
    """

    template_fields: Sequence[str] = (
        *("candidates", "wishes", "output_uri", "kms_key_id"),
        *("aws_conn_id", "region_name", "verify", "botocore_config"),
    )
    template_fields_renderers = {"candidates": "json", "wishes": "json"}  # noqa: RUF012 - Airflow's own class attribute
    ui_color = "#cfe2f3"

    def __init__(
        self,
        *,
        candidates: Mapping[str, Mapping[str, Any]],
        wishes: Mapping[str, Any] | None = None,
        output_uri: str | None = None,
        kms_key_id: str | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.candidates: Any = {name: dict(each) for name, each in candidates.items()}
        self.wishes: Any = dict(wishes or {})
        self.output_uri, self.kms_key_id = output_uri, kms_key_id
        self.aws_conn_id, self.region_name, self.verify = aws_conn_id, region_name, verify
        self.botocore_config = botocore_config
        if not self.candidates:
            raise SpecError(self.task_id, "there is no candidate to choose.", "Name at least one backend.")
        self._wishes(rendered=False)
        for name, each in self.candidates.items():
            self._limits(name, each, rendered=False)
            loaded_spec(each["spec"], each.get("dataset"), rendered=False, thing=f"{self.task_id}: {name}")

    def execute(self, context: Any) -> dict[str, Any]:
        """Plan all, choose; return the dumped plan."""
        from airflow_finetune.planning.choice.record import (
            chosen_plan,
            recorded,
            told_of,
        )  # brings botocore: not while parsing

        access = AwsAccess(self.aws_conn_id, self.region_name, self.verify, dict(self.botocore_config or {}))
        try:
            candidates = [self._candidate(name, each) for name, each in self.candidates.items()]
            plan = chosen_plan(candidates, self._wishes(rendered=True), access.client)
            if self.output_uri:
                where = f"{self.output_uri.rstrip('/')}/choices/{claim_of(context['ti']).key}"
                plan = recorded(plan, where, lambda: access.client("s3"), self.kms_key_id)
        except Unavailable:
            raise  # Airflow's retry asks again
        except FinetuneError as error:
            raise AirflowFailException(str(error)) from error
        for line in told_of(plan):
            self.log.info("%s", line)
        tell_plan(plan, self.log)
        return plan.dump()

    def _candidate(self, name: str, each: Mapping[str, Any]) -> Candidate:
        """Return a rendered candidate, or why it cannot be planned."""
        from airflow_finetune.planning.choice.record import Candidate

        thing = f"{self.task_id}: {name}"
        bounds = {key: None if each.get(key) is None else int(each[key]) for key in ("min_examples", "max_examples")}
        backend = backend_of(each["spec"], thing)
        told: dict[str, Any] = {"name": name, "backend": backend, "baseline": str(each.get("baseline") or ""), **bounds}
        told["base_model"] = str(each["spec"].get(backend.keys.model.get("base", ""), ""))
        try:
            spec = loaded_spec(each["spec"], each.get("dataset"), rendered=True, thing=thing)
            return Candidate(spec=spec, limits=self._limits(name, each, rendered=True), **told)
        except SpecError as error:
            return Candidate(spec=None, limits=None, refused=str(error), **told)

    def _wishes(self, *, rendered: bool) -> Wishes:
        given = {name: value for name, value in self.wishes.items() if value is not None}
        return Wishes.load(given, rendered=rendered, thing=self.task_id)

    def _limits(self, name: str, each: Mapping[str, Any], *, rendered: bool) -> Limits:
        unknown = [key for key in each if key not in _KEYS]
        if unknown or "spec" not in each or (each.get("limits") or {}).get("max_usd") is None:
            said = f"a candidate has {', '.join(_KEYS)}; spec and limits with max_usd must be given."
            raise SpecError(f"{self.task_id}: {name}", said, "Correct it; nothing was created.")
        return Limits.load(each["limits"], rendered=rendered, thing=f"{self.task_id}: {name}")
