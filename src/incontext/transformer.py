"""What else does a transformer need, once words can attend to each other?

Attention moves information between tokens; a feed-forward network then works on each token alone.
Both add what they found to the vector that runs through (the residual stream), and layer
normalisation keeps its size in hand:

    post-norm   x ← LN(x + Attention(x))        x ← LN(x + FFN(x))
    pre-norm    x ← x + Attention(LN(x))        x ← x + FFN(LN(x))

    FFN(x) = W₂ φ(W₁ x + b₁) + b₂               LN(x) = γ (x − mean) / √(variance + ε) + β

Vaswani et al. (2017), "Attention Is All You Need", sections 3.1, 3.3 and 3.4 (post-norm, ReLU);
Xiong et al. (2020), "On Layer Normalization in the Transformer Architecture" (pre-norm);
Devlin et al. (2019), "BERT" (the encoder); Radford et al. (2019), GPT-2 (the decoder).

Axes: ``B`` batch, ``T`` queries, ``S`` keys, ``C`` d_model, ``H`` heads.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from incontext import checks
from incontext.attention import causal_mask
from incontext.heads import MultiHeadAttention
from incontext.positions import sinusoidal_positions

ACTIVATIONS = {"gelu": F.gelu, "relu": F.relu}


class FeedForward(nn.Module):
    """Two linear maps with a non-linearity between, on each token alone: FFN(x) = W₂ φ(W₁ x)."""

    def __init__(self, d_model: int, d_ff: int, activation: str = "gelu") -> None:
        super().__init__()
        checks.whole("d_model", d_model)
        checks.whole("d_ff", d_ff)
        checks.one_of("activation", activation, tuple(ACTIVATIONS))
        self.activation = activation
        self.up = nn.Linear(d_model, d_ff)
        self.down = nn.Linear(d_ff, d_model)

    def forward(self, x: Float[Tensor, "*batch C"]) -> Float[Tensor, "*batch C"]:
        checks.axes("x", x, "... C")
        checks.size("x", x, -1, "d_model", self.up.in_features)
        return self.down(ACTIVATIONS[self.activation](self.up(x)))


class TransformerBlock(nn.Module):
    """Attention, then a feed-forward network, each added to what came in.

    norm: ``"pre"`` normalises what each part reads (GPT-2), ``"post"`` the sum (Vaswani, BERT).
    eps: the ε of layer normalisation.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        d_ff: int,
        norm: str = "post",
        activation: str = "gelu",
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        checks.one_of("norm", norm, ("pre", "post"))
        checks.positive("eps", eps)
        self.norm = norm
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.attention_norm = nn.LayerNorm(d_model, eps)
        self.feed_forward = FeedForward(d_model, d_ff, activation)
        self.feed_forward_norm = nn.LayerNorm(d_model, eps)

    def forward(
        self,
        x: Float[Tensor, "*batch T C"],
        mask: Bool[Tensor, "..."] | None = None,
        bias: Float[Tensor, "..."] | None = None,
        rotate: Callable[[Tensor], Tensor] | None = None,
        temperature: float | int | Tensor = 1.0,
        head_mask: Tensor | None = None,
        need_weights: bool = True,
    ) -> tuple[Float[Tensor, "*batch T C"], Float[Tensor, "*batch H T T"] | None]:
        """The new vectors and the weights of every head; see ``MultiHeadAttention.forward``."""
        checks.axes("x", x, "... T C")
        checks.size("x", x, -1, "d_model", self.attention.d_model)
        options = {
            "mask": mask,
            "bias": bias,
            "rotate": rotate,
            "temperature": temperature,
            "head_mask": head_mask,
            "need_weights": need_weights,
        }
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


@dataclass(frozen=True, eq=False)
class EncoderOutput:
    """What an encoder saw on the way. With pre-norm, ``last_hidden_state`` is normalised last."""

    last_hidden_state: Tensor  # [B, T, C]
    hidden_states: tuple[Tensor, ...]  # n_layers + 1 of [B, T, C]: embeddings, then each layer
    attentions: tuple[Tensor, ...] | None  # n_layers of [B, H, T, S]; None where not asked for


@dataclass(frozen=True, eq=False)
class DecoderOutput(EncoderOutput):
    """The same, with a score for every word that could come next."""

    logits: Tensor  # [B, T, vocab_size]


