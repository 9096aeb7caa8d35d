"""How do scores, which can be any numbers, become weights, which share out a whole?

    softmax(s / T)_i = exp(s_i / T) / Σ_j exp(s_j / T)

The weights are positive, sum to one and keep the order of the scores; a smaller temperature T
favours the largest score more. Adding the same number to every score changes nothing, so the
largest is subtracted first and no exponential can overflow.

Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs";
temperature as in Hinton, Vinyals and Dean (2015), "Distilling the knowledge in a neural network",
section 2.

Axes: ``n`` the scores that share one whole.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from incontext import checks


def softmax(
    scores: Float[Tensor, "*axes"], temperature: float | int | Tensor = 1.0, dim: int = -1
) -> Float[Tensor, "*axes"]:
    """Weights that are at least 0 and sum to 1 along ``dim``.

    temperature: > 0, without unit: one number, or a tensor that broadcasts to ``scores`` and has
        size 1 along ``dim`` (``[H, 1, 1]`` gives each head its own).

    A score of −∞ gets weight 0. Where every score is −∞ there is nothing to choose from, and by
    our convention every weight is 0 (PyTorch's softmax has NaN there).

    Raises ``ValueError`` for scores that are not floating point and for a temperature ≤ 0.
    """
    checks.floating("scores", scores)
    checks.axes("scores", scores, "... n")
    _check_temperature(temperature, scores, dim)
    if not scores.numel():
        return scores.clone()

    excluded = scores == -torch.inf
    below_peak = (scores - scores.detach().amax(dim, keepdim=True)).masked_fill(excluded, 0.0)
    exponentials = (below_peak / temperature).exp().masked_fill(excluded, 0.0)
    total = exponentials.sum(dim, keepdim=True)
    return exponentials / total.masked_fill(total == 0.0, 1.0)


def entropy(weights: Float[Tensor, "*axes"], dim: int = -1) -> Float[Tensor, "..."]:
    """How spread out the weights are, in nats: H = −Σ_i w_i log w_i, without the axis ``dim``.

    From 0 (all on one) to log n (the same on each of n); 0 · log 0 counts as 0.

    Raises ``ValueError`` for negative weights.
    """
    checks.floating("weights", weights)
    checks.axes("weights", weights, "... n")
    if (weights < 0).any():
        raise ValueError(f"weights must be at least 0, got {weights.min():g}")
    surprise = -weights.clamp(min=torch.finfo(weights.dtype).tiny).log()
    return (weights * surprise).sum(dim).clamp(min=0.0)


def softmax_jacobian(
    weights: Float[Tensor, "*batch n"], temperature: float | int | Tensor = 1.0
) -> Float[Tensor, "*batch n n"]:
    """How each weight responds to each score: J_ij = ∂w_i / ∂s_j, for w = softmax(s / T).

        J = (diag(w) − w wᵀ) / T

    It is symmetric and its rows sum to 0. Where one weight is close to 1, every entry is close
    to 0 and hardly any gradient gets through.

    weights: what ``softmax(scores, temperature)`` returned, along the last axis.
    temperature: the same as there.
    """
    checks.floating("weights", weights)
    checks.axes("weights", weights, "... n")
    _check_temperature(temperature, weights, dim=-1)
    if isinstance(temperature, Tensor) and temperature.ndim:
        temperature = temperature.unsqueeze(-1)
    outer = weights.unsqueeze(-1) * weights.unsqueeze(-2)
    return (torch.diag_embed(weights) - outer) / temperature


def margin_needed(n_keys: int, weight: float) -> float:
    """By how much one score must lead n_keys − 1 equal others to get this weight, at T = 1.

        weight = e^m / (e^m + n_keys − 1)   ⇔   m = log((n_keys − 1) · weight / (1 − weight))

    n_keys: at least 2; weight: above 0 and below 1. The margin is negative for a weight
    below an equal share.
    """
    checks.whole("n_keys", n_keys, minimum=2)
    checks.finite("weight", weight)
    if not 0 < weight < 1:
        raise ValueError(f"weight={weight} must lie between 0 and 1")
    return math.log((n_keys - 1) * weight / (1 - weight))


def _check_temperature(temperature: float | int | Tensor, scores: Tensor, dim: int) -> None:
    checks.positive("temperature", temperature)
    if isinstance(temperature, Tensor) and temperature.ndim:
        one_each = list(scores.shape)
        one_each[dim] = 1
        after = (-dim if dim < 0 else scores.ndim - dim) - 1
        checks.broadcasts("temperature", temperature.shape, one_each, "... 1" + " n" * after)
