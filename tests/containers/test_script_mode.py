"""The folder that a job gets runs as AWS starts it: `python train.py`, with nothing of Airflow or of ours around."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers.jobs import BASE, CONTAINERS, QUICK, Place, Zygote, toy_rows, write_lines

BARE = 'import sys; sys.modules.update(dict.fromkeys(("airflow", "airflow_finetune", "boto3", "botocore"), None))\n'
"""Makes an import of any of these fail, as in a container that lacks them."""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """The source folder of a job as it is packed: train/ at the top, serve/ in it."""
    folder = tmp_path / "code"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CONTAINERS / "train", folder, ignore=ignored)
    shutil.copytree(CONTAINERS / "serve", folder / "serve", ignore=ignored)
    return folder


def environ(place: Place, home: Path) -> dict[str, str]:
    (home / "bare").mkdir(exist_ok=True)
    (home / "bare/sitecustomize.py").write_text(BARE)
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(home / "bare"), **place.environ()}


def test_a_job_in_script_mode_leaves_a_model_that_is_served_from_its_own_archive(
    place: Place, code: Path, tmp_path: Path
) -> None:
    place.validation = write_lines(tmp_path / "validation/part.jsonl", toy_rows(6))
    argv = [sys.executable, "train.py", *place.argv({**QUICK, "eval_steps": "6", "save_dtype": "auto"})]
    done = subprocess.run(argv, cwd=code, env=environ(place, tmp_path), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FINISHED step=12 steps=12" in done.stdout
    names = {path.relative_to(place.model).as_posix() for path in place.model.rglob("*") if path.is_file()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "generation_config.json"} <= names
    assert {"code/inference.py", "code/serve.py", "code/requirements.txt", "code/answering/__init__.py"} <= names
    assert "code/__init__.py" not in names
    assert json.loads((place.model / "training_state.json").read_text())["finished"] is True
    lines = [line for line in done.stdout.splitlines() if line.startswith("step=")]
    pairs = [dict(word.split("=") for word in line.split()) for line in lines]
    assert [p["step"] for p in pairs if "eval_loss" in p] == ["6", "12"]
    steps = [p for p in pairs if "loss" in p]
    assert list(steps[0]) == ["step", "loss", "learning_rate", "tokens", "seconds"]
    assert float(steps[-1]["loss"]) < float(steps[0]["loss"])
    ask = (
        "import inference as i; m = i.model_fn('..');"
        'r = i.input_fn(\'{"inputs": "say 3", "parameters": {"max_new_tokens": 4}}\', \'application/json\');'
        "print(i.output_fn(i.predict_fn(r, m), 'application/json'))"
    )
    said = subprocess.run(
        [sys.executable, "-c", ask], cwd=place.model / "code", env=environ(place, tmp_path), capture_output=True,
        text=True, timeout=240,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert list(json.loads(said.stdout)[0]) == ["generated_text"]


def test_a_refused_hyperparameter_is_the_failure_reason(place: Place, code: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "train.py", "--learnig_rate", "1"]
    done = subprocess.run(argv, cwd=code, env=environ(place, tmp_path), capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    reason = (place.root / "output/failure").read_text()
    said = "hyperparameter learnig_rate: there is no such hyperparameter. Did you mean learning_rate?"
    assert reason == f"ConfigError: {said}"


def test_a_sigterm_that_comes_during_the_imports_still_stops_in_order(place: Place, code: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-X", "importtime", "train.py", *place.argv(QUICK)]
    with subprocess.Popen(
        argv, cwd=code, env=environ(place, tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as job:
        assert job.stderr
        for line in job.stderr:  # torch's first modules are in: the imports have minutes of a slow machine to go
            if "torch" in line:
                break
        job.send_signal(signal.SIGTERM)
        out, _ = job.communicate(timeout=240)
    assert job.returncode == 0, out
    assert "STOPPED step=0 steps=12" in out
    assert json.loads((place.model / "training_state.json").read_text())["finished"] is False


def bare_python(folder: Path, *packages: str) -> Path:
    """Returns the interpreter of a new environment that has only these packages."""
    uv = Path(sys.executable).with_name("uv")
    links = os.environ.get("PIP_FIND_LINKS")
    environment = {**os.environ, **({"UV_FIND_LINKS": links} if links else {})}
    subprocess.run([uv, "venv", "-q", "-p", sys.executable, folder], check=True, env=environment)
    python = folder / "bin/python"
    subprocess.run([uv, "pip", "install", "-q", "-p", python, *packages], check=True, env=environment)
    return python


VERSIONS = {
    "huggingface-pytorch-training:2.9.0-transformers5.3.0": (
        "transformers==5.3.0", "peft==0.18.1", "accelerate==1.12.0", "numpy<2",
    ),
    "huggingface-pytorch-training:2.8.0-transformers4.56.2": (
        "transformers==4.56.2", "peft==0.17.1", "accelerate==1.10.1", "huggingface-hub==0.35.3", "numpy<2",
    ),
}  # fmt: skip
"""Library versions of AWS's training images. Their torch is CUDA 2.9.0 and 2.8.0; 2.13.0 for CPU stands in."""