class Encoder(nn.Module):
    """Embeddings and a stack of blocks in which every token may see every other.

    vocab_size: number of rows in the table of tokens.
    n_positions: longest input, where there is a table of positions.
    norm: ``"post"`` as in BERT, or ``"pre"``, with one more normalisation after the last block.
    positions: ``"learned"`` or ``"sinusoidal"``, added to the embeddings; None adds nothing (for
        schemes that come in as ``rotate`` or ``bias``, at any length).
    n_types: rows in a table of token types (BERT's segments), 0 for none.
    norm_embeddings: whether the embeddings are normalised before the first block (BERT does).
    eps: the ε of every layer normalisation; PyTorch's is 1e-5, BERT's 1e-12.
    generator: source of the starting weights; see ``init_weights``.
    """

    def __init__(
        self,
        vocab_size: int,
        n_positions: int,
        d_model: int,
        n_heads: int,
        d_ff: int,
        n_layers: int,
        *,
        norm: str = "post",
        activation: str = "gelu",
        positions: str | None = "learned",
        n_types: int = 0,
        norm_embeddings: bool = False,
        eps: float = 1e-5,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        checks.whole("vocab_size", vocab_size)
        checks.whole("n_positions", n_positions)
        checks.divides("n_heads", n_heads, "d_model", d_model)
        checks.whole("n_layers", n_layers)
        checks.one_of("positions", positions, ("learned", "sinusoidal", None))
        checks.whole("n_types", n_types, minimum=0)
        self.vocab_size, self.n_positions = vocab_size, n_positions
        self.d_model, self.n_heads, self.n_layers = d_model, n_heads, n_layers
        self.positions = positions

        self.token_embedding = nn.Embedding(vocab_size, d_model)
        self.position_embedding = None
        if positions == "learned":
            self.position_embedding = nn.Embedding(n_positions, d_model)
        if positions == "sinusoidal":
            table = sinusoidal_positions(n_positions, d_model)
            self.register_buffer("position_table", table, persistent=False)
        self.type_embedding = nn.Embedding(n_types, d_model) if n_types else None
        self.embedding_norm = nn.LayerNorm(d_model, eps) if norm_embeddings else None
        self.blocks = nn.ModuleList(
            TransformerBlock(d_model, n_heads, d_ff, norm, activation, eps) for _ in range(n_layers)
        )
        self.final_norm = nn.LayerNorm(d_model, eps) if norm == "pre" else None
        init_weights(self, generator=generator)

    def embed(
        self, ids: Integer[Tensor, "B T"], types: Integer[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T C"]:
        """What enters the first block: token, type and position, added (then normalised)."""
        checks.axes("ids", ids, "B T")
        checks.indices("ids", ids, "vocab_size", self.vocab_size)
        x = self.token_embedding(ids)
        if types is not None and self.type_embedding is None:
            raise ValueError("types must be None in an encoder with n_types=0, got a tensor")
        if self.type_embedding is not None:
            types = torch.zeros_like(ids) if types is None else types
            checks.indices("types", types, "n_types", self.type_embedding.num_embeddings)
            checks.broadcasts("types", types.shape, ids.shape, "B T")
            x = x + self.type_embedding(types)
        if self.positions is not None:
            n_tokens = ids.shape[1]
            if n_tokens > self.n_positions:
                raise ValueError(
                    f"ids must have at most n_positions={self.n_positions} tokens, got {n_tokens}"
                )
            sinusoidal = self.positions == "sinusoidal"
            table = self.position_table if sinusoidal else self.position_embedding.weight
            x = x + table[:n_tokens]
        return x if self.embedding_norm is None else self.embedding_norm(x)

    def forward(
        self,
        ids: Integer[Tensor, "B T"],
        mask: Bool[Tensor, "..."] | None = None,
        temperature: float | int | Tensor = 1.0,
        head_mask: Tensor | None = None,
        bias: Float[Tensor, "..."] | None = None,
        rotate: Callable[[Tensor], Tensor] | None = None,
        *,
        types: Integer[Tensor, "B T"] | None = None,
        need_weights: bool = True,
    ) -> EncoderOutput:
        """Vectors and weights of every layer.

        ids: 0 ≤ id < vocab_size, int64 or int32.
        mask: True = may attend. ``[B, T]`` says which tokens are words and which are padding; with
            three axes or more it broadcasts to ``[B, H, T, S]`` (a mask over queries and keys
            that holds for the whole batch is passed as ``mask[None]``).
        temperature: > 0, divides the scores of every layer; a number, or a tensor that broadcasts
            to ``[B, H, T, 1]``.
        head_mask: ``[n_layers, H]``, 0 switches a head off, 1 leaves it on.
        bias, rotate: passed to the attention of every layer.
        types: token types, all 0 where not given.
        need_weights: False leaves ``attentions`` None and uses PyTorch's fused operator.
        """
        x = self.embed(ids, types)
        if mask is not None:
            mask = _four_axes(mask, ids, self.n_heads)
        if head_mask is not None:
            checks.axes("head_mask", head_mask, "n_layers H")
            checks.size("head_mask", head_mask, 0, "n_layers", self.n_layers)
            checks.size("head_mask", head_mask, 1, "n_heads", self.n_heads)

        hidden_states, attentions = [x], []
        for layer, block in enumerate(self.blocks):
            heads = None if head_mask is None else head_mask[layer]
            x, weights = block(x, mask, bias, rotate, temperature, heads, need_weights)
            hidden_states.append(x)
            attentions.append(weights)
        if self.final_norm is not None:
            x = self.final_norm(x)
        return EncoderOutput(x, tuple(hidden_states), tuple(attentions) if need_weights else None)


class Decoder(nn.Module):
    """The same stack with a causal mask, and a score for every word that could come next.

    tied: whether the scores are dot products with the table of tokens itself (as in GPT-2), or
        with a matrix of their own. The other arguments are those of ``Encoder``.
    """

    def __init__(
        self,
        vocab_size: int,
        n_positions: int,
        d_model: int,
        n_heads: int,
        d_ff: int,
        n_layers: int,
        *,
        norm: str = "pre",
        activation: str = "gelu",
        positions: str | None = "learned",
        tied: bool = True,
        eps: float = 1e-5,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.stack = Encoder(
            vocab_size,
            n_positions,
            d_model,
            n_heads,
            d_ff,
            n_layers,
            norm=norm,
            activation=activation,
            positions=positions,
            eps=eps,
            generator=generator,
        )
        self.out_proj = nn.Linear(d_model, vocab_size, bias=False)
        if tied:
            self.out_proj.weight = self.stack.token_embedding.weight
        else:
            nn.init.normal_(self.out_proj.weight, std=0.02, generator=generator)

    def forward(
        self,
        ids: Integer[Tensor, "B T"],
        mask: Bool[Tensor, "..."] | None = None,
        temperature: float | int | Tensor = 1.0,
        head_mask: Tensor | None = None,
        bias: Float[Tensor, "..."] | None = None,
        rotate: Callable[[Tensor], Tensor] | None = None,
        *,
        need_weights: bool = True,
    ) -> DecoderOutput:
        """Vectors, weights and ``logits[B, T, vocab_size]``: row t scores the word at t + 1.

        The arguments are those of ``Encoder.forward``; the causal mask is added to ``mask``.
        """
        checks.axes("ids", ids, "B T")
        allowed = causal_mask(ids.shape[1], device=ids.device)[None]
        if mask is not None:
            allowed = allowed & _four_axes(mask, ids, self.stack.n_heads)
        seen = self.stack(
            ids, allowed, temperature, head_mask, bias, rotate, need_weights=need_weights
        )
        return DecoderOutput(
            seen.last_hidden_state,
            seen.hidden_states,
            seen.attentions,
            self.out_proj(seen.last_hidden_state),
        )


@torch.no_grad()
def init_weights(
    module: nn.Module, std: float = 0.02, generator: torch.Generator | None = None
) -> None:
    """Start weights as GPT-2 does: normal with the given standard deviation, biases 0.

    The two matrices of each block that write into the residual stream are smaller by the square
    root of their number, so that a deeper stack does not start with larger vectors. Layer norms
    are left as they are. Radford et al. (2019), section 2.3.
    """
    checks.positive("std", std)
    n_writers = 2 * sum(isinstance(part, TransformerBlock) for part in module.modules())
    for name, part in module.named_modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            writes = n_writers and name.endswith(("attention.out_proj", "feed_forward.down"))
            spread = std / math.sqrt(n_writers) if writes else std
            nn.init.normal_(part.weight, std=spread, generator=generator)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)


def _four_axes(mask: Tensor, ids: Tensor, n_heads: int) -> Tensor:
    """A mask that broadcasts to ``[B, H, T, S]``; one for padding, ``[B, T]``, becomes such."""
    checks.boolean("mask", mask, "True = may attend")
    if mask.ndim < 3 and mask.shape != ids.shape:
        raise ValueError(
            f"mask with two axes must be [B, T] = {tuple(ids.shape)} (True where a token is no "
            f"padding), got shape {tuple(mask.shape)}; pass a mask over queries and keys as "
            "mask[None]"
        )
    if mask.ndim == 2:
        mask = mask[:, None, None, :]
    batch, n_tokens = ids.shape
    checks.broadcasts("mask", mask.shape, (batch, n_heads, n_tokens, n_tokens), "B H T S")
    return mask
