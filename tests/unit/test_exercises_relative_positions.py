"""Wrong solutions on relative positions, written another way, each get their own reply."""

import math

import numpy as np
import pytest
import torch

from incontext import exercises


def turn(x, positions, base=10_000.0, *, sign=1, lost=1, speed=None, pairs=None):
    """RoPE in loops: pair i of each token by position · speed(i, D)."""
    d = x.shape[-1]
    speed = speed or (lambda i, d: base ** (-2 * i / d))
    pairs = pairs or [(2 * i, 2 * i + 1) for i in range(d // 2)]
    out = torch.empty_like(x)
    for t, p in enumerate(positions.tolist()):
        for i, (one, other) in enumerate(pairs):
            angle = sign * p * speed(i, d)
            s, c = math.sin(angle), math.cos(angle)
            a, b = x[..., t, one], x[..., t, other]
            out[..., t, one] = a * c - lost * b * s
            out[..., t, other] = a * s + b * c
    return out


def turn_halves(x, positions, base=10_000.0):
    half = x.shape[-1] // 2
    return turn(x, positions, base, pairs=[(i, i + half) for i in range(half)])


def in_degrees(x, positions, base=10_000.0):
    return turn(x, positions, base, speed=lambda i, d: math.radians(base ** (-2 * i / d)))


def half_exponent(x, positions, base=10_000.0):
    return turn(x, positions, base, speed=lambda i, d: base ** (-i / d))


def attend(query, key, value, scale=True):
    scores = torch.einsum("...td,...sd->...ts", query, key)
    if scale:
        scores = scores / math.sqrt(query.shape[-1])
    return torch.einsum("...ts,...sd->...td", torch.softmax(scores, dim=-1), value)


def rotary(of_query=1, of_key=1, of_value=0, scale=True):
    """Attention with each of the three turned by so many times its position."""

    def attention(query, key, value, positions):
        return attend(
            turn(query, of_query * positions),
            turn(key, of_key * positions),
            turn(value, of_value * positions),
            scale,
        )

    return attention


def penalties(heads, n, sign=-1, first=1, distance=lambda i, j: abs(i - j), reverse=False):
    slopes = [2 ** (-8 * (h + first) / heads) for h in range(heads)]
    slopes = slopes[::-1] if reverse else slopes
    return [[[sign * m * distance(i, j) for j in range(n)] for i in range(n)] for m in slopes]


WRONG = [
    ("check_rotate", lambda x, p, base=1e4: turn(x, p, base, sign=-1), "Turned backwards"),
    ("check_rotate", lambda x, p, base=1e4: turn(x, p, base, lost=-1), "A lost minus sign"),
    ("check_rotate", turn_halves, "Paired by halves"),
    ("check_rotate", in_degrees, "Degrees"),
    ("check_rotate", half_exponent, "Exponent i, not 2i"),
    (
        "check_rotate",
        lambda x, p, base=1e4: turn(x, p, speed=lambda i, d: 1),
        "One speed for every pair",
    ),
    ("check_rotate", lambda x, p, base=1e4: turn(x, p), "The base forgotten"),
    ("check_rotate", lambda x, p, base=1e4: turn(x, p - p[0], base), "The place in the tensor"),
    ("check_rotary_attention", rotary(of_value=1), "The values turned too"),
    ("check_rotary_attention", rotary(of_key=0), "Only the queries turned"),
    ("check_rotary_attention", rotary(of_query=0), "Only the keys turned"),
    ("check_rotary_attention", rotary(of_key=-1), "Turned against each other"),
    ("check_rotary_attention", rotary(0, 0), "Not turned at all"),
    ("check_rotary_attention", rotary(scale=False), "Not scaled"),
    ("check_order", lambda d: [i // 2 + i % 2 * d // 2 for i in range(d)], "The way back"),
    ("check_order", lambda d: list(range(d)), "As they were"),
    (
        "check_order",
        lambda d: [i for odd in (1, 0) for i in range(d) if i % 2 == odd],
        "Odds first",
    ),
    ("check_order", lambda d: [(i + d // 2) % d for i in range(d)], "The halves exchanged"),
    ("check_alibi", lambda h, n: penalties(h, n, sign=1), "The wrong sign"),
    (
        "check_alibi",
        lambda h, n: penalties(h, n, distance=lambda i, j: i - j),
        "A distance with a sign",
    ),
    ("check_alibi", lambda h, n: penalties(h, n, first=0), "Slopes from 1"),
    ("check_alibi", lambda h, n: penalties(h, n, reverse=True), "Slopes in reverse"),
]


def evens_then_odds(d):
    return sorted(range(d), key=lambda i: (i % 2, i))


RIGHT = {
    "check_rotate": turn,
    "check_rotary_attention": rotary(),
    "check_order": evens_then_odds,
    "check_alibi": penalties,
    "check_alibi_distance": 10,
}


@pytest.mark.parametrize(("name", "solution", "says"), WRONG)
def test_a_known_mistake_is_named(name, solution, says):
    verdict = getattr(exercises, name)(solution)
    assert not verdict and verdict.message.startswith(says), verdict.message


@pytest.mark.parametrize("name", RIGHT)
def test_the_naive_solution_passes(name):
    verdict = getattr(exercises, name)(RIGHT[name])
    assert verdict, verdict.message


def test_the_order_mends_what_the_other_library_does():
    x, positions = torch.randn(3, 7, 10, dtype=torch.float64), torch.arange(4, 11)
    order = evens_then_odds(10)
    mended = turn_halves(x[..., order], positions)
    np.testing.assert_allclose(mended, turn(x, positions)[..., order], atol=1e-12)


@pytest.mark.parametrize(
    ("answer", "says"), [(9, "One step"), (4, "The logarithm"), (19, "The slope"), (200, "penalty")]
)
def test_a_wrong_number_is_explained(answer, says):
    assert says in exercises.check_alibi_distance(answer).message


LONG = "one two three four five six seven eight nine ten eleven twelve"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((17, 1, 1), "check_own_head takes (layer, head, offset, text)"),
        (17, "check_own_head takes (layer, head, offset, text)"),
        ((17, 1, 1, "Too short."), "Too short a text."),
        ((17, 1, 1, 7), "Too short a text."),
        ((17, 1, 9, LONG), "An offset out of reach."),
        ((17, 1, 1.0, LONG), "An offset out of reach."),
        ((31, 1, 1, LONG), "layer is 1 to 30 and head 1 to 9, got 31 and 1."),
        ((17, 0, 1, LONG), "layer is 1 to 30 and head 1 to 9, got 17 and 0."),
    ],
)
def test_a_head_that_cannot_be_looked_up_is_refused(given, says):
    verdict = exercises.check_own_head(given)
    assert not verdict and verdict.message.startswith(says), verdict.message
