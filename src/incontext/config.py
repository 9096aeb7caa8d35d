"""Which sizes and choices make a transformer?

One frozen record, checked when it is made, that the encoder, the decoder, the loaders of real
models and the checkpoints of our own all share. The two real models of the book, in these words:

    all-MiniLM-L6-v2   post-norm, layer norm, GELU, learned positions, 12 heads
    SmolLM2-135M       pre-norm, RMS norm, SwiGLU, rotary positions, 9 heads over 3 of keys, no bias
"""

from dataclasses import dataclass

from incontext import checks

NORMS = ("pre", "post")
NORM_KINDS = ("layer", "rms")
ACTIVATIONS = ("gelu", "relu", "swiglu")
POSITIONS = ("learned", "sinusoidal", "rotary", "alibi", None)


@dataclass(frozen=True)
class TransformerConfig:
    """Every size and choice of an encoder or decoder. Raises ``ValueError`` if they do not fit."""

    vocab_size: int  # rows in the table of tokens
    n_positions: int  # longest input where positions are a table; otherwise the length trained on
    d_model: int  # width of the vectors that run through
    n_heads: int  # query heads in each layer, a divisor of d_model
    d_ff: int  # width between the two maps of the feed-forward network
    n_layers: int  # blocks in the stack
    n_kv_heads: int | None = None  # heads of keys and values, a divisor of n_heads; None: n_heads
    norm: str = "pre"  # "pre" normalises what each part reads (GPT-2), "post" the sum (BERT)
    norm_kind: str = "layer"  # "layer" (mean and variance, γ and β) or "rms" (root mean square, γ)
    activation: str = "gelu"  # "gelu" or "relu" between two maps, or "swiglu", with a gate
    positions: str | None = "learned"  # or "sinusoidal" (added), "rotary", "alibi", or None
    rotary_base: float = 10_000.0  # the slowest pair turns about 1 / rotary_base rad per position
    bias: bool = True  # whether projections and feed-forward networks add a bias
    tied: bool = True  # whether a decoder scores words with its table of tokens
    eps: float = 1e-5  # the ε of every norm; PyTorch's is 1e-5, BERT's 1e-12
    n_types: int = 0  # rows in a table of token types (BERT's segments), 0 for none
    norm_embeddings: bool = False  # whether embeddings are normalised before the first block (BERT)
    scaled: bool = True  # whether scores are divided by √d_k; False to see what that is good for
    residual: bool = True  # whether what a part finds is added to what came in; False: pre-norm

    def __post_init__(self) -> None:
        for name in ("vocab_size", "n_positions", "d_model", "n_heads", "d_ff", "n_layers"):
            checks.whole(name, getattr(self, name))
        checks.divides("n_heads", self.n_heads, "d_model", self.d_model)
        if self.n_kv_heads is not None:
            checks.divides("n_kv_heads", self.n_kv_heads, "n_heads", self.n_heads)
        checks.one_of("norm", self.norm, NORMS)
        checks.one_of("norm_kind", self.norm_kind, NORM_KINDS)
        checks.one_of("activation", self.activation, ACTIVATIONS)
        checks.one_of("positions", self.positions, POSITIONS)
        if self.positions == "sinusoidal":
            checks.even("d_model", self.d_model)
        if self.positions == "rotary":
            checks.even("d_k", self.d_k)
        checks.positive("rotary_base", self.rotary_base)
        for name in ("bias", "tied", "norm_embeddings", "scaled", "residual"):
            checks.one_of(name, getattr(self, name), (True, False))
        if not self.residual:
            checks.one_of("norm", self.norm, ("pre",))
        checks.positive("eps", self.eps)
        checks.whole("n_types", self.n_types, minimum=0)

    @property
    def d_k(self) -> int:
        """Width of one head: d_model / n_heads."""
        return self.d_model // self.n_heads
