"""Requests that AWS would refuse from the model alone: every fault in one answer, in AWS's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_finetune.sandbox.edge.errors import AwsError
from airflow_finetune.sandbox.edge.protocol import check
from airflow_finetune.sandbox.edge.protocol.models import service_model
from airflow_finetune.sandbox.edge.protocol.validate import _compiled
from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.sandbox.services import SERVICES
from tests.sandbox.edge.wire import ask, message

NAME_PATTERN = "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"


def operation(name: str, service: str = "sagemaker") -> Any:
    model: Any = service_model(service)
    return model.operation_model(name)


def refusal(name: str, params: dict[str, Any], service: str = "sagemaker") -> str:
    with pytest.raises(AwsError) as refused:
        check(operation(name, service), params)
    assert refused.value.status == 400
    return refused.value.message


def job(**changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": "job",
        "RoleArn": "arn:aws:iam::123456789012:role/r",
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "image"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changes,
    }


def test_a_proper_request_passes_so_the_refusals_below_mean_something() -> None:
    check(operation("CreateTrainingJob"), job())


def test_two_faults_are_worded_in_one_answer_as_aws_does() -> None:
    params = job(TrainingJobName="bad_name", ResourceConfig={"InstanceType": "ml.none", "VolumeSizeInGB": 1})
    text = refusal("CreateTrainingJob", params)
    assert text.startswith(
        "2 validation errors detected: Value 'bad_name' at 'trainingJobName' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {NAME_PATTERN}; "
        "Value 'ml.none' at 'resourceConfig.instanceType' failed to satisfy constraint: "
        "Member must satisfy enum value set: ["
    )
    assert "ml.g5.2xlarge, " in text
    assert text.endswith("]")


def test_one_fault_is_an_error_in_the_singular() -> None:
    text = refusal("DescribeTrainingJob", {"TrainingJobName": "-"})
    assert text == (
        "1 validation error detected: Value '-' at 'trainingJobName' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {NAME_PATTERN}"
    )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"TrainingJobName": "a" * 64},
            f"Value '{'a' * 64}' at 'trainingJobName' failed to satisfy constraint: "
            "Member must have length less than or equal to 63",
        ),
        ({"RoleArn": None}, "Value null at 'roleArn' failed to satisfy constraint: Member must not be null"),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 0}},
            "Value '0' at 'stoppingCondition.maxRuntimeInSeconds' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ),
        (
            {"Tags": [{"Key": "k", "Value": "v"}, {"Key": "", "Value": "v"}]},
            "Value '' at 'tags.2.member.key' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        ),
        (
            {"HyperParameters": {"k": "v" * 2501}},
            "at 'hyperParameters' failed to satisfy constraint: Map value must satisfy constraint: "
            "[Member must have length less than or equal to 2500",
        ),
        (
            {"VpcConfig": {"SecurityGroupIds": ["sg-1", "not a group!"], "Subnets": ["subnet-1"]}},
            "Value '[sg-1, not a group!]' at 'vpcConfig.securityGroupIds' failed to satisfy constraint: "
            "Member must satisfy constraint: [Member must have length less than or equal to 32",
        ),
        (
            {"AlgorithmSpecification": {"TrainingImage": "i"}},
            "Value null at 'algorithmSpecification.trainingInputMode' failed to satisfy constraint: "
            "Member must not be null",
        ),
    ],
)
def test_each_kind_of_fault_has_its_words(changes: dict[str, Any], fault: str) -> None:
    text = refusal("CreateTrainingJob", job(**changes))
    assert fault in text


def test_the_runtime_has_a_code_of_its_own() -> None:
    with pytest.raises(AwsError) as refused:
        check(operation("InvokeEndpoint", "sagemaker-runtime"), {"EndpointName": "-", "Body": b""})
    assert refused.value.code == "ValidationError"


def test_a_text_of_any_length_is_judged_at_once() -> None:
    """A pattern that backtracks must not hang the server."""
    for name in ("a" + "-" * 5000, "a" * 5000 + "!", "-" * 20_000):
        refusal("DescribeTrainingJob", {"TrainingJobName": name})


def test_a_refusal_reaches_the_client_whole(sandbox: Sandbox) -> None:
    body = json.dumps({"TrainingJobName": "bad_näme"}).encode()
    reply = ask(sandbox.url, message(body, target="SageMaker.DescribeTrainingJob"))
    assert (reply.status, reply.document["__type"]) == (400, "ValidationException")
    assert "'bad_näme'" in reply.document["message"]


def test_what_the_model_does_not_know_is_left_out_as_aws_does(sandbox: Sandbox) -> None:
    reply = ask(sandbox.url, message(b'{"NoSuchMember": 1, "MaxResults": null}'))
    assert reply.status == 200


def patterns(shape: Any, seen: set[str]) -> None:
    """Every pattern in a shape and what it holds."""
    if shape is None or shape.name in seen:
        return
    seen.add(shape.name)
    if "pattern" in shape.metadata:
        assert _compiled(shape.metadata["pattern"]) is not None, (shape.name, shape.metadata["pattern"])
    inside = list(getattr(shape, "members", {}).values()) if shape.type_name == "structure" else []
    inside += [shape.member] if shape.type_name == "list" else []
    inside += [shape.key, shape.value] if shape.type_name == "map" else []
    for each in inside:
        patterns(each, seen)


def test_python_can_read_every_pattern_of_our_operations() -> None:
    seen: set[str] = set()
    for service, operations in SERVICES.items():
        for name in operations:
            patterns(operation(name, service).input_shape, seen)
    assert len(seen) > 100


def test_a_pattern_with_characters_beyond_the_first_plane_is_javas() -> None:
    pattern = _compiled("[\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\t]*")
    assert pattern is not None
    assert pattern.fullmatch("a 漢 \U0001f600\t")
    assert not pattern.fullmatch("a\x00")


@pytest.mark.parametrize("text", ["Größe", "a b_c.d:/=+-@", "漢字"])
def test_tag_patterns_know_letters_of_every_script(text: str) -> None:
    check(operation("CreateTrainingJob"), job(Tags=[{"Key": text, "Value": text}]))
    refusal("CreateTrainingJob", job(Tags=[{"Key": "a\x00b", "Value": ""}]))
