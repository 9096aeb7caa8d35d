"""Does a map of attention show what an answer depends on? Change one token, and see.

A map gives each token a weight. To ask whether the weight means anything, take the token away and
measure how far the answer moves, its *effect*; then compare the order of the weights with the order
of the effects (Spearman's rank correlation), over many texts, with an interval.

Jain and Wallace (2019), "Attention is not Explanation", section 4.1 (weights against the effect of
leaving a token out); Abnar and Zuidema (2020), "Quantifying Attention Flow in Transformers",
section 3 (rollout); Efron (1979), "Bootstrap Methods: Another Look at the Jackknife".

Axes: ``T`` tokens, as queries and as keys; ``N`` texts.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from incontext import checks
from incontext.transformer import Encoder


@torch.no_grad()
def token_effects(
    encoder: Encoder, ids: Integer[Tensor, " T"], position: int, replacement: int | None = None
) -> Float[Tensor, " T"]:
    """How far the vector at one position moves when each token in turn is taken away, from 0 to 2.

        effect of s = 1 − cosine(vector at the position, the same vector without token s)

    position: whose vector, 0 ≤ position < T. replacement: the id that is put in the token's place,
    such as that of [MASK]; None hides the token, so that no query may attend to it.
    """
    checks.axes("ids", ids, "T")
    checks.whole("position", position, minimum=0)
    n = len(ids)
    if position >= n:
        raise ValueError(f"position={position} must be below T={n}")
    texts, mask = ids.repeat(n, 1), torch.ones(n, n, dtype=torch.bool)  # row s is without token s
    if replacement is None:
        mask.fill_diagonal_(False)
    else:
        texts.fill_diagonal_(replacement)
    before = encoder(ids[None], need_weights=False).last_hidden_state[0, position]
    after = encoder(texts, mask, need_weights=False).last_hidden_state[:, position]
    return 1 - torch.cosine_similarity(after, before, dim=-1)


def ranks(values: Float[Tensor, " T"]) -> Float[Tensor, " T"]:
    """The place of each value in order, from 1 for the smallest; equal values share their mean."""
    checks.axes("values", values, "T")
    below = (values[:, None] > values).sum(1)
    equal = (values[:, None] == values).sum(1)  # itself included
    return below + (equal + 1) / 2


def rank_correlation(a: Float[Tensor, " T"], b: Float[Tensor, " T"]) -> float:
    """Spearman's ρ: the correlation of the ranks, from −1 to 1.

    1 where both put the tokens into the same order, −1 where into the opposite one. NaN where all
    values of one of them are equal.
    """
    checks.axes("a", a, "T")
    checks.axes("b", b, "T")
    if len(a) != len(b) or len(a) < 2:
        raise ValueError(f"a and b must have one length, 2 or more, got {len(a)} and {len(b)}")
    x, y = (ranks(one) - (len(one) + 1) / 2 for one in (a, b))  # their mean is 0
    return float(x @ y / (x.norm() * y.norm()))


def bootstrap_interval(
    values: Float[Tensor, " N"], n_draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Between which two numbers the mean lies in 95 of 100 new samples, drawn from these values.

    Each sample draws N of the N values, with replacement.
    """
    checks.axes("values", values, "N")
    checks.whole("n_draws", n_draws)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(values), (n_draws, len(values)), generator=generator)
    means = values.double()[drawn].mean(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype)).tolist()
    return low, high


def attention_rollout(attentions: Sequence[Float[Tensor, "1 H T T"]]) -> Float[Tensor, "T T"]:
    """Weights multiplied through all layers, half of each token staying with itself in each.

        rollout = A_L ⋯ A_2 A_1,    A_l = ½ (mean over heads of layer l) + ½ I

    Row t says what share of the output at t each input token has, if heads handed over tokens as
    they came and each layer kept one half. Neither is so.

    attentions: of one text, a tensor for each layer, as a model returns them.
    """
    if not attentions:
        raise ValueError("attentions must hold the weights of at least one layer, got none")
    rollout = None
    for layer, weights in enumerate(attentions, start=1):
        checks.axes(f"attentions of layer {layer}", weights, "1 H T T")
        mean = weights[0].mean(0)
        mixed = (mean + torch.eye(len(mean), dtype=mean.dtype)) / 2
        rollout = mixed if rollout is None else mixed @ rollout
    return rollout
