"""Training jobs for tests: a toy model, its data, and jobs that die where a test wants them to."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CONTAINERS = ROOT / "plugins/airflow_finetune/containers"
BASE = ROOT / "plugins/airflow_finetune/sandbox/zoo/tiny-llama"

QUICK = {
    "max_steps": "12", "batch_size": "4", "learning_rate": "0.003", "checkpoint_steps": "3", "checkpoint_seconds": "0",
    "attention_dropout": "0.1", "save_dtype": "float32", "log_steps": "1", "seed": "7",
}  # fmt: skip
LORA = {**QUICK, "method": "lora", "lora_rank": "4", "lora_dropout": "0.1"}


def toy_base(folder: Path) -> Path:
    """Saves a Llama of a few thousand weights with the tiny base's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(BASE)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True, bos_token_id=1, eos_token_id=3,
        pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    for file in [*BASE.glob("tokenizer*"), *BASE.glob("chat_template*")]:  # as committed: transformers 4 reads them too
        shutil.copyfile(file, folder / file.name)
    return folder


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Writes JSON Lines; returns their folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path.parent


def toy_rows(count: int = 24) -> list[dict[str, Any]]:
    """Returns prompts and completions of different lengths."""
    return [{"prompt": f"say {'ab' * (i % 7)} {i}", "completion": f"{i} {'ba' * (i % 5)}"} for i in range(count)]


@dataclasses.dataclass
class Place:
    """The folders of one job; its checkpoints outlive its processes, as S3 makes them do."""

    root: Path
    base: Path
    data: Path
    validation: Path | None = None

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def log(self) -> Path:
        return self.root / "log"

    def environ(self) -> dict[str, str]:
        """Returns what the training toolkit sets."""
        found = {
            "SM_MODEL_DIR": str(self.model), "SM_OUTPUT_DIR": str(self.root / "output"),
            "SM_CHANNEL_MODEL": str(self.base), "SM_CHANNEL_TRAIN": str(self.data),
        }  # fmt: skip
        return {**found, **({"SM_CHANNEL_VALIDATION": str(self.validation)} if self.validation else {})}

    def argv(self, hyperparameters: dict[str, str]) -> list[str]:
        """Returns the arguments of the job."""
        chosen = {"checkpoint_dir": str(self.checkpoints), **hyperparameters}
        return [word for name, value in chosen.items() for word in (f"--{name}", value)]

    def text(self) -> str:
        """Returns the log so far."""
        return self.log.read_text() if self.log.exists() else ""

    def weights(self) -> str:
        """Returns the sha256 of the exported weights."""
        return hashlib.sha256((self.model / "model.safetensors").read_bytes()).hexdigest()


class Zygote:
    """Starts jobs as forks of one process that has imported everything.

    Args:
        python: the interpreter and its options; this one unless given.
        environ: of the process; this one's unless given.
    """

    def __init__(self, *python: str, environ: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [*(python or (sys.executable,)), str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ,
        )  # fmt: skip
        assert self._line() == "READY"

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def start(self, place: Place, hyperparameters: dict[str, str], **fate: Any) -> int:
        """Starts a job; returns its pid."""
        assert self.process.stdin
        place.root.mkdir(parents=True, exist_ok=True)
        request = {"argv": place.argv(hyperparameters), "environ": place.environ(), "log": str(place.log), **fate}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def wait(self) -> int:
        """Returns the exit code of the job that runs; negative is a signal."""
        return int(self._line())

    def run(self, place: Place, hyperparameters: dict[str, str], **fate: Any) -> int:
        """Runs a job to its end."""
        self.start(place, hyperparameters, **fate)
        return self.wait()

    def close(self) -> None:
        """Ends the process."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
