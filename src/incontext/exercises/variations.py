"""Exercises of the chapter on variations."""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from incontext.attention import causal_mask
from incontext.pretrained import decoder_to_read
from incontext.variations import sliding_window_mask

from .checking import (
    FunctionCheck,
    Mistake,
    Verdict,
    in_words,
    not_yet,
)

check_cache_bytes = FunctionCheck(
    "check_cache_bytes",
    reference=lambda n_tokens, n_layers, n_kv_heads, d_k: (
        2 * n_tokens * n_layers * n_kv_heads * d_k * 4
    ),
    cases=[lambda: (1, 30, 3, 64), lambda: (8192, 30, 9, 64), lambda: (7, 2, 5, 3)],
    mistakes=[
        Mistake(
            "only the keys",
            lambda n_tokens, n_layers, n_kv_heads, d_k: n_tokens * n_layers * n_kv_heads * d_k * 4,
            "A key and a value are kept for each token: twice as much.",
        ),
        Mistake(
            "numbers, not bytes",
            lambda n_tokens, n_layers, n_kv_heads, d_k: 2 * n_tokens * n_layers * n_kv_heads * d_k,
            "That is how many numbers are kept. In float32 each takes 4 bytes.",
        ),
        Mistake(
            "bits, not bytes",
            lambda n_tokens, n_layers, n_kv_heads, d_k: (
                2 * n_tokens * n_layers * n_kv_heads * d_k * 32
            ),
            "32 is the number of bits. A byte has 8 of them.",
        ),
        Mistake(
            "one layer",
            lambda n_tokens, n_layers, n_kv_heads, d_k: 2 * n_tokens * n_kv_heads * d_k * 4,
            "Each layer has keys and values of its own.",
        ),
        Mistake(
            "the square of the length",
            lambda n_tokens, n_layers, n_kv_heads, d_k: (
                2 * n_tokens**2 * n_layers * n_kv_heads * d_k * 4
            ),
            "Keys and values are kept, not weights: their number grows with the length, not with"
            " its square.",
        ),
    ],
)


def _blocks(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    block_size: int,
    *,
    causal: bool = True,
    corrects: str = "both",  # "total", "mixed", "none"
    running: bool = True,
    largest_first: bool = True,
    later: int = 0,
    scaled: bool = True,
    divided: bool = True,
    local: bool = False,
) -> Tensor:
    """The right way, or with one thing left out."""
    n, at = len(query), torch.arange(len(query))
    largest = torch.full((n, 1), -torch.inf, dtype=query.dtype)
    total, mixed = torch.zeros_like(largest), torch.zeros_like(value)
    for start in range(0, n, block_size):
        block = slice(start, start + block_size)
        scores = query @ key[block].T
        if scaled:
            scores = scores / math.sqrt(query.shape[1])
        if causal:
            positions = torch.arange(len(at[block])) if local else at[block]
            scores = scores.masked_fill(positions > at[:, None] + later, -torch.inf)
        before, here = largest, scores.amax(1, keepdim=True)
        largest = torch.maximum(largest, here) if running else here
        if not largest_first:
            largest = torch.zeros_like(largest)
        correction = (before - largest).exp() if start else torch.zeros_like(largest)
        terms = (scores - largest).exp()
        total = (correction if corrects in ("both", "total") else 1) * total
        mixed = (correction if corrects in ("both", "mixed") else 1) * mixed
        total, mixed = total + terms.sum(1, keepdim=True), mixed + terms @ value[block]
    return mixed / total if divided else mixed


