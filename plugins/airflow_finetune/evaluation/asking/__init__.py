"""Asks served models: what a request looks like for which service and server, and what no answer means."""

from airflow_finetune.evaluation.asking.askable import check_askable
from airflow_finetune.evaluation.asking.costs import Tokens, asking_usd
from airflow_finetune.evaluation.asking.endpoint import Asking, Desk, Patience, ask_all
from airflow_finetune.evaluation.asking.services import SERVICES

__all__ = ["SERVICES", "Asking", "Desk", "Patience", "Tokens", "ask_all", "asking_usd", "check_askable"]
