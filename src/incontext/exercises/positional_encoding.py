"""Checks of the chapter on positions: sinusoids, adding them, shifting, turning, penalties."""

import math

import torch
from torch import Tensor

from incontext.exercises.checking import FunctionCheck, Mistake, ValueCheck
from incontext.positions import (
    alibi_bias,
    alibi_slopes,
    angular_frequencies,
    rotate,
    shift_matrix,
    sinusoidal_positions,
)

LOOSE = 1e-4  # angles in float32 lose digits as positions grow, and that is no mistake


def _angles(n_positions: int, frequencies: Tensor) -> Tensor:
    return torch.arange(n_positions, dtype=torch.float64)[:, None] * frequencies


def _woven(sines: Tensor, cosines: Tensor) -> Tensor:
    return torch.stack([sines, cosines], dim=-1).flatten(-2)


def _all_sines_first(n_positions, d_model, base=10_000.0):
    angles = _angles(n_positions, angular_frequencies(d_model, base))
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _cosines_first(n_positions, d_model, base=10_000.0):
    angles = _angles(n_positions, angular_frequencies(d_model, base))
    return _woven(angles.cos(), angles.sin())


def _half_the_exponent(n_positions, d_model, base=10_000.0):
    halves = torch.arange(d_model // 2, dtype=torch.float64) / d_model
    angles = _angles(n_positions, base**-halves)
    return _woven(angles.sin(), angles.cos())


def _a_speed_for_each_column(n_positions, d_model, base=10_000.0):
    columns = torch.arange(d_model, dtype=torch.float64) / d_model
    angles = _angles(n_positions, base**-columns)
    return _woven(angles[:, 0::2].sin(), angles[:, 1::2].cos())


check_sinusoids = FunctionCheck(
    "check_sinusoids",
    reference=lambda n, d, base=10_000.0: sinusoidal_positions(n, d, base, dtype=torch.float64),
    cases=[lambda: (7, 10), lambda: (13, 6, 100.0), lambda: (5, 22)],
    mistakes=[
        Mistake(
            "all sines first",
            _all_sines_first,
            "Your numbers are right and stand in another order: all sines, then all cosines. Here"
            " sine and cosine of one pair are neighbours, in the dimensions 2i and 2i + 1.",
        ),
        Mistake(
            "exponent i, not 2i",
            _half_the_exponent,
            "Your waves slow down half as fast as they should. The exponent is -2i / d_model, and"
            " i counts pairs: the last pair comes close to 1 / base.",
        ),
        Mistake(
            "a speed for every column",
            _a_speed_for_each_column,
            "The sine and the cosine of a pair must turn at one speed, or a shift is no longer a"
            " rotation. Compute d_model / 2 speeds, and use each twice.",
        ),
        Mistake(
            "sines and cosines swapped",
            _cosines_first,
            "The even dimensions are sines: row 0 begins with 0, 1.",
        ),
        Mistake(
            "positions across",
            lambda n, d, base=10_000.0: sinusoidal_positions(n, d, base, dtype=torch.float64).T,
            "There is one *row* for each position: [n_positions, d_model].",
        ),
    ],
    praise="Equal to incontext.positions.sinusoidal_positions for every size.",
    tolerance=LOOSE,
)


def _batch(b: int, t: int, c: int) -> Tensor:
    generator = torch.Generator().manual_seed(b + t)
    return torch.randn(b, t, c, generator=generator, dtype=torch.float64)


def _rows(n: int, x: Tensor) -> Tensor:
    return sinusoidal_positions(n, x.shape[-1], dtype=x.dtype)


def _beside(x: Tensor) -> Tensor:
    return torch.cat([x, _rows(x.shape[1], x).expand_as(x)], dim=-1)


check_add_positions = FunctionCheck(
    "check_add_positions",
    reference=lambda x: x + _rows(x.shape[1], x),
    cases=[lambda: (_batch(3, 5, 8),), lambda: (_batch(5, 2, 6),), lambda: (_batch(4, 4, 10),)],
    mistakes=[
        Mistake(
            "positions indexed by batch",
            lambda x: x + _rows(x.shape[0], x)[:, None, :],
            "You gave every *sentence* its row, and all tokens of a sentence the same one. x is"
            " [B, T, C]: positions run along T, x.shape[1].",
        ),
        Mistake(
            "positions that run on through the batch",
            lambda x: x + _rows(x.shape[0] * x.shape[1], x).reshape(x.shape),
            "Your second sentence goes on counting where the first stopped. Each starts at 0.",
        ),
        Mistake(
            "counting from 1",
            lambda x: x + _rows(x.shape[1] + 1, x)[1:],
            "The first token stands at position 0.",
        ),
        Mistake(
            "set beside, not added",
            _beside,
            "You put the positions beside the vectors, which doubles the width. They are added.",
        ),
    ],
    praise="Every sentence of the batch counts from 0, along the tokens.",
    tolerance=LOOSE,
)


def _one_speed(offset, d_model):
    two = shift_matrix(offset, 2, dtype=torch.float64)
    return torch.block_diag(*[two] * (d_model // 2))


check_shift = FunctionCheck(
    "check_shift",
    reference=lambda offset, d_model: shift_matrix(offset, d_model, dtype=torch.float64),
    cases=[lambda: (3, 6), lambda: (-2, 10), lambda: (17, 4)],
    mistakes=[
        Mistake(
            "the shift back",
            lambda offset, d_model: shift_matrix(-offset, d_model, dtype=torch.float64),
            "Your matrix moves to p - offset. That is the transpose of what is asked: check where"
            " the minus sign stands, for sin(a + b) = sin a cos b + cos a sin b.",
        ),
        Mistake(
            "one speed for all",
            _one_speed,
            "Every pair of yours turns by the offset itself. Pair i turns by offset · ω_i.",
        ),
        Mistake(
            "the shift of zero",
            lambda offset, d_model: torch.eye(d_model, dtype=torch.float64),
            "This matrix leaves every row where it is.",
        ),
    ],
    praise="It carries every row to the one that stands offset places further on.",
    tolerance=LOOSE,
)


def _halves(x, positions):
    first, second = x.chunk(2, dim=-1)
    angles = positions.to(x)[:, None] * angular_frequencies(x.shape[-1])
    sine, cosine = angles.sin(), angles.cos()
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


def _mirrored(x, positions):
    angles = positions.to(x)[:, None] * angular_frequencies(x.shape[-1])
    sine, cosine = angles.sin(), angles.cos()
    first, second = x[..., 0::2], x[..., 1::2]
    return _woven(first * cosine + second * sine, first * sine + second * cosine)


def _rotary_case(b: int, t: int, d: int, start: int):
    return lambda: (_batch(b, t, d), torch.arange(start, start + t))


check_rotate = FunctionCheck(
    "check_rotate",
    reference=rotate,
    cases=[_rotary_case(2, 5, 6, 3), _rotary_case(3, 7, 10, 0), _rotary_case(2, 3, 4, 11)],
    mistakes=[
        Mistake(
            "turned backwards",
            lambda x, positions: rotate(x, -positions),
            "You turn by -p ω. The scores come out the same, since only differences count there;"
            " the convention is counter-clockwise: first · cos - second · sin.",
        ),
        Mistake(
            "paired by halves",
            _halves,
            "You pair i with i + d/2. Some models do, but here the pairs are neighbours:"
            " x[..., 0::2] with x[..., 1::2].",
        ),
        Mistake(
            "a lost minus sign",
            _mirrored,
            "This is no rotation, and the norm changes. One of the two sines carries a minus.",
        ),
        Mistake(
            "the token's index, not its position",
            lambda x, positions: rotate(x, torch.arange(x.shape[-2])),
            "You count tokens from 0. Use the positions that are handed to you: a text can begin"
            " anywhere.",
        ),
    ],
    praise="Equal to incontext.positions.rotate, wherever the text begins.",
    tolerance=LOOSE,
)


def _bias(slopes: Tensor, distances: Tensor) -> Tensor:
    return -slopes[:, None, None] * distances


def _signed(n_heads, n):
    at = torch.arange(n, dtype=torch.float64)
    return _bias(alibi_slopes(n_heads, dtype=torch.float64), at[:, None] - at)


check_alibi = FunctionCheck(
    "check_alibi",
    reference=lambda n_heads, n: alibi_bias(n_heads, n, n, dtype=torch.float64),
    cases=[lambda: (8, 5), lambda: (4, 7), lambda: (2, 3)],
    mistakes=[
        Mistake(
            "the wrong sign",
            lambda n_heads, n: -alibi_bias(n_heads, n, n, dtype=torch.float64),
            "You reward distance. The bias is a penalty, and none of its entries is above 0.",
        ),
        Mistake(
            "a distance with a sign",
            _signed,
            "For keys after the query your penalty turns into a reward. Take the distance without"
            " its sign.",
        ),
        Mistake(
            "slopes from 1",
            lambda n_heads, n: alibi_bias(n_heads, n, n, dtype=torch.float64) * 2 ** (8 / n_heads),
            "Your first slope is 1. For n heads the slopes begin at 2^(-8/n): with 8 heads, 1/2.",
        ),
        Mistake(
            "slopes in reverse",
            lambda n_heads, n: alibi_bias(n_heads, n, n, dtype=torch.float64).flip(0),
            "The first head has the steepest slope, the last the gentlest, 2^(-8).",
        ),
    ],
    praise="A penalty for every head, query and key, and none on the diagonal.",
)


def _first_distance_below(ratio: float, slope: float) -> int:
    return math.floor(math.log(1 / ratio) / slope) + 1


check_alibi_distance = ValueCheck(
    "check_alibi_distance",
    reference=lambda: _first_distance_below(0.01, alibi_slopes(8)[0].item()),
    mistakes=[
        Mistake(
            "one step short",
            lambda: _first_distance_below(0.01, alibi_slopes(8)[0].item()) - 1,
            "There the weight is still a little above a hundredth: the distance you solved for lies"
            " between two positions, and the next one is asked.",
        ),
        Mistake(
            "the logarithm to base 10",
            lambda: int(math.log10(100) / alibi_slopes(8)[0].item()),
            "Softmax takes powers of e, so it is the natural logarithm that undoes them.",
        ),
        Mistake(
            "the slope of head 2",
            lambda: _first_distance_below(0.01, alibi_slopes(8)[1].item()),
            "Head 2 has the slope 1/4. Head 1 is asked, and its slope is 1/2.",
        ),
        Mistake(
            "the penalty taken for the weight",
            lambda: int(100 / alibi_slopes(8)[0].item()),
            "There the *score* is 100 lower. The weight falls exponentially, and much sooner.",
        ),
    ],
    praise="A penalty of 5 leaves e^(-5), less than a hundredth.",
)
