"""`python -m airflow_finetune`: see `--help`."""

import sys

from airflow_finetune.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
