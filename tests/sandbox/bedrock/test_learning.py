"""What customization does to a model: it really learns. Minutes, so run by ``make test-long``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import boto3
import pytest
from botocore.config import Config

from airflow_finetune.sandbox.runner.inference import TINY_BASE
from demo import orders
from demo.airflow_api import DIRECT
from tests.clients.embedded import KEYS, REGION, TOKEN, Endpoint, serving
from tests.sandbox.bedrock.account import MICRO, PREMIER, ROLE, TITAN, conversation, lines, order_records, until

pytestmark = pytest.mark.long
assert DIRECT, "no proxy of the environment stands between a test and its server"

GOLDEN = list(orders.records(orders.GOLDEN_SEED, 60))
GRADER = """
def lambda_handler(event, context):
    return [
        {"id": sample["id"], "aggregate_reward_score": 1.0 if sample["messages"][-1]["content"][:1] == "{" else 0.0}
        for sample in event
    ]
"""


class Cloud:
    """An embedded AWS of its own, whose Nova Premier is a model that can do the task."""

    def __init__(self, endpoint: Endpoint, teacher: Path) -> None:
        self.endpoint, self.teacher = endpoint, teacher
        self.s3, self.bedrock, self.runtime = map(self.client, ("s3", "bedrock", "bedrock-runtime"))
        self.s3.create_bucket(Bucket="bucket")

    def client(self, service: str) -> Any:
        config = Config(proxies={}, read_timeout=300, retries={"total_max_attempts": 1})
        return boto3.client(service, endpoint_url=self.endpoint.url, region_name=REGION, config=config, **KEYS)

    def put(self, key: str, records: Any) -> str:
        self.s3.put_object(Bucket="bucket", Key=key, Body=lines(records).encode())
        return f"s3://bucket/{key}"

    def tune(self, name: str, records: Any, **more: Any) -> dict[str, Any]:
        """Run a customization job to its end; returns what Get says then."""
        self.bedrock.create_model_customization_job(
            **{
                "jobName": name,
                "customModelName": name,
                "roleArn": ROLE,
                "baseModelIdentifier": MICRO,
                "trainingDataConfig": {"s3Uri": self.put(f"{name}.jsonl", records)},
                "outputDataConfig": {"s3Uri": "s3://bucket/out"},
                **more,
            }
        )

        def job() -> dict[str, Any]:
            found: dict[str, Any] = self.bedrock.get_model_customization_job(jobIdentifier=name)
            return found

        for _ in range(4):  # an orderly end takes minutes on a busy machine
            try:
                until(lambda: job()["status"] != "InProgress")
                break
            except pytest.fail.Exception:
                continue
        return job()

    def deploy(self, name: str) -> str:
        model = self.bedrock.get_custom_model(modelIdentifier=name)["modelArn"]
        deployed = self.bedrock.create_custom_model_deployment(modelDeploymentName=name, modelArn=model)
        arn = str(deployed["customModelDeploymentArn"])
        get = self.bedrock.get_custom_model_deployment
        until(lambda: get(customModelDeploymentIdentifier=arn)["status"] == "Active")
        return arn

    def exact_match(self, model: str) -> float:
        def answer(raw: dict[str, str]) -> str:
            said = self.runtime.converse(
                modelId=model,
                messages=[{"role": "user", "content": [{"text": raw["text"]}]}],
                inferenceConfig={"maxTokens": 110, "temperature": 0},
            )
            return str(said["output"]["message"]["content"][0]["text"])

        with ThreadPoolExecutor(16) as pool:
            return orders.exact_match(pool.map(answer, GOLDEN), (raw["json"] for raw in GOLDEN))

    def weights(self, name: str) -> Path:
        """The folder with a custom model's weights, which AWS would not show."""
        state = json.loads(self.endpoint_state())
        found = list(Path(state["state_dir"]).glob("bedrock/ml/models/*/model.safetensors"))
        newest = max(found, key=lambda path: path.stat().st_mtime)
        assert self.bedrock.get_custom_model(modelIdentifier=name)["modelStatus"] == "Active"
        return newest.parent

    def endpoint_state(self) -> str:
        return json.dumps(self.endpoint.admin("GET", "state"))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("bedrock")
    teacher, grader = folder / "teacher", folder / "grader"
    shutil.copytree(TINY_BASE, teacher)
    grader.mkdir()
    (grader / "lambda_function.py").write_text(GRADER)
    (folder / "bad").mkdir()
    (folder / "bad" / "lambda_function.py").write_text(
        "def lambda_handler(event, context):\n    raise KeyError('no')\n"
    )
    options = [
        "--model",
        f"{PREMIER}={teacher}",
        "--function",
        f"grade={grader}",
        "--function",
        f"bad={folder / 'bad'}",
    ]
    with serving(folder / "log", "--slots", "2", *options) as endpoint:
        assert TOKEN
        yield Cloud(endpoint, teacher)


