"""Wrong solutions to the exercises on positions, written another way, each get their own reply."""

import math

import numpy as np
import pytest
import torch

from incontext import exercises


def sinusoids(n, d, base=10_000.0, speed=lambda i, d, base: base ** (-2 * i / d), column=None):
    table = np.zeros((n, d))
    for p in range(n):
        for i in range(d // 2):
            sine, cosine = column(i, d) if column else (2 * i, 2 * i + 1)
            table[p, sine] = math.sin(p * speed(i, d, base))
            table[p, cosine] = math.cos(p * speed(i, d, base))
    return table


def speeds_by_column(n, d, base=10_000.0):
    waves = [math.cos if j % 2 else math.sin for j in range(d)]
    return [[waves[j](p / base ** (j / d)) for j in range(d)] for p in range(n)]


def half_exponent(n, d, base=10_000.0):
    return sinusoids(n, d, base, speed=lambda i, d, base: base ** (-i / d))


def sines_first(n, d, base=10_000.0):
    return sinusoids(n, d, base, column=lambda i, d: (i, d // 2 + i))


def swapped(n, d, base=10_000.0):
    return sinusoids(n, d, base, column=lambda i, d: (2 * i + 1, 2 * i))


def add(x, position):
    out = x.clone()
    for b in range(x.shape[0]):
        for t in range(x.shape[1]):
            p = position(b, t, x.shape[1])
            for i in range(x.shape[2] // 2):
                angle = p * 10_000.0 ** (-2 * i / x.shape[2])
                out[b, t, 2 * i] += math.sin(angle)
                out[b, t, 2 * i + 1] += math.cos(angle)
    return out


def turn(x, positions, sign=1, lost=1):
    d = x.shape[-1]
    out = torch.empty_like(x)
    for t, p in enumerate(positions.tolist()):
        for i in range(d // 2):
            angle = sign * p * 10_000.0 ** (-2 * i / d)
            s, c = math.sin(angle), math.cos(angle)
            a, b = x[..., t, 2 * i], x[..., t, 2 * i + 1]
            out[..., t, 2 * i] = a * c - lost * b * s
            out[..., t, 2 * i + 1] = a * s + b * c
    return out


def turn_halves(x, positions):
    d = x.shape[-1]
    order = [j for i in range(d // 2) for j in (i, i + d // 2)]
    return turn(x[..., order], positions)[..., np.argsort(order)]


def shift(offset, d, sign=1, speed=lambda i, d: 10_000.0 ** (-2 * i / d)):
    m = np.zeros((d, d))
    for i in range(d // 2):
        angle = sign * offset * speed(i, d)
        m[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [
            [math.cos(angle), math.sin(angle)],
            [-math.sin(angle), math.cos(angle)],
        ]
    return m


def penalties(heads, n, sign=-1, first=1, distance=lambda i, j: abs(i - j), reverse=False):
    slopes = [2 ** (-8 * (h + first) / heads) for h in range(heads)]
    slopes = slopes[::-1] if reverse else slopes
    return [[[sign * m * distance(i, j) for j in range(n)] for i in range(n)] for m in slopes]


WRONG = [
    ("check_sinusoids", sines_first, "All sines first"),
    ("check_sinusoids", half_exponent, "Exponent i, not 2i"),
    ("check_sinusoids", speeds_by_column, "A speed for every column"),
    ("check_sinusoids", swapped, "Sines and cosines swapped"),
    ("check_sinusoids", lambda *size: sinusoids(*size).T, "Positions across"),
    ("check_add_positions", lambda x: add(x, lambda b, t, n: b), "Positions indexed by batch"),
    (
        "check_add_positions",
        lambda x: add(x, lambda b, t, n: b * n + t),
        "Positions that run on through the batch",
    ),
    ("check_add_positions", lambda x: add(x, lambda b, t, n: t + 1), "Counting from 1"),
    ("check_shift", lambda k, d: shift(k, d, sign=-1), "The shift back"),
    ("check_shift", lambda k, d: shift(k, d, speed=lambda i, d: 1), "One speed for all"),
    ("check_rotate", lambda x, p: turn(x, p, sign=-1), "Turned backwards"),
    ("check_rotate", lambda x, p: turn(x, p, lost=-1), "A lost minus sign"),
    ("check_rotate", turn_halves, "Paired by halves"),
    ("check_rotate", lambda x, p: turn(x, p - p[0]), "The token's index"),
    ("check_alibi", lambda h, n: penalties(h, n, sign=1), "The wrong sign"),
    (
        "check_alibi",
        lambda h, n: penalties(h, n, distance=lambda i, j: i - j),
        "A distance with a sign",
    ),
    ("check_alibi", lambda h, n: penalties(h, n, first=0), "Slopes from 1"),
    ("check_alibi", lambda h, n: penalties(h, n, reverse=True), "Slopes in reverse"),
]
RIGHT = {
    "check_sinusoids": sinusoids,
    "check_add_positions": lambda x: add(x, lambda b, t, n: t),
    "check_shift": shift,
    "check_rotate": turn,
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


@pytest.mark.parametrize(
    ("answer", "says"), [(9, "One step"), (4, "The logarithm"), (19, "The slope"), (200, "penalty")]
)
def test_a_wrong_number_is_explained(answer, says):
    assert says in exercises.check_alibi_distance(answer).message
