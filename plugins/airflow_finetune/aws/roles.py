"""Whether a role is there."""

from __future__ import annotations

from typing import Any

from airflow_finetune.aws.answers import asked
from airflow_finetune.lifecycle.failures import Refusal


def found_role(client: Any, role_arn: str) -> str | Refusal:
    """Return the ARN of the role of this name in the connection's account, or AWS's refusal.

    Args:
        client: boto3 client of ``iam``.
        role_arn: its last part is the name.
    """
    name = role_arn.rsplit("/", 1)[-1]
    return asked(role_arn, lambda: str(client.get_role(RoleName=name)["Role"]["Arn"]))
