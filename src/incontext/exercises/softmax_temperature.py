"""Exercises of the chapter on softmax and temperature."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from incontext.generation import next_token_probabilities
from incontext.pretrained import decoder_to_read
from incontext.softmax import softmax

from .checking import (
    FunctionCheck,
    Mistake,
    ValueCheck,
    Verdict,
    are_two_texts,
    not_yet,
)


def _scores(n_rows: int, n_keys: int, size: float = 1.0, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(n_keys)
    return shift + size * torch.randn(n_rows, n_keys, generator=generator, dtype=torch.float64)


def _far_apart() -> Tensor:
    """Two rows that lie far from 0 and from each other."""
    return torch.tensor([[902.0, 904.0, 901.0], [-898.0, -896.0, -899.0]])


def _shares(powers: Callable, dim: int = -1, peak: Callable | None = None) -> Callable:
    """e to what `powers` makes of scores and temperature, shared out along one axis."""

    def solution(scores, temperature=1.0):
        x = powers(scores, temperature)
        e = (x - peak(x) if peak else x).exp()
        return e / e.sum(dim, keepdim=True)

    return solution


def _of_row(x):
    return x.amax(-1, keepdim=True)


def _divided(scores, temperature):
    return scores / temperature


check_softmax = FunctionCheck(
    "check_softmax",
    reference=softmax,
    cases=[
        lambda: (_scores(5, 7), 0.5),
        lambda: (_scores(11, 3), 2.0),
        lambda: (_far_apart(), 1.0),
        lambda: (_scores(2, 13, size=3.0, shift=700.0), 0.25),
    ],
    mistakes=[
        Mistake(
            "softmax over the wrong axis",
            lambda scores, temperature: softmax(scores, temperature, dim=-2),
            "Each column of your weights sums to one. A row holds the scores of one query, and"
            " the weights are shared out along it, the last axis: dim=-1.",
        ),
        Mistake(
            "softmax over the wrong axis, and it overflows",
            _shares(_divided, dim=-2),
            "The sum goes down the columns, and must go along the rows: dim=-1, with keepdim=True."
            " After that, mind scores of several hundred.",
        ),
        Mistake(
            "one sum for all rows",
            lambda scores, temperature: softmax(scores.flatten(), temperature).view_as(scores),
            "Your whole table sums to one, and each row should: sum(-1, keepdim=True).",
        ),
        Mistake(
            "multiplied by the temperature",
            lambda scores, temperature: softmax(scores * temperature),
            "Your weights get softer as T falls. Divide the scores by T.",
        ),
        Mistake(
            "multiplied by the temperature, and it overflows",
            _shares(lambda scores, temperature: scores * temperature),
            "Divide the scores by T. After that, mind scores of several hundred.",
        ),
        Mistake(
            "the temperature is not used",
            lambda scores, temperature: softmax(scores),
            "This is right for T = 1 only. Divide the scores by T before anything else.",
        ),
        Mistake(
            "it overflows",
            _shares(_divided),
            "The formula is right and the numbers are too large for it: e to a score of several"
            " hundred is ∞, and ∞ / ∞ is not a number. Subtract the largest score of each row"
            " first; a common shift changes no weight.",
        ),
        Mistake(
            "one maximum for all rows",
            _shares(_divided, peak=lambda x: x.max()),
            "You subtract the largest score of the whole table. In a row far below it every"
            " exponential is then rounded to 0, and 0 / 0 is not a number. Each row needs its own:"
            " amax(-1, keepdim=True).",
        ),
        Mistake(
            "divided by the maximum",
            _shares(lambda scores, temperature: scores / _of_row(scores) / temperature),
            "That is safe from overflow, but it changes the differences between scores, and these"
            " are all that counts. *Subtract* the largest score.",
        ),
        Mistake(
            "no exponential",
            lambda scores, temperature: scores / scores.sum(-1, keepdim=True),
            "These are shares of the scores themselves, and some are negative. Raise e to them"
            " first.",
        ),
        Mistake(
            "divided by the largest exponential",
            lambda scores, temperature: ((scores - _of_row(scores)) / temperature).exp(),
            "The largest weight of each row is 1. Divide by the *sum* of the exponentials.",
        ),
    ],
    praise="Equal to incontext.softmax.softmax, even for scores far from 0.",
)  # fmt: skip


def _seen(n_rows: int, n_keys: int, shift: float = 0.0, blind: int | None = None) -> tuple:
    """Scores and a mask in which every row sees some keys, except the row ``blind``.

    Row i lies ``i * shift`` above the first.
    """
    scores = _scores(n_rows, n_keys, size=2.0)
    scores = scores + shift * torch.arange(n_rows, dtype=torch.float64)[:, None]
    place = torch.arange(n_keys)
    mask = torch.stack([(place + row) % 3 != 0 for row in range(n_rows)])
    if blind is not None:
        mask[blind] = False
    return scores, mask


def _masked(dim: int = -1, peak: str = "row", empty: str = "zeros", closed: str = "−∞") -> Callable:
    """Masked softmax with each step done as told; what stands here is right.

    empty: what a row becomes that sees no key: zeros, nan or even (the same for every key).
    """

    def solution(scores: Tensor, mask: Tensor) -> Tensor:
        fill = {"−∞": -torch.inf, "0": 0.0}[closed]
        x = scores.masked_fill(~mask, fill)
        tops = {"row": x.amax(-1, keepdim=True), "table": x.amax(), "none": torch.zeros(())}[peak]
        if empty != "nan":
            tops = tops.where(tops > -torch.inf, 0.0)
        e = (x - tops).exp()
        if empty == "even":
            e = torch.where(mask.any(-1, keepdim=True), e, 1.0)
        total = e.sum(dim, keepdim=True)
        return e / (total if empty == "nan" else total.where(total > 0, 1.0))

    return solution


_AXIS = (
    "down the columns",
    "Your weights sum to one down the columns. A row belongs to one query, and the sum goes along"
    " it: sum(-1, keepdim=True).",
)
_PEAK = {
    "table": (
        "one maximum for the whole table",
        "In a row far below the largest score of the table every exponential is rounded to 0, and"
        " 0 / 0 is not a number. Each row needs its own maximum: amax(-1, keepdim=True).",
    ),
    "none": (
        "it overflows",
        "e to a score of several hundred is ∞, and ∞ / ∞ is not a number. Subtract the largest"
        " score of each row first.",
    ),
}
_EMPTY = {
    "nan": (
        "NaN where nothing may be seen",
        "In a row of nothing but −∞ the largest score is −∞ too, and −∞ − (−∞) is not a number."
        " Put a finite number in its place. Then the sum is 0: divide by something else there.",
    ),
    "even": (
        "an even share where nothing may be seen",
        "A query that may see no key shares its weight out over keys that the mask has closed to"
        " it. Its weights should be zeros.",
    ),
}


def _what_is_left() -> list[Mistake]:
    """The faults one by one and together, named after the first to mend."""
    found = []
    for dim in (0, -1):
        for peak in ("none", "table", "row"):
            for empty in ("nan", "even", "zeros"):
                faults = [_AXIS] if dim == 0 else []
                faults += [_PEAK[peak]] if peak in _PEAK else []
                faults += [_EMPTY[empty]] if empty in _EMPTY else []
                hidden = dim == 0 and peak == "none" and empty != "nan"  # all is NaN already
                if not faults or hidden:
                    continue
                (name, message), *more = faults
                if more:
                    message += f" (Still to come: {', '.join(one for one, _ in more)}.)"
                found.append(Mistake(name, _masked(dim, peak, empty), message))
    return found


check_masked_softmax = FunctionCheck(
    "check_masked_softmax",
    reference=_masked(),
    cases=[
        lambda: _seen(5, 7),
        lambda: _seen(3, 11, shift=900.0),
        lambda: _seen(7, 5, shift=300.0, blind=2),
    ],
    mistakes=[
        *_what_is_left(),
        Mistake(
            "the mask the other way round",
            lambda scores, mask: _masked()(scores, ~mask),
            "Your queries see exactly what they may not. True means: may see. Fill with −∞ where"
            " ~mask.",
        ),
        Mistake(
            "masked scores set to 0",
            _masked(closed="0"),
            "A score of 0 is not out of the race: e⁰ = 1 takes its share. It has to be −∞.",
        ),
        Mistake(
            "masked after the softmax",
            lambda scores, mask: softmax(scores) * mask,
            "The weights of closed keys become 0, but nobody gets what they lose, so that rows sum"
            " to less than one. Close the keys before you divide by the sum.",
        ),
        Mistake(
            "the mask is not used",
            lambda scores, mask: softmax(scores),
            "Every key has a weight, closed ones too. Set their scores to −∞ first.",
        ),
    ],
    praise="Stable in every row, and zeros where there is nothing to see.",
)  # fmt: skip


check_dilution_margin = ValueCheck(
    "check_dilution_margin",
    reference=lambda: math.log(999 * 0.9 / 0.1),
    within=0.01,
    mistakes=[
        Mistake(
            "the logarithm of n alone", lambda: math.log(1000),
            "With this margin the key has about as much weight as all its rivals together, one"
            " half. What a weight of 0.9 asks for on top is ln(p / (1 − p)).",
        ),
        Mistake(
            "p in place of p / (1 − p)", lambda: math.log(999 * 0.9),
            "The key keeps nine times what the others get together, and not 0.9 times.",
        ),
        Mistake(
            "p and 1 − p exchanged", lambda: math.log(999 * 0.1 / 0.9),
            "This margin leaves the key with 0.1, and its rivals with 0.9.",
        ),
        Mistake(
            "the logarithm to base 10", lambda: math.log10(999 * 9),
            "Scores are exponents of e: take the natural logarithm.",
        ),
        Mistake(
            "the logarithm to base 2", lambda: math.log2(999 * 9),
            "Scores are exponents of e: take the natural logarithm.",
        ),
        Mistake(
            "no logarithm", lambda: 999 * 9,
            "So many times the exponential of one rival is needed. The margin is its logarithm.",
        ),
    ],
    praise="ln(999 · 9): nine times as much as 999 rivals together.",
)  # fmt: skip


@dataclass(frozen=True)
class PromptsCheck:
    """Checks two prompts: is the decoder as sure after the first, and as unsure after the second?

    most, least: tokens in the nucleus with p = 0.9, after the first and after the second.
    reference: gives prompts that pass. mistakes: pairs of prompts that are refused.
    """

    name: str
    most: int
    least: int
    reference: Callable[[], tuple[str, str]]
    mistakes: Sequence[Mistake]

    def __call__(self, prompts: Any) -> Verdict:
        if prompts is None or prompts is Ellipsis:
            return not_yet(f"give {self.name} two prompts of your own.")
        if not are_two_texts(prompts):
            return Verdict(False, f"{self.name} takes two texts, in one tuple: (sure, unsure).")
        if any(one != one.rstrip() for one in prompts):
            return Verdict(False, str(self.mistakes[0]))
        sure, unsure = map(_nucleus, prompts)
        found = f"The nuclei have {sure:,} and {unsure:,} tokens."
        if sure <= self.most and unsure >= self.least:
            return Verdict(True, found, "✓")
        if sure >= self.least and unsure <= self.most:
            return Verdict(False, str(self.mistakes[1]))
        wanted = [f"at most {self.most}"] if sure > self.most else []
        wanted += [f"at least {self.least:,}"] if unsure < self.least else []
        which = "first" if sure > self.most else "second"
        return Verdict(
            False, f"{found} The {which} should have {wanted[0]}. What could follow, and why?"
        )


def _nucleus(prompt: str) -> int:
    """How many tokens have the probability 0.9 together, likeliest first."""
    decoder, tokenizer = decoder_to_read()
    with torch.no_grad():
        logits = decoder(tokenizer.encode(prompt)[None], need_weights=False).logits[0, -1]
    return int((next_token_probabilities(logits.double(), top_p=0.9) > 0).sum())


check_prompts = PromptsCheck(
    "check_prompts",
    most=3,
    least=1000,
    reference=lambda: ("In the beginning God created the heaven and the", "My name is"),
    mistakes=[
        Mistake(
            "a space at the end",
            lambda: ("In the beginning God created the heaven and the ", "My name is"),
            "A token of this model begins with its space. After a prompt that ends in one, no"
            " ordinary word fits any more. Take it away.",
        ),
        Mistake(
            "the two exchanged",
            lambda: ("My name is", "In the beginning God created the heaven and the"),
            "The prompt after which the model is sure comes first.",
        ),
    ],
)
