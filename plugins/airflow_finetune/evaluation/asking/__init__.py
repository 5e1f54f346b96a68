"""Asks endpoints: what a request looks like for which server, and what happens when there is no answer."""

from airflow_finetune.evaluation.asking.endpoint import Asking, Desk, Patience, ask_all
from airflow_finetune.evaluation.asking.formats import check_askable

__all__ = ["Asking", "Desk", "Patience", "ask_all", "check_askable"]
