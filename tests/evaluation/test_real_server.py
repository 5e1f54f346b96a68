"""Our own serving code and a real language model behind both endpoints: chats go through the model's template."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.containers.jobs import BASE, CONTAINERS
from tests.evaluation.trial import Trial

pytestmark = pytest.mark.long

ROWS = [
    {"prompt": "copy: Velmora Kint", "completion": "Velmora Kint"},
    {"prompt": "digits: seven", "completion": "7"},
    {"prompt": "digits: seven, but say it in words", "completion": "it cannot"},
    {"prompt": "1" * 600, "completion": "this prompt does not fit into the model"},
]


def files(folder: Path, into: str = "") -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"{into}{path.relative_to(folder)}": path.read_bytes() for path in found}


def test_a_real_model_answers_texts_and_chats_alike_and_a_prompt_that_does_not_fit_is_unanswered(trial: Trial) -> None:
    model = files(BASE) | {
        name: content for name, content in files(CONTAINERS / "serve", "code/").items() if name != "code/__init__.py"
    }
    arms = {name: trial.serve(name, {}, files=model | {"note": name}) for name in ("baseline", "candidate")}
    chat = [
        {"role": "user", "content": "copy: Velmora Kint"},
        {"role": "assistant", "content": "Velmora Kint"},
        {"role": "user", "content": "digits: seven"},
        {"role": "assistant", "content": "7"},
    ]
    golden = trial.golden([*map(json.dumps, ROWS), json.dumps({"messages": chat})])
    found = {}
    for form in ("inputs", "messages"):
        made = trial.at(golden, arms, sampling={"format": form, "max_new_tokens": 40, "max_unanswered_fraction": 0.5})
        rows = [json.loads(line) for line in trial.stored()["answers.jsonl"].splitlines()]
        found[form] = [row["candidate"] for row in rows]
        assert [row["baseline"] for row in rows] == found[form], "the same weights say the same"
        assert made.unanswered_candidate == 1
        assert made.metrics["exact_match"].candidate.mean >= 0.4
        s3 = trial.aws("s3")
        for row in s3.list_objects_v2(Bucket="acme", Prefix="results/")["Contents"]:
            s3.delete_object(Bucket="acme", Key=row["Key"])
    assert found["inputs"] == found["messages"]
    assert (found["inputs"][:2], found["inputs"][3]) == (["Velmora Kint", "7"], None)
