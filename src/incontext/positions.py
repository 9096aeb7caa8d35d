"""Attention does not see the order of its inputs. How can a vector say where it stands?

Sinusoids add a pattern of waves, slow and fast, to every position p (angles in radians):

    PE[p, 2i] = sin(p ω_i)    PE[p, 2i + 1] = cos(p ω_i)    ω_i = base^(−2i / C)

A learned table adds a trained row instead (BERT, GPT-2). RoPE adds nothing: it turns each pair of
components of queries and keys by p ω_i, so that their dot product depends on the distance alone.
ALiBi turns nothing: it takes slope · distance off the score.

Vaswani et al. (2017), "Attention Is All You Need", section 3.5; Su et al. (2021), "RoFormer",
section 3.2; Press, Smith and Lewis (2022), "Train Short, Test Long", section 3.

Axes: ``T`` queries, ``S`` keys, ``C`` d_model, ``H`` heads, ``D`` width of what is turned
(d_k of a head).
"""

import math

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn

from incontext import checks


def angular_frequencies(
    d_model: int, base: float | int = 10_000.0, *, dtype: torch.dtype = torch.float64
) -> Float[Tensor, " pairs"]:
    """ω_i = base^(−2i / d_model) for each pair of dimensions, in radians per position.

    The first pair turns fastest, one radian per position; with the usual base the last comes
    close to 1 / base. d_model is even, base > 0.
    """
    checks.even("d_model", d_model)
    checks.positive("base", base)
    halves = torch.arange(0, d_model, 2, dtype=torch.float64) / d_model
    return torch.exp(-math.log(base) * halves).to(dtype)


def sinusoidal_positions(
    n_positions: int,
    d_model: int,
    base: float | int = 10_000.0,
    *,
    dtype: torch.dtype | None = None,
) -> Float[Tensor, "n_positions d_model"]:
    """One row for each position, to be added to the embeddings of the tokens.

    Even dimensions are sines and odd ones cosines, next to each other. (Some implementations put
    all sines before all cosines: the same numbers in another order.) The angles are computed in
    float64, then cast to ``dtype`` (PyTorch's default where none is given).

    Raises ``ValueError`` for an odd d_model.
    """
    checks.whole("n_positions", n_positions)
    angles = _angles(torch.arange(n_positions), d_model, base)  # [n_positions, C / 2]
    table = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)
    return table.to(dtype or torch.get_default_dtype())


def shift_matrix(
    offset: float | int,
    d_model: int,
    base: float | int = 10_000.0,
    *,
    dtype: torch.dtype | None = None,
) -> Float[Tensor, "d_model d_model"]:
    """The matrix M with PE(p + offset) = M @ PE(p), the same M for every position p.

    Each pair of dimensions is turned by offset · ω_i radians, so M is a rotation: its transpose is
    the shift back, and two shifts multiply to their sum. The offset may be negative.
    """
    checks.finite("offset", offset)
    angles = _angles(torch.tensor(offset, dtype=torch.float64), d_model, base)
    sine, cosine = angles.sin(), angles.cos()
    matrix = torch.zeros(d_model, d_model, dtype=torch.float64)
    first = torch.arange(0, d_model, 2)
    matrix[first, first], matrix[first, first + 1] = cosine, sine
    matrix[first + 1, first], matrix[first + 1, first + 1] = -sine, cosine
    return matrix.to(dtype or torch.get_default_dtype())


