"""The four functions that AWS's Hugging Face inference toolkit calls: model_fn, input_fn, predict_fn, output_fn."""

import os
from typing import Any

# Before torch is imported: two threads beside a neighbour ran 20 to 30 times slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from answering import questions  # type: ignore[import-not-found,unused-ignore]  # beside this file in code/
from answering.model import Answerer  # type: ignore[import-not-found,unused-ignore]  # likewise


def model_fn(model_dir: str, context: Any = None) -> Any:
    """Returns the model, ready to answer; called once a worker."""
    del context
    return Answerer.load(model_dir)


def input_fn(body: Any, content_type: str = "application/json", context: Any = None) -> Any:
    """Returns the checked request; raises ``BadRequest`` (the toolkit answers 400 with its text)."""
    del context
    return questions.parse(body, content_type)


def predict_fn(request: Any, model: Any, context: Any = None) -> Any:
    """Returns the answer as a JSON value; calls from several threads are answered in one batch."""
    del context
    return model.answer(request)


def output_fn(prediction: Any, accept: str = "application/json", context: Any = None) -> Any:
    """Returns the answer as JSON text."""
    del context
    return questions.render(prediction, accept)
