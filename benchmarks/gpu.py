"""What the training and serving code does on a GPU: ``python benchmarks/gpu.py --data FOLDER [--parameters-b 1.1]``.

It needs one NVIDIA GPU and the containers' own requirements, nothing else of this project; the jobs are started as
AWS's script mode starts them. FOLDER holds ``train.jsonl`` and ``golden.jsonl`` (chat JSON Lines), as ``make demo``
leaves them in its bucket. It shows, one line of JSON each:

- ``tiny``: the tiny model trained on the device; exact match of what the server answers on the GPU; the same job killed
  with SIGKILL and resumed, and whether its weights are the same bits.
- ``large``: a Llama of the given size with random weights (nothing can be downloaded): tokens a second and the peak of
  the device's memory for LoRA and full, with and without gradient checkpointing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1] / "plugins/airflow_finetune"
TRAIN, SERVE = PACKAGE / "containers/train/train.py", PACKAGE / "containers/serve/serve.py"
TINY = PACKAGE / "sandbox/zoo/tiny-llama"
PORT = 18080
AT_ONCE = 64
TINY_JOB = {"method": "full", "max_steps": 300, "batch_size": 8, "learning_rate": 0.003, "seed": 1}
LARGE_JOB = {"max_steps": 30, "batch_size": 8, "learning_rate": 1e-5, "seed": 1, "log_steps": 5}


def told(what: str, **facts: Any) -> None:
    """Print one finding."""
    print(json.dumps({"what": what, **facts}), flush=True)


def arguments(job: dict[str, Any]) -> list[str]:
    """Return hyperparameters as the training toolkit hands them on."""
    return [word for name, value in job.items() for word in (f"--{name}", str(value))]


def started(base: Path, data: Path, out: Path, job: dict[str, Any], log: Path) -> subprocess.Popen[bytes]:
    """Start a training job."""
    environment = os.environ | {
        "SM_MODEL_DIR": str(out / "model"),
        "SM_OUTPUT_DIR": str(out / "output"),
        "SM_CHANNEL_MODEL": str(base),
        "SM_CHANNEL_TRAIN": str(data),
    }
    (out / "model").mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        command = [sys.executable, str(TRAIN), *arguments({"checkpoint_dir": out / "checkpoints", **job})]
        return subprocess.Popen(command, env=environment, stdout=stream, stderr=subprocess.STDOUT)


@contextmanager
def memory() -> Iterator[list[int]]:
    """Watch how much of the device's memory is used, in MiB; the list's last entry is the most."""
    most, ended = [0], threading.Event()
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]

    def look() -> None:
        while not ended.wait(0.2):
            most[0] = max(most[0], int(subprocess.run(query, capture_output=True, text=True, check=True).stdout))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


def trained(base: Path, data: Path, out: Path, job: dict[str, Any]) -> str:
    """Train to the end; returns the log.

    Raises:
        RuntimeError: the job failed; holds the end of its log.
    """
    out.mkdir(parents=True, exist_ok=True)
    log = out / "log"
    if started(base, data, out, job, log).wait():
        raise RuntimeError(log.read_text()[-3000:])
    return log.read_text()


def weights(out: Path) -> str:
    """Return the sha256 of an exported model."""
    found = hashlib.sha256()
    for path in sorted((out / "model").glob("*.safetensors")):
        found.update(path.read_bytes())
    return found.hexdigest()


def tokens_a_second(log: str) -> float:
    """Return the speed between the first logged step after the start and the last."""
    steps = [(int(t), float(s)) for t, s in re.findall(r"^step=\d+ loss=.* tokens=(\d+) seconds=([0-9.]+)$", log, re.M)]
    (first, began), (last, ended) = steps[1], steps[-1]  # the first one compiles and allocates
    return (last - first) / max(ended - began, 1e-9)


@contextmanager
def server(model: Path) -> Iterator[None]:
    """Serve a model until the block ends."""
    environment = os.environ | {
        "SM_MODEL_DIR": str(model),
        "SAGEMAKER_BIND_TO_PORT": str(PORT),
        "SERVE_HOST": "127.0.0.1",
    }
    process = subprocess.Popen([sys.executable, str(SERVE)], env=environment, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/ping", timeout=5):
                    break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.2)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def answer(messages: list[dict[str, str]]) -> str:
    """Ask the server one question."""
    body = json.dumps({"messages": messages, "max_tokens": 100, "temperature": 0}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/invocations", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as said:
        return str(json.loads(said.read())["choices"][0]["message"]["content"])


def judged(model: Path, golden: Path) -> dict[str, Any]:
    """Return exact match and speed of a served model."""
    rows = [json.loads(line)["messages"] for line in golden.read_text().splitlines()]
    with server(model), ThreadPoolExecutor(AT_ONCE) as pool:
        began = time.monotonic()
        answers = list(pool.map(lambda row: answer([each for each in row if each["role"] != "assistant"]), rows))
        seconds = time.monotonic() - began
    right = sum(said.strip() == row[-1]["content"].strip() for said, row in zip(answers, rows, strict=True))
    return {"items": len(rows), "exact_match": right / len(rows), "answers_a_second": round(len(rows) / seconds, 1)}


def tiny(data: Path, golden: Path, work: Path) -> None:
    """Train, serve and judge the tiny model; then the same with a SIGKILL in the middle."""
    job = {**TINY_JOB, "log_steps": 1, "checkpoint_steps": 40, "checkpoint_seconds": 0}
    began = time.monotonic()
    log = trained(TINY, data, work / "straight", job)
    seconds = time.monotonic() - began
    introduced = next(line for line in log.splitlines() if line.startswith("device="))
    told("tiny", seconds=round(seconds, 1), said=introduced, **judged(work / "straight/model", golden))
    killed, path = work / "killed", work / "killed/log"
    killed.mkdir()
    process = started(TINY, data, killed, job, path)
    while "step=130 " not in path.read_text() and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    log = trained(TINY, data, killed, job)
    receipt = next(line for line in log.splitlines() if line.startswith("RESUMED "))
    same = weights(work / "straight") == weights(killed)
    told("tiny killed and resumed", receipt=receipt[:40], same_bits=same, **judged(killed / "model", golden))
    again = work / "again"
    trained(TINY, data, again, job)
    told("tiny twice without a kill", same_bits=weights(work / "straight") == weights(again))


def large_base(folder: Path, billions: float) -> int:
    """Save a Llama with random weights in bf16 with the tiny model's tokenizer; returns its number of parameters."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = json.loads((TINY / "config.json").read_text())
    layers = max(2, round(billions * 1e9 / 5.0e7))  # a layer of these widths has 50 million weights
    config = LlamaConfig(
        vocab_size=32000, hidden_size=2048, intermediate_size=5632, num_hidden_layers=layers, num_attention_heads=16,
        num_key_value_heads=16, max_position_embeddings=2048, bos_token_id=shape["bos_token_id"],
        eos_token_id=shape["eos_token_id"], pad_token_id=shape["pad_token_id"],
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device("cuda"):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    for file in [*TINY.glob("tokenizer*"), *TINY.glob("chat_template*")]:
        shutil.copyfile(file, folder / file.name)
    return sum(weight.numel() for weight in model.parameters())


def large(data: Path, work: Path, billions: float) -> None:
    """Train the large model in each way."""
    base = work / "base"
    parameters = large_base(base, billions)
    long_rows = work / "long"
    long_rows.mkdir()
    rows = [json.loads(line)["messages"] for line in (data / "train.jsonl").read_text().splitlines()[:1200]]
    with (long_rows / "train.jsonl").open("w") as out:  # ten orders a record: some 1,000 tokens
        for first in range(0, len(rows) - 10, 4):
            chat = [each for row in rows[first : first + 10] for each in row if each["role"] != "system"]
            out.write(json.dumps({"messages": chat}) + "\n")
    for method in ("lora", "full"):
        for saves_memory in (False, True):
            job = {**LARGE_JOB, "method": method, "gradient_checkpointing": str(saves_memory).lower()}
            place = work / f"{method}-{saves_memory}"
            with memory() as most:
                log = trained(base, long_rows, place, job)
            losses = [float(x) for x in re.findall(r"\sloss=([0-9.]+)", log)]
            told(
                "large",
                parameters_b=round(parameters / 1e9, 2),
                method=method,
                gradient_checkpointing=saves_memory,
                tokens_a_second=round(tokens_a_second(log)),
                peak_gib=round(most[0] / 1024, 1),
                loss=[losses[0], losses[-1]],
            )
            shutil.rmtree(place)


def main() -> None:
    """Run both."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--parameters-b", type=float, default=1.1)
    given = asked.parse_args()
    import torch

    told("gpu", name=torch.cuda.get_device_name(0), torch=torch.__version__)
    with tempfile.TemporaryDirectory(prefix="gpu-") as folder:
        work, data = Path(folder), Path(folder, "data")
        data.mkdir()
        shutil.copyfile(given.data / "train.jsonl", data / "train.jsonl")
        tiny(data, given.data / "golden.jsonl", work)
        large(data, work, given.parameters_b)


if __name__ == "__main__":
    main()
