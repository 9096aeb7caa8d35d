"""Checks of the chapter on relative positions: turning, penalties, and a head that counts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from incontext.attention import scaled_dot_product_attention
from incontext.exercises.checking import (
    FunctionCheck,
    Mistake,
    ValueCheck,
    Verdict,
)
from incontext.positions import alibi_bias, alibi_slopes, rotate
from incontext.pretrained import decoder_to_read
from incontext.transformer import Decoder

LOOSE = 1e-4  # angles in float32 lose digits as positions grow, and that is no mistake


def _random(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _turned(x: Tensor, angles: Tensor) -> Tensor:
    """Neighbouring pairs of x turned by the angles ``[..., T, D / 2]`` in radians."""
    sine, cosine = angles.sin(), angles.cos()
    first, second = x[..., 0::2], x[..., 1::2]
    pairs = torch.stack([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
    return pairs.flatten(-2)


def _angles(x: Tensor, positions: Tensor, base: float, each: float = 2.0) -> Tensor:
    """positions · base^(−each · i / D), where ``each`` = 2 is right."""
    pair = torch.arange(x.shape[-1] // 2, dtype=torch.float64)
    return positions.to(torch.float64)[:, None] * base ** (-each * pair / x.shape[-1])


def _halves(x, positions, base=10_000.0):
    d = x.shape[-1]
    order = _evens_then_odds(d)
    where = torch.tensor(order).argsort()
    return rotate(x[..., where], positions, base)[..., order]


def _mirrored(x, positions, base=10_000.0):
    angles = _angles(x, positions, base)
    first, second = x[..., 0::2], x[..., 1::2]
    sine, cosine = angles.sin(), angles.cos()
    pairs = torch.stack([first * cosine + second * sine, first * sine + second * cosine], dim=-1)
    return pairs.flatten(-2)


def _rotary_case(b: int, t: int, d: int, start: int, *base: float):
    return lambda: (_random(b, t, d), torch.arange(start, start + t), *base)


check_rotate = FunctionCheck(
    "check_rotate",
    reference=rotate,
    cases=[
        _rotary_case(2, 5, 6, 3),
        _rotary_case(3, 7, 10, 0, 100.0),
        lambda: (_random(2, 3, 4, 8), torch.arange(11, 15)),
    ],
    mistakes=[
        Mistake(
            "turned backwards",
            lambda x, positions, base=10_000.0: rotate(x, -positions, base),
            "You turn clockwise. With random weights nobody would notice, but the weights of a"
            " trained model expect counter-clockwise: first · cos - second · sin.",
        ),
        Mistake(
            "paired by halves",
            _halves,
            "You pair component i with i + D/2. Some libraries do, and a later exercise is about"
            " that. Here the pairs are neighbours: x[..., 0::2] with x[..., 1::2].",
        ),
        Mistake(
            "degrees",
            lambda x, positions, base=10_000.0: rotate(x, positions * math.pi / 180, base),
            "Your angles are much too small, by a factor of 57.3: they are turned into radians,"
            " and they are in radians already.",
        ),
        Mistake(
            "one speed for every pair",
            lambda x, positions, base=10_000.0: _turned(x, _angles(x, positions, base, 0)),
            "All your pairs turn by the position itself, as the first pair does. Pair i turns by"
            " position · base^(-2i / D).",
        ),
        Mistake(
            "exponent i, not 2i",
            lambda x, positions, base=10_000.0: _turned(x, _angles(x, positions, base, 1)),
            "Your pairs slow down half as fast as they should. The exponent is -2i / D, where i"
            " counts pairs.",
        ),
        Mistake(
            "the base forgotten",
            lambda x, positions, base=10_000.0: rotate(x, positions),
            "You always use 10 000. The base is the third argument; the decoder's is 100 000.",
        ),
        Mistake(
            "a lost minus sign",
            _mirrored,
            "This is no rotation, and lengths change. One of the two sines carries a minus.",
        ),
        Mistake(
            "the place in the tensor",
            lambda x, positions, base=10_000.0: rotate(x, torch.arange(x.shape[-2]), base),
            "You count tokens from 0. Use the positions that are handed to you: a text may begin"
            " anywhere.",
        ),
    ],
    praise="Equal to incontext.positions.rotate, wherever the text begins.",
    tolerance=LOOSE,
)


def _attend(query, key, value) -> Tensor:
    return scaled_dot_product_attention(query, key, value)[0]


check_rotary_attention = FunctionCheck(
    "check_rotary_attention",
    reference=lambda q, k, v, p: _attend(rotate(q, p), rotate(k, p), v),
    cases=[
        lambda: (*_random(3, 5, 8), torch.arange(5)),
        lambda: (*_random(3, 7, 4), torch.arange(20, 27)),
        lambda: (*_random(3, 2, 6, 10), torch.arange(6)),
    ],
    mistakes=[
        Mistake(
            "the values turned too",
            lambda q, k, v, p: _attend(rotate(q, p), rotate(k, p), rotate(v, p)),
            "Your weights are right, but what you mix depends on where the text begins. Values are"
            " handed over as they are: only queries and keys are turned.",
        ),
        Mistake(
            "only the queries turned",
            lambda q, k, v, p: _attend(rotate(q, p), k, v),
            "A query at 8 that is compared with keys all left at 0 sees its own position and not"
            " the distance. Turn the keys as well.",
        ),
        Mistake(
            "only the keys turned",
            lambda q, k, v, p: _attend(q, rotate(k, p), v),
            "Then a score depends on where the key stands, and not on its distance from the query."
            " Turn the queries as well.",
        ),
        Mistake(
            "turned against each other",
            lambda q, k, v, p: _attend(rotate(q, p), rotate(k, -p), v),
            "Queries and keys turn opposite ways, so the score depends on the sum of the two"
            " positions. Turn both the same way, and the difference is left.",
        ),
        Mistake(
            "not turned at all",
            lambda q, k, v, p: _attend(q, k, v),
            "This is attention without positions. Turn queries and keys before you multiply them.",
        ),
        Mistake(
            "not scaled",
            lambda q, k, v, p: scaled_dot_product_attention(
                rotate(q, p), rotate(k, p), v, scale=1.0
            )[0],
            "The positions are right. What is missing is the division by √d_k.",
        ),
    ],
    praise="Queries and keys turned, values left alone: the output does not know where it begins.",
    tolerance=LOOSE,
)


def _evens_then_odds(d: int) -> list[int]:
    return [*range(0, d, 2), *range(1, d, 2)]


check_order = FunctionCheck(
    "check_order",
    reference=lambda d: torch.tensor(_evens_then_odds(d)),
    cases=[lambda: (6,), lambda: (10,), lambda: (64,)],
    mistakes=[
        Mistake(
            "the way back",
            lambda d: torch.tensor(_evens_then_odds(d)).argsort(),
            "This is the inverse: it makes neighbours of components that are D/2 apart. You need"
            " neighbours to end up D/2 apart.",
        ),
        Mistake(
            "as they were",
            lambda d: torch.arange(d),
            "This leaves every component where it is, so component 0 is still turned with D/2.",
        ),
        Mistake(
            "odds first",
            lambda d: torch.tensor([*range(1, d, 2), *range(0, d, 2)]),
            "The right components are paired, and the wrong one comes first in each pair, so they"
            " turn backwards.",
        ),
        Mistake(
            "the halves exchanged",
            lambda d: torch.arange(d).roll(d // 2),
            "You swap the two halves. Component 0 is still turned with D/2, only backwards.",
        ),
    ],
    praise="Now what was a pair of neighbours is D/2 apart, where that library looks for it.",
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
            "There the weight is still a little above a hundredth. The distance you solved for lies"
            " between two positions, and the question is about the next one.",
        ),
        Mistake(
            "the logarithm to base 10",
            lambda: int(math.log10(100) / alibi_slopes(8)[0].item()),
            "Softmax takes powers of e, so it is the natural logarithm that undoes them.",
        ),
        Mistake(
            "the slope of head 2",
            lambda: _first_distance_below(0.01, alibi_slopes(8)[1].item()),
            "Head 2 has the slope 1/4. The question is about head 1, whose slope is 1/2.",
        ),
        Mistake(
            "the penalty taken for the weight",
            lambda: int(100 / alibi_slopes(8)[0].item()),
            "There the score is 100 lower. The weight falls exponentially, and much sooner.",
        ),
    ],
    praise="A penalty of 5 leaves e^(-5), less than a hundredth.",
)


OWN_TEXT = (
    "The ferry left the island at noon. Two hours later a storm came up from the west, and the"
    " captain decided to turn back before it grew dark."
)


def _mean_weight(decoder: Decoder, ids: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    """Of every head on the token ``offset`` before, ``[n_layers, H]``, and an even share.

    The even share is what a head has on it that gives every token in sight the same weight. The
    first token is left out of the keys: many heads rest there, whatever the offset.
    """
    with torch.no_grad():
        attentions = decoder(ids[None]).attentions
    weights = torch.stack(attentions)[:, 0]  # [n_layers, H, T, S]
    n_tokens = weights.shape[-1]
    even = 1 / torch.arange(offset + 2, n_tokens + 1)
    return weights.diagonal(-offset, -2, -1)[..., 1:].mean(-1), even.mean()


@dataclass(frozen=True)
class OwnHeadCheck:
    """Checks a head of the decoder that is said to look ``offset`` tokens back, on two texts.

    reference: gives (layer, head, offset, text), layers and heads counted from 1. mistakes: such
    for which it does not hold or would show nothing.
    """

    name: str
    reference: Callable[[], tuple[int, int, int, str]]
    mistakes: Sequence[Mistake]
    text: str

    def __call__(self, given: Any) -> Verdict:
        if given is None or given is Ellipsis:
            return Verdict(False, f"Not yet: give {self.name} your head, offset and text.", "…")
        if not isinstance(given, tuple | list) or len(given) != 4:
            return Verdict(False, f"{self.name} takes (layer, head, offset, text).")
        layer, head, offset, text = given
        if not isinstance(text, str) or len(text.split()) < 12:
            return Verdict(False, str(self.mistakes[0]))
        if not isinstance(offset, int) or not 1 <= offset <= 8:
            return Verdict(False, str(self.mistakes[1]))
        decoder, tokenizer = decoder_to_read()
        yours, even = _mean_weight(decoder, tokenizer.encode(text), offset)
        n_layers, n_heads = yours.shape
        if not (layer in range(1, n_layers + 1) and head in range(1, n_heads + 1)):
            return Verdict(
                False,
                f"layer is 1 to {n_layers} and head 1 to {n_heads}, got {layer!r} and {head!r}.",
            )
        weight = yours[layer - 1, head - 1]
        if weight < 2 * even:
            return Verdict(False, str(self.mistakes[2]))
        ours, even = _mean_weight(decoder, tokenizer.encode(self.text), offset)
        elsewhere = ours[layer - 1, head - 1]
        if elsewhere < 2 * even:
            return Verdict(False, str(self.mistakes[3]))
        rank = int((ours > elsewhere).sum()) + 1
        return Verdict(
            True,
            f"Layer {layer}, head {head} gives the token {offset} back {weight:.2f} of its weight"
            f" on your text and {elsewhere:.2f} on another. There it is number {rank} of"
            f" {ours.numel()} heads.",
            "✓",
        )


check_head_by_offset = OwnHeadCheck(
    "check_head_by_offset",
    text=OWN_TEXT,
    reference=lambda: (17, 1, 1, "My aunt keeps bees behind the house and sells honey in spring."),
    mistakes=[
        Mistake(
            "too short a text",
            lambda: (17, 1, 1, "The cat sat on the mat."),
            "Take at least twelve words, or one word decides.",
        ),
        Mistake(
            "an offset out of reach",
            lambda: (17, 1, 0, OWN_TEXT),
            "Choose an offset from 1 to 8 tokens back. At offset 0 a token looks at itself.",
        ),
        Mistake(
            "no more than its share",
            lambda: (1, 1, 1, OWN_TEXT),
            "On your text this head gives that token less than twice what it would have if all"
            " tokens in sight got the same. Try another head, or another offset.",
        ),
        Mistake(
            "on your text alone",
            lambda: (19, 7, 3, "red blue green gold " * 6),
            "On your text it does, and on another it does not. Does your text repeat itself? Then"
            " the head may follow the words, and not the distance.",
        ),
    ],
)
