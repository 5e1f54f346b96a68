"""Small standard-library programs that stand for training code."""

from __future__ import annotations

import io
import tarfile

TRAINER = """
import argparse, json, os, pathlib, time
parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=3)
parser.add_argument("--pause", type=float, default=0.0)
parser.add_argument("--checkpoints", default="/opt/ml/checkpoints")
given, _ = parser.parse_known_args()
folder = pathlib.Path(given.checkpoints)
done = max((int(file.stem) for file in folder.glob("*.json")), default=0)
print(f"resumed at {done}", flush=True)
for step in range(done + 1, given.steps + 1):
    time.sleep(given.pause)
    half = folder / f"{step}.json.tmp"
    half.write_text(json.dumps({"step": step}))
    half.rename(folder / f"{step}.json")
    print(f"step={step} loss={1 / step:.4f}", flush=True)
pathlib.Path("/opt/ml/model/weights.json").write_text(json.dumps({"steps": given.steps, "started_at": done}))
"""
"""Writes a checkpoint per step, resumes, prints steps, writes a model."""

SLEEPER = """
import time
print("sleeping", flush=True)
time.sleep(600)
"""

SAVES_ON_SIGTERM = """
import pathlib, signal, sys, time
def save(*_):
    pathlib.Path("/opt/ml/model/half.txt").write_text("half")
    print("saved", flush=True)
    sys.exit(1)
signal.signal(signal.SIGTERM, save)
print("sleeping", flush=True)
while True:
    time.sleep(0.05)  # in pieces: a signal that comes just before a long sleep waits for its end
"""

IGNORES_SIGTERM = """
import pathlib, signal, time
signal.signal(signal.SIGTERM, lambda *_: print("not now", flush=True))
pathlib.Path("/opt/ml/model/early.txt").write_text("early")
print("sleeping", flush=True)
while True:
    time.sleep(0.05)
"""

DAEMON = """
import os, pathlib, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            pathlib.Path("/opt/ml/checkpoints/alive.tmp").write_text(str(time.time()))
            time.sleep(0.05)
    os._exit(0)
print("daemon started", flush=True)
"""

EATS_MEMORY = """
import time
hoard = []
while True:
    hoard.append(bytearray(20_000_000))
    time.sleep(0.02)
"""

LOOKS_AROUND = """
import json, os, pathlib, sys
def tree(root):
    return sorted(str(f.relative_to(root)) for f in pathlib.Path(root).rglob("*") if f.is_file())
seen = {
    "argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ), "python": sys.executable,
    "files": tree("/opt/ml/input/data"),
    "hyperparameters": json.load(open("/opt/ml/input/config/hyperparameters.json")),
    "inputdataconfig": json.load(open("/opt/ml/input/config/inputdataconfig.json")),
    "resourceconfig": json.load(open("/opt/ml/input/config/resourceconfig.json")),
    "writable": os.access("/opt/ml/input", os.W_OK),
    "home": [str(p) for p in pathlib.Path.home().iterdir()],
}
pathlib.Path("/opt/ml/model/seen.json").write_text(json.dumps(seen))
"""
"""Writes what a container finds into its model."""


def archive(**files: str) -> bytes:
    """A .tar.gz of texts; ``__`` in a name stands for a dot."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name.replace("__", "."))
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()
