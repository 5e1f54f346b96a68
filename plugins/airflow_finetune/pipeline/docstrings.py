"""What a spec's docstring says about its fields: the one place where they are described."""

from __future__ import annotations

import inspect
import re
from functools import cache

from airflow_finetune.spec import Spec


@cache
def described(spec: type[Spec]) -> dict[str, str]:
    """Return field -> what the section ``Attributes`` of the class docstring says, on one line."""
    text = inspect.cleandoc(spec.__doc__ or "").partition("Attributes:\n")[2]
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if start := re.match(r" {4}(\w+): (.*)", line):
            name = start[1]
            found[name] = start[2]
        elif name and line.startswith(" " * 8):
            found[name] += f" {line.strip()}"
    return {name: said.replace("``", "`").replace(r"\{", "{") for name, said in found.items()}