@pytest.mark.long
@pytest.mark.parametrize("image", sorted(VERSIONS))
def test_training_resuming_and_serving_work_with_the_library_versions_of_awss_images(
    place: Place, code: Path, tmp_path: Path, image: str
) -> None:
    python = bare_python(tmp_path / "venv", "torch==2.13.0", *VERSIONS[image])
    jobs = [
        (Place(tmp_path / method, place.base, place.data), {**QUICK, "method": method}) for method in ("full", "lora")
    ]
    jobs.append((Place(tmp_path / "tiny", BASE, place.data), {**QUICK, "save_dtype": "auto"}))
    run_and_interrupt(python, code, jobs, python)


@pytest.mark.long
def test_each_folder_runs_with_only_its_own_requirements(place: Place, code: Path, tmp_path: Path) -> None:
    train = bare_python(tmp_path / "train-venv", "torch==2.13.0", "-r", str(code / "requirements.txt"))
    serve = bare_python(tmp_path / "serve-venv", "torch==2.13.0", "-r", str(code / "serve/requirements.txt"))
    for python in (train, serve):
        found = subprocess.run([python, "-c", "import airflow, boto3"], capture_output=True, text=True)
        assert "ModuleNotFoundError" in found.stderr  # the environment is bare indeed
    run_and_interrupt(train, code, [(place, {**QUICK, "method": "lora"})], serve)


STRICT = ("-W", "error::DeprecationWarning:tuner")
ASK = """
import inference, sys
for model in sys.argv[1:]:
    print(inference.predict_fn(inference.input_fn('{"inputs": "say 3"}'), inference.model_fn(model)))
"""


def run_and_interrupt(python: Path, code: Path, jobs: list[tuple[Place, dict[str, str]]], server: Path) -> None:
    """Trains each job straight and with a SIGKILL, compares the weights, and asks the server for answers.

    The imports take longer than everything else, so only the last job resumes as AWS starts it.
    """
    home = {"PATH": os.environ["PATH"], "HOME": str(code.parent), "OMP_NUM_THREADS": "1"}
    zygote = Zygote(str(python), *STRICT, environ=home)
    for job, how in jobs:
        straight = Place(job.root.with_name(job.root.name + "-straight"), job.base, job.data)
        assert zygote.run(straight, how) == 0, straight.text()
        assert zygote.run(job, how, kill_after_step=7) == -signal.SIGKILL, job.text()
        if job is jobs[-1][0]:
            argv = [str(python), *STRICT, "train.py", *job.argv(how)]
            done = subprocess.run(argv, cwd=code, env=home | job.environ(), capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            lines = done.stdout
        else:
            assert zygote.run(job, how) == 0, job.text()
            lines = job.text()
        assert "\nRESUMED step=6 " in "\n" + lines, lines
        assert job.weights() == straight.weights()
    zygote.close()
    models = [job.model for job, _ in jobs]
    argv = [str(server), "-c", ASK, *map(str, models)]
    said = subprocess.run(argv, cwd=models[0] / "code", env=home, capture_output=True, text=True)
    assert said.stdout.count("generated_text") == len(jobs), said.stderr
