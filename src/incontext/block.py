"""What else does a transformer need, once words can attend to each other?

Attention moves information between tokens; a feed-forward network then works on each token alone.
Both add what they found to the vector that runs through (the residual stream), and a norm keeps its
size in hand:

    post-norm   x ← Norm(x + Attention(x))      x ← Norm(x + FFN(x))
    pre-norm    x ← x + Attention(Norm(x))      x ← x + FFN(Norm(x))

    FFN(x) = W₂ φ(W₁ x + b₁) + b₂               LayerNorm(x) = γ (x − mean) / √(variance + ε) + β
    SwiGLU(x) = W₂ (silu(W_g x) ⊙ W₁ x)         RMSNorm(x) = γ x / √(mean of x² + ε)

Vaswani et al. (2017), "Attention Is All You Need", sections 3.1 and 3.3 (post-norm, ReLU); Xiong et
al. (2020), "On Layer Normalization in the Transformer Architecture" (pre-norm); Zhang and Sennrich
(2019), "Root Mean Square Layer Normalization", section 4; Shazeer (2020), "GLU Variants Improve
Transformer", section 2.

Axes: ``B`` batch, ``T`` tokens, ``C`` d_model, ``H`` heads.
"""

import functools
from typing import Unpack

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from incontext import checks
from incontext.attention import scaled_dot_product_attention
from incontext.config import TransformerConfig
from incontext.heads import AttentionOptions, MultiHeadAttention

CURVES = {"gelu": F.gelu, "relu": F.relu}


class RMSNorm(nn.Module):
    """Each vector divided by the root mean square of its components, times a learned gain γ.

    d_model: width of the vectors. eps: the ε below the root, > 0.
    """

    def __init__(self, d_model: int, eps: float = 1e-5) -> None:
        super().__init__()
        checks.whole("d_model", d_model)
        checks.positive("eps", eps)
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Float[Tensor, "*batch C"]) -> Float[Tensor, "*batch C"]:
        checks.vectors("x", x, "... C", "d_model", len(self.weight))
        mean_square = x.square().mean(dim=-1, keepdim=True)
        return self.weight * x / (mean_square + self.eps).sqrt()


class FeedForward(nn.Module):
    """Two linear maps with a curve between, on each token alone: FFN(x) = W₂ φ(W₁ x + b₁) + b₂.

    d_model: width of the vectors. d_ff: width between the maps. activation: ``"gelu"`` or
    ``"relu"``. bias: whether the maps add b₁ and b₂.
    """

    def __init__(
        self, d_model: int, d_ff: int, activation: str = "gelu", bias: bool = True
    ) -> None:
        super().__init__()
        checks.whole("d_model", d_model)
        checks.whole("d_ff", d_ff)
        checks.one_of("activation", activation, tuple(CURVES))
        self.activation = activation
        self.up = nn.Linear(d_model, d_ff, bias=bias)
        self.down = nn.Linear(d_ff, d_model, bias=bias)

    def forward(self, x: Float[Tensor, "*batch C"]) -> Float[Tensor, "*batch C"]:
        checks.vectors("x", x, "... C", "d_model", self.up.in_features)
        return self.down(CURVES[self.activation](self.up(x)))


class GatedFeedForward(nn.Module):
    """SwiGLU: what goes up is multiplied, dimension by dimension, by a gate that the token sets.

        SwiGLU(x) = W₂ (silu(W_g x) ⊙ W₁ x)        silu(z) = z · sigmoid(z)

    d_model: width of the vectors. d_ff: width between the maps. bias: whether they add one.
    """

    def __init__(self, d_model: int, d_ff: int, bias: bool = True) -> None:
        super().__init__()
        checks.whole("d_model", d_model)
        checks.whole("d_ff", d_ff)
        self.gate = nn.Linear(d_model, d_ff, bias=bias)
        self.up = nn.Linear(d_model, d_ff, bias=bias)
        self.down = nn.Linear(d_ff, d_model, bias=bias)

    def forward(self, x: Float[Tensor, "*batch C"]) -> Float[Tensor, "*batch C"]:
        checks.vectors("x", x, "... C", "d_model", self.up.in_features)
        return self.down(F.silu(self.gate(x)) * self.up(x))


class TransformerBlock(nn.Module):
    """Attention, then a feed-forward network, each added to what came in."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.norm = config.norm
        self.attention = MultiHeadAttention(
            config.d_model, config.n_heads, config.bias, config.n_kv_heads
        )
        if not config.scaled:
            self.attention.attend = functools.partial(scaled_dot_product_attention, scale=1.0)
        self.attention_norm = make_norm(config)
        if config.activation == "swiglu":
            self.feed_forward = GatedFeedForward(config.d_model, config.d_ff, config.bias)
        else:
            self.feed_forward = FeedForward(
                config.d_model, config.d_ff, config.activation, config.bias
            )
        self.feed_forward_norm = make_norm(config)

    def forward(
        self, x: Float[Tensor, "*batch T C"], **options: Unpack[AttentionOptions]
    ) -> tuple[Float[Tensor, "*batch T C"], Float[Tensor, "*batch H T S"] | None]:
        """The new vectors and the weights of every head. options: see ``AttentionOptions``."""
        checks.vectors("x", x, "... T C", "d_model", self.attention.d_model)
        if self.norm == "pre":
            attended, weights = self.attention(self.attention_norm(x), **options)
            x = x + attended
            x = x + self.feed_forward(self.feed_forward_norm(x))
        else:
            attended, weights = self.attention(x, **options)
            x = self.attention_norm(x + attended)
            x = self.feed_forward_norm(x + self.feed_forward(x))
        return x, weights

    def extra_repr(self) -> str:
        return f"norm={self.norm!r}"


class UnconnectedBlock(TransformerBlock):
    """The same parts, pre-norm, without the residual stream: what each finds replaces what came."""

    def forward(
        self, x: Float[Tensor, "*batch T C"], **options: Unpack[AttentionOptions]
    ) -> tuple[Float[Tensor, "*batch T C"], Float[Tensor, "*batch H T S"] | None]:
        """As in ``TransformerBlock``."""
        checks.vectors("x", x, "... T C", "d_model", self.attention.d_model)
        attended, weights = self.attention(self.attention_norm(x), **options)
        return self.feed_forward(self.feed_forward_norm(attended)), weights


def make_norm(config: TransformerConfig) -> nn.Module:
    """The norm that a configuration asks for."""
    norm = RMSNorm if config.norm_kind == "rms" else nn.LayerNorm
    return norm(config.d_model, config.eps)
