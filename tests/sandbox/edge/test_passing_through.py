"""Commodity services answer through the gateway as if it were not there."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from airflow_finetune.sandbox.server import Sandbox

Aws = Callable[..., Any]
ROLE = "arn:aws:iam::123456789012:role/r"


def test_services_of_the_query_protocol_get_their_body_back(aws: Aws) -> None:
    assert aws("sts").get_caller_identity()["Account"] == "123456789012"
    iam = aws("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == ["r"]
    topic = aws("sns").create_topic(Name="t")["TopicArn"]
    assert aws("sns").list_topics()["Topics"] == [{"TopicArn": topic}]


def test_a_message_sent_to_a_topic_arrives_in_a_queue(aws: Aws) -> None:
    sns, sqs = aws("sns"), aws("sqs")
    topic, queue = sns.create_topic(Name="t")["TopicArn"], sqs.create_queue(QueueName="q")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:q")
    sns.publish(TopicArn=topic, Message="ünïcode & more")
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["Message"] == "ünïcode & more"


def test_metrics_travel_in_their_binary_protocol(aws: Aws) -> None:
    cloudwatch = aws("cloudwatch")
    cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "loss", "Value": 0.5}])
    assert [metric["MetricName"] for metric in cloudwatch.list_metrics(Namespace="N")["Metrics"]] == ["loss"]


def test_a_large_request_that_boto3_compresses_arrives(aws: Aws) -> None:
    cloudwatch = aws("cloudwatch")
    data = [{"MetricName": f"m{number}", "Value": 1.0, "Unit": "Count"} for number in range(300)]
    cloudwatch.put_metric_data(Namespace="Compressed", MetricData=data)
    metrics = cloudwatch.get_paginator("list_metrics").paginate(Namespace="Compressed").build_full_result()["Metrics"]
    assert len(metrics) == 300


def test_logs_keys_rules_and_secrets_are_served(aws: Aws) -> None:
    logs, kms = aws("logs"), aws("kms")
    logs.create_log_group(logGroupName="g")
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == ["g"]
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    secret = kms.encrypt(KeyId=key, Plaintext=b"\x00binary")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=secret)["Plaintext"] == b"\x00binary"
    aws("events").put_rule(Name="r", EventPattern='{"source":["aws.sagemaker"]}')
    assert [rule["Name"] for rule in aws("events").list_rules()["Rules"]] == ["r"]
    aws("secretsmanager").create_secret(Name="s", SecretString="hidden")
    assert aws("secretsmanager").get_secret_value(SecretId="s")["SecretString"] == "hidden"


@pytest.fixture
def s3(aws: Aws) -> Any:
    client = aws("s3")
    client.create_bucket(Bucket="bucket")
    return client


@pytest.mark.parametrize("key", ["a b", "a+b%2Fc", "ä/漢", "a//b", "~x=1&y", "a?b#c"])
def test_keys_keep_every_character(s3: Any, key: str) -> None:
    s3.put_object(Bucket="bucket", Key=key, Body=b"1", Metadata={"my_key": "v", "my-other": "w"})
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="bucket")["Contents"]] == [key]
    found = s3.get_object(Bucket="bucket", Key=key)
    assert found["Body"].read() == b"1"
    assert found["Metadata"]["my-other"] == "w"
    s3.delete_object(Bucket="bucket", Key=key)


def test_a_large_object_goes_up_in_parts_and_comes_down_in_ranges(s3: Any) -> None:
    content = bytes(range(256)) * 40_000 * 2  # 20 MB: three parts of 8 MB
    s3.upload_fileobj(io.BytesIO(content), "bucket", "large")
    assert s3.head_object(Bucket="bucket", Key="large")["ETag"].endswith('-3"')
    back = io.BytesIO()
    s3.download_fileobj("bucket", "large", back)
    assert back.getvalue() == content
    part = s3.get_object(Bucket="bucket", Key="large", Range="bytes=1000-1999")["Body"].read()
    assert part == content[1000:2000]


class _Endless(io.RawIOBase):
    """A source without a length, so that the body is sent in chunks."""

    def __init__(self, content: bytes) -> None:
        self._source = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._source.read(size)


def test_a_body_without_a_length_arrives_whole(sandbox: Sandbox, s3: Any) -> None:
    url = s3.generate_presigned_url("put_object", {"Bucket": "bucket", "Key": "chunked"})
    request = urllib.request.Request(url, data=_Endless(b"x" * 300_000), method="PUT")
    request.add_header("Content-Type", "application/octet-stream")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    assert s3.get_object(Bucket="bucket", Key="chunked")["Body"].read() == b"x" * 300_000


def test_a_conditional_write_is_refused_when_the_key_exists(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="k", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="bucket", Key="k", Body=b"second", IfNoneMatch="*")
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"first"


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
def test_presigned_addresses_work_without_credentials(s3: Any, aws: Aws, signature: str) -> None:
    s3.put_object(Bucket="bucket", Key="a b", Body=b"content")
    signer = aws("s3", config=Config(signature_version=signature))
    url = signer.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "a b"})
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"content"


def test_an_absent_key_is_an_error_of_s3_and_not_a_missing_operation(s3: Any) -> None:
    for call in (s3.get_object, s3.head_object, s3.get_object_tagging):
        with pytest.raises(ClientError) as absent:
            call(Bucket="bucket", Key="absent")
        assert absent.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_call_that_moto_would_take_for_another_harms_nothing(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="k", Body=b"1")
    for call, more in (
        (s3.delete_bucket_metrics_configuration, {"Id": "x"}),
        (s3.delete_object_annotation, {"Key": "k", "AnnotationName": "x"}),
    ):
        with pytest.raises(ClientError, match="NotImplemented"):
            call(Bucket="bucket", **more)
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"1"


def test_an_access_key_of_twelve_digits_chooses_the_account(sandbox: Sandbox) -> None:
    import boto3

    def account_of(key: str) -> Any:
        client = boto3.client(
            "sts", endpoint_url=sandbox.url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key="x"
        )
        answer = client.get_caller_identity()["Account"]
        client.close()
        return answer

    assert account_of("000000000042") == "000000000042"
    assert account_of("AKIAIOSFODNN7EXAMPLE") == "123456789012"


MISSING = [  # protocol, service, operation, parameters
    ("json", "sagemaker", "list_hubs", {}),
    ("json", "logs", "list_anomalies", {}),
    ("rest-json", "bedrock", "list_inference_profiles", {}),
    ("rest-json", "bedrock-runtime", "converse_stream", {"modelId": "m", "messages": []}),
    ("rest-json", "lambda", "list_code_signing_configs", {}),
    ("query", "sns", "verify_sms_sandbox_phone_number", {"PhoneNumber": "+1", "OneTimePassword": "12345"}),
    ("query", "iam", "simulate_principal_policy", {"PolicySourceArn": ROLE + "/x/y/z", "ActionNames": ["a:b"]}),
    ("rest-xml", "s3", "get_bucket_metrics_configuration", {"Bucket": "b", "Id": "x"}),
    ("cbor", "cloudwatch", "describe_alarm_contributors", {"AlarmName": "x"}),
    ("a service moto has not", "freetier", "get_free_tier_usage", {}),
]


@pytest.mark.parametrize("mode", ["legacy", "standard"])
@pytest.mark.parametrize(("protocol", "service", "operation", "params"), MISSING, ids=[case[0] for case in MISSING])
def test_what_nobody_implements_is_a_client_error_at_once(
    sandbox: Sandbox, aws: Aws, mode: str, protocol: str, service: str, operation: str, params: dict[str, Any]
) -> None:
    client = aws(service, config=Config(retries={"mode": mode, "total_max_attempts": 4}))
    with pytest.raises(ClientError) as missing:
        getattr(client, operation)(**params)
    answer = missing.value.response
    name = client.meta.method_to_api_mapping[operation]
    assert answer["Error"]["Code"] == "NotImplemented"
    assert name in answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert answer["ResponseMetadata"].get("RetryAttempts", 0) == 0
    assert [call.operation for call in sandbox.world.calls.records()] == [name]


S3_URI = "s3://bucket/key"
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
PRETENDED = [  # what moto would write down, or answer with a made-up text, without doing it
    (
        "sagemaker",
        "create_transform_job",
        {
            "TransformJobName": "t",
            "ModelName": "m",
            "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": S3_URI}}},
            "TransformOutput": {"S3OutputPath": S3_URI},
            "TransformResources": CLUSTER,
        },
    ),
    ("sagemaker", "start_pipeline_execution", {"PipelineName": "p", "ClientRequestToken": "x" * 32}),
    ("sagemaker", "search", {"Resource": "TrainingJob"}),
    ("bedrock-runtime", "invoke_model_with_response_stream", {"modelId": "amazon.titan-text-lite-v1", "body": b"{}"}),
    ("glue", "start_job_run", {"JobName": "j"}),
    ("stepfunctions", "start_execution", {"stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:s"}),
    ("comprehend", "detect_sentiment", {"Text": "good", "LanguageCode": "en"}),
]


@pytest.mark.parametrize(("service", "operation", "params"), PRETENDED, ids=[case[1] for case in PRETENDED])
def test_work_that_moto_would_only_write_down_is_refused(
    aws: Aws, service: str, operation: str, params: dict[str, Any]
) -> None:
    client = aws(service, config=Config(retries={"mode": "standard", "total_max_attempts": 4}))
    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**params)
    answer = refused.value.response
    assert answer["Error"]["Code"] == "NotImplemented"
    assert "The embedded AWS does not" in answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert answer["ResponseMetadata"].get("RetryAttempts", 0) == 0


def test_records_that_promise_no_work_stay_motos(aws: Aws) -> None:
    sagemaker = aws("sagemaker")
    sagemaker.create_experiment(ExperimentName="g")
    assert sagemaker.list_transform_jobs()["TransformJobSummaries"] == []
    found = sagemaker.search(Resource="Experiment")
    assert "Results" in found


def test_a_server_error_is_retried_so_the_check_above_can_fail(sandbox: Sandbox, aws: Aws) -> None:
    from airflow_finetune.sandbox.edge.faults import Rule

    sandbox.world.faults.add(Rule("server_error", operation="ListTopics"))
    client = aws("sns", config=Config(retries={"mode": "standard", "total_max_attempts": 2}))
    with pytest.raises(ClientError) as failed:
        client.list_topics()
    assert failed.value.response["ResponseMetadata"]["RetryAttempts"] == 1


def test_the_reset_of_motos_own_server_empties_everything(sandbox: Sandbox, aws: Aws) -> None:
    aws("s3").create_bucket(Bucket="bucket")
    sandbox.world.store.put("kind", "us-east-1", "name", {})
    sandbox.world.quotas.set("us-east-1", "training", "ml.m5.large", 0)
    sandbox.world.billing.charge("arn", "training", 1, "hours", 1.0)
    with urllib.request.urlopen(urllib.request.Request(f"{sandbox.url}/moto-api/reset", method="POST")) as answer:
        assert json.load(answer) == {"status": "ok"}
    assert sandbox.world.store.shelves() == {}
    assert sandbox.world.billing.lines() == []
    assert sandbox.world.quotas.limit("us-east-1", "training", "ml.m5.large") > 0
    assert aws("s3").list_buckets()["Buckets"] == []


def test_other_parts_of_motos_api_are_passed_on(sandbox: Sandbox) -> None:
    with urllib.request.urlopen(f"{sandbox.url}/moto-api/data.json") as answer:
        assert isinstance(json.load(answer), dict)


def test_a_page_of_another_origin_cannot_reset(sandbox: Sandbox) -> None:
    sandbox.world.store.put("kind", "us-east-1", "name", {})
    request = urllib.request.Request(
        f"{sandbox.url}/moto-api/reset", method="POST", headers={"Origin": "https://evil.example"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value:
        assert refused.value.code == 403
    assert sandbox.world.store.shelves() != {}


def test_a_name_that_was_rebound_to_us_reads_nothing_of_motos_api(sandbox: Sandbox, s3: Any) -> None:
    request = urllib.request.Request(f"{sandbox.url}/moto-api/data.json", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value:
        assert refused.value.code == 403
        assert b"bucket" not in refused.value.read()


def test_s3_calls_that_share_a_path_are_told_apart(sandbox: Sandbox, s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="k", Body=b"1")
    s3.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/k")
    upload = s3.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
    s3.upload_part(Bucket="bucket", Key="parts", UploadId=upload, PartNumber=1, Body=b"1")
    s3.list_parts(Bucket="bucket", Key="parts", UploadId=upload)
    s3.abort_multipart_upload(Bucket="bucket", Key="parts", UploadId=upload)
    s3.list_objects_v2(Bucket="bucket")
    s3.delete_object(Bucket="bucket", Key="k")
    assert [call.operation for call in sandbox.world.calls.records()][1:] == [
        "PutObject",
        "CopyObject",
        "CreateMultipartUpload",
        "UploadPart",
        "ListParts",
        "AbortMultipartUpload",
        "ListObjectsV2",
        "DeleteObject",
    ]


def test_no_web_page_is_allowed_to_read_an_answer(sandbox: Sandbox, s3: Any) -> None:
    url = s3.generate_presigned_url("list_objects_v2", {"Bucket": "bucket"})
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Origin": "https://evil.example"})) as answer:
        assert "access-control-allow-origin" not in {name.lower() for name in answer.headers}
