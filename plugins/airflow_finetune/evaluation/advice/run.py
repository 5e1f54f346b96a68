"""One advice from addresses to a stored page: what was measured before is judged anew, else the base model is asked."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_finetune.evaluation.advice.examples import examples
from airflow_finetune.evaluation.advice.measure import Ends, measured_and_answered
from airflow_finetune.evaluation.advice.prompts import prompts_of
from airflow_finetune.evaluation.advice.record import Evidence, advice_of, keep, stored
from airflow_finetune.evaluation.advice.shots import sampled
from airflow_finetune.evaluation.questions import questions, reference_of
from airflow_finetune.evaluation.store import KEY, Store, identified, key_of, material
from airflow_finetune.values import Advice

if TYPE_CHECKING:
    from airflow_finetune.evaluation.advice.prompts import Prompt
    from airflow_finetune.evaluation.advice.spec import AdviseSpec
    from airflow_finetune.evaluation.policy import GatePolicy
    from airflow_finetune.evaluation.run import Places
    from airflow_finetune.evaluation.sampling import EvaluateSpec
    from airflow_finetune.values import ServedModel

NO_SHOTS = "the training data has no example that can be shown."


class Wanted(NamedTuple):
    """What is to be found out.

    Attributes:
        spec: which prompts, on how many items.
        policy: of the gate, with ``at_least``.
        how: models are asked; its one scorer is the policy's metric.
        golden: an address, or a dumped ``DatasetReference``.
        train: likewise; None has no examples.
    """

    spec: AdviseSpec
    policy: GatePolicy
    how: EvaluateSpec
    golden: Any
    train: Any


def advised_at(wanted: Wanted, base: ServedModel, places: Places, ends: Ends) -> Advice:
    """Ask the base model, and put the results at ``OUTPUT/advice/KEY/``.

    Args:
        wanted: what is to be found out.
        base: the model that would be tuned.
        places: what to work with.
        ends: one for each prompt, set to end its asking.

    Raises:
        SpecError: the golden set or the model cannot be used like this.
        DataError: the golden set cannot be used.
        RequestRefused: S3 refused an address.
        Unavailable: AWS cannot answer now, or an end was set.
    """
    spec, how = wanted.spec, wanted.how
    asked = questions(wanted.golden, how, places.s3, {base.service})
    items = sampled(asked.golden, spec.items, spec.seed)
    shots = examples(wanted.train, asked.golden, spec, places.s3, places.say)
    names = [name for name in spec.prompts if name != "few_shot" or shots.chats]
    prompts = prompts_of(names, spec.instruction, shots.chats)
    known = identified(base, places.s3, places.say)
    told = material(asked.golden.sha256, [known], list(how.scorers), how.sampling)
    told |= {"items": [item.line for item in items], "prompts": [_digest(prompt) for prompt in prompts]}
    store = Store(f"{how.output_uri.rstrip('/')}/advice/{key_of(told)}", places.s3, places.kms_key_id)
    evidence = stored(store)
    if evidence is not None:
        places.say("These prompts were measured on this golden set already. Nobody is asked.")
    else:
        store.write(KEY, json.dumps(told, indent=1))  # so who may not write there learns it before a model is asked
        measured, answered = measured_and_answered(known, prompts, items, how, places, ends)
        evidence = Evidence(measured, answered, asked=True)
        keep(evidence, store)
    if len(names) < len(spec.prompts):
        evidence = evidence.without("few_shot", NO_SHOTS)
    fields = {
        "items": len(items),
        "golden_items": len(asked.golden.items),
        "golden": _reference(asked.uri, asked.golden.sha256, len(asked.golden.items)),
        "model": known.model,
        "shots": len(shots.chats),
        "shots_wanted": spec.shots,
        "overlapping": shots.overlapping,
        "too_long": shots.too_long,
        "require_advice": spec.require_advice,
    }
    return advice_of(evidence, prompts, wanted.policy, fields, store, places.say)


def no_advice(wanted: Wanted, base: ServedModel, said: str) -> Advice:
    """Return the advice that could not be had.

    Args:
        wanted: what was to be found out.
        base: the model that would be tuned.
        said: why.
    """
    policy = wanted.policy
    return Advice(
        recommendation="unknown",
        reason=f"It could not be measured. {said}",
        metric=policy.metric,
        at_least=policy.at_least or 0.0,
        alpha=policy.alpha,
        items=0,
        golden_items=0,
        golden=reference_of(wanted.golden),
        model=base.model,
        shots_wanted=wanted.spec.shots,
        require_advice=wanted.spec.require_advice,
        policy_digest=policy.digest(),
    )


def _reference(uri: str, sha256: str, examples: int) -> dict[str, Any]:
    return {"uri": uri, "sha256": sha256, "examples": examples}


def _digest(prompt: Prompt) -> list[str]:
    text = json.dumps([prompt.instruction, [list(shot) for shot in prompt.shots]])
    return [prompt.name, hashlib.sha256(text.encode()).hexdigest()]
