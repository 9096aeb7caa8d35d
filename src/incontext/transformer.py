"""How do blocks become a model that reads a text, or one that writes it?

An encoder is a table of token vectors and a stack of blocks in which every token may see every
other. A decoder is the same stack with a causal mask, and a score (logit) for every token that
could come next:

    logits = Norm(x after the last layer) · W_outᵀ      tied: W_out is the table of tokens itself

Vaswani et al. (2017), "Attention Is All You Need", section 3; Devlin et al. (2019), "BERT" (the
encoder); Radford et al. (2019), GPT-2 (the decoder, and how weights start).

Axes: ``B`` batch, ``T`` tokens and queries, ``S`` keys (more than T where a cache holds earlier
tokens), ``C`` d_model, ``H`` heads.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from incontext import checks
from incontext.attention import causal_mask
from incontext.block import TransformerBlock, UnconnectedBlock, make_norm
from incontext.config import TransformerConfig
from incontext.heads import AttentionOptions, KeyValueCache
from incontext.positions import alibi_bias, rotate, sinusoidal_positions


@dataclass(frozen=True, eq=False)
class EncoderOutput:
    """What an encoder saw on the way. With pre-norm, ``last_hidden_state`` is normalised last."""

    last_hidden_state: Tensor  # [B, T, C]
    hidden_states: tuple[Tensor, ...]  # n_layers + 1 of [B, T, C]: embeddings, then each layer
    attentions: tuple[Tensor, ...] | None  # n_layers of [B, H, T, S]; None where not asked for


@dataclass(frozen=True, eq=False)
class DecoderOutput(EncoderOutput):
    """The same, with a score for every token that could come next."""

    logits: Tensor  # [B, T, vocab_size]


class Encoder(nn.Module):
    """Embeddings and a stack of blocks in which every token may see every other.

    config: see ``TransformerConfig``. With pre-norm there is one more norm after the last block.
    generator: source of the starting weights; see ``init_weights``.
    """

    def __init__(self, config: TransformerConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = None
        if config.positions == "learned":
            self.position_embedding = nn.Embedding(config.n_positions, config.d_model)
        if config.positions == "sinusoidal":
            table = sinusoidal_positions(config.n_positions, config.d_model)
            self.register_buffer("position_table", table, persistent=False)
        self.type_embedding = (
            nn.Embedding(config.n_types, config.d_model) if config.n_types else None
        )
        self.embedding_norm = make_norm(config) if config.norm_embeddings else None
        kind = TransformerBlock if config.residual else UnconnectedBlock
        self.blocks = nn.ModuleList(kind(config) for _ in range(config.n_layers))
        self.final_norm = make_norm(config) if config.norm == "pre" else None
        init_weights(self, generator=generator)

    def forward(
        self,
        ids: Integer[Tensor, "B T"],
        mask: Bool[Tensor, "..."] | None = None,
        *,
        types: Integer[Tensor, "B T"] | None = None,
        **options: Unpack[AttentionOptions],
    ) -> EncoderOutput:
        """Vectors and weights of every layer.

        ids: 0 ≤ id < vocab_size, int64 or int32.
        mask: True = may attend. ``[B, S]`` says which tokens are words and which are padding; with
            three axes or more it broadcasts to ``[B, H, T, S]`` (a mask over queries and keys
            that holds for the whole batch is passed as ``mask[None]``).
        types: token types, all 0 where not given.
        options: see ``AttentionOptions``; ``need_weights=False`` leaves ``attentions`` None.
        """
        head_mask, cache = options.pop("head_mask", None), options.pop("cache", None)
        self._check_layers(head_mask, cache)
        n_past = len(cache[0]) if cache else 0

        x = self.embed(ids, types, n_past)
        if mask is not None:
            options["mask"] = self._four_axes(mask, ids, n_past)
        options = self._with_positions(options, ids.shape[1], n_past)
        hidden_states, attentions = [x], []
        for layer, block in enumerate(self.blocks):
            of_layer = {
                "head_mask": None if head_mask is None else head_mask[layer],
                "cache": None if cache is None else cache[layer],
            }
            x, weights = block(x, **options, **of_layer)
            hidden_states.append(x)
            attentions.append(weights)
        if self.final_norm is not None:
            x = self.final_norm(x)
        return EncoderOutput(
            x, tuple(hidden_states), None if weights is None else tuple(attentions)
        )

    def embed(
        self,
        ids: Integer[Tensor, "B T"],
        types: Integer[Tensor, "B T"] | None = None,
        n_past: int = 0,
    ) -> Float[Tensor, "B T C"]:
        """What enters the first block: token, type and position, added (then normalised).

        n_past: how many tokens of the same text came before these.
        """
        checks.axes("ids", ids, "B T")
        checks.indices("ids", ids, "vocab_size", self.config.vocab_size)
        x = self.token_embedding(ids)
        if types is not None and self.type_embedding is None:
            raise ValueError("types must be None in an encoder with n_types=0, got a tensor")
        if self.type_embedding is not None:
            types = torch.zeros_like(ids) if types is None else types
            checks.indices("types", types, "n_types", self.config.n_types)
            checks.broadcasts("types", types.shape, ids.shape, "B T")
            x = x + self.type_embedding(types)
        if self.config.positions in ("learned", "sinusoidal"):
            n_tokens = n_past + ids.shape[1]
            if n_tokens > self.config.n_positions:
                raise ValueError(
                    f"ids must have at most n_positions={self.config.n_positions} tokens, "
                    f"got {n_tokens}{f', {n_past} of them in the cache' if n_past else ''}"
                )
            learned = self.config.positions == "learned"
            table = self.position_embedding.weight if learned else self.position_table
            x = x + table[n_past:n_tokens]
        return x if self.embedding_norm is None else self.embedding_norm(x)

    def position_options(self, n_tokens: int, n_past: int = 0) -> AttentionOptions:
        """What the position scheme gives to the attention of every layer; {} where it adds rows.

        Rotary: ``rotate``, at the positions of the new tokens. ALiBi: ``bias``, over all keys.
        """
        dtype, device = self.token_embedding.weight.dtype, self.token_embedding.weight.device
        if self.config.positions == "rotary":
            positions = torch.arange(n_past, n_past + n_tokens, device=device)
            base = self.config.rotary_base
            return {"rotate": functools.partial(rotate, positions=positions, base=base)}
        if self.config.positions == "alibi":
            bias = alibi_bias(self.config.n_heads, n_tokens, n_past + n_tokens, dtype=dtype)
            return {"bias": bias.to(device)}
        return {}

    def _with_positions(
        self, options: AttentionOptions, n_tokens: int, n_past: int
    ) -> AttentionOptions:
        """The options with what the position scheme adds to them."""
        ours = self.position_options(n_tokens, n_past)
        if "rotate" in ours and options.get("rotate") is not None:
            raise ValueError("rotate must be None in a model with positions='rotary'")
        if "bias" in ours and options.get("bias") is not None:
            ours["bias"] = ours["bias"] + options["bias"]
        return {**options, **ours}

    def _check_layers(
        self, head_mask: Tensor | None, cache: Sequence[KeyValueCache] | None
    ) -> None:
        if head_mask is not None:
            checks.axes("head_mask", head_mask, "n_layers H")
            checks.size("head_mask", head_mask, 0, "n_layers", self.config.n_layers)
            checks.size("head_mask", head_mask, 1, "n_heads", self.config.n_heads)
        if cache is not None and (
            isinstance(cache, KeyValueCache) or len(cache) != self.config.n_layers
        ):
            got = "one" if isinstance(cache, KeyValueCache) else len(cache)
            raise ValueError(
                f"cache must be a list of n_layers={self.config.n_layers} KeyValueCache, got {got}"
            )

    def _four_axes(self, mask: Tensor, ids: Tensor, n_past: int) -> Tensor:
        """A mask that broadcasts to ``[B, H, T, S]``; one for padding, ``[B, S]``, becomes such."""
        checks.boolean("mask", mask, "True = may attend")
        batch, n_queries = ids.shape
        n_keys = n_past + n_queries
        if mask.ndim < 3 and mask.shape != (batch, n_keys):
            raise ValueError(
                f"mask with two axes must be [B, S] = {(batch, n_keys)} (True where a token is no "
                f"padding), got shape {tuple(mask.shape)}; pass a mask over queries and keys as "
                "mask[None]"
            )
        if mask.ndim == 2:
            mask = mask[:, None, None, :]
        full = (batch, self.config.n_heads, n_queries, n_keys)
        checks.broadcasts("mask", mask.shape, full, "B H T S")
        return mask


class Decoder(nn.Module):
    """The same stack with a causal mask, and a score for every token that could come next.

    config: see ``TransformerConfig``; with ``tied`` the scores are dot products with the table of
        tokens itself, otherwise with a matrix of their own.
    generator: source of the starting weights; see ``init_weights``.
    """

    def __init__(self, config: TransformerConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.stack = Encoder(config, generator)  # the same blocks; the mask makes it a decoder
        self.out_proj = nn.Linear(config.d_model, config.vocab_size, bias=False)
        if config.tied:
            self.out_proj.weight = self.stack.token_embedding.weight
        else:
            nn.init.normal_(self.out_proj.weight, std=0.02, generator=generator)

    def forward(
        self,
        ids: Integer[Tensor, "B T"],
        mask: Bool[Tensor, "..."] | None = None,
        **options: Unpack[AttentionOptions],
    ) -> DecoderOutput:
        """Vectors, weights and ``logits[B, T, vocab_size]``: row t scores the token at t + 1.

        ids, mask, options: as in ``Encoder.forward``; a key must be allowed by the causal mask and
        by ``mask``. With a ``cache`` (see ``new_cache``) ids are the new tokens alone.
        """
        checks.axes("ids", ids, "B T")
        n_past = len(options["cache"][0]) if options.get("cache") else 0
        allowed = causal_mask(ids.shape[1], n_past + ids.shape[1], device=ids.device)[None]
        if mask is not None:
            allowed = allowed & self.stack._four_axes(mask, ids, n_past)
        seen = self.stack(ids, allowed, **options)
        return DecoderOutput(
            seen.last_hidden_state,
            seen.hidden_states,
            seen.attentions,
            self.out_proj(seen.last_hidden_state),
        )

    def new_cache(self) -> list[KeyValueCache]:
        """One empty cache for each layer, to start a new text with: the option ``cache``."""
        return [KeyValueCache() for _ in range(self.config.n_layers)]


@torch.no_grad()
def init_weights(
    module: nn.Module, std: float = 0.02, generator: torch.Generator | None = None
) -> None:
    """Start weights as GPT-2 does: normal with the given standard deviation, biases 0.

    The two matrices of each block whose results are added to the vectors that run through (the
    residual stream) are smaller by the square root of their number, so that a deeper stack does not
    start with larger vectors. Norms are left
    as they are. Radford et al. (2019), section 2.3.
    """
    checks.positive("std", std)
    n_writers = 2 * sum(isinstance(part, TransformerBlock) for part in module.modules())
    for name, part in module.named_modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            writes = n_writers and name.endswith(("attention.out_proj", "feed_forward.down"))
            std_here = std / math.sqrt(n_writers) if writes else std
            nn.init.normal_(part.weight, std=std_here, generator=generator)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
