"""What a training container finds on AWS: folders and configuration below /opt/ml, its environment, its command."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..processes import CODE_FOLDERS
from . import toolkit

ROOT = "/opt/ml"
HOST = "algo-1"
DEFAULT_CHECKPOINTS = "/opt/ml/checkpoints"


@dataclass(frozen=True)
class Command:
    """How the program of a job is started.

    Attributes:
        argv: program and arguments; may contain /opt/ml.
        cwd: the working directory inside the container.
        contract: ``entrypoint`` (the request's own), ``image`` (a local folder's ``train``) or ``toolkit``.
        code: folders below /opt/ml with code; see ``Program``.
    """

    argv: list[str]
    cwd: str
    contract: str
    code: tuple[str, ...] = CODE_FOLDERS


def below_ml(ml: Path, inside: str) -> Path:
    """Return the host's path of a path below /opt/ml."""
    return ml / PurePosixPath(inside).relative_to(ROOT)


def checkpoint_path(request: Mapping[str, Any]) -> str:
    """Return CheckpointConfig.LocalPath, or AWS's default."""
    return str(request.get("CheckpointConfig", {}).get("LocalPath") or DEFAULT_CHECKPOINTS)


def lay_out(request: Mapping[str, Any], ml: Path) -> None:
    """Make the folders and the three configuration files of a new instance."""
    for folder in ("input/config", "input/data", "model", "output/data", "code"):
        (ml / folder).mkdir(parents=True, exist_ok=True)
    below_ml(ml, checkpoint_path(request)).mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("hyperparameters", dict(request.get("HyperParameters", {}))),
        ("inputdataconfig", input_data_config(request)),
        ("resourceconfig", resource_config(request["ResourceConfig"]["InstanceType"])),
    ):
        (ml / "input" / "config" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def input_data_config(request: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the content of inputdataconfig.json."""
    default_mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    channels = {}
    for channel in request.get("InputDataConfig", []):
        source = channel["DataSource"]["S3DataSource"]
        channels[channel["ChannelName"]] = {
            "TrainingInputMode": channel.get("InputMode", default_mode),
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            **({"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}),
        }
    return channels


def resource_config(instance_type: str) -> dict[str, Any]:
    """Return the content of resourceconfig.json for the one host there is."""
    group = "homogeneousCluster"
    return {
        "current_host": HOST,
        "current_instance_type": instance_type,
        "current_group_name": group,
        "hosts": [HOST],
        "instance_groups": [{"instance_group_name": group, "instance_type": instance_type, "hosts": [HOST]}],
        "network_interface_name": "eth0",
    }


def environment(request: Mapping[str, Any], arn: str) -> dict[str, str]:
    """Return what SageMaker and its toolkit put into a container's environment; the request's own comes last."""
    hyperparameters = request.get("HyperParameters", {})
    channels = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    for_script = toolkit.for_script(hyperparameters)
    program = str(toolkit.decoded(hyperparameters).get(toolkit.PROGRAM, ""))
    variables: dict[str, Any] = {
        "TRAINING_JOB_NAME": request["TrainingJobName"],
        "TRAINING_JOB_ARN": arn,
        "SM_MODEL_DIR": f"{ROOT}/model",
        "SM_INPUT_DIR": f"{ROOT}/input",
        "SM_INPUT_CONFIG_DIR": f"{ROOT}/input/config",
        "SM_OUTPUT_DIR": f"{ROOT}/output",
        "SM_OUTPUT_DATA_DIR": f"{ROOT}/output/data",
        "SM_OUTPUT_INTERMEDIATE_DIR": f"{ROOT}/output/intermediate",
        "SM_CHANNELS": sorted(channels),
        "SM_HPS": for_script,
        "SM_USER_ARGS": toolkit.arguments(hyperparameters),
        "SM_CURRENT_HOST": HOST,
        "SM_CURRENT_INSTANCE_TYPE": request["ResourceConfig"]["InstanceType"],
        "SM_HOSTS": [HOST],
        "SM_NUM_CPUS": os.cpu_count() or 1,
        "SM_NUM_GPUS": 0,
        "SM_NUM_NEURONS": 0,
        "SM_NETWORK_INTERFACE_NAME": "eth0",
        "SM_LOG_LEVEL": toolkit.decoded(hyperparameters).get("sagemaker_container_log_level", 20),
        "SM_RESOURCE_CONFIG": resource_config(request["ResourceConfig"]["InstanceType"]),
        "SM_INPUT_DATA_CONFIG": input_data_config(request),
        "SM_USER_ENTRY_POINT": program,
        "SM_MODULE_NAME": program.removesuffix(".py"),
        "SM_MODULE_DIR": toolkit.decoded(hyperparameters).get(toolkit.SUBMIT_DIRECTORY, ""),
    }
    variables |= {f"SM_CHANNEL_{name.upper()}": f"{ROOT}/input/data/{name}" for name in channels}
    variables |= {f"SM_HP_{name.upper()}": value for name, value in for_script.items()}
    return {name: _as_text(value) for name, value in variables.items()} | dict(request.get("Environment", {}))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def command(request: Mapping[str, Any], image_program: Path | None, code: str) -> Command | None:
    """Return how the program is started, or None when nothing says what to run.

    Args:
        request: the members of CreateTrainingJob.
        image_program: ``train`` of the local folder that stands for the image; None without one.
        code: where the toolkit's code lies inside the container.
    """
    spec = request["AlgorithmSpecification"]
    words = [str(word) for word in spec.get("ContainerArguments", [])]
    if spec.get("ContainerEntrypoint"):
        return Command([*spec["ContainerEntrypoint"], *words], ROOT, "entrypoint")
    if image_program is not None:
        return Command([str(image_program), *(words or ["train"])], ROOT, "image")
    if toolkit.PROGRAM in request.get("HyperParameters", {}):
        return Command(toolkit.command(sys.executable, request["HyperParameters"]), code, "toolkit")
    return None


def python_tools(folder: Path, interpreter: Path) -> Path | None:
    """Make programs for those of ``python python3 pip pip3`` that do not lie beside the interpreter.

    The Python SDK's script mode wants python3 and pip3 on PATH; an environment may well have been made without pip.

    Args:
        folder: where the programs are made.
        interpreter: the Python that runs the job.

    Returns:
        The folder, to be put first on PATH; None when nothing was missing.
    """
    names = ("python", "python3", "pip", "pip3")
    missing = [name for name in names if not (interpreter.parent / name).exists()]
    if not missing:
        return None
    folder.mkdir(exist_ok=True)
    for name in missing:
        module = " -m pip" if name.startswith("pip") else ""
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.quote(str(interpreter))}{module} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


NOTHING_TO_RUN = (
    "AlgorithmError: There is no container engine here, and nothing says what to run: give "
    "AlgorithmSpecification.ContainerEntrypoint, or the hyperparameter sagemaker_program (with "
    "sagemaker_submit_directory), or start the sandbox with a folder that stands for the image {image} and holds a "
    "program `train`"
)
