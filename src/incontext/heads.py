"""One softmax row is one mixture. How can a word attend to several things at once?

    head_h = Attention(Q W_Q^h, K W_K^h, V W_V^h)
    MultiHead(Q, K, V) = Concat(head_1, …, head_H) W_O

The width is divided: each of H heads attends in its own d_k = d_model / H dimensions, and a last
projection joins them. The number of parameters does not depend on H.

Vaswani et al. (2017), "Attention Is All You Need", section 3.2.2.

Axes: ``B`` batch, ``T`` queries, ``S`` keys, ``C`` d_model, ``H`` heads, ``D`` d_k = C / H.
"""

from collections.abc import Callable

from jaxtyping import Bool, Float
from torch import Tensor, nn

from incontext import checks
from incontext.attention import scaled_dot_product_attention


def split_heads(x: Float[Tensor, "*batch T C"], n_heads: int) -> Float[Tensor, "*batch H T D"]:
    """Give each head its own slice of every vector: head h gets columns h·D to (h + 1)·D."""
    checks.axes("x", x, "... T C")
    checks.divides("n_heads", n_heads, "d_model", x.shape[-1])
    return x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)


def merge_heads(x: Float[Tensor, "*batch H T D"]) -> Float[Tensor, "*batch T C"]:
    """Lay the heads' vectors side by side again: the inverse of ``split_heads``."""
    checks.axes("x", x, "... H T D")
    return x.transpose(-3, -2).flatten(-2)


class MultiHeadAttention(nn.Module):
    """Attention in ``n_heads`` slices of the width, with learned projections.

    bias: whether the four projections add a bias. The weights start as ``nn.Linear`` starts them.
    """

    def __init__(self, d_model: int, n_heads: int, bias: bool = True) -> None:
        super().__init__()
        checks.divides("n_heads", n_heads, "d_model", d_model)
        self.d_model = d_model
        self.n_heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=bias)
        self.k_proj = nn.Linear(d_model, d_model, bias=bias)
        self.v_proj = nn.Linear(d_model, d_model, bias=bias)
        self.out_proj = nn.Linear(d_model, d_model, bias=bias)

    def forward(
        self,
        query: Float[Tensor, "*batch T C"],
        key: Float[Tensor, "*batch S C"] | None = None,
        value: Float[Tensor, "*batch S C"] | None = None,
        *,
        mask: Bool[Tensor, "..."] | None = None,
        bias: Float[Tensor, "..."] | None = None,
        rotate: Callable[[Tensor], Tensor] | None = None,
        temperature: float | int | Tensor = 1.0,
        head_mask: Tensor | None = None,
        need_weights: bool = True,
    ) -> tuple[Float[Tensor, "*batch T C"], Float[Tensor, "*batch H T S"] | None]:
        """The output and the weights of every head.

        key, value: the query where none is given (self-attention); the value is the key where only
            a key is given.
        mask: True = may attend; broadcasts to ``[..., H, T, S]``. A mask for padding, ``[B, S]``,
            is passed as ``mask[:, None, None, :]``.
        bias: added to the scaled scores; broadcasts to ``[..., H, T, S]``.
        rotate: applied to the split queries and to the split keys, ``[..., H, T, D]`` to the same
            shape (a rotary position scheme).
        temperature: > 0; a number, or a tensor that broadcasts to ``[..., H, T, 1]``.
        head_mask: ``[H]``, 0 switches a head off and 1 leaves it on: it multiplies the head's
            output. The weights are returned as they were before.
        need_weights: False returns ``(output, None)``, from PyTorch's fused operator.

        Raises ``ValueError`` for sizes that do not fit.
        """
        checks.vectors("query", query, "... tokens C", "d_model", self.d_model)
        if key is not None:
            checks.vectors("key", key, "... tokens C", "d_model", self.d_model)
        if value is not None:
            checks.vectors("value", value, "... tokens C", "d_model", self.d_model)
        key = query if key is None else key
        value = key if value is None else value

        rows = query.flatten(0, -2)  # all tokens in one matrix, once where there is one input
        q = self._project(self.q_proj, rows, query)
        k = self._project(self.k_proj, rows if key is query else key.flatten(0, -2), key)
        v = self._project(self.v_proj, rows if value is query else value.flatten(0, -2), value)
        if rotate is not None:
            q, k = rotate(q), rotate(k)

        mixed, weights = scaled_dot_product_attention(
            q, k, v, mask=mask, bias=bias, temperature=temperature, need_weights=need_weights
        )
        if head_mask is not None:
            checks.axes("head_mask", head_mask, "H")
            checks.size("head_mask", head_mask, 0, "n_heads", self.n_heads)
            mixed = mixed * head_mask[:, None, None]
        return self.out_proj(merge_heads(mixed)), weights

    def _project(self, linear: nn.Linear, rows: Tensor, x: Tensor) -> Tensor:
        """``[..., H, T, D]``, from the tokens of x ``[..., T, C]`` as rows of one matrix."""
        return linear(rows).view(*x.shape[:-1], self.n_heads, -1).transpose(-3, -2)

    def extra_repr(self) -> str:
        return f"d_model={self.d_model}, n_heads={self.n_heads}"
