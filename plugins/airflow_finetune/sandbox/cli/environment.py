"""The environment in which a program sees the embedded AWS and nothing of the user's real one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from botocore.loaders import Loader

TOKEN_VARIABLE = "AIRFLOW_FINETUNE_SANDBOX_TOKEN"  # noqa: S105 - a variable's name

_FOREIGN = ("AWS_", "BOTO_", "AMAZON_", "ECS_CONTAINER_METADATA", "AIRFLOW_CONN_AWS")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def aws_variables(url: str, region: str, empty: Path) -> dict[str, str]:
    """What points every AWS client at the sandbox.

    Args:
        url: the endpoint.
        region: the default region.
        empty: an empty file that stands for AWS's configuration and credential files.
    """
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_CONFIG_FILE": str(empty),
        "AWS_SHARED_CREDENTIALS_FILE": str(empty),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def clean(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without anything that names a real AWS account, endpoint or profile, or a proxy."""
    return {
        name: value
        for name, value in (os.environ if environment is None else environment).items()
        if not name.upper().startswith(_FOREIGN) and name.upper() not in _PROXIES
    }


def forget_the_user() -> None:
    """Make this process, moto included, blind to the user's AWS files, profiles and variables."""
    cleaned = clean()
    for name in os.environ.keys() - cleaned.keys():
        del os.environ[name]
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    Loader.CUSTOMER_DATA_PATH = os.devnull  # ~/.aws/models: no variable moves it


def inside(url: str, region: str, token: str, empty: Path) -> dict[str, str]:
    """The whole environment of a command that runs inside the sandbox."""
    return {**clean(), **aws_variables(url, region, empty), TOKEN_VARIABLE: token, "NO_PROXY": "*"}