def test_fine_tuning_raises_exact_match_and_the_tuned_model_can_teach_another(cloud: Cloud) -> None:
    before = cloud.exact_match(MICRO.removesuffix(":128k"))
    job = cloud.tune("tuned", order_records(1, 400), hyperParameters={"epochCount": "2"})
    assert job["status"] == "Completed", job
    tuned = cloud.exact_match(cloud.deploy("tuned"))
    assert before < 0.1
    assert tuned > before + 0.4

    for path in cloud.weights("tuned").iterdir():  # from now on Nova Premier is the tuned model
        shutil.copyfile(path, cloud.teacher / path.name)
    assert cloud.exact_match(PREMIER) == pytest.approx(tuned, abs=0.05)
    prompts = [{**record, "messages": record["messages"][:1]} for record in order_records(5, 300)]
    job = cloud.tune(
        "student",
        [*prompts, {"prompt": "of another form"}],
        customizationType="DISTILLATION",
        customizationConfig={
            "distillationConfig": {
                "teacherModelConfig": {"teacherModelIdentifier": PREMIER, "maxResponseLengthForInference": 110}
            }
        },
    )
    assert job["status"] == "Completed", job
    student = cloud.exact_match(cloud.deploy("student"))
    assert student > 0.6 * tuned
    prefix = f"out/model-customization-job-{job['jobArn'].rsplit('/')[-1]}/training_artifacts/"
    keys = {each["Key"] for each in cloud.s3.list_objects_v2(Bucket="bucket", Prefix=prefix)["Contents"]}
    assert keys == {prefix + name for name in (
        "step_wise_training_metrics.csv", "synthetic_data.jsonl", "prompt_insights.jsonl")}  # fmt: skip
    insights = cloud.s3.get_object(Bucket="bucket", Key=f"{prefix}prompt_insights.jsonl")["Body"].read().decode()
    assert [json.loads(line)["status"] for line in insights.splitlines()] == ["Accepted", "Rejected"]
    bill = {line["kind"] for line in cloud.endpoint.admin("GET", "bill")["lines"] if line["arn"] == job["jobArn"]}
    assert bill == {"customization_training", "teacher_input_tokens", "teacher_output_tokens"}


def invented(seed: int, count: int) -> list[str]:
    """Sentences about machines that do not exist, always in the same words."""
    rng = Random(f"domain:{seed}")
    parts, faults = ("zorvex valve", "quill pump", "brindle seal", "tarn rotor"), ("whines", "weeps", "stalls")
    return [
        f"When the {rng.choice(parts)} {rng.choice(faults)}, the keeper of deck {rng.randint(1, 9)} turns the "
        f"{rng.choice(parts)} twice and writes it into the grey book."
        for _ in range(count)
    ]


