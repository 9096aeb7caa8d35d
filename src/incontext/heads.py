"""One softmax row is one mixture. How can a word attend to several things at once?

    head_h = Attention(Q W_Q^h, K W_K^h, V W_V^h)
    MultiHead(Q, K, V) = Concat(head_1, …, head_H) W_O

The width is divided: each of H heads attends in its own d_k = d_model / H dimensions, and a last
projection joins them. The number of parameters does not depend on H. Several query heads may share
the keys and values of one head, which makes the cache of a decoder smaller (grouped queries).

Vaswani et al. (2017), "Attention Is All You Need", section 3.2.2; Ainslie et al. (2023), "GQA",
section 2 (grouped queries); Shazeer (2019), "Fast Transformer Decoding" (one key and value head,
and the cache).

Axes: ``B`` batch, ``T`` queries, ``S`` keys, ``C`` d_model, ``H`` heads, ``G`` heads of keys and
values, ``D`` d_k = C / H.
"""

from collections.abc import Callable, Sequence
from typing import TypedDict, Unpack

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from incontext import checks
from incontext.attention import scaled_dot_product_attention


class KeyValueCache:
    """The keys and values that one attention module has already computed, oldest first.

    A decoder that writes token by token hands it in with each new token and so computes each key
    and value once. It starts empty; a stack takes a list of them, one for each layer.
    """

    def __init__(self) -> None:
        self.keys: Tensor | None = None  # [..., G, S, D], rotated where the module rotates
        self.values: Tensor | None = None  # [..., G, S, D]

    def __len__(self) -> int:
        """The number of tokens held."""
        return 0 if self.keys is None else self.keys.shape[-2]

    @property
    def n_bytes(self) -> int:
        """Memory that the keys and values take, in bytes."""
        return 0 if self.keys is None else self.keys.nbytes + self.values.nbytes

    def append(
        self, keys: Float[Tensor, "*batch G n D"], values: Float[Tensor, "*batch G n D"]
    ) -> tuple[Float[Tensor, "*batch G S D"], Float[Tensor, "*batch G S D"]]:
        """Keep the keys and values of n new tokens; returns those of all tokens so far."""
        if self.keys is not None:
            held = (*self.keys.shape[:-2], self.keys.shape[-1])
            if (*keys.shape[:-2], keys.shape[-1]) != held:
                raise ValueError(
                    f"cache holds keys of shape {tuple(self.keys.shape)}, to which keys of shape "
                    f"{tuple(keys.shape)} cannot be appended; start each batch with a new cache"
                )
            keys = torch.cat([self.keys, keys], dim=-2)
            values = torch.cat([self.values, values], dim=-2)
        self.keys, self.values = keys, values
        return keys, values


class AttentionOptions(TypedDict, total=False):
    """Options for one attention module, or for every layer of a stack.

    Always keyword arguments, and handed down as they are; what is left out, or None, changes
    nothing. A stack gives each layer its own row of ``head_mask`` and its own ``cache``.

    mask: True = may attend; broadcasts to ``[..., H, T, S]``. A mask for padding, ``[B, S]``, is
        passed to a module as ``mask[:, None, None, :]``; a stack takes it as it is.
    bias: added to the scaled scores; broadcasts to ``[..., H, T, S]``.
    rotate: a rotary position scheme, applied to the queries ``[..., H, T, D]`` and to the keys
        ``[..., G, S, D]``; returns the same shape.
    temperature: > 0, divides the scores; a number, or a tensor that broadcasts to
        ``[..., H, T, 1]``.
    head_mask: 0 switches a head off and 1 leaves it on: it multiplies the head's output. ``[H]``
        for a module, ``[n_layers, H]`` for a stack. The returned weights are not affected.
    cache: keys and values of the tokens before these: a ``KeyValueCache`` for a module, a list with
        one for each layer for a stack. The new tokens are added to it.
    need_weights: False returns None for the weights, and uses PyTorch's fused operator.
    """

    mask: Bool[Tensor, "..."] | None
    bias: Float[Tensor, "..."] | None
    rotate: Callable[[Tensor], Tensor] | None
    temperature: float | int | Tensor
    head_mask: Float[Tensor, "..."] | None
    cache: KeyValueCache | Sequence[KeyValueCache] | None
    need_weights: bool


def split_heads(x: Float[Tensor, "*batch T C"], n_heads: int) -> Float[Tensor, "*batch H T D"]:
    """Give each head its own slice of every vector: columns h·D to (h + 1)·D − 1 for head h."""
    checks.axes("x", x, "... T C")
    checks.divides("n_heads", n_heads, "d_model", x.shape[-1])
    return x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)