class LearnedPositions(nn.Module):
    """A table with a row for each position, trained like any other weight.

    It starts normal with standard deviation 0.02. There is no row past ``n_positions``.
    """

    def __init__(
        self, n_positions: int, d_model: int, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        checks.whole("n_positions", n_positions)
        checks.whole("d_model", d_model)
        self.weight = nn.Parameter(torch.empty(n_positions, d_model))
        nn.init.normal_(self.weight, std=0.02, generator=generator)

    def forward(self, x: Float[Tensor, "*batch T C"]) -> Float[Tensor, "*batch T C"]:
        """x with the row of its position added to each token."""
        checks.floating("x", x)
        checks.axes("x", x, "... T C")
        n_positions, d_model = self.weight.shape
        checks.size("x", x, -1, "d_model", d_model)
        n_tokens = x.shape[-2]
        if n_tokens > n_positions:
            raise ValueError(
                f"x must have at most n_positions={n_positions} tokens, got {n_tokens}"
            )
        return x + self.weight[:n_tokens]


def rotate(
    x: Float[Tensor, "*batch T D"],
    positions: Real[Tensor, "*positions T"],
    base: float | int = 10_000.0,
) -> Float[Tensor, "*batch T D"]:
    """RoPE: each pair of components of x turned by position · ω_i radians.

    x: queries or keys, ``[..., T, D]`` with even D (after ``split_heads``, ``[B, H, T, D]``).
    positions: ``[T]``, or with as many axes as x has before the last, broadcasting to them
        (``[B, 1, T]`` where each sentence has its own). They need not be whole numbers.

    The pairs are neighbours, (0, 1), (2, 3), …, as in the paper. LLaMA's weights in the Hugging
    Face layout pair i with i + D / 2 instead: the same rotation with the dimensions in another
    order, so queries and keys have to be projected for the one or for the other.

    Norms do not change, and rotate(q, m) · rotate(k, n) depends on m − n alone.
    """
    checks.floating("x", x)
    checks.axes("x", x, "... T D")
    _check_positions(positions, x)
    angles = _angles(positions, x.shape[-1], base, name="d_k")  # [..., T, D / 2]
    sine, cosine = angles.sin().to(x), angles.cos().to(x)
    first, second = x[..., 0::2], x[..., 1::2]
    turned = torch.stack([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
    return turned.flatten(-2)


def alibi_slopes(n_heads: int, *, dtype: torch.dtype | None = None) -> Float[Tensor, " H"]:
    """How fast each head's score falls with distance, in score per position.

    For n heads, n a power of two: 2^(−8/n), 2^(−16/n), …, 2^(−8); for 8 heads 1/2, 1/4, …, 1/256.
    Otherwise, as in the authors' code, the slopes of the largest power of two below n, then every
    second slope of twice that power, from the first, until there are n.
    """
    checks.whole("n_heads", n_heads)
    power = 2 ** (n_heads.bit_length() - 1)
    exponents = [8 * (head + 1) / power for head in range(power)]
    exponents += [8 * (head + 1) / (2 * power) for head in range(0, 2 * (n_heads - power), 2)]
    slopes = torch.tensor([2.0**-exponent for exponent in exponents], dtype=torch.float64)
    return slopes.to(dtype or torch.get_default_dtype())


def alibi_bias(
    n_heads: int, n_queries: int, n_keys: int, *, dtype: torch.dtype | None = None
) -> Float[Tensor, "H T S"]:
    """−slope · |distance| for each head, query and key: the ``bias`` of the attention.

    With more keys than queries the queries are the last positions, as in ``causal_mask``. The
    paper's models are causal; for keys after the query we take the distance without its sign.
    """
    checks.whole("n_queries", n_queries)
    checks.whole("n_keys", n_keys)
    if n_keys < n_queries:
        raise ValueError(f"n_keys={n_keys} must be at least n_queries={n_queries}")
    queries = torch.arange(n_keys - n_queries, n_keys, dtype=torch.float64)
    distances = (queries[:, None] - torch.arange(n_keys)).abs()  # [T, S]
    bias = -alibi_slopes(n_heads, dtype=torch.float64)[:, None, None] * distances
    return bias.to(dtype or torch.get_default_dtype())


def _angles(positions: Tensor, width: int, base: float | int, name: str = "d_model") -> Tensor:
    """positions · ω_i in radians, float64, with an axis for the pairs added at the end."""
    checks.even(name, width)
    frequencies = angular_frequencies(width, base).to(positions.device)
    return positions.to(torch.float64)[..., None] * frequencies


def _check_positions(positions: Tensor, x: Tensor) -> None:
    checks.axes("positions", positions, "... T")
    if positions.is_complex() or positions.dtype == torch.bool:
        raise ValueError(f"positions must hold numbers, got {positions.dtype}")
    checks.size("positions", positions, -1, "n_tokens", x.shape[-2])
    if positions.ndim not in (1, x.ndim - 1):
        raise ValueError(
            f"positions must have 1 axis or {x.ndim - 1}, those of x before the last, "
            f"got shape {tuple(positions.shape)} for x of shape {tuple(x.shape)}"
        )
    checks.broadcasts("positions", positions.shape, x.shape[:-1], "... T")
