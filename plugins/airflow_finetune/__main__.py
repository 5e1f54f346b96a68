"""`python -m airflow_finetune`: see `--help`."""

import sys

# Airflow runs every file of a plugins folder without .airflowignore under its own name, and this one's is __main__.
if __name__ == "__main__" and __package__ == "airflow_finetune":
    from airflow_finetune.cli import main

    sys.exit(main(sys.argv[1:]))
