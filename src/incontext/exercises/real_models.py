"""The real models on the reader's own attention: does it compute what the package's does?

``MultiHeadAttention.attend`` is the function that a layer calls. Here the reader's stands in its
place, in every layer, beside the package's on the same queries, keys and values. The first entry
that differs is named; and since the usual mistakes can be made one or two at a time, each of them
is made too, and the one whose numbers the reader's equal is what was done.
"""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from incontext.attention import scaled_dot_product_attention
from incontext.generation import generate
from incontext.pretrained import load_decoder, load_encoder
from incontext.transformer import Encoder

from .checking import Verdict, in_words, not_yet

TOLERANCE = 1e-4  # of weights, and of outputs beside their largest entry
N_NEW = 12  # tokens that the decoder writes


@dataclass(frozen=True)
class _Attention:
    """Attention with each step done as told; what stands here is right."""

    divide: str = "√d_k"
    dim: int = -1
    masking: str = "−∞"
    swapped: bool = False
    mixes: str = "values"

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        if self.swapped:
            query, key = key, query
        n_heads, n_queries, d_k = query.shape[-3:]
        by = {
            "√d_k": math.sqrt(d_k), "1": 1.0, "d_k": d_k, "√d_model": math.sqrt(d_k * n_heads),
            "√T": math.sqrt(n_queries),
        }  # fmt: skip
        scores = query @ key.mT / by[self.divide]
        allowed = torch.ones_like(scores).bool() if mask is None else mask.expand_as(scores)
        if self.masking == "inverted" and mask is not None:
            allowed = ~allowed
        if self.masking in ("−∞", "inverted"):
            scores = scores.masked_fill(~allowed, -torch.inf)
        elif self.masking == "0":
            scores = scores.masked_fill(~allowed, 0.0)
        weights = scores.softmax(self.dim)
        if self.masking == "after softmax":
            weights = weights * allowed
        return weights @ (value if self.mixes == "values" else key), weights


RIGHT = _Attention()
MISTAKES = {  # name: (what is done wrong, what to say of it)
    "no scaling": (
        {"divide": "1"},
        "the dot products go into softmax as they are. Divide them by √d_k first.",
    ),
    "scaled by √d_model": (
        {"divide": "√d_model"},
        "the scores are divided by the root of the model's width. A dot product sums over the width"
        " of one head, query.shape[-1].",
    ),
    "divided by d_k": (
        {"divide": "d_k"},
        "the scores are divided by d_k. The root is missing.",
    ),
    "root of the number of tokens": (
        {"divide": "√T"},
        "the scores are divided by the root of the number of tokens. The number of components of a"
        " query is query.shape[-1].",
    ),
    "softmax over the wrong axis": (
        {"dim": -2},
        "each column of your weights sums to one. A query shares its weight out over the keys,"
        " which lie along the last axis: dim=-1.",
    ),
    "softmax over the heads": (
        {"dim": -3},
        "your heads share one softmax. The keys lie along the last axis: dim=-1.",
    ),
    "mask left out": (
        {"masking": "none"},
        "the mask is not used, so tokens see what is hidden from them: later words, or padding."
        " Where the mask is False, the score has to become −∞.",
    ),
    "inverted mask": (
        {"masking": "inverted"},
        "the mask is taken the other way round. True means: may attend. Fill with −∞ where ~mask.",
    ),
    "mask after the softmax": (
        {"masking": "after softmax"},
        "the weights are masked after softmax, and what they lose nobody gets, so that rows sum to"
        " less than one. Mask the scores.",
    ),
    "masked scores set to 0": (
        {"masking": "0"},
        "a masked score became 0, and e⁰ = 1 takes its share. It has to be −∞.",
    ),
    "queries and keys changed places": (
        {"swapped": True},
        "rows of the scores belong to queries: query @ key.mT and not key @ query.mT.",
    ),
    "keys mixed in place of values": (
        {"mixes": "keys"},
        "your weights mix the keys. What is mixed are the values: weights @ value.",
    ),
}


