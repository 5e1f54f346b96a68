"""What a customization job leaves in its output bucket: AWS's metric files, and what a distillation adds."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..transfer.channels import split_uri

STEPS = "training_artifacts/step_wise_training_metrics.csv"
VALIDATION = "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv"
SYNTHETIC = "training_artifacts/synthetic_data.jsonl"
INSIGHTS = "training_artifacts/prompt_insights.jsonl"
REWARDS = "training_artifacts/rewards.jsonl"
WRITE_CHECK = ".write_access_check_file.tmp"
SYNTHETIC_SAMPLES = 100
LARGEST_EXPONENT = 700.0

Line = dict[str, Any]


def prefix(output_uri: str, job_id: str) -> str:
    """Return where a job's artefacts lie, as AWS names it."""
    return f"{output_uri.rstrip('/')}/model-customization-job-{job_id}/"


def lines(path: Path) -> list[Line]:
    """Return what a program wrote line by line; a last line that is cut off is left out."""
    if not path.exists():
        return []
    found = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(text))
        except ValueError:
            break
    return found


def steps_file(steps: Iterable[Line]) -> bytes:
    """Return step_wise_training_metrics.csv."""
    return _table(("step_number", "epoch_number", "training_loss", "perplexity"), steps)


def validation_file(found: Iterable[Line]) -> bytes:
    """Return validation_metrics.csv; its first row is the model before the first step."""
    return _table(("step_number", "epoch_number", "validation_loss", "validation_perplexity"), found)


def _table(header: Sequence[str], found: Iterable[Line]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for line in found:
        loss = float(line["loss"])
        writer.writerow([line["step"], line["epoch"], loss, math.exp(min(loss, LARGEST_EXPONENT))])
    return text.getvalue().encode()


def upload(s3: Any, uri: str, name: str, content: bytes) -> None:
    """Put one artefact below the prefix."""
    bucket, key = split_uri(uri)
    s3.put_object(Bucket=bucket, Key=key + name, Body=content)


def upload_lines(s3: Any, uri: str, name: str, found: Iterable[Line]) -> None:
    """Put an artefact of JSON Lines below the prefix."""
    upload(s3, uri, name, "".join(json.dumps(line) + "\n" for line in found).encode())
