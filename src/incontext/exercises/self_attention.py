"""Exercises of the chapter on self-attention."""

import math

import torch
from torch import Tensor

from incontext.attention import causal_mask, scaled_dot_product_attention
from incontext.pretrained import load_encoder
from incontext.softmax import softmax

from .checking import FunctionCheck, Mistake, ValueCheck

X = [[0.1, 0.3, 0.5], [0.6, 0.2, 0.9], [0.8, 0.4, 0.7]]  # I, love, AI
TIRED = "The chicken didn't cross the road because it was too tired."


def _normal(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _sentence(n_tokens: int, d_model: int, d_k: int, d_value: int) -> tuple[Tensor, ...]:
    """x [T, C], w_q [C, D], w_k [C, D], w_v [C, V]."""
    widths = (d_k, d_k, d_value)
    projections = (_normal(d_model, w, seed=i) for i, w in enumerate(widths, start=1))
    return (_normal(n_tokens, d_model, seed=0), *projections)


def _attention(divide=lambda x, q: math.sqrt(q.shape[-1]), dim: int = -1, swapped: bool = False):
    """Attention of a sentence to itself, with one step done as told."""

    def solution(x, w_q, w_k, w_v):
        query, key, value = x @ w_q, x @ w_k, x @ w_v
        if swapped:
            query, key = key, query
        weights = softmax(query @ key.mT / divide(x, query), dim=dim)
        return weights @ value, weights

    return solution


def _reference(x, w_q, w_k, w_v):
    return scaled_dot_product_attention(x @ w_q, x @ w_k, x @ w_v)


check_attention = FunctionCheck(
    "check_attention",
    reference=_reference,
    cases=[lambda: _sentence(5, 7, 3, 2), lambda: _sentence(11, 13, 5, 7)],
    mistakes=[
        Mistake(
            "no scaling",
            _attention(divide=lambda x, q: 1.0),
            "The dot products go into softmax as they are. Divide them by √d_k first.",
        ),
        Mistake(
            "scaled by √d_model",
            _attention(divide=lambda x, q: math.sqrt(x.shape[-1])),
            "Your √ is taken of the width of x. It belongs to the width of a query, which is what"
            " the dot product sums over: q.shape[-1].",
        ),
        Mistake(
            "divided by d_k",
            _attention(divide=lambda x, q: q.shape[-1]),
            "The root is missing: the scores are divided by √d_k and not by d_k.",
        ),
        Mistake(
            "softmax over the wrong axis",
            _attention(dim=-2),
            "Each column of your weights sums to one. A query shares its weight out over the"
            " keys, which lie along the last axis: dim=-1.",
        ),
        Mistake(
            "queries and keys changed places",
            _attention(swapped=True),
            "Row i of your scores belongs to key i. Rows belong to queries: Q Kᵀ and not K Qᵀ.",
        ),
    ],
    praise="Output and weights equal the package's, with d_k, d_model and the values' width apart.",
)


def _masked(filled, weights=softmax):
    """Weights from scores [T, T] in which `filled(scores, allowed)` has put what it does."""

    def solution(scores):
        allowed = causal_mask(scores.shape[-1])
        return weights(filled(scores, allowed))

    return solution


def _after_softmax(scores):
    return softmax(scores) * causal_mask(scores.shape[-1])


check_causal_weights = FunctionCheck(
    "check_causal_weights",
    reference=_masked(lambda s, allowed: s.masked_fill(~allowed, -torch.inf)),
    cases=[lambda: (_normal(3, 3, seed=4),), lambda: (_normal(7, 7, seed=5),)],
    mistakes=[
        Mistake(
            "missing mask",
            softmax,
            "Your first token gives weight to tokens that come later. Set those scores to −∞.",
        ),
        Mistake(
            "mask after the softmax",
            _after_softmax,
            "The weights that you set to 0 had a share, and nobody got it: your rows sum to less"
            " than one. Mask the scores, before softmax.",
        ),
        Mistake(
            "inverted mask",
            _masked(lambda s, allowed: s.masked_fill(~allowed.mT, -torch.inf)),
            "Each of your tokens sees itself and the later ones. Keep the lower triangle: tril.",
        ),
        Mistake(
            "inverted mask, True taken for “may not”",
            _masked(
                lambda s, allowed: s.masked_fill(allowed, -torch.inf),
                weights=lambda s: torch.softmax(s, -1),
            ),
            "You filled with −∞ where the mask is True, which here means may attend. So the last"
            " token sees nobody, and its row is NaN. Fill where ~mask.",
        ),
        Mistake(
            "inverted mask, with the package's softmax",
            _masked(lambda s, allowed: s.masked_fill(allowed, -torch.inf)),
            "You filled with −∞ where the mask is True, which here means may attend. So the last"
            " token sees nobody, and its row is all zeros. Fill where ~mask.",
        ),
        Mistake(
            "scores multiplied by the mask",
            _masked(lambda s, allowed: s * allowed),
            "A masked score became 0, and 0 is a score like any other: e⁰ = 1 takes its share. It"
            " has to be −∞.",
        ),
        Mistake(
            "−1 in place of −∞",
            _masked(lambda s, allowed: s.masked_fill(~allowed, -1.0)),
            "A score of −1 is only a low score, and still gets weight. It has to be −∞.",
        ),
        Mistake(
            "scores multiplied by −1",
            _masked(lambda s, allowed: torch.where(allowed, s, -s)),
            "Turning the sign shuts nobody out: a later key with a negative score even gains. The"
            " masked score has to be −∞.",
        ),
        Mistake(
            "a token may not see itself",
            _masked(lambda s, allowed: s.masked_fill(~allowed.tril(-1), -torch.inf)),
            "Your diagonal is shut out, so the first token sees nobody. A token may attend to"
            " itself: keep the diagonal.",
        ),
    ],
    praise="Every row sums to one, and no token sees a later one.",
)


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
            "The scores are divided by √3 and not by 3.",
        ),
        Mistake(
            "mask after the softmax",
            _unmasked_weight_of_love,
            "That is the weight while love still sees AI. With the mask, AI is not in the sum.",
        ),
    ],
    praise="It is e^0.699 / (e^0.329 + e^0.699): two keys are left, and love leads by 0.37.",
)


def _weights_of(tokens_of=("it", "tired")) -> Tensor:
    """The weight from one word to another in each head, [72], in the sentence TIRED."""
    encoder, tokenizer = load_encoder()
    ids = tokenizer.encode(TIRED)
    query, key = (tokenizer.tokens(ids).index(word) for word in tokens_of)
    with torch.no_grad():
        attentions = encoder(ids[None]).attentions
    return torch.cat([one[0, :, query, key] for one in attentions])


def _strongest(tokens_of=("it", "tired"), first: int = 1) -> tuple[int, int]:
    layer, head = divmod(_weights_of(tokens_of).argmax().item(), 12)
    return layer + first, head + first


check_listener = ValueCheck(
    "check_listener",
    reference=_strongest,
    mistakes=[
        Mistake(
            "counted from 0",
            lambda: _strongest(first=0),
            "Right head, but this book counts layers and heads from 1. Add 1 to both.",
        ),
        Mistake(
            "query and key changed places",
            lambda: _strongest(("tired", "it")),
            "In that head “tired” looks at “it”. The row is the query: take the row of “it”"
            " and the column of “tired”.",
        ),
    ],
    praise="With 0.73 of its weight, this head carries “tired” to “it”, one layer before layer 4.",
)