def run_encoder_on(attend: Callable, text: str) -> Verdict:
    """MiniLM reads a text with your attention in all of its layers.

    It reads it twice: as it is, and with a mask, as if the last token were padding.

    attend: ``attend(query, key, value, mask=None)`` returns (output, weights). query, key, value:
        ``[1, 12, T, 32]``, the same three for each head; weights: ``[1, 12, T, T]``.
    text: any text of at most 512 tokens.

    Where it passes, the verdict holds ``attentions``, six tensors ``[1, 12, T, T]`` of your
    weights, and the ``tokens``: ``AttentionLens.of(verdict)`` draws them. Where it does not, it
    says where the first number differs and which mistake does that.
    """
    if (missing := _not_runnable("run_encoder_on", attend, text)) is not None:
        return missing
    encoder, tokenizer = load_encoder()
    ids = tokenizer.encode(text)
    beside = _put_beside(encoder, attend, tokenizer.tokens(ids))
    try:
        with torch.no_grad():
            output = encoder(ids[None])
            is_word = torch.arange(len(ids)) < len(ids) - 1
            encoder(ids[None], is_word[None])
    except _Differs as found:
        return Verdict(False, str(found))
    return Verdict(
        True,
        f"MiniLM has read your text with {_name(attend)} in all of its {beside.n_layers} layers:"
        " every head's weights are the package's, without a mask and with one.",
        "✓",
        attentions=output.attentions,
        tokens=tuple(beside.tokens),
        model="all-MiniLM-L6-v2",
    )


def run_decoder_on(attend: Callable, prompt: str) -> Verdict:
    """SmolLM2 continues a prompt with your attention in all of its layers.

    attend: as in ``run_encoder_on``; here query, key and value are ``[1, 9, T, 64]``, rotated, and
        a mask always comes. While it writes there is one query at a time: then T is 1, and the keys
        and values have an axis of their own length S.
    prompt: the beginning of a text.

    Where it passes, the verdict holds ``text``, the prompt and the twelve tokens that follow, and
    ``attentions``, thirty tensors ``[1, 9, T, T]`` over the prompt with its ``tokens``.
    """
    if (missing := _not_runnable("run_decoder_on", attend, prompt)) is not None:
        return missing
    decoder, tokenizer = load_decoder()
    ids = tokenizer.encode(prompt)
    beside = _put_beside(decoder.stack, attend, tokenizer.tokens(ids))
    try:
        with torch.no_grad():
            output = decoder(ids[None])
        written = generate(decoder, ids, N_NEW, greedy=True)
    except _Differs as found:
        return Verdict(False, str(found))
    text = tokenizer.decode(written)
    return Verdict(
        True,
        f"SmolLM2 has written with {_name(attend)} in all of its {beside.n_layers} layers:"
        f" “{text}”",
        "✓",
        attentions=output.attentions,
        tokens=tuple(beside.tokens),
        text=text,
        model="SmolLM2-135M-Instruct",
    )


class _Differs(Exception):
    """The reader's attention is not the package's; the message says where and why."""


