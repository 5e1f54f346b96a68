"""What a DAG does, for the page that Airflow shows about it."""

from __future__ import annotations

from airflow_finetune.pipeline import PipelineSpec
from airflow_finetune.pipeline.several.spec import AUTO, SeveralSpec

_STOPS = {
    True: "a run may end there (`require_advice`) where prompting already reaches the gate's target.",
    False: "whether prompting reaches the gate's target is told, and the run goes on.",
}


def story(pipeline: PipelineSpec) -> str:
    """Return a few lines of Markdown: what a run does, what it may cost, what a person may change."""
    gate, tuning = pipeline.gate, pipeline.tuning
    where = f" on `{tuning['instance_type']}`" if "instance_type" in tuning else ""
    asks = [f"at least {gate.at_least:g}"] if gate.at_least is not None else []
    asks += ["better than the baseline"] if gate.better_than_baseline else []
    after = {"skip": "skips what follows and succeeds", "fail": "fails"}[gate.on_reject]
    then = f"registered in `{pipeline.register.group}`" if pipeline.register else "reported, and registered nowhere"
    changes = ", ".join(f"`{field.name}`" for field in pipeline.fields)
    stops = bool(pipeline.advise and pipeline.advise.require_advice)
    advised = (
        [f"   Before it, `advise` asks that base with {', '.join(pipeline.advise.prompts)} prompts: {_STOPS[stops]}"]
        if pipeline.advise
        else []
    )
    lines = [
        f"**{pipeline.path.name}**: raw data to a verdict, by `{pipeline.backend.name}`.",
        "",
        f"1. `curate` makes a dataset of `{pipeline.data['source']}`; `plan` looks everything up before it costs.",
        f"2. `fine_tune` tunes `{tuning[pipeline.backend.keys.model['base']]}`{where}.",
        *advised,
        f"3. Baseline and candidate answer the golden set on `{pipeline.serving.on}`, for"
        f" {pipeline.serving.lease_hours:g} hours at most; `teardown` deletes both, whatever happens.",
        f"4. `gate` asks for {gate.metric} {' and '.join(asks)}, shown at alpha {gate.alpha:g}. A candidate that passes"
        f" is {then}; with any other the run {after}.",
        "",
        f"A run that could cost more than **${pipeline.dollars}** does not start. A run may change {changes}.",
    ]
    return "\n".join(lines)


def story_of_several(several: SeveralSpec) -> str:
    """Return the same for a pipeline over several backends."""
    shared, gate = several.shared, several.shared.gate
    names = [
        f"- `{name}`: `{each.base}` by `{each.backend.name}`, answering on `{each.serving.on}`"
        for name, each in several.pipelines.items()
    ]
    changes = ", ".join(f"`{field.name}`" for field in several.fields)
    if several.takes == AUTO:
        title = "raw data to a verdict, on the backend that the written rules choose"
        does = [
            "1. `curate` makes the dataset, `plan` chooses one of the candidates and leaves a page with the reasons.",
            "2. `fine_tune` tunes that one, both models answer on its host, and `teardown` deletes what answers.",
            f"3. `gate` judges {gate.metric} at alpha {gate.alpha:g}.",
        ]
    else:
        title = "one dataset over several backends, judged on one golden set"
        does = [
            "1. `curate` makes the dataset; every candidate is planned, and `check_budget` adds their worst cases up.",
            "2. Each candidate is tuned, served, asked the golden set and torn down, whatever happens to the others.",
            f"3. `compare` puts {gate.metric} beside its price, in a table and a plot. Nothing is registered or kept.",
        ]
    limit = f"A run that could cost more than **${several.dollars}** does not start. A run may change {changes}."
    source = f"Its data: `{shared.data['source']}`."
    return "\n".join([f"**{several.path.name}**: {title}.", "", *names, "", *does, "", source, "", limit])
