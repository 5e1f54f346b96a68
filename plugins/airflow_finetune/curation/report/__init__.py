"""The account of a curation: for machines as JSON, for people as one HTML file."""

from __future__ import annotations

from airflow_finetune.curation.report.account import Outcome, Output, account, dataset_version
from airflow_finetune.curation.report.ledger import Ledger
from airflow_finetune.curation.report.measures import Measures
from airflow_finetune.curation.report.page import page

__all__ = ["Ledger", "Measures", "Outcome", "Output", "account", "dataset_version", "page"]