@dataclass(frozen=True)
class _Beside:
    """The reader's function in one layer, compared with the package's at every call.

    What else is asked (that no weights are needed) stays here: the reader's always gives both.
    """

    attend: Callable
    layer: int  # from 1
    n_layers: int
    tokens: Sequence[str]

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, **asked
    ) -> tuple[Tensor, Tensor]:
        expected = scaled_dot_product_attention(query, key, value, mask=mask)
        given = {} if mask is None else {"mask": mask}
        where = f"in layer {self.layer} of {self.n_layers}"
        name = _name(self.attend)
        try:
            result = self.attend(query.clone(), key.clone(), value.clone(), **given)
        except Exception as error:
            raise _Differs(f"{name} raised {type(error).__name__}: {error} ({where})") from error
        if not (
            isinstance(result, tuple)
            and len(result) == 2
            and all(isinstance(one, Tensor) for one in result)
        ):
            raise _Differs(
                f"{name} returned {in_words(result)}, and (output, weights), two tensors, is"
                f" expected ({where})."
            )
        axes = {"output": "[1, heads, queries, d_k]", "weights": "[1, heads, queries, keys]"}
        for what, got, right in zip(axes, result, expected, strict=True):
            if got.shape != right.shape:
                raise _Differs(
                    f"The {what} of {name} has the shape {list(got.shape)}, expected"
                    f" {list(right.shape)}, {axes[what]} ({where})."
                )
        if not _equal(result, expected):
            raise _Differs(self._difference(result, expected, (query, key, value, mask)))
        return result

    def _difference(self, result, expected, inputs) -> str:
        for wrong, names in _ways_to_err():
            try:
                made = wrong(*inputs)
            except RuntimeError:  # one query and many keys do not change places
                continue
            if not _equal(made, expected) and _equal(result, made):
                first = f"In layer {self.layer}, {MISTAKES[names[0]][1]}"
                more = " (Something else is wrong as well; fix this first.)"
                return f"{names[0].capitalize()}. {first}{more if len(names) > 1 else ''}"
        (output, weights), (right_output, right_weights) = result, expected
        if not _equal((weights,), (right_weights,)):
            _, head, query, key = _largest_gap(weights, right_weights)
            got, right = weights[0, head, query, key], right_weights[0, head, query, key]
            there = f"from {self._token(query, weights)} to {self._token(key)}"
            return (
                f"Layer {self.layer}, head {head + 1} is the first to differ: its weight {there} is"
                f" {got:.4g} with {_name(self.attend)}, expected {right:.4g}."
            )
        _, head, query, column = _largest_gap(output, right_output)
        return (
            f"Your weights are right, and the output differs first in layer {self.layer}, head"
            f" {head + 1}, at {self._token(query, weights)}: number {column + 1} is"
            f" {output[0, head, query, column]:.4g}, expected"
            f" {right_output[0, head, query, column]:.4g}. The output is weights @ value."
        )

    def _token(self, place: int, weights: Tensor | None = None) -> str:
        """A query's or a key's token; with a cache the queries are the last places."""
        if weights is not None:
            place += weights.shape[-1] - weights.shape[-2]
        return repr(self.tokens[place]) if place < len(self.tokens) else f"token {place + 1}"


def _put_beside(stack: Encoder, attend: Callable, tokens: Sequence[str]) -> _Beside:
    for layer, block in enumerate(stack.blocks, start=1):
        block.attention.attend = _Beside(attend, layer, len(stack.blocks), tokens)
    return block.attention.attend


def _ways_to_err() -> Iterator[tuple[_Attention, tuple[str, ...]]]:
    """One mistake, then two that concern different steps."""
    for names in (*((one,) for one in MISTAKES), *itertools.combinations(MISTAKES, 2)):
        steps = [step for name in names for step in MISTAKES[name][0]]
        if len(set(steps)) == len(steps):
            wrong = {step: how for name in names for step, how in MISTAKES[name][0].items()}
            yield replace(RIGHT, **wrong), names


def _equal(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    return all(
        a.shape == b.shape and bool((a.nan_to_num() - b.nan_to_num()).abs().max() <= _tolerance(b))
        for a, b in zip(one, other, strict=True)
    )


def _tolerance(right: Tensor) -> float:
    return TOLERANCE * max(1.0, right.nan_to_num().abs().max().item())


def _largest_gap(got: Tensor, right: Tensor) -> tuple[int, ...]:
    """Where a head of the first that differ is furthest off."""
    gap = (got - right).abs().nan_to_num(nan=math.inf)
    head = int((gap.amax((0, 2, 3)) > _tolerance(right)).int().argmax())
    at = int(gap[0, head].argmax())
    return (0, head, *divmod(at, gap.shape[-1]))


def _not_runnable(name: str, attend: Any, text: Any) -> Verdict | None:
    if attend is Ellipsis or attend is None:
        return not_yet(f"give {name} your function attend(query, key, value, mask=None).")
    if not callable(attend):
        return Verdict(
            False,
            f"{name} takes your function itself, without calling it. It got {in_words(attend)}.",
        )
    if not isinstance(text, str) or not text.strip():
        return Verdict(False, f"{name} needs a text, got {in_words(text)}.")
    probe = torch.zeros(1, 2, 3, 5)
    with contextlib.suppress(Exception):  # it is named in the layer where it happens
        if attend(probe, probe, probe) is None:
            return not_yet(f"{_name(attend)} returns nothing so far. Your code goes there.")
    return None


def _name(attend: Callable) -> str:
    return getattr(attend, "__name__", "your function")
