"""Two endpoints of a few lines on the embedded AWS, a golden set that they answer well or badly, and both tasks."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_finetune.evaluation.asking import Patience
from airflow_finetune.evaluation.run import Places, evaluate_at
from airflow_finetune.evaluation.sampling import EvaluateSpec
from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.values import EvalReport, ModelReference, ServedModel
from tests.execution_api import TaskRun, in_dag
from tests.sandbox.hosting.account import IMAGE, ROLE, packed, until

# Answers "mugs 7" with {"mugs": 7}; what its "habits" say makes it another model. One question is one log line.
SCRIPT = """
import json, os

def model_fn(model_dir):
    return json.load(open(model_dir + "/habits.json")) | {"died": model_dir + "/died"}

def answer(chat, habits):
    text = chat if isinstance(chat, str) else chat[-1]["content"]
    thing, number = text.split()[-2:]
    number = int(number)
    if number in habits.get("refuses", []) or habits.get("refuses_all"):
        raise ValueError("this prompt is too long: " + text)
    if number == habits.get("dies_once_at") and not os.path.exists(habits["died"]):
        open(habits["died"], "w").close()
        os._exit(3)
    if number >= habits.get("dies_from", 1 << 60):
        os._exit(3)
    if "says" in habits:
        return habits["says"]
    if "says_each" in habits:
        return habits["says_each"][number - 1]
    if isinstance(chat, list) and chat[0]["role"] == "system":
        return chat[0]["content"]
    right = number % habits.get("wrong_every", 1 << 60) != 0
    return json.dumps({thing: number if right else -1})

def predict_fn(data, habits):
    if "whole" in habits:
        return habits["whole"]
    if "messages" in data:
        said = answer(data["messages"], habits) + habits.get("tail", "")
        return {"choices": [{"message": {"role": "assistant", "content": said}}], "asked": data}
    if isinstance(data["inputs"], str):
        return [{"generated_text": answer(data["inputs"], habits)}]
    return [[{"generated_text": answer(each, habits)}] for each in data["inputs"]]
"""
WRONG: dict[str, Any] = {"says": "I do not know."}
RIGHT: dict[str, Any] = {}
HASTE = Patience(calls=3, attempts=2, pause_seconds=0.01)
PLACES = ("patience", "end", "clock")


def lines(count: int, **changes: str) -> list[str]:
    """Return golden lines; ``changes`` replaces those whose number a key ends with (``line_3=...``)."""
    made = [
        json.dumps({"messages": [_turn("user", f"mugs {n}"), _turn("assistant", f'{{"mugs": {n}}}')]})
        for n in range(1, count + 1)
    ]
    for name, line in changes.items():
        made[int(name.rpartition("_")[2]) - 1] = line
    return made


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


@dataclass
class Trial:
    """What a test needs to evaluate and judge as a user would."""

    sandbox: Sandbox
    aws: Callable[..., Any]
    output: str = "s3://acme/results"
    served: dict[str, ServedModel] = field(default_factory=dict)

    def golden(self, rows: list[str], key: str = "golden/set.jsonl") -> dict[str, Any]:
        """Put a golden set; return the dumped reference."""
        body = "".join(row + "\n" for row in rows).encode()
        self.aws("s3").put_object(Bucket="acme", Key=key, Body=body)
        return {"uri": f"s3://acme/{key}", "sha256": hashlib.sha256(body).hexdigest(), "examples": len(rows)}

    def serve(self, arm: str, habits: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> dict[str, Any]:
        """Serve a model of these habits, or of these files, at an endpoint of its own; return its dump."""
        name, key = arm, f"models/{arm}/model.tar.gz"
        few_lines = {"code/inference.py": SCRIPT, "habits.json": json.dumps({"name": name, **habits})}
        self.aws("s3").put_object(Bucket="acme", Key=key, Body=packed(files or few_lines))
        sagemaker = self.aws("sagemaker")
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://acme/{key}"}
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large"}
        sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
        )
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        until(lambda: self._status(name) == "InService")
        fields: dict[str, Any] = {
            "arm": arm,
            "endpoint_name": name,
            "endpoint_arn": f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}",
            "region": "us-east-1",
            "model": ModelReference(uri=f"s3://acme/{key}"),
            "scope_id": "0123456789abcdef",
            "expires_at": datetime.now(UTC) + timedelta(hours=6),
            "digest": "feedfacefeedface",
            "instance_type": "ml.m5.large",
            "hourly_usd": 0.115,
        }
        return ServedModel(**fields).dump()

    def both(self, baseline: Mapping[str, Any] = WRONG, candidate: Mapping[str, Any] = RIGHT) -> dict[str, Any]:
        """Serve two models; return the arguments of an evaluation."""
        return {"baseline": self.serve("baseline", baseline), "candidate": self.serve("candidate", candidate)}

    def gone(self, name: str) -> None:
        """Delete an endpoint and wait until AWS does not know it."""
        sagemaker = self.aws("sagemaker")
        sagemaker.delete_endpoint(EndpointName=name)
        until(lambda: name not in [row["EndpointName"] for row in sagemaker.list_endpoints()["Endpoints"]])

    def evaluate(self, **arguments: Any) -> TaskRun:
        from airflow_finetune.operators import EvaluateOperator

        arguments = {"output_uri": self.output, **arguments}
        return TaskRun(in_dag(lambda: EvaluateOperator(task_id="evaluate", **arguments)))

    def evaluated(self, **arguments: Any) -> EvalReport:
        """Evaluate and return the report."""
        run = self.evaluate(**arguments)
        assert run.try_once() == "success", run.error
        return EvalReport.load(run.result)

    def at(self, golden: Any, arms: Mapping[str, Any], say: Callable[[str], None] = print, **more: Any) -> EvalReport:
        """Evaluate without Airflow and with little patience; ``more`` goes to spec and ``Places``."""
        places = {"patience": HASTE, "end": threading.Event()} | {k: more.pop(k) for k in (*PLACES,) if k in more}
        spec = EvaluateSpec.load({"output_uri": self.output, **more}, rendered=True, thing="test")
        both = [ServedModel.load(arms[name]) for name in ("baseline", "candidate")]
        return evaluate_at(spec, golden, both, Places(make_client=self.aws, say=say, **places))

    def fault(self, kind: str, **rule: Any) -> None:
        self.sandbox.world.faults.add(Rule(kind, **rule))

    def asked(self, name: str | None = None) -> int:
        """How many questions were put to an endpoint, or to all."""
        calls = self.sandbox.world.calls.records(operation="InvokeEndpoint")
        return sum(name in (None, call.params["EndpointName"]) for call in calls)

    def stored(self) -> dict[str, bytes]:
        """Name -> content of everything below the output."""
        if not self.output.startswith("s3://"):
            return {path.name: path.read_bytes() for path in Path(self.output).rglob("*") if path.is_file()}
        s3 = self.aws("s3")
        rows = s3.list_objects_v2(Bucket="acme", Prefix="results/").get("Contents", [])
        return {row["Key"].split("/")[-1]: s3.get_object(Bucket="acme", Key=row["Key"])["Body"].read() for row in rows}

    def _status(self, name: str) -> str:
        return str(self.aws("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"])
