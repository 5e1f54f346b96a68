"""`python -m airflow_finetune.sandbox`: starts the embedded AWS, runs a command inside one, or asks one questions."""

from __future__ import annotations

import sys


def _start() -> int:
    try:
        from .cli.parser import main
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith(__package__):
            raise
        print(f"The sandbox needs {missing.name}: pip install 'airflow-finetune[sandbox]'", file=sys.stderr)
        return 2
    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(_start())
