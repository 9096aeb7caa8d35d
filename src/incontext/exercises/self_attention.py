"""Exercises of the chapter on self-attention."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from incontext.attention import causal_mask, scaled_dot_product_attention
from incontext.pretrained import decoder_to_read
from incontext.softmax import softmax

from .checking import (
    FunctionCheck,
    Mistake,
    ValueCheck,
    Verdict,
    are_two_texts,
    in_words,
    not_yet,
)

X = [[0.1, 0.3, 0.5], [0.6, 0.2, 0.9], [0.8, 0.4, 0.7]]  # I, love, AI


def _causal_weight_of_love(divide: float) -> float:
    scores = torch.tensor([X[1]]) @ torch.tensor(X[:2]).T / divide
    return softmax(scores)[0, 1].item()


def _unmasked_weight_of_love() -> float:
    x = torch.tensor(X)
    return scaled_dot_product_attention(x, x, x)[1][1, 1].item()


check_love = ValueCheck(
    "check_love",
    reference=lambda: _causal_weight_of_love(math.sqrt(3)),
    within=0.005,
    mistakes=[
        Mistake(
            "no scaling",
            lambda: _causal_weight_of_love(1.0),
            "Divide the scores by √3 before you raise e to them.",
        ),
        Mistake(
            "divided by d_k",
            lambda: _causal_weight_of_love(3.0),
            "The scores are divided by √3, and you divided them by 3.",
        ),
        Mistake(
            "mask after the softmax",
            _unmasked_weight_of_love,
            "That is the weight while love still sees AI. With the mask, AI is not in the sum.",
        ),
        Mistake(
            "the weight of I",
            lambda: 1 - _causal_weight_of_love(math.sqrt(3)),
            "That is what is left for I. The question is about love's own weight.",
        ),
    ],
    praise="It is e^0.699 / (e^0.329 + e^0.699): two keys are left, and love leads by 0.37.",
)


def _normal(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _sentence(n_tokens: int, d_model: int, d_k: int, d_value: int) -> tuple[Tensor, ...]:
    """x [T, C], w_q [C, D], w_k [C, D], w_v [C, V]."""
    widths = (d_k, d_k, d_value)
    projections = (_normal(d_model, w, seed=i) for i, w in enumerate(widths, start=1))
    return (_normal(n_tokens, d_model, seed=0), *projections)


def _root_d_k(x: Tensor, query: Tensor) -> float:
    return math.sqrt(query.shape[-1])


def _root_d_model(x: Tensor, query: Tensor) -> float:
    return math.sqrt(x.shape[-1])


def _masked(scores: Tensor, allowed: Tensor) -> Tensor:
    return scores.masked_fill(~allowed, -torch.inf)


def _with(fill: float, may: Callable[[Tensor], Tensor] = lambda allowed: allowed) -> Callable:
    """Scores with `fill` wherever a query may not attend; `may` changes who may."""
    return lambda scores, allowed: scores.masked_fill(~may(allowed), fill)


def _attention(
    masked: Callable[[Tensor, Tensor], Tensor] = _masked,
    divide: Callable[[Tensor, Tensor], float] = _root_d_k,
    weights_of: Callable[[Tensor, Tensor], Tensor] = lambda scores, allowed: scores.softmax(-1),
) -> Callable:
    """Causal attention of a sentence to itself, with each step done as told."""

    def solution(x, w_q, w_k, w_v):
        query, key, value = x @ w_q, x @ w_k, x @ w_v
        allowed = causal_mask(len(x))
        scores = masked(query @ key.mT / divide(x, query), allowed)
        weights = weights_of(scores, allowed)
        return weights @ value, weights

    return solution


check_attention = FunctionCheck(
    "check_attention",
    reference=_attention(),
    cases=[lambda: _sentence(5, 7, 3, 2), lambda: _sentence(11, 13, 5, 7)],
    mistakes=[
        Mistake(
            "two things are still wrong",
            _attention(masked=_with(0.0), divide=_root_d_model),
            "One of them shows when you replace the last token and look at the row of the first."
            " The other hides where d_model equals d_k: try different widths.",
        ),
        Mistake(
            "masked scores set to 0",
            _attention(masked=_with(0.0)),
            "The scale is right now. But a masked score is 0, and 0 is a score like any other:"
            " e⁰ = 1 takes its share. It has to be −∞.",
        ),
        Mistake(
            "scaled by √d_model",
            _attention(divide=_root_d_model),
            "The mask is right now. But the root is taken of the width of x, and a dot product"
            " sums over the width of a query: q.shape[-1].",
        ),
        Mistake(
            "no scaling",
            _attention(divide=lambda x, q: 1.0),
            "The dot products go into softmax as they are. Divide them by √d_k first.",
        ),
        Mistake(
            "divided by d_k",
            _attention(divide=lambda x, q: q.shape[-1]),
            "The root is missing: the scores are divided by √d_k, and you divided them by d_k.",
        ),
        Mistake(
            "missing mask",
            _attention(masked=lambda scores, allowed: scores),
            "Your first token gives weight to tokens that come later. Set those scores to −∞.",
        ),
        Mistake(
            "mask after the softmax",
            _attention(
                masked=lambda scores, allowed: scores,
                weights_of=lambda scores, allowed: scores.softmax(-1) * allowed,
            ),
            "The weights that you set to 0 had a share, and nobody got it: your rows sum to less"
            " than one. Mask the scores, before softmax.",
        ),
        Mistake(
            "inverted mask",
            _attention(masked=_with(-torch.inf, may=lambda allowed: allowed.mT)),
            "Each of your tokens sees itself and the later ones. Keep the lower triangle: tril.",
        ),
        Mistake(
            "inverted mask, True taken for “may not”",
            _attention(masked=_with(-torch.inf, may=lambda allowed: ~allowed)),
            "You filled with −∞ where the mask is True, which here means may attend. So the last"
            " token sees nobody, and its row is NaN. Fill where ~mask.",
        ),
        Mistake(
            "−1 in place of −∞",
            _attention(masked=_with(-1.0)),
            "A score of −1 is only a low score, and still gets weight. It has to be −∞.",
        ),
        Mistake(
            "a token may not see itself",
            _attention(
                masked=_with(-torch.inf, may=lambda allowed: allowed.tril(-1)),
                weights_of=lambda scores, allowed: softmax(scores),
            ),
            "Your diagonal is shut out, so the first token sees nobody. A token may attend to"
            " itself: keep the diagonal.",
        ),
        Mistake(
            "a token may not see itself, and the first row is NaN",
            _attention(masked=_with(-torch.inf, may=lambda allowed: allowed.tril(-1))),
            "The first token sees nobody, not even itself, and 0/0 is NaN. Keep the diagonal.",
        ),
        Mistake(
            "softmax over the wrong axis",
            _attention(weights_of=lambda scores, allowed: scores.softmax(-2)),
            "Each column of your weights sums to one. A query shares its weight out over the"
            " keys, which lie along the last axis: dim=-1.",
        ),
    ],
    praise="Output and weights equal the package's, with d_k, d_model and the values' width apart.",
)


@dataclass(frozen=True)
class OpeningsCheck:
    """Checks openings of the learner's, on which the real decoder has to choose between two verbs.

    Solved where the decoder agrees with the wrong noun in at least one of them.

    reference: gives pairs that do it. mistakes: pairs that say nothing about agreement.
    """

    name: str
    reference: Callable[[], list[tuple[str, str]]]
    mistakes: Sequence[Mistake]

    def __call__(self, pairs: Any) -> Verdict:
        if pairs is None or pairs is Ellipsis:
            return not_yet(f"give {self.name} your pairs of openings.")
        if not isinstance(pairs, list | tuple) or not all(map(are_two_texts, pairs)):
            return Verdict(
                False,
                f"{self.name} takes a list of pairs of texts, each of them (singular, plural). It"
                f" got {in_words(pairs)}.",
            )
        if len(pairs) < 3:
            return Verdict(False, str(self.mistakes[0]))
        if any(singular == plural for singular, plural in pairs):
            return Verdict(False, str(self.mistakes[1]))
        if any(text.split()[-1] in ("is", "are") for pair in pairs for text in pair):
            return Verdict(False, str(self.mistakes[2]))
        found = [(text, *_verbs(text)) for pair in pairs for text in pair]
        ratios = [p_are / p_is for _, p_are, p_is in found]
        if any(ratios[i] > ratios[i + 1] for i in range(0, len(ratios), 2)):
            return Verdict(False, str(self.mistakes[3]))
        wrong = [one for i, one in enumerate(found) if (ratios[i] > 1) != (i % 2 == 1)]
        count = f"It agrees with the subject in {len(found) - len(wrong)} of {len(found)} openings."
        if not wrong:
            return Verdict(
                False,
                f"{count} It takes more than that to mislead it: a longer way between the subject"
                " and its verb, a second noun, a clause with a verb of its own.",
            )
        shown = "; ".join(f"“{text} …” are {a:.3f}, is {b:.3f}" for text, a, b in wrong)
        return Verdict(True, f"{count} Misled by: {shown}.", "✓")


def _verbs(text: str) -> tuple[float, float]:
    """The decoder's probabilities of are and is after this text."""
    decoder, tokenizer = decoder_to_read()
    ids = tokenizer.encode(text.strip())
    with torch.no_grad():
        p = decoder(ids[None]).logits[0, -1].softmax(-1)
    return tuple(p[tokenizer.encode(verb)].item() for verb in (" are", " is"))


check_openings = OpeningsCheck(
    "check_openings",
    reference=lambda: [
        ("The key to the cabinets", "The keys to the cabinet"),
        ("The dog near the trees", "The dogs near the tree"),
        ("The player on the teams", "The players on the team"),
    ],
    mistakes=[
        Mistake(
            "too few openings",
            lambda: [("The key to the cabinets", "The keys to the cabinet")],
            "One pair can be an accident. Give it three or more.",
        ),
        Mistake(
            "a pair that is one opening twice",
            lambda: 3 * [("The key to the cabinets", "The key to the cabinets")],
            "The two openings of a pair differ in the number of the subject: first the singular,"
            " then the plural.",
        ),
        Mistake(
            "the verb is there already",
            lambda: 3 * [("The key to the cabinets is", "The keys to the cabinet are")],
            "Stop before the verb. It is the decoder's turn to choose between is and are.",
        ),
        Mistake(
            "singular and plural changed places",
            lambda: 3 * [("The keys to the cabinet", "The key to the cabinets")],
            "In one of your pairs “are” has better odds after the first opening than after the"
            " second. The singular subject comes first: (“The key …”, “The keys …”).",
        ),
    ],
)
