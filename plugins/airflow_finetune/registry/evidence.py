"""What a version was registered on, as one file: model, report and verdict as they were then, named by their digest."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple, Self

from airflow_finetune.errors import RequestRefused
from airflow_finetune.values import DatasetReference, EvalReport, GateVerdict, ModelReference, TunedModel


class Evidence(NamedTuple):
    """What an approver has to weigh."""

    model: TunedModel
    report: EvalReport
    verdict: GateVerdict

    def body(self) -> bytes:
        """Return the file; equal evidence gives equal bytes."""
        told = {"model": self.model.dump(), "report": self.report.dump(), "verdict": self.verdict.dump()}
        return json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False).encode()

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Return what ``body`` gave, in this release or in an older one.

        Raises:
            ValueError: it is no such file.
        """
        told = json.loads(body)
        loaded = TunedModel.load(told["model"]), EvalReport.load(told["report"]), GateVerdict.load(told["verdict"])
        return cls(*loaded)

    def check(self) -> None:
        """Refuse to register what was not judged, was judged otherwise, or did not pass.

        Raises:
            RequestRefused: names what does not fit.
        """
        model, report, verdict = self
        if verdict.decision != "pass":
            said = f"the gate's verdict is {verdict.decision}: {verdict.reason}"
            raise RequestRefused(f"model {model.model_uri}", said, "Only a model that passes the gate is registered.")
        if report.candidate.uri != model.model_uri:
            said = f"the report judged the candidate {report.candidate.uri}."
            raise RequestRefused(f"model {model.model_uri}", said, "Give the report of this model.")
        if not _same_set(report.golden, verdict.golden):
            said = f"the verdict is on {_named(verdict.golden)}, the report on {_named(report.golden)}."
            raise RequestRefused("golden set", said, "Give the verdict on this report.")
        for arm, judged, reported in (
            ("baseline", verdict.baseline, report.baseline),
            ("candidate", verdict.candidate, report.candidate),
        ):
            if (judged.uri, judged.sha256) != (reported.uri, reported.sha256):
                said = f"the verdict is on {_named(judged)}, the report on {_named(reported)}."
                raise RequestRefused(arm, said, "Give the verdict on this report.")


def address_of(evidence: Evidence, output_uri: str | None) -> str:
    """Return where the evidence lies: its name comes from its content.

    Args:
        evidence: to be stored.
        output_uri: an ``s3://`` prefix; None takes the folder of the report.

    Raises:
        RequestRefused: neither is on S3, where an approver on another machine could read it.
    """
    folder = output_uri or (evidence.report.report_uri or "").rpartition("/")[0]
    if not folder.startswith("s3://"):
        said = f"lies at {evidence.report.report_uri or 'no address'}, where AWS's registry cannot point to."
        raise RequestRefused("report", said, "Evaluate into an s3:// output_uri, or give register an output_uri.")
    return f"{folder.rstrip('/')}/registrations/{sha256_of(evidence.body())[:32]}.json"


def sha256_of(body: bytes) -> str:
    """Return the digest of a file."""
    return hashlib.sha256(body).hexdigest()


def _same_set(one: DatasetReference, other: DatasetReference) -> bool:
    if one.sha256 and other.sha256:
        return one.sha256 == other.sha256
    return one.uri == other.uri


def _named(reference: DatasetReference | ModelReference) -> str:
    return f"{reference.uri} ({reference.sha256 or 'no digest'})"
