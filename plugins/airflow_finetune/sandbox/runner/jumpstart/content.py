"""What lies in AWS's buckets: manifests, specifications, licences, scripts, weights, recipes, a small dataset."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...state.public_hub import OPEN_BUCKET, HubModel, PublicHub
from ...zoo import mixture
from . import specification

ZOO = Path(__file__).resolve().parents[2] / "zoo"
WEIGHTS = ZOO / "tiny-llama"
SCRIPTS = ZOO / "jumpstart"
ENTRY = "transfer_learning.py"
SHARED = ("lora.py", "rows.py", "tune.py")
"""Modules of the zoo that travel beside a script."""
DATASET_ROWS, DATASET_SEED = 240, 5
TEMPLATE = {"prompt": "{question}", "completion": "{answer}"}

File = tuple[str, str, bytes]
"""Bucket, key and content."""


def files(hub: PublicHub, region: str) -> Iterator[File]:
    """Yield every file of a region."""
    bucket = OPEN_BUCKET + region
    models = [model for versions in hub.all.values() for model in versions]
    for key, document in specification.documents(models, region):
        yield bucket, key, _json(document)
    for key, body in dataset():
        yield bucket, f"training-datasets/facts_subset/{key}", body
    done: set[tuple[str, str]] = set()
    for model in models:
        for where, key, body in of_model(hub, model, region):
            if (where, key) not in done:
                done.add((where, key))
                yield where, key, body


def of_model(hub: PublicHub, model: HubModel, region: str) -> Iterator[File]:
    """Yield the files that a model's document names."""
    document = model.document(region)
    if "HostingEulaUri" in document:
        text = "\n".join(model.fill(hub.table["eula"], region)) + "\n"
        yield *_place(document["HostingEulaUri"]), text.encode()
    if model.script:
        yield *_place(document["TrainingScriptUri"]), sourcedir(model.script)
    for uri in (document.get("TrainingArtifactUri"), document.get("HostingArtifactUri")):
        if uri and document["Task"] == "Text Generation":
            bucket, prefix = _place(uri)
            for path in sorted(WEIGHTS.iterdir()):
                yield bucket, prefix + path.name, path.read_bytes()
    for recipe in document.get("RecipeCollection", []):
        parameters = model.fill(parameters_of(hub.table["recipes"], recipe), region)
        yield *_place(recipe["SmtjOverrideParamsS3Uri"]), _json(parameters)
        yield *_place(recipe["SmtjRecipeTemplateS3Uri"]), _template(recipe, parameters).encode()


def sourcedir(script: str) -> bytes:
    """Return the source archive of a training script: the same bytes each time.

    Args:
        script: ``resumes`` or ``plain``: which of the two entries becomes ``transfer_learning.py``.
    """
    packed = io.BytesIO()
    # Not the mode w:gz: that writes the time into the archive.
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        _add(tar, ENTRY, (SCRIPTS / f"entry_{script}.py").read_bytes())
        for path in sorted(SCRIPTS.glob("*.py")):
            if not path.name.startswith("entry_"):
                _add(tar, f"zoo/jumpstart/{path.name}", path.read_bytes())
        for name in ("__init__.py", *SHARED):
            _add(tar, f"zoo/{name}", (ZOO / name).read_bytes())
    return packed.getvalue()


def dataset() -> Iterator[tuple[str, bytes]]:
    """Yield the files of the default dataset: invented facts, questions about them, and a template."""
    rows = (mixture.row(DATASET_SEED, number, 1) for number in range(DATASET_ROWS))
    lines = [json.dumps({"question": prompt, "answer": completion}) for prompt, completion in rows]
    yield "train.jsonl", ("\n".join(lines) + "\n").encode()
    yield "template.json", _json(TEMPLATE)


def parameters_of(recipes: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a recipe lets its user choose: name -> type, default, range."""
    technique = recipes["techniques"][recipe["CustomizationTechnique"]]
    return {**recipes["parameters"], **(recipes["lora"] if recipe.get("Peft") else {}), **technique}


def _template(recipe: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """Return a recipe in which each parameter is a placeholder."""
    lines = [f"# {recipe['DisplayName']}", "training_config:"]
    lines += [f"  {name}: '{{{{{name}}}}}'" for name in parameters]
    return "\n".join(lines) + "\n"


def _add(tar: tarfile.TarFile, name: str, body: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(body), 0o644
    tar.addfile(member, io.BytesIO(body))


def _place(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()