def _vectors(n: int, d: int, size: float, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    query, key, value = torch.randn(3, n, d, generator=generator, dtype=torch.float64)
    return size * query, key, value


def _variant(**options: Any):
    return lambda *arguments: _blocks(*arguments, **options)


check_causal_blocks = FunctionCheck(
    "check_causal_blocks",
    reference=_blocks,
    cases=[
        lambda: (*_vectors(11, 3, 1.0, 0), 4),
        lambda: (*_vectors(7, 5, 3.0, 1), 1),
        lambda: (*_vectors(13, 2, 1000.0, 2), 5),
        lambda: (*_vectors(5, 3, 1.0, 3), 64),
    ],
    mistakes=[
        Mistake(
            "nothing is masked",
            _variant(causal=False),
            "Each query mixes later values too. Set the score to −∞ where the key's position is"
            " larger than the query's.",
        ),
        Mistake(
            "a query does not see itself",
            _variant(later=-1),
            "Query t may attend to keys 0 to t, itself included: mask where the key's position is"
            " larger, not where it is equal.",
        ),
        Mistake(
            "one token too many",
            _variant(later=1),
            "Query t also sees key t + 1, the one that it would have to predict.",
        ),
        Mistake(
            "positions counted anew in each block",
            _variant(local=True),
            "The first key of a later block is not key 0: its position is `start`. Otherwise the"
            " mask of the first block is used for all.",
        ),
        Mistake(
            "the mixture is not corrected",
            _variant(corrects="total"),
            "When a larger score arrives, what was mixed so far is too large by the same factor as"
            " the sum: multiply both.",
        ),
        Mistake(
            "the sum is not corrected",
            _variant(corrects="mixed"),
            "When a larger score arrives, the sum so far is too large by the same factor as the"
            " mixture: multiply both.",
        ),
        Mistake(
            "nothing is corrected",
            _variant(corrects="none"),
            "Exponentials of different blocks are relative to different largest scores, and you add"
            " them up. Multiply sum and mixture by exp(before − largest) first.",
        ),
        Mistake(
            "it overflows",
            _variant(largest_first=False),
            "The exponential of a score of 1000 is ∞. Subtract the largest score so far.",
        ),
        Mistake(
            "no division by √d_k",
            _variant(scaled=False),
            "Scores are divided by √d_k before softmax.",
        ),
        Mistake(
            "not divided by the sum",
            _variant(divided=False),
            "The mixture is of exponentials, which do not sum to one. After the last block, divide"
            " by the sum.",
        ),
    ],
    praise="Equal to attention under the causal mask, and no table of weights was needed.",
)


def _window(n: int, window: int, low: int = 0, more: int = 0) -> Tensor:
    at = torch.arange(n)
    behind = at[:, None] - at
    return (behind >= low) & (behind < window + more)


check_window = FunctionCheck(
    "check_window",
    reference=_window,
    cases=[lambda: (6, 3), lambda: (11, 1), lambda: (5, 9)],
    mistakes=[
        Mistake(
            "it looks ahead",
            lambda n, window: (torch.arange(n)[:, None] - torch.arange(n)).abs() < window,
            "The first query sees keys that stand after it. A key must be behind the query, or be"
            " the query itself, as well as near.",
        ),
        Mistake(
            "it looks ahead only",
            lambda n, window: _window(n, window).T,
            "Rows are queries and columns are keys. Yours shows each query what comes after it.",
        ),
        Mistake(
            "one token too many",
            lambda n, window: _window(n, window, more=1),
            "A window of 3 holds the query and two tokens before it. Yours holds three before it.",
        ),
        Mistake(
            "a query does not see itself",
            lambda n, window: _window(n, window, low=1),
            "The query belongs to its window: its distance to itself is 0.",
        ),
        Mistake(
            "every earlier token",
            lambda n, window: causal_mask(n),
            "That is the causal mask. Tokens further back than the window are to be out of sight.",
        ),
        Mistake(
            "exchanged",
            lambda n, window: ~_window(n, window),
            "True should stand where a query may attend.",
        ),
    ],
    praise="The query and what is just behind it, and nothing ahead.",
)


@dataclass(frozen=True)
class SinkCheck:
    """The loss of the real decoder on a text of the reader's, under three masks.

    reference: gives a text that passes. mistakes: texts that are too short or too long.
    """

    name: str
    shortest: int = 60
    longest: int = 200
    window: int = 16

    def reference(self) -> str:
        return ", ".join(str(7 * i) for i in range(1, 40))

    @property
    def mistakes(self) -> list[Mistake]:
        return [
            Mistake(
                "the text is too short",
                lambda: "One sentence.",
                f"Give it {self.shortest} tokens or more: a window shorter than the text is the"
                " point.",
            ),
            Mistake(
                "the text is too long",
                lambda: "again " * 300,
                f"Give it at most {self.longest} tokens, so that it takes seconds.",
            ),
        ]

    @torch.no_grad()
    def __call__(self, text: Any) -> Verdict:
        if text is None or text is Ellipsis:
            return not_yet(f"give {self.name} a text of your own.")
        if not isinstance(text, str):
            return Verdict(False, f"{self.name} takes a text. It got {in_words(text)}.")
        decoder, tokenizer = decoder_to_read()
        ids = tokenizer.encode(text)
        if not self.shortest <= len(ids) <= self.longest:
            return Verdict(False, str(self.mistakes[int(len(ids) > self.longest)]))
        causal, window = causal_mask(len(ids)), sliding_window_mask(len(ids), self.window)
        with_first = sliding_window_mask(len(ids), self.window - 1)
        with_first[:, 0] = True
        full, cut, kept = (
            F.cross_entropy(
                decoder(ids[None], mask[None, None], need_weights=False).logits[0, 40:-1], ids[41:]
            ).item()
            for mask in (causal, window, with_first)
        )
        return Verdict(
            True,
            f"Loss with everything in view {full:.2f}, with the last {self.window} tokens"
            f" {cut:.2f}, with the last {self.window - 1} and the first {kept:.2f}.",
            "✓",
        )


check_own_sink = SinkCheck("check_own_sink")
