"""From a source record to an example: patterns, Jinja files, a column of messages, or somebody's own function."""

from __future__ import annotations

from airflow_finetune.curation.mapping.columns import (
    DECLINED,
    Mapper,
    Text,
    UserMapping,
    Values,
    already_canonical,
    drop,
    literal,
    messages,
    own,
    pattern,
    single_turn,
)
from airflow_finetune.curation.mapping.jinja_files import template

__all__ = [
    "DECLINED",
    "Mapper",
    "Text",
    "UserMapping",
    "Values",
    "already_canonical",
    "drop",
    "literal",
    "messages",
    "own",
    "pattern",
    "single_turn",
    "template",
]
