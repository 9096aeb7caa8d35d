"""The field *Your sentence*: what a reader types, and what the model saw in it.

In Jupyter a change of the trait runs the real model here. In the built page the packed one does the
same (js/reading.js).
"""

import torch
from traitlets import Dict, HasTraits, observe

from incontext.packing import MOST_TOKENS

from .controls import Line

LONGEST = 500  # characters


def complaint(tokens: list[str]) -> str:
    """Why a text with these tokens cannot be read; "" where it can. The page says the same."""
    if len(tokens) <= 2:
        return "There is no word in it. Type a sentence."
    if len(tokens) > MOST_TOKENS:
        return (
            f"Your sentence has {len(tokens)} tokens, and at most {MOST_TOKENS} are read. "
            "Shorten it."
        )
    return ""


class YourSentence(HasTraits):
    """Mixed into an explorable; it says with `_read` what the model sees in a text."""

    your_sentence = Line("", LONGEST).tag(sync=True)
    your_reading = Dict().tag(
        sync=True
    )  # {}, {"text", "message": why not}, or {"text", "tokens", …}

    def in_link(self) -> list[dict]:
        text = {"trait": "your_sentence", "label": "Your sentence", "kind": "text"}
        return [{**text, "max_length": LONGEST, "default": ""}]

    def _read(self, ids: torch.Tensor, tokens: list[str]) -> dict:
        """What the front end needs beside text and tokens."""
        raise NotImplementedError(f"{type(self).__name__} must define _read(ids, tokens)")

    def _tokenizer(self):
        raise NotImplementedError(f"{type(self).__name__} must define _tokenizer()")

    @property
    def _own(self) -> dict | None:
        """The reading of a sentence of the reader's, where there is one."""
        return self.your_reading if "tokens" in self.your_reading else None

    @observe("your_sentence")
    def _read_your_sentence(self, change=None):
        text = self.your_sentence.strip()
        if not text:
            self.your_reading = {}
            return
        tokenizer = self._tokenizer()
        ids = tokenizer.encode(text)
        tokens = tokenizer.tokens(ids)
        if message := complaint(tokens):
            self.your_reading = {"text": text, "message": message}
        else:
            self.your_reading = {"text": text, "tokens": tokens, **self._read(ids, tokens)}
