"""Every host, and which one a spec means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_finetune.errors import SpecError
from airflow_finetune.serving.bedrock.host import BEDROCK_HOST
from airflow_finetune.serving.endpoint.host import ENDPOINT_HOST
from airflow_finetune.serving.host import Host
from airflow_finetune.spec import Spec

HOSTS: tuple[Host, ...] = (ENDPOINT_HOST, BEDROCK_HOST)


def host_of(spec: Spec | Mapping[str, Any], thing: str) -> Host:
    """Return the host that a spec is for: by its class, or by the ``backend`` of a mapping; an endpoint without one.

    Args:
        spec: any host's, or a mapping with its fields.
        thing: what to name in the error.

    Raises:
        SpecError: no host has this name.
    """
    name = spec.backend if isinstance(spec, Spec) else spec.get("backend", ENDPOINT_HOST.name)
    return hosts_named([name], thing)[0]


def hosts_named(names: Sequence[str], thing: str) -> tuple[Host, ...]:
    """Return the hosts of these names.

    Args:
        names: of hosts.
        thing: what to name in the error.

    Raises:
        SpecError: no host has one of these names.
    """
    known = {host.name: host for host in HOSTS}
    for name in names:
        if name not in known:
            raise SpecError(f"{thing}: host", f"{name!r} is none.", f"Known are {', '.join(known)}.")
    return tuple(known[name] for name in names)
