"""A company whose tickets a model of a few lines learns to sort: raw data by day, a base model, pipeline files."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from demo.cloud import TRUST
from tests.clients.embedded import ROLE, Endpoint

IMAGE = Path(__file__).with_name("image")
TOPICS = {
    "refund": ["money", "back", "payment", "returned", "charged", "twice", "refund", "wrong", "amount"],
    "delivery": ["parcel", "late", "courier", "tracking", "arrived", "damaged", "box", "delivery"],
    "account": ["password", "login", "locked", "email", "change", "account", "profile", "sign"],
}
NAMES = ["anna", "bela", "cora", "dora", "emil", "fred", "gina", "hugo"]


def day_of_tickets(day: date, count: int = 60) -> bytes:
    """Return the tickets of a day, always the same ones: JSON Lines of id, text, topic."""
    draw, lines = random.Random(day.toordinal()), []
    for number in range(count):
        topic = draw.choice(sorted(TOPICS))
        words = draw.sample(TOPICS[topic], 4)
        text = f"{draw.choice(NAMES)} {number} writes {' '.join(words)}"
        lines.append(json.dumps({"id": f"{day}-{number}", "text": text, "topic": topic}))
    return "\n".join(lines).encode() + b"\n"


def golden(count: int = 40) -> bytes:
    """Return tickets of a day that is in no window."""
    rows = [json.loads(line) for line in day_of_tickets(date(2020, 1, 1), count).splitlines()]
    return b"".join(json.dumps({"prompt": row["text"], "completion": row["topic"]}).encode() + b"\n" for row in rows)


def prepare(aws: Endpoint, bucket: str, first: date, days: int, empty: frozenset[int] = frozenset()) -> None:
    """Make a bucket with the tickets of some days, a golden set, and a base model that knows nothing, and the role."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    base = {"pairs": {}, "behaves": "well"}
    s3.put_object(Bucket=bucket, Key="models/base/model.json", Body=json.dumps(base).encode())
    s3.put_object(Bucket=bucket, Key="golden.jsonl", Body=golden())
    for number in range(days):
        day = first + timedelta(days=number)
        if number not in empty:
            s3.put_object(Bucket=bucket, Key=f"raw/{day}/tickets.jsonl", Body=day_of_tickets(day))
    s3.close()
    iam = aws.client("iam")
    if not iam.list_roles()["Roles"]:
        iam.create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.close()


def pipeline(bucket: str, **sections: Any) -> dict[str, Any]:
    """Return a pipeline; mappings are merged key by key, and None takes a key away."""
    made: dict[str, Any] = {
        "backend": "spot_training",
        "data": {
            "source": f"s3://{bucket}/raw/{{window_start}}/",
            "prompt": "{text}",
            "completion": "{topic}",
            "golden": f"s3://{bucket}/golden.jsonl",
        },
        "model": {"base": f"s3://{bucket}/models/base/", "max_steps": 10},
        "compute": {"instance_type": "ml.m5.large", "max_runtime_seconds": 3600, "max_wait_seconds": 7200},
        "serving": {"instance_type": "ml.m5.large", "our_code": False},
        "gate": {"metric": "exact_match", "at_least": 0.6},
        "max_usd": 20,
        "aws": {"poll_seconds": 0.5},
    }
    for name, value in sections.items():
        below = made.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        made[name] = {**below, **value} if both else value
        if both:
            made[name] = {key: item for key, item in made[name].items() if item is not None}
    return made


def write_dag(folder: Path, dag_id: str, sections: Mapping[str, Any]) -> None:
    """Write a pipeline file and the DAG file that a user writes for it."""
    (folder / f"{dag_id}.yaml").write_text(yaml.safe_dump(dict(sections)))
    line = f'dag = finetune_dag("{dag_id}.yaml")'
    code = f'"""A pipeline of a test."""\n\nfrom airflow_finetune import finetune_dag\n\n{line}\n'
    (folder / f"{dag_id}.py").write_text(code)
