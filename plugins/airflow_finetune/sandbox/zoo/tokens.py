"""The tokenizer of the tiny base: byte-level BPE in which a word has the same tokens wherever it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY = 640
SPECIAL = ("<pad>", "<s>", "<sep>", "</s>")
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}"
    "{%- generation -%}{{ message['content'] + '</s>' }}{%- endgeneration -%}"
    "{%- elif message['role'] == 'system' -%}{{ '<s>' + message['content'] + '\n' }}"
    "{%- else -%}"
    "{%- if loop.index0 == 0 or messages[loop.index0 - 1]['role'] != 'system' -%}{{ '<s>' }}{%- endif -%}"
    "{{ message['content'] + '<sep>' }}"
    "{%- endif -%}"
    "{%- endfor -%}"
)
"""User turn: <s>..<sep>; assistant turn: ..</s>, marked as generation (the labels of a fine-tune)."""


def train_tokenizer(texts: Iterable[str]) -> Any:
    """Returns a Hugging Face fast tokenizer learnt from the texts.

    Letters, single digits and everything between them are split apart first. So a name after a space and the same name
    after a quotation mark are the same tokens (copying is then position-free), and ``": "`` can be one token.
    """
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(r"\p{L}+|\p{N}|[^\p{L}\p{N}]+"), behavior="isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(SPECIAL), initial_alphabet=sorted(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",  # noqa: S106 - a token of the vocabulary, no password
        bos_token="<s>",  # noqa: S106 - likewise
        eos_token="</s>",  # noqa: S106 - likewise
        additional_special_tokens=["<sep>"],
        chat_template=CHAT_TEMPLATE,
        model_max_length=512,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
