"""The name of a job is the claim on it: computed, so that whoever asks again asks about the same job."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property

MAX_NAME_LENGTH = 63
_KEY_LENGTH = 16
_SUFFIX_LENGTH = len("-g99999-a99")
_STEM_LENGTH = MAX_NAME_LENGTH - _SUFFIX_LENGTH - 1 - _KEY_LENGTH


@dataclass(frozen=True)
class Claim:
    """One task instance's right to one job at a time.

    The formula is frozen by golden vectors: changing it makes every retry that spans the upgrade pay twice.

    Attributes:
        deployment: which Airflow; two of them in one account must not adopt each other's jobs.
        dag_id: as in Airflow, any text.
        run_id: as in Airflow, any text.
        task_id: as in Airflow, with its groups.
        map_index: -1 for a task that is not mapped.
        generation: raw ``ti.max_tries``: constant over retries, grows when somebody clears the task.
    """

    deployment: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    generation: int

    @cached_property
    def key(self) -> str:
        """Sixteen hex digits that all generations and attempts of this task share; one List by it finds them."""
        parts = [self.deployment, self.dag_id, self.run_id, self.task_id, self.map_index]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_KEY_LENGTH]

    @cached_property
    def stem(self) -> str:
        """What a person recognises in a list of jobs; it carries no meaning for us."""
        slug = re.sub(r"[^a-z0-9]+", "-", f"{self.dag_id}-{self.task_id}".lower()).strip("-")
        return slug[:_STEM_LENGTH].strip("-") or "finetune"

    def name(self, attempt: int) -> str:
        """Return the job's name for one attempt, counted from 1; lower case, at most 63 characters."""
        return f"{self.stem}-{self.key}-g{self.generation}-a{attempt}"

    def place(self, name: str) -> tuple[int, int] | None:
        """Return (generation, attempt) of a name of this task; None for a name that is not."""
        found = re.fullmatch(rf".*-{self.key}-g(\d+)-a(\d+)", name)
        return (int(found[1]), int(found[2])) if found else None


def has_the_form_of_a_claim(name: str) -> bool:
    """Say whether some task of some Airflow could have given a job this name; only its tags say whose it is."""
    return re.fullmatch(rf".+-[0-9a-f]{{{_KEY_LENGTH}}}-g\d+-a\d+", name) is not None
