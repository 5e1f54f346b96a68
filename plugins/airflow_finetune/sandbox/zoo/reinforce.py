"""Trains a model by what a grader thinks of its answers: the program behind reinforcement fine-tuning.

Each step samples several answers to each prompt, has them graded, and makes those likelier that were better than the
others to the same prompt (policy gradient with the group's mean as baseline). It reads and writes what ``tune`` does,
and ``output/rewards.jsonl``; a grader that cannot be used ends it with the reason in ``output/failure``.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch

from . import rows, tune

MOST_STEPS = 30
LEARNING_RATE = 5e-4
"""The tiny model's rate where AWS's usual 1e-5 is asked for; it follows the asked one by its root."""
USUAL_RATE = 1e-5
LOWEST_REWARD, HIGHEST_REWARD = -1.0, 1.0
SMALLEST_DEVIATION = 1e-4
DEFAULTS = {"epochCount": 1, "batchSize": 16, "trainingSamplePerPrompt": 4, "inferenceMaxTokens": 64}


class BadGrader(Exception):
    """The grader cannot be used; the text is the job's failureMessage."""


class Grader:
    """The process that grades.

    Args:
        folder: holds ``lambda_function.py``.
    """

    def __init__(self, folder: str) -> None:
        program = str(Path(__file__).with_name("grade.py"))
        self._process = subprocess.Popen(
            [sys.executable, "-P", program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def grade(self, samples: Sequence[dict[str, Any]]) -> list[float]:
        """Returns a reward for each sample.

        Raises:
            BadGrader: it raised, ended, or its answer is not what AWS wants.
        """
        assert self._process.stdin  # noqa: S101 - a pipe
        assert self._process.stdout  # noqa: S101 - likewise
        try:
            self._process.stdin.write(json.dumps(samples) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise BadGrader("The reward Lambda function could not be started or ended: see its log.")
        answered = json.loads(line)
        if "errorType" in answered:
            raise BadGrader(f"The reward Lambda function raised {answered['errorType']}: {answered['errorMessage']}")
        return [_reward(answered["answer"], sample["id"]) for sample in samples]


def _reward(answer: Any, sample: str) -> float:
    """Returns the reward of a sample from the list that the function answered."""
    listed = answer if isinstance(answer, list) else []
    found = [each for each in listed if isinstance(each, dict) and each.get("id") == sample]
    if len(found) != 1:
        raise BadGrader(f"The reward Lambda function must answer a list with one entry for each id: {sample} has none.")
    score = found[0].get("aggregate_reward_score")
    good = isinstance(score, int | float) and not isinstance(score, bool) and LOWEST_REWARD <= score <= HIGHEST_REWARD
    if not good:
        raise BadGrader(
            f"The reward Lambda function answered the aggregate_reward_score {score!r}: it must be a number from "
            f"{LOWEST_REWARD:g} to {HIGHEST_REWARD:g}."
        )
    return float(found[0]["aggregate_reward_score"])


class Reinforcement:
    """One run.

    Args:
        order: ``base``, ``train``, ``grader``, ``reinforcement`` (AWS's hyperparameters), ``seed``.
        folder: where input and output lie.
    """

    def __init__(self, order: dict[str, Any], folder: Path) -> None:
        torch.manual_seed(order["seed"])
        self._order, self._folder = order, folder
        self._asked = {**DEFAULTS, **order["reinforcement"]}
        self.model, self.tokenizer = rows.load(order["base"])
        self._grader = Grader(order["grader"])
        text = (folder / order["train"]).read_text(encoding="utf-8")
        self._prompts = [json.loads(line) for line in text.splitlines()]
        rate = LEARNING_RATE * math.sqrt(self._asked.get("learningRate", USUAL_RATE) / USUAL_RATE)
        self._optimizer = tune.make_optimizer(self.model, rate)

    def run(self) -> dict[str, Any]:
        """Train, and return what the result file shall say."""
        output = self._folder / "output"
        output.mkdir(exist_ok=True)
        tokens, loss, mean = 0, 0.0, 0.0
        with (output / "steps.jsonl").open("w") as steps, (output / "rewards.jsonl").open("w") as rewards:
            for step, (epoch, prompts) in enumerate(self._batches()):
                samples, ids = self._sample(prompts, step)
                graded = self._grader.grade(samples)
                tokens += sum(len(row.ids) for row in ids)
                mean = sum(graded) / len(graded)
                loss = self._learn(ids, graded)
                steps.write(json.dumps({"step": step, "epoch": epoch, "loss": loss, "tokens": tokens}) + "\n")
                rewards.write(json.dumps({"step_number": step, "epoch_number": epoch, "mean_reward": mean}) + "\n")
                steps.flush()
                rewards.flush()
                print(f"step={step} epoch={epoch} reward={mean:.4f} loss={loss:.4f}", flush=True)
        return {"training_loss": loss, "tokens": tokens, "steps": step + 1, "reward": mean}

    def save(self) -> None:
        """Write weights and what belongs to them."""
        tune.save(self.model, self._order["base"], self._folder / "model")

    def _batches(self) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        size, steps = self._asked["batchSize"], 0
        for epoch in range(self._asked["epochCount"]):
            order = list(self._prompts)
            Random(f"order:{self._order['seed']}:{epoch}").shuffle(order)
            for start in range(0, len(order), size):
                if steps < MOST_STEPS:
                    yield epoch, order[start : start + size]
                steps += 1

    @torch.no_grad()  # type: ignore[untyped-decorator,unused-ignore]  # torch is not followed by mypy
    def _sample(self, prompts: Sequence[dict[str, Any]], step: int) -> tuple[list[dict[str, Any]], list[rows.Row]]:
        """Returns what the grader is given, and the same answers as rows whose answers are learnt."""
        self.model.eval()
        each, end = self._asked["trainingSamplePerPrompt"], self.tokenizer.eos_token_id
        room = rows.context_of(self.model) - self._asked["inferenceMaxTokens"]
        asked = [rows.prompt_ids(self.tokenizer, prompt["messages"])[-max(1, room) :] for prompt in prompts]
        pad, longest = self.tokenizer.pad_token_id or 0, max(map(len, asked))
        ids = torch.tensor([[pad] * (longest - len(one)) + one for one in asked])
        mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in asked])
        out = self.model.generate(
            input_ids=ids, attention_mask=mask, do_sample=True, temperature=1.0, top_k=0, pad_token_id=pad,
            max_new_tokens=self._asked["inferenceMaxTokens"], num_return_sequences=each,
        )  # fmt: skip
        samples, found = [], []
        for number, row in enumerate(out):
            prompt, before = prompts[number // each], asked[number // each]
            new = row[longest:].tolist()
            new = new[: new.index(end) + 1] if end in new else new
            answer = self.tokenizer.decode(new, skip_special_tokens=True)
            messages = [*prompt["messages"], {"role": "assistant", "content": answer}]
            samples.append({"id": f"{step}-{number}", "messages": messages, **_for_the_grader(prompt)})
            found.append(rows.Row(before + new, [rows.IGNORED] * len(before) + new))
        return samples, found

    def _learn(self, found: Sequence[rows.Row], graded: Sequence[float]) -> float:
        """Returns the loss of one update towards the answers that were better than their group."""
        each = self._asked["trainingSamplePerPrompt"]
        groups = torch.tensor(graded).view(-1, each)
        deviation = groups.std(dim=1, keepdim=True)
        advantages = ((groups - groups.mean(dim=1, keepdim=True)) / (deviation + SMALLEST_DEVIATION)).view(-1)
        self.model.train()
        total = 0.0
        for start in range(0, len(found), tune.BATCH):
            part = advantages[start : start + tune.BATCH]
            if not bool(part.any()):
                continue
            ids, mask, labels = rows.pad(found[start : start + tune.BATCH], self.tokenizer.pad_token_id or 0)
            logits = self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
            wanted = labels[:, 1:]
            losses = torch.nn.functional.cross_entropy(
                logits.transpose(1, 2), wanted, ignore_index=rows.IGNORED, reduction="none"
            )
            counts = (wanted != rows.IGNORED).sum(dim=1).clamp(min=1)
            loss = (losses.sum(dim=1) / counts * part).sum() / len(found)
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return total


def _for_the_grader(prompt: dict[str, Any]) -> dict[str, Any]:
    """Returns what else a sample holds: AWS's pages show it both below ``metadata`` and beside the messages."""
    metadata = prompt.get("metadata", {})
    return {**{name: value for name, value in metadata.items() if name != "id"}, "metadata": metadata}


def main() -> None:
    """Run the order of the working folder."""
    folder = Path.cwd()
    torch.set_num_threads(1)
    try:
        run = Reinforcement(json.loads((folder / "input" / "order.json").read_text()), folder)
        result = run.run()
    except BadGrader as error:
        (folder / "output").mkdir(exist_ok=True)
        (folder / "output" / "failure").write_text(str(error))
        sys.exit(1)
    run.save()
    (folder / "output" / "result.json").write_text(json.dumps(result))
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
