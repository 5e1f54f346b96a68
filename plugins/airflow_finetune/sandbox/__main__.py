"""`python -m airflow_finetune.sandbox`: starts the embedded AWS, runs a command inside one, or asks one questions."""

from __future__ import annotations

import sys

from .cli.parser import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
