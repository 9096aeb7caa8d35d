"""Can attention be had for less memory, or for less work, and is it then still attention?

``blockwise_attention`` is exact. It meets the keys a block at a time and never holds a whole row
of scores, because softmax can be computed on the way: with the largest score so far m, the sum of
exponentials so far l, and the mixture so far o, a new block of scores s with values v gives

    m' = max(m, max s)      c = exp(m − m')
    l' = c l + Σ exp(s − m')
    o' = c o + Σ exp(s − m') v          output = o / l after the last block

Milakov and Gimelshein (2018), "Online normalizer calculation for softmax"; Rabe and Staats (2021),
"Self-attention Does Not Need O(n²) Memory"; Dao et al. (2022), "FlashAttention", algorithm 1.

``windowed_attention`` and ``block_sparse_attention`` leave pairs out: they equal attention under
their masks, and do the work of those pairs alone. Child et al. (2019), "Sparse Transformers";
Beltagy et al. (2020), "Longformer", section 3.

Axes: ``T`` queries, ``S`` keys and values, ``D`` d_k, ``V`` width of a value; any axes before
these are carried along.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from incontext import checks
from incontext.attention import attention_scores, scaled_dot_product_attention


def blockwise_attention(
    query: Float[Tensor, "*batch T D"],
    key: Float[Tensor, "*batch S D"],
    value: Float[Tensor, "*batch S V"],
    *,
    causal: bool = False,
    block_size: int = 128,
    scale: float | None = None,
) -> Float[Tensor, "*batch T V"]:
    """The output of ``scaled_dot_product_attention``, T × block_size scores at a time.

    causal: as ``causal_mask`` has it; with more keys than queries the queries are the last.
    block_size: keys in a block, ≥ 1. scale: 1/√d_k where none is given.

    Raises ``ValueError`` for sizes that do not fit.
    """
    n_queries, n_keys = _check(query, key, value, causal)
    checks.whole("block_size", block_size)
    last_key = torch.arange(n_keys - n_queries, n_keys, device=query.device)[:, None]

    largest = query.new_full((*query.shape[:-1], 1), -torch.inf)  # m, [..., T, 1]
    total = torch.zeros_like(largest)  # l
    mixed = query.new_zeros((*query.shape[:-1], value.shape[-1]))  # o, [..., T, V]
    for start in range(0, n_keys, block_size):
        end = min(start + block_size, n_keys)
        mask = torch.arange(start, end, device=query.device) <= last_key if causal else None
        scores = attention_scores(query, key[..., start:end, :], mask=mask, scale=scale)
        before, largest = largest, torch.maximum(largest, scores.detach().amax(-1, keepdim=True))
        correction = torch.exp(before - largest)
        terms = torch.exp(scores - largest)  # [..., T, block]
        total = correction * total + terms.sum(-1, keepdim=True)
        mixed = correction * mixed + terms @ value[..., start:end, :]
    return mixed / total


def sliding_window_mask(
    n_queries: int, window: int, device: torch.device | str | None = None
) -> Bool[Tensor, "T S"]:
    """True for the ``window`` keys that end with the query itself: key in (query − window, query].

    ``window`` of n_queries or more is the causal mask.
    """
    checks.whole("n_queries", n_queries)
    checks.whole("window", window)
    everywhere = torch.ones(n_queries, n_queries, dtype=torch.bool, device=device)
    return everywhere.tril() & everywhere.triu(1 - window)


def windowed_attention(
    query: Float[Tensor, "*batch T D"],
    key: Float[Tensor, "*batch T D"],
    value: Float[Tensor, "*batch T V"],
    *,
    window: int,
    block_size: int = 128,
    scale: float | None = None,
) -> Float[Tensor, "*batch T V"]:
    """Attention under ``sliding_window_mask``, with work and memory linear in the length.

    Each block of queries sees only the keys that one of its windows holds.

    window: keys that a query sees, itself the last, ≥ 1. block_size: queries in a block, ≥ 1.
    """
    n_queries, n_keys = _check(query, key, value)
    checks.size("key", key, -2, "n_queries", n_queries)
    checks.whole("window", window)
    checks.whole("block_size", block_size)
    positions = torch.arange(n_keys, device=query.device)
    outputs = []
    for start in range(0, n_queries, block_size):
        end = min(start + block_size, n_queries)
        seen = slice(max(start - window + 1, 0), end)
        behind = positions[start:end, None] - positions[seen]  # how far each key lies behind
        mask = (behind >= 0) & (behind < window)
        output, _ = scaled_dot_product_attention(
            query[..., start:end, :], key[..., seen, :], value[..., seen, :], mask=mask, scale=scale
        )
        outputs.append(output)
    return torch.cat(outputs, dim=-2)


def block_sparse_mask(
    pattern: Bool[Tensor, "query_blocks key_blocks"], block_size: int, n_tokens: int
) -> Bool[Tensor, "T S"]:
    """The pattern of blocks, written out token by token and made causal: ``[n_tokens, n_tokens]``.

    pattern: True where a block of queries may attend to a block of keys. The last block may be
    shorter.
    """
    _check_pattern(pattern, block_size, n_tokens)
    tokens = pattern.repeat_interleave(block_size, 0).repeat_interleave(block_size, 1)
    return tokens[:n_tokens, :n_tokens].tril()


def block_sparse_attention(
    query: Float[Tensor, "*batch T D"],
    key: Float[Tensor, "*batch T D"],
    value: Float[Tensor, "*batch T V"],
    *,
    pattern: Bool[Tensor, "query_blocks key_blocks"],
    block_size: int,
    scale: float | None = None,
) -> Float[Tensor, "*batch T V"]:
    """Causal attention between the blocks that a pattern names: ``block_sparse_mask`` as its mask.

    Scores of other blocks are never computed. A query that may attend to no key gets zeros.
    """
    n_queries, _ = _check(query, key, value)
    checks.size("key", key, -2, "n_queries", n_queries)
    _check_pattern(pattern, block_size, n_queries)
    positions = torch.arange(n_queries, device=query.device)
    outputs = []
    for row, start in enumerate(range(0, n_queries, block_size)):
        here = positions[start : start + block_size]
        blocks = positions.split(block_size)
        on = pattern[row, : row + 1].nonzero()[:, 0]  # none that lies wholly in the future
        seen = torch.cat([here[:0], *(blocks[block] for block in on)])
        output, _ = scaled_dot_product_attention(
            query[..., here, :],
            key[..., seen, :],
            value[..., seen, :],
            mask=seen <= here[:, None],
            scale=scale,
        )
        outputs.append(output)
    return torch.cat(outputs, dim=-2)


class _LiveTensors(TorchDispatchMode):
    """Notes the memory of each tensor that an operator makes, for as long as somebody holds it."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = 0

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        given = {_storage(x)._cdata for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)}
        made = operator(*args, **(kwargs or {}))
        self.live = {key: one for key, one in self.live.items() if not one[0].expired()}
        for x in tree_leaves(made):
            if isinstance(x, Tensor) and _storage(x)._cdata not in given:  # no view of what was
                storage = _storage(x)
                self.live[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self.peak = max(self.peak, sum(n_bytes for _, n_bytes in self.live.values()))
        return made


def peak_memory(function: Callable[[], object]) -> int:
    """The bytes of the tensors that a call has made, at the moment when they are most.

    Tensors that were there before do not count, nor does what an operator needs inside for itself.
    """
    with _LiveTensors() as tensors:
        function()
    return tensors.peak


def _storage(tensor: Tensor) -> torch.UntypedStorage:
    return tensor.untyped_storage()


def _check(query: Tensor, key: Tensor, value: Tensor, causal: bool = False) -> tuple[int, int]:
    """The numbers of queries and of keys; other sizes are checked where they are multiplied."""
    for name, x, legend in (("query", query, "T D"), ("key", key, "S D"), ("value", value, "S V")):
        checks.floating(name, x)
        checks.axes(name, x, f"... {legend}")
    n_queries, n_keys = query.shape[-2], key.shape[-2]
    checks.whole("n_keys", n_keys)
    checks.size("value", value, -2, "n_keys", n_keys)
    if causal and n_keys < n_queries:
        raise ValueError(f"n_keys={n_keys} must be at least n_queries={n_queries} where causal")
    return n_queries, n_keys


def _check_pattern(pattern: Tensor, block_size: int, n_tokens: int) -> None:
    checks.boolean("pattern", pattern, "True = may attend")
    checks.axes("pattern", pattern, "query_blocks key_blocks")
    checks.whole("block_size", block_size)
    checks.whole("n_tokens", n_tokens)
    n_blocks = -(-n_tokens // block_size)
    for axis in (0, 1):
        checks.size("pattern", pattern, axis, "n_blocks", n_blocks)
