"""How does a word take from the other words what it needs?

    Attention(Q, K, V) = softmax(Q Kᵀ / √d_k) V

Each query is compared with every key by a dot product, softmax turns the scores into weights, and
the output is the mixture of the values with these weights. The dot product of two vectors with
independent components of unit variance has variance d_k, so division by √d_k keeps the standard
deviation of the scores the same at every width.

Vaswani et al. (2017), "Attention Is All You Need", section 3.2.1.

Axes: ``T`` queries, ``S`` keys and values, ``D`` d_k, ``V`` width of a value; any axes before
these (``B`` batch, ``H`` heads) are kept as they are.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from incontext import checks
from incontext.softmax import softmax


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

    mask, bias, scale: as in ``attention_scores``. A query that may attend to no key gets zero
        weights and a zero output.
    temperature: > 0; a number, or a tensor that broadcasts to ``[..., T, 1]``.
    need_weights: False returns ``(output, None)`` and the same output from PyTorch's fused
        operator, which never holds all T × S weights at once.

    Raises ``ValueError`` for sizes that do not fit, a mask that is not boolean, temperature ≤ 0.
    """
    _check_value(query, key, value)
    if not need_weights:
        return _fused(query, key, value, mask, bias, temperature, scale), None
    scores = attention_scores(query, key, mask=mask, bias=bias, scale=scale)
    weights = softmax(scores, temperature)
    return weights @ value, weights


def attention_scores(
    query: Float[Tensor, "*#batch T D"],
    key: Float[Tensor, "*#batch S D"],
    *,
    mask: Bool[Tensor, "..."] | None = None,
    bias: Float[Tensor, "..."] | None = None,
    scale: float | None = None,
) -> Float[Tensor, "*#batch T S"]:
    """What goes into the softmax: query · keyᵀ · scale + bias, and −∞ where the mask is False.

    mask: True = may attend; broadcasts to ``[..., T, S]``. (``F.scaled_dot_product_attention``
        reads it the same way, ``nn.MultiheadAttention`` the other way round.)
    bias: added to the scaled scores; broadcasts to ``[..., T, S]``.
    scale: 1/√d_k where none is given.

    Raises ``ValueError`` for sizes that do not fit and a mask that is not boolean.
    """
    _check_scores(query, key, mask, bias, scale)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = query @ key.mT * scale
    if bias is not None:
        scores = scores + bias.to(scores.dtype)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores


def causal_mask(
    n_queries: int, n_keys: int | None = None, device: torch.device | str | None = None
) -> Bool[Tensor, "T S"]:
    """True where a key stands no later than the query, ``[n_queries, n_keys]``.

    With more keys than queries the queries are the last positions, as they are when earlier keys
    are kept in a cache: ``causal_mask(1, 3)`` is ``[[True, True, True]]``. (``is_causal=True`` of
    ``F.scaled_dot_product_attention`` takes the queries to be the first.) ``n_keys`` is
    ``n_queries`` where it is not given, and never smaller.
    """
    checks.whole("n_queries", n_queries)
    n_keys = n_queries if n_keys is None else n_keys
    checks.whole("n_keys", n_keys)
    if n_keys < n_queries:
        raise ValueError(f"n_keys={n_keys} must be at least n_queries={n_queries}")
    everywhere = torch.ones(n_queries, n_keys, dtype=torch.bool, device=device)
    return everywhere.tril(n_keys - n_queries)


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    temperature: float | int | Tensor,
    scale: float | None,
) -> Tensor:
    """The same output in one operator: the temperature goes into the query and the bias."""
    _check_scores(query, key, mask, bias, scale)
    checks.positive("temperature", temperature)
    if isinstance(temperature, Tensor) and temperature.ndim:
        rows = (*_batch(query=query, key=key), query.shape[-2], 1)
        checks.broadcasts("temperature", temperature.shape, rows, "... T 1")
    offset = mask
    if bias is not None:
        offset = (bias / temperature).to(query.dtype)
        offset = offset if mask is None else torch.where(mask, offset, -torch.inf)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    query = query * (scale / temperature)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=offset, scale=1.0)


def _check_vectors(query: Tensor, key: Tensor) -> None:
    checks.floating("query", query)
    checks.axes("query", query, "... T D")
    checks.vectors("key", key, "... S D", "d_k", query.shape[-1])


def _check_value(query: Tensor, key: Tensor, value: Tensor) -> None:
    _check_vectors(query, key)
    checks.floating("value", value)
    checks.axes("value", value, "... S V")
    checks.size("value", value, -2, "n_keys", key.shape[-2])
    _batch(query=query, key=key, value=value)


def _check_scores(
    query: Tensor, key: Tensor, mask: Tensor | None, bias: Tensor | None, scale: float | None
) -> None:
    _check_vectors(query, key)
    shape = (*_batch(query=query, key=key), query.shape[-2], key.shape[-2])
    if mask is not None:
        checks.boolean("mask", mask, "True = may attend")
        checks.broadcasts("mask", mask.shape, shape, "... T S")
    if bias is not None:
        checks.floating("bias", bias)
        checks.broadcasts("bias", bias.shape, shape, "... T S")
    if scale is not None:
        checks.finite("scale", scale)


def _batch(**tensors: Tensor) -> torch.Size:
    """The axes before the last two, to which all of the tensors broadcast."""
    shapes = [tuple(tensor.shape[:-2]) for tensor in tensors.values()]
    try:
        return torch.broadcast_shapes(*shapes)
    except RuntimeError:
        *names, last = tensors
        *others, final = map(str, shapes)
        raise ValueError(
            f"{', '.join(names)} and {last} must agree in the axes before the last two, "
            f"got {', '.join(others)} and {final}"
        ) from None
