"""Masks personal data that has a look: e-mail addresses, phone numbers, payment cards."""

from __future__ import annotations

from airflow_finetune.curation.redaction.redactor import KINDS, Kind, Redactor

__all__ = ["KINDS", "Kind", "Redactor"]
