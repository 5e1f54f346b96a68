"""The tuned model: loads it, and generates for a whole batch at once."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, StoppingCriteria, StoppingCriteriaList
from transformers.utils import logging as transformers_log

from .batching import Batcher
from .questions import Answer, BadRequest, Options, Request, shape

STATE = "training_state.json"


@dataclasses.dataclass(frozen=True)
class Prompt:
    """One rendered prompt with its options."""

    text: str
    ids: list[int]
    options: Options


class RowEnds(StoppingCriteria):  # type: ignore[misc,unused-ignore]  # the base has no types for mypy
    """Ends each row of a batch on its own: at its token limit or at one of its stop texts."""

    def __init__(self, tokenizer: Any, prompts: Sequence[Prompt], start: int) -> None:
        self.tokenizer, self.prompts, self.start = tokenizer, prompts, start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """Returns which rows are done, shape (rows,)."""
        del scores, kwargs
        new = input_ids.shape[1] - self.start
        ended = [
            new >= prompt.options.max_new_tokens or self._stopped(row, prompt)
            for row, prompt in zip(input_ids, self.prompts, strict=True)
        ]
        return torch.tensor(ended, device=input_ids.device)

    def _stopped(self, row: torch.Tensor, prompt: Prompt) -> bool:
        if not prompt.options.stop:
            return False
        text = self.tokenizer.decode(row[self.start :], skip_special_tokens=True)
        return any(stop in text for stop in prompt.options.stop)


class Answerer:
    """A loaded model that answers requests from any number of threads.

    Args:
        model: a causal language model in evaluation mode.
        tokenizer: its tokenizer, with a chat template.
        most: rows of a batch.
        wait_seconds: how long a request waits for others to share its batch.
    """

    def __init__(self, model: Any, tokenizer: Any, *, most: int = 32, wait_seconds: float = 0.008) -> None:
        self.model, self.tokenizer = model, tokenizer
        tokenizer.padding_side = "left"
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        self.context = int(getattr(model.config, "max_position_embeddings", 2048))
        self.batch_sizes: list[int] = []
        self._batcher: Batcher[Prompt, Answer] = Batcher(
            self._generate, lambda prompt: (prompt.options.temperature, prompt.options.top_p), most=most,
            wait_seconds=wait_seconds,
        )  # fmt: skip

    @classmethod
    def load(cls, model_dir: str | Path) -> Answerer:
        """Returns the model of a folder: safetensors only, no remote code, bf16 on a GPU that has it, fp32 on a CPU.

        Raises:
            RuntimeError: there is no model, or its training was stopped before it was finished.
        """
        folder = Path(model_dir)
        for wanted in ("config.json", "*.safetensors", "tokenizer*"):
            if not list(folder.glob(wanted)):
                raise RuntimeError(f"model {folder}: there is no {wanted} in it. Give the folder of a saved model.")
        state = folder / STATE
        if state.is_file() and not json.loads(state.read_text()).get("finished", True):
            raise RuntimeError(
                f"model {folder}: its training was stopped before the end ({state.read_text().strip()})."
            )
        transformers_log.disable_progress_bar()  # a bar is noise in a log that is read by lines
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        gpu = torch.cuda.is_available()
        half = gpu and torch.cuda.get_device_capability(0) >= (8, 0)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.bfloat16 if half else torch.float32, trust_remote_code=False, use_safetensors=True,
            local_files_only=True,
        )  # fmt: skip
        return cls(model.to("cuda" if gpu else "cpu").eval(), tokenizer)

    def answer(self, request: Request) -> Any:
        """Returns the answer in the request's own form.

        Raises:
            BadRequest: a prompt does not fit into the model's context.
        """
        answers = self._batcher.ask([self._prompt(chat, request.options) for chat in request.chats])
        return shape(request, answers)

    def close(self) -> None:
        """Ends the thread that generates."""
        self._batcher.close()

    def _prompt(self, chat: Any, options: Options) -> Prompt:
        try:
            text = str(self.tokenizer.apply_chat_template(list(chat), tokenize=False, add_generation_prompt=True))
        except Exception as error:  # templates refuse what they do not know with errors of their own
            raise BadRequest(f"messages: the model's chat template refuses them: {error}") from error
        ids = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        room = self.context - len(ids)
        if room < 1:
            raise BadRequest(
                f"prompt: {len(ids)} tokens do not fit into the model's context of {self.context}. Cut it."
            )
        return Prompt(text, ids, dataclasses.replace(options, max_new_tokens=min(options.max_new_tokens, room)))

    @torch.inference_mode()  # type: ignore[untyped-decorator,unused-ignore]  # torch is not followed by mypy
    def _generate(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Returns the answers of one batch; all of its prompts sample in the same way."""
        self.batch_sizes.append(len(prompts))
        longest, pad = max(len(prompt.ids) for prompt in prompts), self.tokenizer.pad_token_id
        rows = [[pad] * (longest - len(prompt.ids)) + prompt.ids for prompt in prompts]
        mask = [[0] * (longest - len(prompt.ids)) + [1] * len(prompt.ids) for prompt in prompts]
        options, device = prompts[0].options, self.model.device
        sampling: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if options.temperature > 0:
            sampling = {"do_sample": True, "temperature": options.temperature, "top_p": options.top_p, "top_k": 0}
        out = self.model.generate(
            input_ids=torch.tensor(rows, device=device),
            attention_mask=torch.tensor(mask, device=device),
            max_new_tokens=max(prompt.options.max_new_tokens for prompt in prompts),
            stopping_criteria=StoppingCriteriaList([RowEnds(self.tokenizer, prompts, longest)]),
            pad_token_id=pad,
            **sampling,
        )
        return [self._finish(prompt, row[longest:].tolist()) for prompt, row in zip(prompts, out, strict=True)]

    def _finish(self, prompt: Prompt, ids: list[int]) -> Answer:
        """Returns the answer in a row: up to its end token, its limit, or its first stop text."""
        ends = self.model.generation_config.eos_token_id
        marks = set(ends if isinstance(ends, list) else [ends, self.tokenizer.eos_token_id])
        kept = ids[: prompt.options.max_new_tokens]
        end = next((at for at, token in enumerate(kept) if token in marks), None)
        reason = "stop" if end is not None else "length"
        text = self.tokenizer.decode(kept[:end] if end is not None else kept, skip_special_tokens=True)
        cuts = [at for at in (text.find(stop) for stop in prompt.options.stop) if at >= 0]
        if cuts:
            text, reason = text[: min(cuts)], "stop"
        return Answer(text, prompt.text, reason, len(prompt.ids), len(kept[:end]) + (end is not None))
