"""Hyperparameters come as text from three places; what cannot work is refused with what to write instead."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from airflow_finetune.containers.train.tuner.config import Config, build, parse_arguments
from airflow_finetune.containers.train.tuner.errors import ConfigError, DataError
from airflow_finetune.containers.train.tuner.job import hyperparameters, load
from airflow_finetune.containers.train.tuner.loop import learning_rate


def test_values_come_as_text_and_get_their_types() -> None:
    chosen = build(
        {"method": '"lora"', "epochs": "2", "batch_size": "4", "save_adapter": "True", "learning_rate": "1e-4"}
    )
    assert (chosen.method, chosen.epochs, chosen.batch_size, chosen.save_adapter) == ("lora", 2.0, 4, True)
    assert chosen.peak_learning_rate == 1e-4
    assert (build({}).peak_learning_rate, build({"method": "lora"}).peak_learning_rate) == (2e-5, 2e-4)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"learnig_rate": "1"}, "Did you mean learning_rate?"),
        ({"zzz": "1"}, "there is no such hyperparameter. Known: method, epochs"),
        ({"batch_size": "4.5"}, "batch_size: '4.5' is not a whole number"),
        ({"epochs": "many"}, "epochs: 'many' is not a number"),
        ({"learning_rate": "nan"}, "learning_rate: nan is out of range"),
        ({"epochs": "-1"}, "epochs: -1.0 is out of range"),
        ({"method": "qlora"}, "Choose one of full, lora"),
        ({"save_adapter": "maybe"}, "save_adapter: 'maybe' is not true or false"),
    ],
)
def test_what_cannot_work_is_refused_with_the_next_step(values: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        build(values)
    assert said in str(refused.value)


def test_keys_of_the_training_toolkit_are_left_out() -> None:
    assert build({"sagemaker_program": "train.py", "sagemaker_region": "eu-west-1"}) == Config()


def test_arguments_may_be_written_in_both_ways() -> None:
    assert parse_arguments(["--seed", "3", "--batch-size=4", "--epochs", "-1"]) == {
        "seed": "3", "batch_size": "4", "epochs": "-1",
    }  # fmt: skip


@pytest.mark.parametrize(("argv", "said"), [(["seed"], "without a name"), (["--seed"], "it has no value")])
def test_broken_arguments_are_refused(argv: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_arguments(argv)


def test_hyperparameters_come_from_arguments_else_the_toolkit_else_the_file_of_the_contract(tmp_path: Path) -> None:
    folder = tmp_path / "input/config"
    folder.mkdir(parents=True)
    (folder / "hyperparameters.json").write_text(json.dumps({"seed": "3"}))
    assert hyperparameters(["--seed", "1"], {"SM_HPS": '{"seed": 2}'}, tmp_path) == {"seed": "1"}
    assert hyperparameters([], {"SM_HPS": '{"seed": 2}'}, tmp_path) == {"seed": 2}
    assert hyperparameters([], {}, tmp_path) == {"seed": "3"}


def test_without_the_toolkit_the_folders_of_the_contract_are_used(tmp_path: Path) -> None:
    (tmp_path / "input/data/train").mkdir(parents=True)
    config, job = load(["--seed", "1"], {}, tmp_path, tmp_path)
    assert (config.seed, job.channel("train"), job.model_dir) == (1, tmp_path / "input/data/train", tmp_path / "model")
    assert job.checkpoints is None  # AWS makes the folder when the job has a CheckpointConfig
    (tmp_path / "checkpoints").mkdir()
    assert load([], {}, tmp_path, tmp_path)[1].checkpoints == tmp_path / "checkpoints"


def test_a_missing_channel_is_named_together_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "input/data/train").mkdir(parents=True)
    with pytest.raises(DataError, match=r"channel model: .*it has: train.*InputDataConfig"):
        load([], {}, tmp_path, tmp_path)[1].channel("model", "base")


def test_the_learning_rate_rises_and_falls() -> None:
    config = build({"learning_rate": "1", "warmup_fraction": "0.1", "min_learning_rate_fraction": "0.1"})
    rates = [learning_rate(step, 100, config) for step in range(100)]
    assert rates[0] == 0.1
    assert rates[9] == rates[10] == 1.0
    assert all(after <= before for before, after in pairwise(rates[10:]))
    assert 0.1 < rates[-1] < 0.11
