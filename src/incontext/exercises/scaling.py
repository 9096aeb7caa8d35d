"""Exercises of the chapter on scaling: scores, temperatures, deviations and a power law."""

import math

import torch
from torch import Tensor

from incontext.pretrained import load_encoder

from .checking import FunctionCheck, Mistake, ValueCheck


def scaled_scores(query: Tensor, key: Tensor) -> Tensor:
    return query @ key.mT / math.sqrt(query.shape[-1])


def _split_into_heads(heads: int, queries: int, keys: int, d_k: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(heads)
    sizes = ((heads, queries, d_k), (heads, keys, d_k))
    return tuple(torch.randn(size, generator=generator) for size in sizes)


check_scaled_scores = FunctionCheck(
    "check_scaled_scores",
    reference=scaled_scores,
    cases=[lambda: _split_into_heads(3, 5, 11, 7), lambda: _split_into_heads(2, 13, 5, 17)],
    mistakes=[
        Mistake(
            "no scaling", lambda query, key: query @ key.mT,
            "These are the plain dot products. Their standard deviation grows like √d_k: divide by"
            " √d_k.",
        ),
        Mistake(
            "divided by √d_model",
            lambda query, key: query @ key.mT / math.sqrt(query.shape[0] * query.shape[-1]),
            "The d under the root is H · D, the width of the model. Each dot product has only D"
            " terms: use the width of one head, query.shape[-1].",
        ),
        Mistake(
            "divided by d_k, with no root", lambda query, key: query @ key.mT / query.shape[-1],
            "d_k is the variance of the scores. Divide by their standard deviation, its root.",
        ),
        Mistake(
            "multiplied by √d_k",
            lambda query, key: query @ key.mT * math.sqrt(query.shape[-1]),
            "The scores are too large already, and this makes them larger: divide.",
        ),
        Mistake(
            "divided by the root of the number of keys",
            lambda query, key: query @ key.mT / math.sqrt(key.shape[-2]),
            "That is the axis of the keys. The terms of a dot product lie along the last axis.",
        ),
        Mistake(
            "softmax is already applied",
            lambda query, key: torch.softmax(scaled_scores(query, key), -1),
            "These are weights. Return the scores that softmax would be given.",
        ),
    ],
    praise="Every head divides by the root of its own width.",
)  # fmt: skip

check_undoing_temperature = ValueCheck(
    "check_undoing_temperature",
    reference=lambda: 1 / math.sqrt(64),
    within=1e-3,
    mistakes=[
        Mistake(
            "√d_k", lambda: math.sqrt(64),
            "A temperature of 8 divides by 8 once more. To undo a division, divide by the inverse.",
        ),
        Mistake(
            "1 / d_k", lambda: 1 / 64,
            "The function divides by the root of 64. This multiplies by 64 itself.",
        ),
        Mistake(
            "d_k", lambda: 64,
            "That divides the scores by 64 more. They have been divided by 8 and want it back.",
        ),
        Mistake(
            "1", lambda: 1,
            "At temperature 1 nothing is added to the division, and nothing undone.",
        ),
    ],
    praise="Dividing by 1/8 multiplies by 8.",
)  # fmt: skip

check_uniform_spread = ValueCheck(
    "check_uniform_spread",
    reference=lambda: math.sqrt(256 / 9),
    within=0.02,
    mistakes=[
        Mistake(
            "variance 1 taken for granted", lambda: math.sqrt(256),
            "√256 is right for components of variance 1. These have 1/3.",
        ),
        Mistake(
            "the variance instead of its root", lambda: 256 / 9,
            "That is the variance of q · k. The standard deviation is its root.",
        ),
        Mistake(
            "one variance of the two forgotten", lambda: math.sqrt(256 / 3),
            "The variance of a product is the product of both variances, 1/3 times 1/3.",
        ),
        Mistake(
            "already divided by √d_k", lambda: 1 / 3,
            "That is the standard deviation after dividing by √256. The question is about before.",
        ),
    ],
    praise="256 products of variance 1/9: a standard deviation of 16/3.",
)  # fmt: skip


def log_log_slope(widths: Tensor, deviations: Tensor) -> Tensor:
    return _slope(widths.log(), deviations.log())


def _slope(x: Tensor, y: Tensor) -> Tensor:
    x, y = x - x.mean(), y - y.mean()
    return (x * y).sum() / (x * x).sum()


def _power_law(n: int, exponent: float, factor: float) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n)
    widths = 2 ** torch.arange(1, n + 1, dtype=torch.float64)
    noise = 1 + 0.1 * torch.randn(n, generator=generator, dtype=torch.float64)
    return widths, factor * widths**exponent * noise