def perplexity(folder: Path, texts: list[str]) -> float:
    """Of raw text, measured outside the sandbox."""
    program = (
        "import json, math, sys, torch\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n"
        "folder, texts = sys.argv[1], json.load(sys.stdin)\n"
        "model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)\n"
        "tokenizer = AutoTokenizer.from_pretrained(folder)\ntotal = count = 0\nwith torch.no_grad():\n"
        "    for text in texts:\n        ids = tokenizer('<s>' + text + '</s>', return_tensors='pt')['input_ids']\n"
        "        total += float(model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)\n"
        "        count += ids.shape[1] - 1\nprint(math.exp(total / count))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, folder], input=json.dumps(texts), capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return float(ran.stdout)


def test_continued_pre_training_lowers_the_perplexity_of_an_invented_domain(cloud: Cloud) -> None:
    job = cloud.tune(
        "domain",
        [{"input": text} for text in invented(1, 160)],
        customizationType="CONTINUED_PRE_TRAINING",
        baseModelIdentifier=TITAN,
        hyperParameters={"epochCount": "3"},
        validationDataConfig={
            "validators": [{"s3Uri": cloud.put("domain-val.jsonl", [{"input": text} for text in invented(2, 20)])}]
        },
    )
    assert job["status"] == "Completed", job
    held_out = invented(3, 20)
    before, after = perplexity(TINY_BASE, held_out), perplexity(cloud.weights("domain"), held_out)
    assert after < before / 10
    assert after < 5


def reinforcement(function: str, **hyperparameters: Any) -> dict[str, Any]:
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function}"
    config = {"graderConfig": {"lambdaGrader": {"lambdaArn": arn}}, "hyperParameters": hyperparameters}
    return {
        "customizationType": "REINFORCEMENT_FINE_TUNING",
        "customizationConfig": {"rftConfig": config},
        "baseModelIdentifier": "amazon.nova-2-lite-v1:0:256k",
    }


PROMPTS = [
    {"messages": [{"role": "user", "content": raw["text"]}], "reference_answer": raw["json"]}
    for raw in orders.records(9, 128)
]


def test_reinforcement_asks_the_grader_and_raises_its_reward(cloud: Cloud) -> None:
    config = reinforcement("grade", epochCount=1, batchSize=16, trainingSamplePerPrompt=4, inferenceMaxTokens=8)
    job = cloud.tune("graded", PROMPTS, **config)
    assert job["status"] == "Completed", job
    key = f"out/model-customization-job-{job['jobArn'].rsplit('/')[-1]}/training_artifacts/rewards.jsonl"
    text = cloud.s3.get_object(Bucket="bucket", Key=key)["Body"].read().decode()
    rewards = [json.loads(line)["mean_reward"] for line in text.splitlines()]
    assert len(rewards) == 8
    assert sum(rewards[-3:]) / 3 > rewards[0], rewards


def test_a_grader_that_raises_fails_the_job_in_its_words(cloud: Cloud) -> None:
    job = cloud.tune("raises", PROMPTS, **reinforcement("bad", inferenceMaxTokens=4))
    assert job["status"] == "Failed"
    assert job["failureMessage"] == "The reward Lambda function raised KeyError: 'no'"


def test_a_distillation_from_invocation_logs_needs_no_teacher(cloud: Cloud) -> None:
    for number, raw in enumerate(orders.records(11, 104)):
        turn = conversation(raw["text"], raw["json"])["messages"]
        log = {
            "schemaType": "ModelInvocationLog",
            "input": {"inputBodyJson": {"messages": turn[:1]}},
            "output": {"outputBodyJson": {"output": {"message": turn[1]}}},
            "requestMetadata": {"team": "a" if number else "b"},
        }
        cloud.put(f"logs/{number}.json", [log])
    source = {"invocationLogSource": {"s3Uri": "s3://bucket/logs"}, "usePromptResponse": True}
    filters = {"requestMetadataFilters": {"equals": {"team": "a"}}}
    job = cloud.tune(
        "from-logs",
        [],
        customizationType="DISTILLATION",
        customizationConfig={"distillationConfig": {"teacherModelConfig": {"teacherModelIdentifier": PREMIER}}},
        trainingDataConfig={"invocationLogsConfig": {**source, **filters}},
    )
    assert job["status"] == "Completed", job
    kinds = {line["kind"] for line in cloud.endpoint.admin("GET", "bill")["lines"] if line["arn"] == job["jobArn"]}
    assert kinds == {"customization_training"}
