"""`jumpstart`: the models of SageMaker's hubs, as a list and one by one, as their documents describe them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_finetune.errors import FinetuneError

if TYPE_CHECKING:
    from airflow_finetune.aws.hubs import HubModel, HubSummary

ABOUT = """\
Show the models of SageMaker's hubs: what can be tuned with `backend: jumpstart`, and with which settings.

It asks AWS with boto3's own credentials and region (AWS_PROFILE, AWS_REGION, ...), and only reads.
Exit status: 0, or 1 when AWS does not know what was asked for or does not let us look."""


def add_to(verbs: Any) -> None:
    """Add this verb to the command line."""
    parser = verbs.add_parser(
        "jumpstart",
        help="list the models of SageMaker's hubs, or show one",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    asks = parser.add_subparsers(required=True, metavar="list | show")
    lists = asks.add_parser("list", help="list the models of a hub")
    lists.add_argument("--filter", metavar="TEXT", help="part of their names, or of AWS's keywords")
    shows = asks.add_parser("show", help="show what the hub says of a model")
    shows.add_argument("model", metavar="MODEL", help="its name in the hub")
    shows.add_argument("--version", metavar="X.Y.Z", help="the newest unless given")
    for one, run_it in ((lists, _list), (shows, _show)):
        one.add_argument("--hub", metavar="NAME", help="a private hub (AWS's public one)")
        one.add_argument("--region", help="of AWS (boto3's own)")
        one.set_defaults(run=run, ask=run_it)


def run(arguments: argparse.Namespace) -> int:
    """Ask and print; return 1 when there is nothing to print."""
    from airflow_finetune.aws.hubs import PUBLIC_HUB, hub_client

    try:
        client = hub_client(arguments.region)
        lines = list(arguments.ask(client, arguments, arguments.hub or PUBLIC_HUB))
    except FinetuneError as error:
        print(error, file=sys.stderr)
        return 1
    print(*lines, sep="\n")
    return 0


def _list(client: Any, arguments: argparse.Namespace, hub: str) -> Iterator[str]:
    from airflow_finetune.aws.hubs import list_hub_models
    from airflow_finetune.errors import RequestRefused
    from airflow_finetune.lifecycle.failures import NEXT_STEP, Refusal

    found = list_hub_models(client, hub)
    if isinstance(found, Refusal):
        said = f"AWS answered {found.code}: {found.message}"
        raise RequestRefused(f"hub {hub} in {client.meta.region_name}", said, NEXT_STEP[found.meaning])
    wanted = (arguments.filter or "").lower()
    rows = [each for each in found if wanted in " ".join((each.id, each.title, *each.keywords)).lower()]
    yield from table(("model", "version", "title", ""), [_row(each) for each in rows])
    yield ""
    yield f"{len(rows)} of {len(found)} models of hub {hub} in {client.meta.region_name}."


def _row(each: HubSummary) -> tuple[str, ...]:
    marks = ["retired"] if each.is_retired else []
    marks += ["reference"] if each.is_reference else []
    return each.id, each.version, each.title, ", ".join(marks)


def _show(client: Any, arguments: argparse.Namespace, hub: str) -> Iterator[str]:
    from airflow_finetune.aws.hubs import hub_model, hub_versions, why_missing
    from airflow_finetune.errors import RequestRefused
    from airflow_finetune.lifecycle.failures import Refusal

    found = hub_model(client, arguments.model, version=arguments.version, hub=hub)
    if isinstance(found, Refusal):
        missing = why_missing(client, arguments.model, arguments.version, hub, found)
        raise RequestRefused(f"model {arguments.model} of hub {hub}", *missing)
    versions = hub_versions(client, arguments.model, hub)
    yield from told(found, versions if isinstance(versions, tuple) else (found.version,))


def told(model: HubModel, versions: Sequence[str]) -> Iterator[str]:
    """Yield what a document says, for people.

    Args:
        model: of a hub.
        versions: that there are, newest first.
    """
    kind, serves = model.default_instance_type, model.default_hosting_instance_type
    yield f"{model.id} {model.version} of hub {model.hub} in {model.region}"
    facts: list[tuple[str, str]] = [("versions", ", ".join(versions))]
    if model.retired:
        facts.append(("retired", model.retired))
    facts.append(("license", _license(model)))
    facts.append(("trained", "by JumpStart" if model.trains else "no: its document says TrainingSupported: false"))
    if model.trains:
        facts += _training(model, kind)
    facts += [
        ("served on", f"{serves or 'not said'}; can be {', '.join(model.hosting_instance_types) or 'not said'}"),
        ("served by", model.hosting_image(serves) or "not said"),
        ("recipes", ", ".join(f"{each.technique} {each.peft or 'full'}" for each in model.recipes) or "none"),
    ]
    width = max(len(name) for name, _ in facts)
    yield from (f"  {name:{width}}  {said}" for name, said in facts)
    if model.trains:
        yield ""
        rows = [
            (each.name, each.kind, "" if each.default is None else str(each.default), each.range)
            for each in model.hyperparameters(kind)
            if each.scope != "container"
        ]
        yield from table(("hyperparameter", "type", "default", "may be"), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table for people."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, ["-" * width for width in widths], *rows):
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _license(model: HubModel) -> str:
    if not model.gated:
        return f"not gated{f'; {model.eula_url}' if model.eula_url else ''}"
    return f"gated: read {model.eula_url}, and write accept_eula: true if you accept it"


def _training(model: HubModel, kind: str) -> Iterator[tuple[str, str]]:
    yield "trained on", f"{kind or 'not said'}; can be {', '.join(model.instance_types) or 'not said'}"
    yield "disk", "not said" if model.volume_gb is None else f"{model.volume_gb} GB"
    yield "image", model.training_image(kind) or "not said"
    yield "script", model.script_uri or "not said"
    yield "metrics", ", ".join(name for name, _ in model.metrics) or "none"
    yield "network", "isolated" if model.network_isolation else "not isolated"
