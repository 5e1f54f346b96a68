"""The values that travel between tasks, in travel order; read this file first.

    RawDataset -> CuratedDataset -> Plan -> TunedModel -> ServedModel -> EvalReport -> GateVerdict -> ModelVersion
            curate           plan    fine_tune      deploy        evaluate       gate         register
                                  Advice (advise, before fine_tune, where it is asked for)
                                                    ServedModel -> CleanupReceipt  (teardown, always)
                                                                    ModelVersion -> PromotedEndpoint  (on request)

A stage takes what it needs of a dataset as ``DatasetReference``: an address, a digest and a count.

What travels must load when an older release wrote it: a deferred job can outlive an upgrade. So each value ignores
what it does not know, has a default for what was added later, and says which version of itself it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from airflow_finetune.values.advised import Advice, AdvisedPrompt
from airflow_finetune.values.chosen import BackendChoice, JudgedCandidate, RuleOutcome
from airflow_finetune.values.compared import BackendComparison, ComparedBackend
from airflow_finetune.values.hosted import ModelHosting
from airflow_finetune.values.planned import (
    CostItem,
    Market,
    Plan,
    PlanCheck,
    PlannedBedrockHosting,
    PlannedHosting,
    PlannedRung,
    Price,
    UnitPrice,
)
from airflow_finetune.values.value import DatasetReference, Estimate, ModelReference, Value

Decision = Literal["pass", "reject", "inconclusive"]
ScoreKind = Literal["binary", "fraction"]
ApprovalStatus = Literal["PendingManualApproval", "Approved", "Rejected"]

__all__ = [
    "Advice",
    "AdvisedPrompt",
    "ApprovalStatus",
    "BackendChoice",
    "BackendComparison",
    "CleanedResource",
    "CleanupReceipt",
    "ComparedBackend",
    "CostItem",
    "CuratedDataset",
    "DatasetReference",
    "Decision",
    "Estimate",
    "EvalReport",
    "GateCheck",
    "GateVerdict",
    "JudgedCandidate",
    "Market",
    "MetricReport",
    "ModelHosting",
    "ModelReference",
    "ModelVersion",
    "PairedCounts",
    "PairedDifferences",
    "Plan",
    "PlanCheck",
    "PlannedBedrockHosting",
    "PlannedHosting",
    "PlannedRung",
    "Price",
    "PromotedEndpoint",
    "RawDataset",
    "RuleOutcome",
    "ScoreKind",
    "ServedModel",
    "TunedModel",
    "UnitPrice",
    "Value",
]


class RawDataset(Value):
    """What somebody has: where it lay, and what exactly was read.

    Attributes:
        uri: the folder, file or prefix.
        sha256: of the names and contents of all files; None when nobody has computed it.
        files: how many were read.
        bytes: of all files together.
    """

    uri: str
    sha256: str | None = None
    files: int = 0
    bytes: int = 0


class CuratedDataset(Value):
    """A dataset that curation has made, in chat JSON Lines; every backend renders its own lines from it.

    Attributes:
        uri: the folder of this version; everything below lies in it.
        dataset_version: digest of the training and validation data.
        train: what a model learns from.
        validation: what training is checked on; None without.
        golden: what models are judged on; None without.
        source: what it was made from.
        records_in: of the source, whether or not they could be read.
        records_out: in training and validation, and newly held out.
        dropped: reason -> records; ``records_in`` is ``records_out`` and these.
        redacted: kind of personal data -> masks; ``records`` is how many examples were touched.
        report_uri: the account of every record, for people.
        manifest_uri: the same for machines.
    """

    uri: str
    dataset_version: str
    train: DatasetReference
    validation: DatasetReference | None = None
    golden: DatasetReference | None = None
    source: RawDataset
    records_in: int
    records_out: int
    dropped: dict[str, int] = Field(default_factory=dict)
    redacted: dict[str, int] = Field(default_factory=dict)
    report_uri: str | None = None
    manifest_uri: str | None = None


class TunedModel(Value):
    """A model that a job of ours has made.

    Attributes:
        backend: which way to tune made it.
        job_name: AWS's name of the job, our claim on it.
        job_arn: of the job.
        region: where it was trained.
        model_uri: where AWS has put what the job wrote; on Bedrock the ARN of the custom model.
        model_arn: of the custom model on Bedrock; None where the model lies in S3.
        base_model: what it was tuned from.
        dataset: what it was tuned on.
        validation: what it was checked on while it trained; None without.
        spec_digest: of the spec that it was made from.
        attempts: how many jobs this generation of the task needed.
        interruptions: how often Spot took the instance away from the job that made it.
        market: what that job was bought on.
        instance_type: AWS's name.
        instance_count: how many of them.
        training_seconds: from the start of training to its end; None when AWS does not say.
        billable_seconds: what AWS bills per instance; None when AWS does not say.
        cost_usd: billable seconds times AWS's own price; None when the price could not be read.
        checkpoint_uri: where its checkpoints are; None without.
        metrics: the last value of each metric that AWS has read from the log.
        log_group: CloudWatch's log group of the job; None without.
        billed_tokens: what a job that bills by the token was trained on; None when AWS does not say, and for others.
        monthly_usd: what AWS bills for keeping the model, a month; None when that is not known, and in S3.
        artefacts_uri: below which AWS has put the job's metric files; None without.
        hub_model_id: of the model of a hub that it was tuned from; None for others.
        hub_model_version: which one; likewise.
        hosting: what serves it, by the hub's word; None for a model that brings nothing of its own.
    """

    backend: str
    job_name: str
    job_arn: str
    region: str = ""
    model_uri: str
    base_model: str
    dataset: DatasetReference
    validation: DatasetReference | None = None
    spec_digest: str
    attempts: int = 1
    interruptions: int = 0
    market: Market = "on_demand"
    instance_type: str = ""
    instance_count: int = 1
    training_seconds: float | None = None
    billable_seconds: float | None = None
    cost_usd: float | None = None
    checkpoint_uri: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    log_group: str | None = None
    model_arn: str | None = None
    billed_tokens: int | None = None
    monthly_usd: float | None = None
    artefacts_uri: str | None = None
    hub_model_id: str | None = None
    hub_model_version: str | None = None
    hosting: ModelHosting | None = None


class ServedModel(Value):
    """A model that answers at an endpoint of ours, until its lease ends.

    Attributes:
        arm: ``baseline`` or ``candidate``.
        service: whose runtime is asked: ``sagemaker``, or ``bedrock`` by Converse.
        endpoint_name: what is invoked: an endpoint's name; on Bedrock a model id, or the ARN of what serves it.
        endpoint_arn: of the endpoint; empty for a base model of Bedrock, for which nothing is made.
        region: where it serves.
        model: which weights answer.
        scope_id: of the scope that it lives in; teardown deletes it with that.
        expires_at: end of the lease; after it, cleanup deletes the endpoint whoever uses it.
        digest: of the spec that it was made from.
        instance_type: AWS's name.
        instance_count: how many of them.
        hourly_usd: of all its instances or model units together; 0 for what bills by the token; None when AWS's price
            list gave no answer.
        input_usd: of a thousand tokens that are asked; None for what bills by the hour, or without an answer.
        output_usd: of a thousand tokens that are answered; likewise.
    """

    arm: str
    service: Literal["sagemaker", "bedrock"] = "sagemaker"
    endpoint_name: str
    endpoint_arn: str
    region: str
    model: ModelReference
    scope_id: str
    expires_at: datetime
    digest: str
    instance_type: str = ""
    instance_count: int = 1
    hourly_usd: float | None = None
    input_usd: float | None = None
    output_usd: float | None = None


class CleanedResource(Value):
    """One thing that a teardown or cleanup looked at.

    Attributes:
        kind: for example ``endpoint``.
        name: AWS's name of it.
        reason: why it was kept, or AWS's words on why it could not be deleted; empty where it is gone.
        unjudged: whether it was kept because its tags are missing, broken or not readable.
        accepted: whether it is right that it was kept: it is promoted, committed, or no thing of the scope's.
    """

    kind: str
    name: str
    reason: str = ""
    unjudged: bool = False
    accepted: bool = False


class CleanupReceipt(Value):
    """What a teardown or cleanup has done.

    Attributes:
        deleted: by this task; it waited until AWS no longer knew them.
        already_gone: names of the scope that AWS does not know; empty for a cleanup, which starts from AWS's lists.
        kept: what was not deleted, and why.
        failed: what should be gone and is not.
        estimated_saved_usd: what the deleted endpoints would have cost from now to the end of their leases; None when
            a price or a lease is not known.
        notes: what could not be looked at.
    """

    deleted: tuple[CleanedResource, ...] = ()
    already_gone: tuple[CleanedResource, ...] = ()
    kept: tuple[CleanedResource, ...] = ()
    failed: tuple[CleanedResource, ...] = ()
    estimated_saved_usd: float | None = None
    notes: tuple[str, ...] = ()


class PairedCounts(Value):
    """How many golden items each model got right, for scores that are right or wrong."""

    both_right: int
    only_baseline: int
    only_candidate: int
    both_wrong: int


class PairedDifferences(Value):
    """Candidate minus baseline, item by item.

    Attributes:
        mean: of the differences.
        sd: their standard deviation; 0 for a single item.
        candidate_better: items on which the candidate scored higher.
        equal: items with the same score.
        baseline_better: the rest.
        thousandths: the difference, rounded to thousandths -> items.
    """

    mean: float
    sd: float
    candidate_better: int
    equal: int
    baseline_better: int
    thousandths: dict[int, int] = Field(default_factory=dict)


class MetricReport(Value):
    """What one scorer says about both models.

    Attributes:
        kind: ``binary`` when every score is 0 or 1.
        baseline: its mean score.
        candidate: its mean score.
        method: how the intervals of both were computed.
        pairs: for binary scores; None for others.
        differences: item by item, for both kinds.
        candidate_thousandths: the candidate's score, rounded to thousandths -> items.
    """

    kind: ScoreKind
    baseline: Estimate
    candidate: Estimate
    method: str
    pairs: PairedCounts | None = None
    differences: PairedDifferences
    candidate_thousandths: dict[int, int] = Field(default_factory=dict)


class EvalReport(Value):
    """How a baseline and a candidate answered one golden set; all that the gate needs.

    Attributes:
        items: of the golden set, whether or not they were answered.
        golden: the set; its digest is of the file's bytes.
        baseline: what the candidate must beat.
        candidate: what may be promoted.
        metrics: name of a scorer -> what it says.
        confidence: of the intervals.
        unanswered_baseline: items without an answer; they score 0.
        unanswered_candidate: likewise.
        report_uri: the same for people; None when nobody has written it.
        answers_uri: every answer and score; None when nobody has written them.
        sampling: how they were asked, as far as that was set.
        seconds: from the first question to the last answer of both models; None when nobody asked the clock.
        usd: what both cost in that time, by the hour or by the token; None when a price is unknown.
        input_tokens_baseline: that AWS counted in what was asked; None for an endpoint, which counts none.
        output_tokens_baseline: in what was answered; likewise.
        input_tokens_candidate: likewise.
        output_tokens_candidate: likewise.
    """

    items: int
    golden: DatasetReference
    baseline: ModelReference
    candidate: ModelReference
    metrics: dict[str, MetricReport]
    confidence: float = 0.95
    unanswered_baseline: int = 0
    unanswered_candidate: int = 0
    report_uri: str | None = None
    answers_uri: str | None = None
    sampling: dict[str, Any] = Field(default_factory=dict)
    seconds: float | None = None
    usd: float | None = None
    input_tokens_baseline: int | None = None
    output_tokens_baseline: int | None = None
    input_tokens_candidate: int | None = None
    output_tokens_candidate: int | None = None


class GateCheck(Value):
    """One thing that a policy asks for, and what the items say about it.

    Attributes:
        name: for example ``exact_match at least 0.8``.
        outcome: ``inconclusive`` when the items show neither that it holds nor that it does not.
        estimate: the observed value; its interval holds at ``1 - 2 * alpha``, ``1 - alpha`` on either side.
        test: which one.
        p_value: one-sided, of the claim that it holds; where the outcome is ``reject``, of the claim that it does not.
            Corrected where several guards are judged.
        more_items: so many more show it with the policy's power if what was observed is the truth; None when it is
            shown already, or when no number can.
    """

    name: str
    outcome: Decision
    estimate: Estimate
    test: str
    p_value: float
    more_items: int | None = None


class GateVerdict(Value):
    """What the gate says, and why.

    Attributes:
        decision: only ``pass`` lets a model on.
        reason: in words.
        metric: which one decides.
        checks: everything that was judged; empty where the report was refused.
        interval: of the candidate's gain over the baseline in that metric; None where the report was refused.
        test: of the check that decided; None where the report was refused.
        p_value: of that check; None where the report was refused.
        alpha: what it was judged at.
        items: how many were judged.
        more_items: how many more could decide; None when it is decided, or when no number can.
        more_usd: what they cost; None when that or their price is unknown.
        on_reject: what the run does unless it passes: ``skip`` what follows, or ``fail``.
        policy_digest: of the policy.
        golden: what was asked.
        baseline: what the candidate had to beat.
        candidate: what was judged.
        report_uri: the evidence for people.
    """

    decision: Decision
    reason: str
    metric: str
    checks: tuple[GateCheck, ...] = ()
    interval: Estimate | None = None
    test: str | None = None
    p_value: float | None = None
    alpha: float
    items: int
    more_items: int | None = None
    more_usd: float | None = None
    on_reject: Literal["skip", "fail"] = "skip"
    policy_digest: str
    golden: DatasetReference
    baseline: ModelReference
    candidate: ModelReference
    report_uri: str | None = None


class ModelVersion(Value):
    """A version of a model in AWS's registry, and what a person has decided about it.

    What this package has registered says where it came from; a version that somebody else has registered leaves that
    empty.

    Attributes:
        model_package_arn: of the version.
        group: name of its model package group.
        model_version: AWS counts from 1 in each group.
        approval_status: AWS's word; only ``Approved`` may be deployed.
        approval_description: who decided, and why; empty while nobody has.
        image_uri: what serves it.
        model_uri: where the weights lie.
        base_model: what it was tuned from.
        backend: which way to tune made it.
        job_name: AWS's name of the job that made it.
        spec_digest: of the spec that it was tuned from.
        cost_usd: of that job; None when the price could not be read.
        dataset: what it was tuned on.
        golden: what it was judged on.
        verdict_decision: of the gate.
        report_uri: the evaluation for people.
        evidence_uri: model, report and verdict as one JSON file; what the approver is shown comes from it.
        evidence_sha256: of that file.
    """

    model_package_arn: str
    group: str
    model_version: int
    approval_status: ApprovalStatus
    approval_description: str = ""
    image_uri: str = ""
    model_uri: str = ""
    base_model: str = ""
    backend: str = ""
    job_name: str = ""
    spec_digest: str = ""
    cost_usd: float | None = None
    dataset: DatasetReference | None = None
    golden: DatasetReference | None = None
    verdict_decision: Decision | None = None
    report_uri: str | None = None
    evidence_uri: str | None = None
    evidence_sha256: str | None = None


class PromotedEndpoint(Value):
    """An approved model that answers until somebody undeploys it; it has no lease, and bills until then.

    Attributes:
        service: as of ``ServedModel``.
        endpoint_name: what is invoked; the same over all versions.
        endpoint_arn: of the endpoint, or of the deployment on Bedrock.
        region: where it serves.
        model_package_arn: the version that answers.
        config_name: of its endpoint configuration and of its model; empty on Bedrock.
        model: which weights answer.
        digest: of the spec that it was made from.
        instance_type: AWS's name; empty on Bedrock.
        instance_count: how many of them.
        hourly_usd: of all its instances together; 0 for what bills by the token; None when AWS's price list gave no
            answer.
    """

    service: Literal["sagemaker", "bedrock"] = "sagemaker"
    endpoint_name: str
    endpoint_arn: str
    region: str
    model_package_arn: str
    config_name: str
    model: ModelReference
    digest: str
    instance_type: str
    instance_count: int = 1
    hourly_usd: float | None = None
