"""What the training toolkit inside AWS's framework images does with a user's script, done here before the job starts.

The contract: hyperparameter ``sagemaker_program`` names the script, ``sagemaker_submit_directory`` the archive that it
comes in (in S3, or a path below /opt/ml that a channel has filled), every other hyperparameter becomes an argument.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from ..archives import ArchiveError, unpack
from ..transfer.channels import Piece, TransferError, fetch, split_uri

PROGRAM = "sagemaker_program"
SUBMIT_DIRECTORY = "sagemaker_submit_directory"
CODE = "/opt/ml/code"


def decoded(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Return hyperparameter values as the JSON that they are, or as the text where they are none."""
    values: dict[str, Any] = {}
    for name, text in hyperparameters.items():
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def for_script(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the decoded hyperparameters without the toolkit's own ``sagemaker_...``."""
    return {name: value for name, value in decoded(hyperparameters).items() if not name.startswith("sagemaker_")}


def arguments(hyperparameters: Mapping[str, str]) -> list[str]:
    """Return ``--name value`` for each hyperparameter, sorted; one-letter names get one dash."""
    words: list[str] = []
    for name, value in sorted(for_script(hyperparameters).items()):
        words += [f"--{name}" if len(name) > 1 else f"-{name}", _as_argument(value)]
    return words


def _as_argument(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in sorted(value.items()))
    return str(value)


def command(python: str, hyperparameters: Mapping[str, str]) -> list[str]:
    """Return the command for ``sagemaker_program``: a Python script, a shell script, or else a module."""
    program = str(decoded(hyperparameters)[PROGRAM])
    words = arguments(hyperparameters)
    if program.endswith(".py"):
        return [python, program, *words]
    if program.endswith(".sh"):
        return ["/bin/sh", "-c", shlex.join([f"./{program}", *words])]
    return [python, "-m", program, *words]


def unpack_code(s3: Any, hyperparameters: Mapping[str, str], ml: Path) -> Path:
    """Put the user's code into /opt/ml/code and return that folder.

    Raises:
        TransferError: the archive is not there, is no tar archive, or climbs out of its folder.
    """
    code = ml / "code"
    code.mkdir(exist_ok=True)
    source = str(decoded(hyperparameters).get(SUBMIT_DIRECTORY) or "")
    if source.startswith("s3://"):
        bucket, key = split_uri(source)
        _extract(fetch(s3, Piece(bucket, key, "sourcedir.tar.gz"), ml / "input"), code, source)
    elif source.startswith("/opt/ml/"):
        inside = ml / source.removeprefix("/opt/ml/")
        if not inside.resolve().is_relative_to(ml.resolve()) or not inside.exists():
            raise TransferError(f"ClientError: {SUBMIT_DIRECTORY} {source} does not exist in the container")
        if inside.is_dir():
            return inside
        _extract(inside, code, source)
    elif source:
        raise TransferError(f"ClientError: {SUBMIT_DIRECTORY} {source!r} is neither s3://... nor below /opt/ml")
    _make_executable(code, str(decoded(hyperparameters)[PROGRAM]))
    return code


def _make_executable(code: Path, program: str) -> None:
    script = code / program
    if script.is_file() and script.resolve().is_relative_to(code.resolve()):
        script.chmod(0o755)


def _extract(archive: Path, folder: Path, source: str) -> None:
    try:
        unpack(archive, folder)
    except ArchiveError as error:
        raise TransferError(f"ClientError: Cannot unpack {source}: {error}") from error


def missing_requirements(folder: Path) -> list[str]:
    """Return the names in requirements.txt that the interpreter of this sandbox does not have."""
    file = folder / "requirements.txt"
    if not file.is_file():
        return []
    missing = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line)
        if found and not _is_installed(found.group(1)):
            missing.append(found.group(1))
    return missing


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def failure_text(argv: Sequence[str], exit_code: int, log_tail: Sequence[str]) -> str:
    """Return what the toolkit writes to /opt/ml/output/failure for a script that did not do so itself."""
    last = next((line for line in reversed(log_tail) if line.strip()), "")
    return f'ExecuteUserScriptError:\nExitCode {exit_code}\nErrorMessage "{last}"\nCommand "{shlex.join(argv)}"'
