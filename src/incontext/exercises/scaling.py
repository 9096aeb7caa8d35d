"""Exercises of the chapter on scaling."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from incontext.contextual import SETS
from incontext.pretrained import encoder_to_read

from .checking import FunctionCheck, Mistake, ValueCheck, Verdict, are_two_texts, not_yet


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
            "Undivided scores are too large, and this makes them larger still: divide.",
        ),
        Mistake(
            "divided by the root of the number of keys",
            lambda query, key: query @ key.mT / math.sqrt(key.shape[-2]),
            "That axis counts the keys. The terms of a dot product lie along the last axis, d_k.",
        ),
        Mistake(
            "softmax is already applied",
            lambda query, key: torch.softmax(scaled_scores(query, key), -1),
            "These are weights. Return the scores, as they would go into softmax.",
        ),
    ],
    praise="Every head divides by the root of its own width.",
)  # fmt: skip

check_uniform_spread = ValueCheck(
    "check_uniform_spread",
    reference=lambda: math.sqrt(256 / 9),
    within=0.02,
    mistakes=[
        Mistake(
            "variance 1 taken for granted", lambda: math.sqrt(256),
            "√256 is right for components of variance 1. These have the variance 1/3.",
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

check_variance = FunctionCheck(
    "check_variance",
    reference=float,
    cases=[lambda: (16,), lambda: (64,), lambda: (256,)],
    mistakes=[
        Mistake(
            "each key is its own query",
            lambda d_k: d_k**2 + 2 * d_k,
            "Queries and keys are the same numbers, so all products are positive and nothing"
            " cancels. They have to be drawn independently: from one generator that goes on, or"
            " from two seeds.",
        ),
        Mistake(
            "the variance of q · q",
            lambda d_k: 2 * d_k,
            "Queries and keys are still the same numbers. You have only taken away the mean of"
            " their products, which should be 0 by itself.",
        ),
        Mistake(
            "the standard deviation",
            math.sqrt,
            "That is √d_k, the root of what was asked for. Leave the root out.",
        ),
        Mistake(
            "1 at every width",
            lambda d_k: 1.0,
            "Either the scores are divided by √d_k already, or this is the variance of single"
            " products. Add up the products of each pair first: sum(-1).",
        ),
        Mistake(
            "uniform components",
            lambda d_k: d_k / 9,
            "Numbers between −1 and 1 have the variance 1/3. Draw them with randn.",
        ),
        Mistake(
            "numbers between 0 and 1",
            lambda d_k: d_k / 9 + d_k * (d_k - 1) / 16,
            "rand draws numbers between 0 and 1, whose mean is 1/2: the products do not cancel."
            " Draw them with randn.",
        ),
    ],
    praise="Independent again, and the variance is the width.",
    tolerance=0.12,  # of 4000 pairs drawn at random
)  # fmt: skip


def _cosine_with_trained(text: str, temperature: float) -> float:
    """The vector of a sentence at this temperature against the one at 1."""
    encoder, tokenizer = encoder_to_read()
    ids = tokenizer.encode(text)[None]
    with torch.no_grad():
        vectors = [
            encoder(ids, temperature=t).last_hidden_state[0].mean(0) for t in (1, temperature)
        ]
    return torch.cosine_similarity(*vectors, dim=0).item()


@dataclass(frozen=True)
class SurvivorsCheck:
    """Checks two sentences: does one move far without the division, and the other hardly at all?

    most, least: the cosine with the trained vector, of the first and of the second.
    reference: gives sentences that pass. mistakes: pairs of sentences that are refused.
    """

    name: str
    most: float
    least: float
    reference: Callable[[], tuple[str, str]]
    mistakes: Sequence[Mistake]

    def __call__(self, sentences: Any) -> Verdict:
        if sentences is None or sentences is Ellipsis:
            return not_yet(f"give {self.name} two sentences of your own.")
        if not are_two_texts(sentences):
            return Verdict(
                False, f"{self.name} takes two texts, in one tuple: (moves far, hardly notices)."
            )
        known = {text for examples in SETS.values() for *_, text in examples}
        if known & set(sentences):
            return Verdict(False, str(self.mistakes[0]))
        moves, stays = (_cosine_with_trained(one, 1 / math.sqrt(32)) for one in sentences)
        found = f"The cosines are {moves:.2f} and {stays:.2f}."
        if moves <= self.most and stays >= self.least:
            return Verdict(True, found, "✓")
        if moves >= self.least and stays <= self.most:
            return Verdict(False, str(self.mistakes[1]))
        if moves > self.most:
            return Verdict(False, f"{found} The first should be at most {self.most:.2f}.")
        return Verdict(False, f"{found} The second should be at least {self.least:.2f}.")


check_survivors = SurvivorsCheck(
    "check_survivors",
    most=0.80,
    least=0.92,
    reference=lambda: ("Yes.", "bank"),
    mistakes=[
        Mistake(
            "a sentence of the chapter",
            lambda: ("The match will burn your fingers.", "bank"),
            "The chapter has measured its 24 sentences. Write one of your own.",
        ),
        Mistake(
            "the two exchanged",
            lambda: ("bank", "Yes."),
            "The sentence whose vector moves far comes first.",
        ),
    ],
)
