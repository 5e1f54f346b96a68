"""What a model container runs here: a local image's own ``serve``, the model's script, or our stand for an image."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ..archives import ArchiveError, unpack
from ..customizing import program as zoo
from ..transfer.channels import Piece, TransferError, fetch, split_uri
from .connections import LOOPBACK

if TYPE_CHECKING:
    from ..images import Images

ROOT = "/opt/ml"
MODEL = "/opt/ml/model"
DEFAULT_CODE = "/opt/ml/model/code"
UNPACKED_CODE = "/opt/ml/code"
TOOLKIT = Path(__file__).with_name("inference_toolkit.py")
CODE_FOLDERS = ("model/code", "code")
LMI = "*/djl-inference:*"
"""AWS's image that serves a folder of weights without any code beside them."""


class NothingToServe(Exception):
    """The sandbox has no program for this container; the text is a FailureReason that says what would be one."""


@dataclass(frozen=True)
class Server:
    """How the server of a container is started.

    Attributes:
        argv: program and arguments; may contain /opt/ml.
        cwd: the working directory inside the container.
        contract: ``image`` (a local folder's ``serve``), ``toolkit`` (the model's inference.py) or ``lmi`` (weights).
    """

    argv: list[str]
    cwd: str
    contract: str


def server_of(container: Mapping[str, Any], images: Images, s3: Any, ml: Path) -> Server:
    """Find what serves a container whose model lies below ``ml`` already.

    Args:
        container: a ContainerDefinition with its Image.
        images: the folders that stand for images.
        s3: a boto3 client, for a SAGEMAKER_SUBMIT_DIRECTORY in S3.
        ml: the host's folder of /opt/ml.

    Raises:
        NothingToServe: neither contract fits, or the submit directory cannot be had.
    """
    serve = images.program(container["Image"], "serve")
    if serve is not None:
        return Server([str(serve)], "/", "image")
    environment = container.get("Environment", {})
    folder = _code_folder(environment.get("SAGEMAKER_SUBMIT_DIRECTORY", DEFAULT_CODE), s3, ml)
    program = PurePosixPath(folder) / environment.get("SAGEMAKER_PROGRAM", "inference.py")
    has_code = ".." not in program.parts and (ml / program.relative_to(ROOT)).is_file()
    if not has_code and fnmatchcase(container["Image"], LMI):
        return Server(zoo.command("lmi"), "/", "lmi")
    if not has_code:
        raise NothingToServe(
            f"The sandbox has nothing that serves this model: no folder stands for the image {container['Image']} with "
            f"a program named serve, and there is no {program}. Start the sandbox with --image GLOB=FOLDER, or put "
            "code/inference.py into the model archive."
        )
    argv = [sys.executable, "-P", str(TOOLKIT), "--program", str(program), "--model-dir", MODEL]
    return Server(argv, folder, "toolkit")


def _code_folder(directory: str, s3: Any, ml: Path) -> str:
    """Give the folder below /opt/ml that holds the script; an archive in S3 is unpacked first."""
    if not directory.startswith("s3://"):
        path = PurePosixPath(directory.removeprefix("file://"))
        if not path.is_relative_to(ROOT) or ".." in path.parts:
            raise NothingToServe(f"SAGEMAKER_SUBMIT_DIRECTORY is {directory!r}: it must lie in S3 or below {ROOT}.")
        return str(path)
    bucket, key = split_uri(directory)
    try:
        archive = fetch(s3, Piece(bucket, key, "sourcedir.tar.gz"), ml.parent / "download")
        unpack(archive, ml / "code")
    except (TransferError, ArchiveError) as error:
        raise NothingToServe(f"SAGEMAKER_SUBMIT_DIRECTORY {directory} cannot be unpacked: {error}.") from error
    return UNPACKED_CODE


def environment_of(base: Mapping[str, str], container: Mapping[str, Any], region: str, port: int) -> dict[str, str]:
    """Give what the server finds in its environment: the base, AWS's variables, the model's own, and where to listen.

    Inside a container a server listens on every address, and the container is what keeps it apart. Here it is a process
    of this machine, so a server that asks SERVE_HOST, as our own does, is told to be reached from this machine only.
    """
    return {
        **base,
        "SAGEMAKER_REGION": region,
        "SM_MODEL_DIR": MODEL,
        **container.get("Environment", {}),
        "SERVE_HOST": LOOPBACK,
        "SAGEMAKER_BIND_TO_PORT": str(port),
    }
