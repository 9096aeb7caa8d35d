"""Exercises of the chapter on softmax and temperature."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from incontext.pretrained import load_encoder
from incontext.softmax import entropy, softmax

from .checking import FunctionCheck, Mistake, ValueCheck

TIRED = "The chicken didn't cross the road because it was too tired."


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


def _some_weights(n_rows: int, n_keys: int) -> Tensor:
    return softmax(_scores(n_rows, n_keys, size=2.0))


def _with_zeros() -> Tensor:
    rows = [[0, 1, 0, 0, 0], [0.25, 0.25, 0.5, 0, 0], [0.2] * 5]
    return torch.tensor(rows, dtype=torch.float64)


def _surprise(weights: Tensor) -> Tensor:
    """-w ln w, and 0 where w is 0."""
    return -torch.xlogy(weights, weights)


check_entropy = FunctionCheck(
    "check_entropy",
    reference=entropy,
    cases=[lambda: (_some_weights(5, 7),), lambda: (_with_zeros(),)],
    mistakes=[
        Mistake(
            "NaN where a weight is 0",
            lambda w: -(w * w.log()).sum(-1),
            "The logarithm of 0 is −∞, and 0 · (−∞) is not a number. Such a key adds nothing to"
            " the sum: keep it out of the logarithm, with clamp, where or torch.xlogy.",
        ),
        Mistake(
            "the wrong sign",
            lambda w: -_surprise(w).sum(-1),
            "Entropy is never negative. The logarithm of a weight below 1 is, so the sum needs a"
            " minus in front.",
        ),
        Mistake(
            "the wrong sign, and NaN where a weight is 0",
            lambda w: (w * w.log()).sum(-1),
            "The sum needs a minus in front. And a weight of 0 has no logarithm: keep it out.",
        ),
        Mistake(
            "in bits",
            lambda w: _surprise(w).sum(-1) / math.log(2),
            "That is the logarithm to base 2. Nats use the natural one, log.",
        ),
        Mistake(
            "in bits, and NaN where a weight is 0",
            lambda w: -(w * w.log2()).sum(-1),
            "Nats use the natural logarithm, log. And a weight of 0 has no logarithm: keep it"
            " out.",
        ),
        Mistake(
            "the mean in place of the sum",
            lambda w: _surprise(w).mean(-1),
            "The weights in front of the logarithms make it an average already: use sum(-1).",
        ),
        Mistake(
            "the logarithms are not weighted",
            lambda w: -w.clamp(min=torch.finfo(w.dtype).tiny).log().sum(-1),
            "Each logarithm counts by its own weight: w · ln w.",
        ),
        Mistake(
            "all rows in one sum",
            lambda w: _surprise(w).sum(),
            "One number came for the whole table. Each row has an entropy of its own: sum(-1).",
        ),
        Mistake(
            "a sum down the columns",
            lambda w: _surprise(w).sum(0),
            "One entropy came for each key. Each *row* is a distribution: sum(-1).",
        ),
        Mistake(
            "e to the entropy",
            lambda w: _surprise(w).sum(-1).exp(),
            "That is the number of equal keys with this entropy. Leave the exponential out.",
        ),
    ],
    praise="In nats, and 0 for a weight of 0.",
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


def _cooled_to(target: float, of_weights: bool = False) -> float:
    """The temperature at which layer 1, head 4 has this mean entropy, by bisection."""
    encoder, tokenizer = load_encoder()
    with torch.no_grad():
        rows = encoder(tokenizer.encode(TIRED)[None]).attentions[0][0, 3].double()
    scores = rows if of_weights else rows.log()
    low, high = 1e-4, 10.0
    for _ in range(50):
        middle = math.sqrt(low * high)
        if entropy(softmax(scores, middle)).mean() < target:
            low = middle
        else:
            high = middle
    return middle


check_cooled_head = ValueCheck(
    "check_cooled_head",
    reference=lambda: _cooled_to(1.0),
    within=0.004,
    mistakes=[
        Mistake(
            "the inverse", lambda: 1 / _cooled_to(1.0),
            "By this number the scores must be multiplied. The temperature divides them.",
        ),
        Mistake(
            "the weights were taken for scores", lambda: _cooled_to(1.0, of_weights=True),
            "Softmax of the weights is no temperature of this head. Its scores are the logarithms"
            " of the weights, up to a shift.",
        ),
        Mistake(
            "one bit", lambda: _cooled_to(math.log(2)),
            "At this temperature it has one bit, 0.69 nats. One nat was asked for.",
        ),
    ],
    praise="Its scores would have to be six times as large.",
)  # fmt: skip
