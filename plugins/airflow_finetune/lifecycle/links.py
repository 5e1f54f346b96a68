"""Links from a task to its job in AWS's console and to its log, there while the job still runs."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from airflow_finetune.resources import Resource

_CONSOLES = {
    "cn-": "https://{region}.console.amazonaws.cn/",
    "us-gov-": "https://console.amazonaws-us-gov.com/",
}


def console_url(resource: Resource, region: str, name: str) -> str:
    """Return the page of a resource in the console of its partition."""
    return _console(region) + resource.console.format(region=region, name=quote(name, safe=""))


def log_url(resource: Resource, region: str, name: str) -> str:
    """Return the page of a job's log streams; empty for a resource without logs."""
    if resource.log_group is None:
        return ""
    group = quote(quote(resource.log_group, safe=""), safe="").replace("%", "$")  # the console's own encoding
    streams = f"$3FlogStreamNameFilter$3D{quote(name, safe='')}$252F"
    return f"{_console(region)}cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}{streams}"


class _JobLink(BaseOperatorLink):
    """Finds the URL on the operator while it runs in a worker; Airflow keeps it as an XCom for the UI."""

    attribute = ""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the URL; empty before there is a job."""
        return str(getattr(operator, "link_urls", {}).get(self.xcom_key, ""))


class ConsoleLink(_JobLink):
    """The job in AWS's console."""

    name = "Job in the AWS console"


class LogLink(_JobLink):
    """The job's log in CloudWatch."""

    name = "Job log in CloudWatch"


def link_urls(resource: Resource, region: str, name: str) -> dict[str, str]:
    """Return XCom key -> URL for every link of a job."""
    return {
        ConsoleLink().xcom_key: console_url(resource, region, name),
        LogLink().xcom_key: log_url(resource, region, name),
    }


def _console(region: str) -> str:
    for prefix, address in _CONSOLES.items():
        if region.startswith(prefix):
            return address.format(region=region)
    return f"https://{region}.console.aws.amazon.com/"
