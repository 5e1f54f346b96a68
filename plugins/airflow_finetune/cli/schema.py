"""`schema`: the pipeline file as JSON Schema, for editors that complete and check while somebody types."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_finetune.backends import BACKENDS, Backend
from airflow_finetune.cli.reference import SPECS, reference
from airflow_finetune.pipeline.docstrings import described
from airflow_finetune.pipeline.form import ADVISE, DATA
from airflow_finetune.pipeline.sections import SERVING
from airflow_finetune.pipeline.several.spec import ALL, AUTO
from airflow_finetune.planning.limits import Limits
from airflow_finetune.spec import Spec

ABOUT = """\
Print the JSON Schema of a pipeline file.

Save it, and tell your editor with a first line in the pipeline file:
  # yaml-language-server: $schema=pipeline.schema.json"""
LATER = {"type": "string", "pattern": r"\{\{|\{%", "description": "Jinja: known when the task runs."}
Json = dict[str, Any]


def add_to(verbs: Any) -> None:
    """Add this verb to the command line."""
    parser = verbs.add_parser(
        "schema",
        help="print the JSON Schema of a pipeline file, for editors",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tables", action="store_true", help="print Markdown tables for people instead")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    if arguments.tables:
        print(*reference(), sep="\n")
    else:
        print(json.dumps(pipeline_schema(), indent=2))
    return 0


def pipeline_schema() -> Json:
    """Return the JSON Schema of a pipeline file; what depends on the backend hangs on its name."""
    policy = {"type": "string", "description": "Name or path of a YAML file with a policy."}
    gate = _object(SPECS["gate"])
    gate["properties"]["policy"] = policy
    gate["anyOf"] = [{"required": ["policy"]}, {"required": gate.pop("required")}]
    evaluate = _object(SPECS["evaluate"])
    evaluate["properties"]["sampling"] = _object(SPECS["evaluate.sampling"])
    data = _object(SPECS["data"])
    data["required"] = ["source", "golden"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "airflow-finetune pipeline",
        "type": "object",
        "additionalProperties": False,
        "required": ["backend", "data", "gate", "max_usd"],
        "properties": {
            "backend": {
                "enum": [*(backend.name for backend in BACKENDS), AUTO, ALL],
                "description": "The way to tune; auto chooses one of the candidates, all compares them.",
            },
            "candidates": {"type": "object", "additionalProperties": _candidate()},
            "auto": _object(SPECS["auto"]),
            "data": data,
            "model": {"type": "object"},
            "compute": {"type": "object"},
            "serving": {"type": "object"},
            "evaluate": evaluate,
            "gate": gate,
            "advise": {"anyOf": [_object(SPECS["advise"]), {"type": "null"}]},
            "register": {"anyOf": [_object(SPECS["register"]), {"type": "null"}]},
            "max_usd": _property(Limits, "max_usd"),
            "schedule": {"type": ["string", "null"], "description": "Cron text of the data intervals; null: by hand."},
            "form": {"type": "array", "items": {"type": "string"}, "description": "What a run may change."},
            "aws": _object(SPECS["aws"]),
        },
        "allOf": [_of_backend(backend) for backend in BACKENDS],
    }


def _of_backend(backend: Backend) -> Json:
    required = [name for name, field in backend.spec.model_fields.items() if field.is_required()]
    model = {key: _property(backend.spec, field) for key, field in backend.keys.model.items()}
    compute = {key: _property(backend.spec, field) for key, field in backend.keys.compute.items()}
    needed = [key for key, field in backend.keys.model.items() if field in required]
    form = {
        "enum": [
            *(f"model.{key}" for key in backend.keys.form),
            *(f"data.{key}" for key in DATA),
            *(f"advise.{key}" for key in ADVISE),
        ]
    }
    then = {
        "model": {"properties": model, "required": needed, "additionalProperties": False},
        "compute": {"properties": compute, "additionalProperties": False},
        "serving": _object(SERVING[backend.served_by]),
        "form": {"items": form},
    }
    return {
        "if": {"properties": {"backend": {"const": backend.name}}, "required": ["backend"]},
        "then": {"properties": then, "required": ["model"]},
    }


def _candidate() -> Json:
    """Return the schema of one candidate; what is named after its backend is known by its sections only."""
    own: Json = {"backend": {"enum": [backend.name for backend in BACKENDS], "description": "The way to tune."}}
    sections: Json = {name: {"type": "object"} for name in ("model", "compute", "serving")}
    found = _object(SPECS["candidates.NAME"])
    found["properties"] = own | found["properties"] | sections
    return found


def _object(spec: type[Spec]) -> Json:
    found: Json = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _property(spec, name) for name in spec.model_fields},
    }
    if required := [name for name, field in spec.model_fields.items() if field.is_required()]:
        found["required"] = required
    return found


def _property(spec: type[Spec], name: str) -> Json:
    """Return the schema of a field; every value may also be Jinja."""
    whole = spec.model_json_schema(mode="validation")
    found = _inlined(whole["properties"][name], whole.get("$defs", {}))
    found.pop("title", None)
    default = found.pop("default", None)
    told: Json = {"description": described(spec).get(name, "")}
    if default is not None:
        told["default"] = default
    return {"anyOf": [*found.get("anyOf", [found]), LATER], **told}


def _inlined(value: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        if "$ref" in value:
            return _inlined(definitions[str(value["$ref"]).rpartition("/")[2]], definitions)
        return {key: _inlined(item, definitions) for key, item in value.items()}
    if isinstance(value, list):
        return _each(value, definitions)
    return value


def _each(values: Iterable[Any], definitions: Mapping[str, Any]) -> list[Any]:
    return [_inlined(value, definitions) for value in values]