def merge_heads(x: Float[Tensor, "*batch H T D"]) -> Float[Tensor, "*batch T C"]:
    """Lay the heads' vectors side by side again: the inverse of ``split_heads``."""
    checks.axes("x", x, "... H T D")
    return x.transpose(-3, -2).flatten(-2)


class MultiHeadAttention(nn.Module):
    """Attention in ``n_heads`` slices of the width, with learned projections.

    d_model: width of the vectors, a multiple of n_heads.
    n_heads: number of query heads.
    bias: whether the four projections add a bias.
    n_kv_heads: number of heads of keys and values, a divisor of n_heads; query head h uses number
        h // (n_heads / n_kv_heads). As many as query heads where None.

    ``attend`` is the function that computes the attention, ``scaled_dot_product_attention`` unless
    another one is put there: ``attend(query, key, value, mask=None, **rest)`` returns (output,
    weights). It is called after rotation, with grouped keys and values repeated for each query
    head, and receives only those of mask, bias, temperature and need_weights that the caller gave.

    The weights start as ``nn.Linear`` starts them.
    """

    def __init__(
        self, d_model: int, n_heads: int, bias: bool = True, n_kv_heads: int | None = None
    ) -> None:
        super().__init__()
        checks.divides("n_heads", n_heads, "d_model", d_model)
        n_kv_heads = n_heads if n_kv_heads is None else n_kv_heads
        checks.divides("n_kv_heads", n_kv_heads, "n_heads", n_heads)
        self.d_model, self.n_heads, self.n_kv_heads = d_model, n_heads, n_kv_heads
        kv_width = d_model // n_heads * n_kv_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=bias)
        self.k_proj = nn.Linear(d_model, kv_width, bias=bias)
        self.v_proj = nn.Linear(d_model, kv_width, bias=bias)
        self.out_proj = nn.Linear(d_model, d_model, bias=bias)
        self.attend = scaled_dot_product_attention

    def forward(
        self,
        query: Float[Tensor, "*batch T C"],
        key: Float[Tensor, "*batch S C"] | None = None,
        value: Float[Tensor, "*batch S C"] | None = None,
        **options: Unpack[AttentionOptions],
    ) -> tuple[Float[Tensor, "*batch T C"], Float[Tensor, "*batch H T S"] | None]:
        """The output and the weights of every head.

        key, value: the query where none is given (self-attention); the value is the key where only
            a key is given.
        options: see ``AttentionOptions``.

        Raises ``ValueError`` for sizes that do not fit.
        """
        key = query if key is None else key
        value = key if value is None else value
        for name, x in (("query", query), ("key", key), ("value", value)):
            checks.vectors(name, x, "... tokens C", "d_model", self.d_model)
        options = {name: option for name, option in options.items() if option is not None}
        rotate, cache = options.pop("rotate", None), options.pop("cache", None)
        head_mask = options.pop("head_mask", None)

        q = split_heads(self.q_proj(query), self.n_heads)  # [..., H, T, D]
        k = split_heads(self.k_proj(key), self.n_kv_heads)  # [..., G, S, D]
        v = split_heads(self.v_proj(value), self.n_kv_heads)
        if rotate is not None:
            q, k = rotate(q), rotate(k)
        if cache is not None:
            k, v = cache.append(k, v)
        k, v = self.for_each_query_head(k), self.for_each_query_head(v)  # [..., H, S, D]

        mixed, weights = self.attend(q, k, v, **options)
        if head_mask is not None:
            checks.axes("head_mask", head_mask, "H")
            checks.size("head_mask", head_mask, 0, "n_heads", self.n_heads)
            mixed = mixed * head_mask[:, None, None]
        return self.out_proj(merge_heads(mixed)), weights

    def for_each_query_head(
        self, x: Float[Tensor, "*batch G S D"]
    ) -> Float[Tensor, "*batch H S D"]:
        """Keys or values, repeated for the query heads that share them."""
        if self.n_kv_heads == self.n_heads:
            return x
        return x.repeat_interleave(self.n_heads // self.n_kv_heads, dim=-3)

    def extra_repr(self) -> str:
        grouped = "" if self.n_kv_heads == self.n_heads else f", n_kv_heads={self.n_kv_heads}"
        return f"d_model={self.d_model}, n_heads={self.n_heads}{grouped}"
