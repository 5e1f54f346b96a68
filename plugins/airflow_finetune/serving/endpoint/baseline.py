"""A model folder that can be served: the weights as they are, and beside them the code that a tuned model has too."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from airflow_finetune.aws.objects import copy_object, list_objects, put
from airflow_finetune.errors import RequestRefused

CODE = Path(__file__).parents[2] / "containers" / "serve"
_PROGRAM = "code/inference.py"
_DIGITS = 16


def with_code(client: Any, folder_uri: str, below_uri: str, kms_key_id: str | None, say: Callable[[str], None]) -> str:
    """Return the address of a model folder that has serving code.

    A folder that has some is returned as it is. Any other is copied, inside S3, to ``BELOW/DIGEST/`` together with this
    package's, where whoever asks again finds it: the digest is of what the folder holds and of the code. The folder
    itself is not touched: it may be somebody else's.

    Args:
        client: boto3's of S3.
        folder_uri: of the model; ends with ``/``.
        below_uri: where copies go.
        kms_key_id: encrypts the copy; None takes the bucket's own way.
        say: takes one line for the task's log.

    Raises:
        RequestRefused: nothing lies there, or S3 refused an address.
        Unavailable: S3 cannot answer now.
    """
    found = list_objects(client, folder_uri)
    if not found:
        raise RequestRefused(folder_uri, "nothing lies there.", "Correct the address of the baseline.")
    if any(each.name == _PROGRAM for each in found):
        return folder_uri
    code = dict(_code())
    told = [f"{each.name} {each.etag} {each.bytes}" for each in found]
    told += [f"{name} {hashlib.sha256(body).hexdigest()}" for name, body in sorted(code.items())]
    target = f"{below_uri.rstrip('/')}/{hashlib.sha256(chr(10).join(told).encode()).hexdigest()[:_DIGITS]}/"
    there = {each.name: each.bytes for each in list_objects(client, target)}
    missing = [each for each in found if there.get(each.name) != each.bytes]
    for each in missing:
        copy_object(client, folder_uri, each, f"{target}{each.name}", kms_key_id)
    for name, body in code.items():
        if there.get(name) != len(body):
            put(client, f"{target}{name}", body, kms_key_id)
    if missing:
        size = sum(each.bytes for each in missing) / 1e9
        say(f"{folder_uri} has no serving code: it was copied with ours to {target}, {size:.2f} GB of storage.")
    return target


def _code() -> Iterator[tuple[str, bytes]]:
    for path in sorted(CODE.rglob("*")):
        name = path.relative_to(CODE).as_posix()
        if path.is_file() and name != "__init__.py" and path.suffix in (".py", ".txt"):  # code/ is a path, no package
            yield f"code/{name}", path.read_bytes()
