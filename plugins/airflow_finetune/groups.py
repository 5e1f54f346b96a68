"""One function for each stage, to write a pipeline in Python; `finetune_dag` is composed of these and nothing else.

    data = curate("s3://acme/orders/", prompt="{text}", completion="{json}", golden=GOLDEN)
    model = fine_tune(data, SpotTrainingSpec(base_model=BASE, instance_type="ml.g5.2xlarge"))
    with served(baseline=BASE, candidate=model) as models:
        report = evaluate(models, golden=GOLDEN, scorers=["exact_match"])
    gate(report, policy="orders") >> register(model, group="orders")

Each makes one task in the DAG around it (``served`` makes the tasks of a scope) and returns the task's output, which
knows what it comes after. Where nothing is said, role, images and bucket are the Airflow Variables
``finetune_role_arn``, ``finetune_image_uri``, ``finetune_serving_image_uri`` and ``finetune_bucket``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import XComArg

from airflow_finetune import (  # not operators.py, which would load also what no pipeline needs
    AdviseOperator,
    ChooseOperator,
    CurateOperator,
    EvaluateOperator,
    FineTuneOperator,
    GateOperator,
    PlanOperator,
    RegisterOperator,
    SpecError,
)
from airflow_finetune.backends import BACKENDS, backend_of, completed
from airflow_finetune.dag_templates.of_chosen import OfChosen
from airflow_finetune.dag_templates.request_approval import RequestApprovalOperator
from airflow_finetune.pipeline.sections import ROLE, SERVING_IMAGE, WORK
from airflow_finetune.pipeline.tuning import filled
from airflow_finetune.serving.groups import bedrock_arms, serving_scope
from airflow_finetune.spec import Spec, is_later

if TYPE_CHECKING:
    from airflow_finetune.serving.scope import Arm

AnySpec = Spec | Mapping[str, Any]


def curate(source: str, *, output_uri: str = f"{WORK}/data/", task_id: str = "curate", **options: Any) -> Any:
    """Turn raw data into a dataset.

    Args:
        source: a folder, a file or an ``s3://`` prefix.
        output_uri: where the dataset goes.
        task_id: of the task.
        options: as of ``CurateOperator``: ``prompt``, ``completion``, ``golden`` and the rest.
    """
    return CurateOperator(task_id=task_id, source=source, output_uri=output_uri, **options).output


def plan(dataset: Any, spec: AnySpec, *, max_usd: Any, task_id: str = "plan", **options: Any) -> Any:
    """Look everything up that the run needs, and refuse it above ``max_usd``; nothing is created.

    Args:
        dataset: as of ``fine_tune``.
        spec: as of ``fine_tune``.
        max_usd: the most that the run may cost in the worst case.
        task_id: of the task.
        options: as of ``PlanOperator``; ``hosting`` counts what is served.
    """
    return PlanOperator(task_id=task_id, max_usd=max_usd, **_asked(spec, dataset, options)).output


def choose(
    dataset: Any,
    candidates: Mapping[str, AnySpec],
    *,
    max_usd: Any,
    wishes: Mapping[str, Any] | None = None,
    output_uri: str = WORK,
    task_id: str = "plan",
    **options: Any,
) -> Any:
    """Plan several backends, and choose one of them by the written rules; to be given to ``fine_tune`` as ``plan``.

    Args:
        dataset: as of ``fine_tune``.
        candidates: name -> spec, as of ``fine_tune``.
        max_usd: the most that a run may cost in the worst case, whichever is chosen.
        wishes: the fields of ``Wishes``: the section ``auto`` of a pipeline file.
        output_uri: below which the record of the choice goes.
        task_id: of the task.
        options: as of ``ChooseOperator``.
    """
    told = dict[str, dict[str, Any]]()
    for name, spec in candidates.items():
        whole, data = whole_spec(spec, dataset)
        told[name] = {"spec": whole, "dataset": data, "limits": {"max_usd": max_usd}}
    return ChooseOperator(task_id=task_id, candidates=told, wishes=wishes, output_uri=output_uri, **options).output


def of_chosen(planned: Any, values: Mapping[str, Any]) -> Any:
    """Return what the chosen candidate says, for a field of any task.

    Args:
        planned: the output of ``choose``.
        values: candidate -> its value, which may hold Jinja and outputs of other tasks.
    """
    return OfChosen(planned, values)


def fine_tune(dataset: Any, spec: Any, *, task_id: str = "fine_tune", **options: Any) -> Any:
    """Tune a model.

    Args:
        dataset: the output of ``curate``, an S3 address, or a dumped ``DatasetReference``.
        spec: any backend's, or a mapping with its fields and ``backend``; role, image and place may be left out. In a
            mapped task group it may be what the group is mapped over; of several backends
            ``of_chosen(planned, {name: spec})``.
        task_id: of the task.
        options: as of ``FineTuneOperator``; ``plan`` is the output of ``plan``, which is then what runs.
    """
    return FineTuneOperator(task_id=task_id, **_asked(spec, dataset, options)).output


def advise(
    models: Mapping[Any, Any],
    data: Any,
    *,
    policy: Any,
    golden: Any = None,
    output_uri: str = WORK,
    task_id: str = "advise",
    **options: Any,
) -> Any:
    """Ask the base model with better prompts, before a model is tuned; ``advise(...) >> model`` makes that wait for it.

        with served(baseline=BASE, scope="advice", task_prefix="advice_", after=data) as base:
            advice = advise(base, data, policy="orders", require_advice=True)
        advice >> model

    Args:
        models: what ``served`` yields, with the base model as the baseline.
        data: the output of ``curate``: examples come from its training data, never from its golden set.
        policy: as of ``gate``; its ``at_least`` is the target.
        golden: an address; None takes the golden set of ``data``.
        output_uri: where the advice goes.
        task_id: of the task.
        options: as of ``AdviseOperator``: ``instruction``, ``shots``, ``require_advice`` and the rest.
    """
    named = _policy_file(policy, data) if isinstance(policy, str) else policy
    asked = {"golden": data["golden"] if golden is None else golden, "train": data["train"]}
    where = {"policy": named, "output_uri": output_uri, **options}
    return AdviseOperator(task_id=task_id, baseline=models["baseline"], **asked, **where).output


@contextmanager
def served(
    *,
    baseline: Any,
    candidate: Any = None,
    hosting: str | None = None,
    image_uri: str | None = None,
    role_arn: str = ROLE,
    deploy: Mapping[str, Any] | None = None,
    lease: timedelta = timedelta(hours=2),
    code_uri: str | None = f"{WORK}/baselines/",
    kms_key_id: str | None = None,
    brings_server: bool | None = None,
    **options: Any,
) -> Iterator[dict[Any, Any]]:
    """Serve a baseline and a candidate for the tasks of the block; yields arm -> the output of its deployment.

    Lease, teardown and guard are included: whatever happens inside the block, nothing is left billing.

    Args:
        baseline: what must be beaten: an address, or a dumped ``TunedModel``; on Bedrock also a base model's id; of a
            hub's model its id, which means that model as its hub serves it.
        candidate: what may be promoted: the output of ``fine_tune``; None serves the baseline alone.
        hosting: how a custom model of Bedrock answers, ``on_demand_deployment`` or ``provisioned_throughput``; None
            serves both at endpoints of SageMaker.
        image_uri: what serves both at endpoints; None takes what a model of a hub says itself, else a Variable.
        role_arn: that both endpoints run with.
        deploy: more fields of ``DeploySpec`` for both, for example ``instance_type``; on Bedrock of
            ``BedrockDeploySpec``, for example ``model_units``.
        lease: how long what answers may live, whatever happens to the run.
        code_uri: below which a baseline that is a folder without serving code is copied together with ours; None serves
            it as it is.
        kms_key_id: encrypts that copy; None takes the bucket's own way.
        brings_server: whether the candidate says itself what serves it; None asks the task that makes it.
        options: as of ``serving_scope``.
    """
    told: dict[str, Any] = {
        "image_uri": image_uri,
        "role_arn": role_arn,
        "deploy": deploy,
        "code_uri": code_uri,
        "kms_key_id": kms_key_id,
        "brings_server": brings_server,
    }
    arms = arms_of(baseline=baseline, candidate=candidate, hosting=hosting, **told)
    if candidate is None:
        del arms["candidate"]
    after = candidate if isinstance(candidate, XComArg) else None
    with serving_scope(arms, **{"lease": lease, "after": after, **options}) as models:
        yield models


def arms_of(
    *,
    baseline: Any,
    candidate: Any,
    hosting: str | None = None,
    image_uri: str | None = None,
    role_arn: str = ROLE,
    deploy: Mapping[str, Any] | None = None,
    code_uri: str | None = f"{WORK}/baselines/",
    kms_key_id: str | None = None,
    brings_server: bool | None = None,
) -> dict[Arm, dict[str, Any]]:
    """Return arm -> the fields of the spec that it is deployed by; the arguments are those of ``served``.

    ``brings_server`` says whether the candidate says itself what serves it; None asks the task that makes it.
    """
    if hosting is not None:
        return bedrock_arms(baseline, candidate, hosting, deploy or {})
    own = _brings_server(candidate) if brings_server is None else brings_server
    server = {"hosting": candidate["hosting"]} if own else {"image_uri": SERVING_IMAGE}
    server |= {} if image_uri is None else {"image_uri": image_uri}
    if own and isinstance(baseline, str) and not baseline.startswith("s3://"):
        baseline = candidate["hosting"]
    both = {**server, "role_arn": role_arn, **(deploy or {})}
    arms: dict[Arm, dict[str, Any]] = {
        "baseline": {**both, "model": baseline},
        "candidate": {**both, "model": candidate},
    }
    if code_uri is not None and not own:
        arms["baseline"] |= {"code_uri": code_uri, **({"code_kms_key_id": kms_key_id} if kms_key_id else {})}
    return arms


def evaluate(
    models: Mapping[Any, Any],
    *,
    golden: Any,
    scorers: Sequence[str] = ("exact_match",),
    output_uri: str = WORK,
    task_id: str = "evaluate",
    **options: Any,
) -> Any:
    """Ask baseline and candidate the golden set.

    Args:
        models: what ``served`` yields.
        golden: an address, or ``data["golden"]`` of what ``curate`` has made.
        scorers: names; those of the gate's policy must be among them.
        output_uri: where report and answers go.
        task_id: of the task.
        options: as of ``EvaluateOperator``.
    """
    arms = {"baseline": models["baseline"], "candidate": models["candidate"]}
    where = {"golden": golden, "output_uri": output_uri}
    return EvaluateOperator(task_id=task_id, **arms, **where, scorers=tuple(scorers), **options).output


def gate(report: Any, *, policy: Any, task_id: str = "gate", **options: Any) -> Any:
    """Judge the report; what follows runs only if the candidate passes.

    Args:
        report: the output of ``evaluate``.
        policy: a ``GatePolicy``, a mapping with its fields, the path of a YAML file, or the name of one in
            ``include/policies/`` beside the DAG's folder.
        task_id: of the task.
        options: as of ``GateOperator``.
    """
    named = _policy_file(policy, report) if isinstance(policy, str) else policy
    return GateOperator(task_id=task_id, report=report, policy=named, **options).output


def register(
    model: Any,
    *,
    group: str,
    report: Any = None,
    verdict: Any = None,
    image_uri: str | None = None,
    task_id: str = "register",
    **options: Any,
) -> Any:
    """Register a model that has passed, as a version that waits for approval.

    Args:
        model: the output of ``fine_tune``.
        group: of SageMaker's model registry; made where there is none.
        report: the output of ``evaluate``; None takes what the DAG's gate judges.
        verdict: the output of ``gate``; None takes the DAG's.
        image_uri: what serves the model; None takes what a model of a hub says itself, else a Variable. Not asked for
            where the model is one of Bedrock's.
        task_id: of the task.
        options: as of ``RegisterOperator``.

    Raises:
        SpecError: report or verdict is left out, and the DAG has no gate or several.
    """
    if report is None or verdict is None:
        judged = _gate_beside(model, task_id)
        report, verdict = report or judged.report, verdict or judged.output
    evidence = {"model": model, "report": report, "verdict": verdict}
    tuning = getattr(model, "operator", None)
    if isinstance(tuning, FineTuneOperator) and tuning.backend.served_by == "bedrock":
        image_uri = None
    elif image_uri is None and not _brings_server(model):
        image_uri = SERVING_IMAGE
    options = {"group": group, "image_uri": image_uri, "multiple_outputs": True, **options}
    return RegisterOperator(task_id=task_id, **evidence, **options).output


def request_approval(version: Any, *, task_id: str = "request_approval", **options: Any) -> Any:
    """Ask a person to approve a registered version, in a run of another DAG, so that nobody's absence blocks this one.

    Args:
        version: the output of ``register``.
        task_id: of the task.
        options: as of ``RequestApprovalOperator``; ``asking_dag_id`` is ``approve_model`` unless said otherwise.
    """
    return RequestApprovalOperator(task_id=task_id, version=version, **options).output


def _dag_of(output: Any) -> Any:
    """Return the DAG of the task whose output this is; None for anything else."""
    return getattr(getattr(output, "operator", None), "dag", None)


def _brings_server(model: Any) -> bool:
    """Say whether an output is a model that says itself what serves it."""
    tuning = getattr(model, "operator", None)
    return isinstance(tuning, FineTuneOperator) and tuning.backend.brings_server


def _gate_beside(model: Any, task_id: str) -> GateOperator:
    dag = _dag_of(model)
    found = [task for task in dag.tasks if isinstance(task, GateOperator)] if dag else []
    if len(found) != 1:
        said = f"this DAG has {len(found)} gates, and neither report nor verdict says which one counts."
        raise SpecError(task_id, said, "Give report= and verdict=.")
    return found[0]


def _policy_file(name: str, report: Any) -> str:
    """Return the path of a policy of which only the name was given; anything else as it is."""
    dag = _dag_of(report)
    if dag is None or Path(name).suffix or is_later(name):
        return name
    path = Path(dag.fileloc).resolve().parents[1] / "include" / "policies" / f"{name}.yaml"
    return str(path) if path.is_file() else name


def whole_spec(spec: Any, dataset: Any) -> tuple[Any, Any]:
    """Return a spec's fields with those that were left out, and what stands beside them as ``dataset``."""
    told = _asked(spec, dataset, {})
    return told["spec"], told["dataset"]