check_log_log_slope = FunctionCheck(
    "check_log_log_slope",
    reference=log_log_slope,
    cases=[
        lambda: _power_law(7, 0.5, 1.0),
        lambda: _power_law(11, 0.0, 3.0),
        lambda: _power_law(5, -1.3, 2.0),
    ],
    mistakes=[
        Mistake(
            "no logarithms", _slope,
            "This is the slope of a straight line through the numbers themselves. A power law is"
            " straight only when both axes are logarithmic.",
        ),
        Mistake(
            "one logarithm of the two", lambda widths, deviations: _slope(widths, deviations.log()),
            "You took the logarithm of the standard deviations only. Take that of the widths too.",
        ),
        Mistake(
            "one logarithm of the two (the widths)",
            lambda widths, deviations: _slope(widths.log(), deviations),
            "You took the logarithm of the widths only. Take that of the standard deviations too.",
        ),
        Mistake(
            "the axes exchanged",
            lambda widths, deviations: _slope(deviations.log(), widths.log()),
            "Divide by the sum of squares of the widths: the standard deviation is what you want to"
            " explain.",
        ),
        Mistake(
            "the means were not subtracted",
            lambda widths, deviations: (
                (widths.log() * deviations.log()).sum() / widths.log().square().sum()
            ),
            "Without that the line is forced through 0: a standard deviation of 1 at a width of 1.",
        ),
    ],
    praise="The exponent of the power law, by least squares.",
)  # fmt: skip


def _cosine_with_trained(temperature: float, pool: bool = True) -> float:
    """The vector of one sentence at this temperature against the one at 1."""
    encoder, tokenizer = load_encoder()
    ids = tokenizer.encode("The cat ate the fish.")[None]
    with torch.no_grad():
        states = [encoder(ids, temperature=t).last_hidden_state[0] for t in (1.0, temperature)]
    one, other = (x.mean(0) if pool else x[0] for x in states)
    return torch.cosine_similarity(one, other, dim=0).item()


check_undivided_sentence = ValueCheck(
    "check_undivided_sentence",
    reference=lambda: _cosine_with_trained(1 / math.sqrt(32)),
    within=0.006,
    mistakes=[
        Mistake(
            "the temperature the wrong way up", lambda: _cosine_with_trained(math.sqrt(32)),
            "A temperature of √32 divides once more. To take the division away it must be below 1.",
        ),
        Mistake(
            "1/32 and not its root", lambda: _cosine_with_trained(1 / 32),
            "A temperature of 1/32 multiplies by 32. The model has divided by the root of that.",
        ),
        Mistake(
            "√d_model", lambda: _cosine_with_trained(1 / math.sqrt(384)),
            "The heads have divided by the root of their own width, 32, not of the model's.",
        ),
        Mistake(
            "the first token instead of the mean",
            lambda: _cosine_with_trained(1 / math.sqrt(32), pool=False),
            "That compares the vectors of [CLS]. This model's sentence vector is the mean of all.",
        ),
    ],
    praise="The choices are almost hard, and the sentence is still recognisable.",
)  # fmt: skip
