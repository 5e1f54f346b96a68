"""Curating a JSON Lines file, beside the same reading, normalising, exact duplicates and writing in `datasets`.

Ours does more in the same run: it masks personal data, finds contradictions, splits without leaks and writes the
account of every record. Processes of their own; processor seconds are compared, because a busy machine disturbs the
clock on the wall more than these.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import report, spread

PROJECT = Path(__file__).resolve().parents[1]
ROUNDS, RECORDS, GROWTH = 5, 50_000, 4

OURS = """
import sys
from pathlib import Path
from airflow_finetune.curation.curate import Places, curate
from airflow_finetune.curation.spec import CurateSpec
spec = CurateSpec(source=sys.argv[1], prompt="{question}", completion="{answer}", validation_fraction=0.05)
told = curate(spec, Places(Path(sys.argv[1]), Path(sys.argv[2])))
print(told["records_in"] - told["dropped"].get("duplicate", 0))
"""
PEER = """
import sys, unicodedata
from hashlib import blake2b
from datasets import disable_progress_bars, load_dataset
disable_progress_bars()
seen = set()

def normalised(text):
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())

def chat(row):
    prompt, completion = row["question"].strip(), row["answer"].strip()
    key = blake2b((normalised(prompt) + "\\x00" + normalised(completion)).encode(), digest_size=16).digest()
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]
    return {"messages": messages, "key": key}

def is_new(key):
    return not (key in seen or seen.add(key))

rows = load_dataset("json", data_files=sys.argv[1], split="train", cache_dir=sys.argv[2] + "/cache")
kept = rows.map(chat, remove_columns=["question", "answer"]).filter(is_new, input_columns="key")
kept.remove_columns("key").to_json(sys.argv[2] + "/train.jsonl", force_ascii=False)
print(len(kept))
"""


class Cost(NamedTuple):
    """What a process took, and how many records it kept."""

    cpu_seconds: float
    peak_mb: float
    kept: int


def write_records(path: Path, count: int) -> int:
    """Write records of about 540 bytes, a tenth of them exact duplicates; return the bytes."""
    rng = random.Random(7)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz\u00e9\u00fc", k=rng.randint(2, 9))) for _ in range(5000)]

    def rows() -> Iterator[str]:
        last = ""
        for number in range(count):
            if number % 10 or not last:
                question, answer = (" ".join(rng.choices(words, k=k)) for k in (rng.randint(20, 60), 35))
                last = json.dumps({"question": f"{question} {number}?", "answer": answer}, ensure_ascii=False) + "\n"
            yield last

    with path.open("w", encoding="utf-8") as file:
        file.writelines(rows())
    return path.stat().st_size


def cost_of(program: str, source: Path, folder: Path) -> Cost:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "plugins"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(dir=folder) as out:
        argv = [sys.executable, "-W", "ignore", "-c", program, str(source), out]
        process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        kept = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
    if process.returncode:
        raise SystemExit(f"a process of the benchmark failed with {process.returncode}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, int(kept))


def main() -> int:
    with tempfile.TemporaryDirectory() as place:
        folder, source, long = Path(place), Path(place, "records.jsonl"), Path(place, "long.jsonl")
        size = write_records(source, RECORDS)
        pairs = []
        for number in range(ROUNDS):
            order = (OURS, PEER) if number % 2 else (PEER, OURS)
            costs = {program: cost_of(program, source, folder) for program in order}
            pairs.append((costs[OURS], costs[PEER]))
        write_records(long, RECORDS * GROWTH)
        grown = cost_of(OURS, long, folder)
    assert all(ours.kept == peer.kept for ours, peer in pairs), pairs
    ours, peer = spread([a.cpu_seconds for a, _ in pairs], 2), spread([b.cpu_seconds for _, b in pairs], 2)
    ratio = spread([a.cpu_seconds / b.cpu_seconds for a, b in pairs], 2)
    ours_mb, peer_mb = max(a.peak_mb for a, _ in pairs), max(b.peak_mb for _, b in pairs)
    per_record = (grown.peak_mb - ours_mb) * 2**20 / (RECORDS * (GROWTH - 1))
    speed = round(size / 1e6 / ours["median"], 1)
    sentence = (
        f"Curating {RECORDS:,} records ({size / 1e6:.0f} MB) takes {ours['median']} processor seconds, {speed} MB/s; "
        f"`datasets` with load, map, filter and to_json alone takes {peer['median']} s: ratio {ratio['median']} "
        f"(middle half {ratio['p25']} to {ratio['p75']}, {ROUNDS} pairs in turn). Peak memory {ours_mb:.0f} MB against "
        f"{peer_mb:.0f} MB; {GROWTH} times the data takes {grown.peak_mb:.0f} MB, {per_record:.0f} bytes a record."
    )
    figures = {"ours_cpu_s": ours, "datasets_cpu_s": peer, "ratio": ratio, "ours_mb_per_s": speed}
    memory = {"ours_mb": round(ours_mb), "datasets_mb": round(peer_mb), "bytes_per_record": round(per_record)}
    report("curation", sentence, **figures, **memory, pairs=ROUNDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
