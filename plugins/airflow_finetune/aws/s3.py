"""What we need of S3: put something once under the name of its content, and look whether a place holds anything."""

from __future__ import annotations

from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from airflow_finetune.aws.answers import asked
from airflow_finetune.errors import RequestRefused
from airflow_finetune.lifecycle.failures import Refusal


class Place(NamedTuple):
    """A bucket and a key or prefix."""

    bucket: str
    key: str


def place_of(uri: str) -> Place:
    """Return bucket and key of an ``s3://`` address.

    Raises:
        RequestRefused: it is no such address.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise RequestRefused(uri, "this is no S3 address.", "Write s3://BUCKET/KEY.")
    return Place(bucket, key)


def put_once(client: Any, uri: str, body: bytes, kms_key_id: str | None) -> bool:
    """Put an object whose name comes from its content, unless it is there; return whether it was put.

    Raises:
        RequestRefused: the bucket is not there or not ours to write.
    """
    place = place_of(uri)
    if exists(client, uri):
        return False
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
    try:
        client.put_object(Bucket=place.bucket, Key=place.key, Body=body, **encryption)
    except ClientError as error:
        said = f"AWS answered {error.response['Error']['Code']}: {error.response['Error'].get('Message', '')}"
        raise RequestRefused(uri, said, "Give the role of the Airflow connection s3:PutObject there.") from error
    return True


def exists(client: Any, uri: str) -> bool:
    """Say whether an object is there; one that we may not see counts as absent."""
    place = place_of(uri)
    try:
        client.head_object(Bucket=place.bucket, Key=place.key)
    except ClientError:
        return False
    return True


def holds_anything(client: Any, uri: str) -> bool:
    """Say whether an address is an object or the beginning of the name of one.

    Raises:
        RequestRefused: the bucket is not there, or we may not look into it.
    """
    place = place_of(uri)
    try:
        answer = client.list_objects_v2(Bucket=place.bucket, Prefix=place.key, MaxKeys=1)
    except ClientError as error:
        said = f"AWS answered {error.response['Error']['Code']}: {error.response['Error'].get('Message', '')}"
        raise RequestRefused(uri, said, "Check the address and the permissions of the connection.") from error
    return bool(answer.get("KeyCount"))


def bucket_region(client: Any, bucket: str) -> str | Refusal:
    """Return where a bucket is, or AWS's refusal; AWS says where also to those who may not look into it."""

    def head() -> str:
        try:
            answer = client.head_bucket(Bucket=bucket)
        except ClientError as error:
            answer = error.response
            if "x-amz-bucket-region" not in answer["ResponseMetadata"]["HTTPHeaders"]:
                raise
        return str(answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"])

    return asked(f"s3://{bucket}", head)


def looked_into(client: Any, uri: str) -> bool | Refusal:
    """Say what ``holds_anything`` says, or AWS's refusal."""
    place = place_of(uri)
    return asked(
        uri, lambda: bool(client.list_objects_v2(Bucket=place.bucket, Prefix=place.key, MaxKeys=1).get("KeyCount"))
    )
