"""How does a word take from the other words what it needs?

    Attention(Q, K, V) = softmax(Q Kᵀ / √d_k) V

Each query is compared with every key by a dot product, softmax turns the scores into weights, and
the output is the mixture of the values with these weights. The dot product of two vectors with
independent components of unit variance has variance d_k, so division by √d_k keeps the spread of
the scores the same at every width.

Vaswani et al. (2017), "Attention Is All You Need", section 3.2.1.

Axes: ``T`` queries, ``S`` keys and values, ``D`` d_k, ``V`` width of a value; any axes before
these (``B`` batch, ``H`` heads) are carried along.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from incontext import checks
from incontext.softmax import softmax_of_fitting


def scaled_dot_product_attention(
    query: Float[Tensor, "*#batch T D"],
    key: Float[Tensor, "*#batch S D"],
    value: Float[Tensor, "*#batch S V"],
    *,
    mask: Bool[Tensor, "..."] | None = None,
    bias: Float[Tensor, "..."] | None = None,
    temperature: float | int | Tensor = 1.0,
    scale: float | None = None,
    need_weights: bool = True,
) -> tuple[Float[Tensor, "*#batch T V"], Float[Tensor, "*#batch T S"] | None]:
    """The mixture of values for each query, and the weights it was mixed with.

        weights = softmax((query · keyᵀ · scale + bias) / temperature)
        output  = weights · value

    mask: True = may attend; broadcasts to ``[..., T, S]``. (``F.scaled_dot_product_attention``
        reads it the same way, ``nn.MultiheadAttention`` the other way round.) A query that may
        attend to no key gets zero weights and a zero output.
    bias: added to the scaled scores; broadcasts to ``[..., T, S]``.
    temperature: > 0; a number, or a tensor that broadcasts to ``[..., T, 1]``.
    scale: 1/√d_k where none is given.
    need_weights: False returns ``(output, None)`` and the same output from PyTorch's fused
        operator, which never holds all T × S weights at once.

    Raises ``ValueError`` for sizes that do not fit, a mask that is not boolean, temperature ≤ 0.
    """
    scores_shape = _check_shapes(query, key, value)
    if mask is not None:
        checks.boolean("mask", mask, "True = may attend")
        checks.broadcasts("mask", mask.shape, scores_shape, "... T S")
    if bias is not None:
        checks.floating("bias", bias)
        checks.broadcasts("bias", bias.shape, scores_shape, "... T S")
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1])
    else:
        checks.finite("scale", scale)

    if not need_weights:
        return _fused(query, key, value, mask, bias, temperature, scale, scores_shape), None

    batch = scores_shape[:-2]
    values = _stack(value, batch)
    scores = _scores(_stack(query, batch), _stack(key, batch), mask, bias, scale, batch)
    may_exclude = mask is not None or bias is not None
    weights = softmax_of_fitting(scores, temperature, -1, may_exclude)
    return _unstack(torch.bmm(_stack(weights, batch), values), batch), weights


def causal_mask(
    n_queries: int, n_keys: int | None = None, device: torch.device | str | None = None
) -> Bool[Tensor, "T S"]:
    """True where a key stands no later than the query, ``[n_queries, n_keys]``.

    With more keys than queries the queries are the last positions, as they are when earlier keys
    are kept in a cache. (``is_causal=True`` of ``F.scaled_dot_product_attention`` takes them to be
    the first.) ``n_keys`` is ``n_queries`` where it is not given, and never smaller.
    """
    checks.whole("n_queries", n_queries)
    n_keys = n_queries if n_keys is None else n_keys
    checks.whole("n_keys", n_keys)
    if n_keys < n_queries:
        raise ValueError(f"n_keys={n_keys} must be at least n_queries={n_queries}")
    everywhere = torch.ones(n_queries, n_keys, dtype=torch.bool, device=device)
    return everywhere.tril(n_keys - n_queries)


def _scores(
    queries: Tensor,
    keys: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    scale: float,
    batch: Sequence[int],
) -> Tensor:
    """query · keyᵀ · scale + bias, and −∞ where the mask is False, ``[*batch, T, S]``.

    queries, keys: stacked, ``[N, T, D]`` and ``[N, S, D]``.
    """
    if mask is None and bias is None:
        nothing = queries.new_empty(1)
        return _unstack(torch.baddbmm(nothing, queries, keys.mT, beta=0, alpha=scale), batch)
    offset = _offset(mask, bias, queries.dtype)
    if offset.ndim > 2:
        offset = _stack(offset, batch)
    return _unstack(torch.baddbmm(offset, queries, keys.mT, alpha=scale), batch)


def _stack(x: Tensor, batch: Sequence[int]) -> Tensor:
    """``[*batch, m, n]`` as one stack of matrices, ``[N, m, n]``, which is what bmm multiplies.

    (``torch.matmul`` does so too, in more steps, and at a few tokens steps are what costs.)
    """
    if x.shape[:-2] != batch:
        x = x.expand(*batch, *x.shape[-2:])
    if len(batch) == 1:
        return x
    return x.flatten(0, -3) if batch else x.unsqueeze(0)


def _unstack(x: Tensor, batch: Sequence[int]) -> Tensor:
    """The inverse: ``[N, m, n]`` as ``[*batch, m, n]``."""
    return x if len(batch) == 1 else x.view(*batch, *x.shape[1:])


def _offset(mask: Tensor | None, bias: Tensor | None, dtype: torch.dtype) -> Tensor:
    """What is added to the scores: the bias, and −∞ where the mask is False."""
    if mask is None:
        return bias.to(dtype)
    if bias is None:
        excluded = torch.full(mask.shape, -torch.inf, dtype=dtype, device=mask.device)
        return excluded.masked_fill_(mask, 0.0)
    return torch.where(mask, bias, -torch.inf).to(dtype)


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    temperature: float | int | Tensor,
    scale: float,
    scores_shape: tuple[int, ...],
) -> Tensor:
    """The same output in one operator: the temperature goes into the query and the bias."""
    checks.positive("temperature", temperature)
    if isinstance(temperature, Tensor) and temperature.ndim:
        checks.broadcasts("temperature", temperature.shape, (*scores_shape[:-1], 1), "... T 1")
    query = query * (scale / temperature)
    offset = mask
    if bias is not None:
        offset = _offset(mask, bias / temperature, query.dtype)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=offset, scale=1.0)


def _check_shapes(query: Tensor, key: Tensor, value: Tensor) -> tuple[int, ...]:
    """The shape of the scores, ``[..., T, S]``."""
    tensors = (query, key, value)
    if all(isinstance(x, Tensor) and x.ndim > 1 and x.is_floating_point() for x in tensors):
        (*batch, n_queries, d_k), (*others, n_keys, key_width), (*more, n_values, _) = (
            x.shape for x in tensors
        )
        if batch == others == more and d_k == key_width and n_keys == n_values:
            return (*batch, n_queries, n_keys)

    checks.floating("query", query)
    checks.axes("query", query, "... T D")
    checks.vectors("key", key, "... S D", "d_k", query.shape[-1])
    checks.floating("value", value)
    checks.axes("value", value, "... S V")
    checks.size("value", value, -2, "n_keys", key.shape[-2])
    shapes = [tuple(x.shape[:-2]) for x in tensors]
    try:
        batch = torch.broadcast_shapes(*shapes)
    except RuntimeError:
        raise ValueError(
            "query, key and value must agree in the axes before the last two, "
            f"got {shapes[0]}, {shapes[1]} and {shapes[2]}"
        ) from None
    return (*batch, query.shape[-2], key.shape[-2])
