"""What AWS says of the model, its recipe and the group that a spec names, where the job would run; only reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from airflow_finetune.aws.hubs import PUBLIC_HUB, HubModel, hub_model, why_missing
from airflow_finetune.aws.objects import read_object
from airflow_finetune.backends.backend import MakeClient, Wrong
from airflow_finetune.backends.serverless.group import Group, found_group
from airflow_finetune.backends.serverless.recipe import Chosen, chosen_of, faults_of, is_way_of, parameters_of, ways_of
from airflow_finetune.backends.serverless.spec import ServerlessSpec, asked_hyperparameters
from airflow_finetune.errors import RequestRefused, SpecError
from airflow_finetune.lifecycle.failures import Refusal

TABLE: Mapping[str, Any] = json.loads((Path(__file__).parent / "limits.json").read_text(encoding="utf-8"))


class Look(NamedTuple):
    """What was found.

    Attributes:
        model: of the hub; None where there is none, or AWS would not let us look.
        chosen: the recipe; None without.
        group: that AWS registers the model in.
        wrong: why the job cannot work.
        said: name of a check -> what was found.
    """

    model: HubModel | None
    chosen: Chosen | None
    group: Group
    wrong: tuple[Wrong, ...]
    said: dict[str, str]


def looked_up(spec: ServerlessSpec, region: str, make_client: MakeClient) -> Look:
    """Return what AWS and the table know.

    Raises:
        Unavailable: AWS cannot answer now.
    """
    client, hub, said = make_client("sagemaker"), spec.hub or PUBLIC_HUB, dict[str, str]()
    wrong = list(_of_the_region(spec, region))
    found = hub_model(client, spec.base_model, version=spec.version, hub=hub)
    model, chosen = None, None
    if isinstance(found, Refusal):
        wrong.append(_missing(client, spec, hub, found))
    else:
        model = found
        said[f"model {model.id}"] = f"version {model.version} of hub {model.hub}, and this is what will be customized."
        wrong += _of_the_model(spec, model)
        chosen = _chosen(spec, model, make_client, wrong, said)
    group = found_group(client, spec, region, wrong, said)
    return Look(model, chosen, group, tuple(wrong), said)


def refusal_of(wrong: tuple[Wrong, ...]) -> SpecError:
    """Return one error that says everything that is wrong."""
    things = ", ".join(each.thing for each in wrong)
    return SpecError(things, " ".join(each.said for each in wrong), " ".join(each.next_step for each in wrong))


def _missing(client: Any, spec: ServerlessSpec, hub: str, refusal: Refusal) -> Wrong:
    why = why_missing(client, spec.base_model, spec.version, hub, refusal)
    version = f" {spec.version}" if spec.version else ""
    return Wrong(f"model {spec.base_model}{version} of hub {hub}", why.said, why.next_step)


def _of_the_region(spec: ServerlessSpec, region: str) -> Iterator[Wrong]:
    regions = spec.limits.get("regions", TABLE["regions"])
    if region not in regions:
        source = f"{TABLE['sources']['regions']}, as of {TABLE['checked']}"
        said = f"serverless customization is offered in {', '.join(regions)} ({source})."
        yield Wrong(f"region {region}", said, "Use a connection of such a region, or correct limits.regions.")


def _of_the_model(spec: ServerlessSpec, model: HubModel) -> Iterator[Wrong]:
    thing = f"model {model.id} {model.version} of hub {model.hub}"
    if model.retired:
        yield Wrong(thing, f"it is retired: {model.retired}", "Choose another model or version.")
    if model.is_reference:
        said = "it is a reference, and CreateTrainingJob takes the ARN of a model here."
        yield Wrong(thing, said, f"Leave hub out: {PUBLIC_HUB} has the model itself.")
    if model.gated and not spec.accept_eula:
        said = f"it is gated: AWS gives it only to who accepts the license at {model.eula_url}"
        yield Wrong(thing, said, "Read it; if you accept it, write accept_eula: true.")


def _chosen(
    spec: ServerlessSpec, model: HubModel, make_client: MakeClient, wrong: list[Wrong], said: dict[str, str]
) -> Chosen | None:
    thing, recipe = f"recipe for {model.id}", chosen_of(model.recipes, spec)
    if recipe is None:
        fit = [each for each in model.recipes if is_way_of(each, spec)]
        lengths = ", ".join(each.sequence_length for each in fit if each.sequence_length)
        if fit:
            what, hint = f"a sequence length of {spec.sequence_length}; there is {lengths}.", "Correct sequence_length."
        else:
            what = f"{spec.technique} with method {spec.method}; there is {ways_of(model.recipes)}."
            hint = "Choose another technique, method or model."
        wrong.append(Wrong(thing, f"the hub has none for {what}", hint))
        return None
    try:
        known = parameters_of(read_object(make_client("s3"), str(recipe.parameters_uri)) or b"null")
    except (RequestRefused, ValueError) as error:
        said[thing] = f"{recipe.name}; its hyperparameters were not checked: {error}"
        return Chosen(recipe)
    said[thing] = f"{recipe.name}, with {len(known)} hyperparameters that can be set."
    for field, fault in faults_of(known, asked_hyperparameters(spec)):
        wrong.append(Wrong(field, fault, "Correct it."))
    return Chosen(recipe, known)