def _asked(spec: Any, dataset: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of an operator that takes a spec, with what was left out of it."""
    if isinstance(spec, OfChosen):
        told = {name: _asked(each, dataset, {}) for name, each in spec.options.items()}
        of_each = OfChosen(spec.planned, {name: each["spec"] for name, each in told.items()})
        return {"spec": of_each, "dataset": next(iter(told.values()))["dataset"], **options}
    data, curated = dataset, isinstance(getattr(dataset, "operator", None), CurateOperator)
    if curated:
        data, validation = dataset["train"], dataset["validation"]
    if not isinstance(spec, Spec | Mapping):  # known when the task runs, and so is its backend
        known: dict[str, Any] = {}
        for backend in BACKENDS:
            known |= filled(backend, {})
            if curated and backend.keys.validation is not None:
                known[backend.keys.validation] = validation
        del known["backend"]
        return {"spec": spec, "dataset": data, **options, "defaults": {**known, **options.get("defaults", {})}}
    fields = completed(spec.raw() if isinstance(spec, Spec) else spec, options.get("defaults", {}), "spec")
    backend = backend_of(fields, "spec")
    whole = filled(backend, fields)
    if curated and backend.keys.validation is not None:
        whole.setdefault(backend.keys.validation, validation)
    return {"spec": whole, "dataset": data, **options}
