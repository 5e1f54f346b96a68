"""What Airflow learns from the installed package: name, versions, the configuration section, links."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

DISTRIBUTION = "airflow-finetune"

_DEPLOYMENT = (
    "A short name of this Airflow. It is part of the name and of the tags of everything that is made in AWS, so that\n"
    "two Airflows in one AWS account never adopt, stop or delete each other's jobs. Letters, digits and hyphens.\n"
    "Choose it once: after a change, jobs made under the old name are no longer found.\n"
)
_CLEANUP_DAG = (
    "The DAG that deletes what outlives its lease. A task that opens a scope warns when it is missing or paused, and\n"
    "`python -m airflow_finetune doctor` looks at it. Leave it empty if you clean up in another way.\n"
)


def get_provider_info() -> dict[str, Any]:
    """Return the provider description in the form that Airflow's schema asks for."""
    return {
        "package-name": DISTRIBUTION,
        "name": "Fine-tuning on AWS",
        "description": "Fine-tune language models on AWS: submitted once, torn down always, tried before it costs.",
        "versions": [_installed_version()],
        "extra-links": [
            "airflow_finetune.lifecycle.links.ConsoleLink",
            "airflow_finetune.lifecycle.links.LogLink",
        ],
        "config": {
            "airflow_finetune": {
                "description": "Settings of airflow-finetune.",
                "options": {
                    "deployment": {
                        "description": _DEPLOYMENT,
                        "type": "string",
                        "version_added": "0.1.0",
                        "example": "acme-prod",
                        "default": "default",
                    },
                    "cleanup_dag": {
                        "description": _CLEANUP_DAG,
                        "type": "string",
                        "version_added": "0.1.0",
                        "example": "cleanup_expired",
                        "default": "cleanup_expired",
                    },
                },
            },
        },
    }


def _installed_version() -> str:
    """Return the version of the installed distribution; ``0`` where the folder is used without an install."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0"
