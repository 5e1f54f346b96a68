"""An account that customizes models, through plain boto3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_finetune.sandbox.server import Sandbox
from tests.sandbox.bedrock.account import Account


@pytest.fixture
def account(sandbox: Sandbox, aws: Callable[..., Any]) -> Account:
    """The account of one test."""
    return Account(sandbox, aws)
