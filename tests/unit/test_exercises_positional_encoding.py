"""Wrong solutions on positional encoding, written another way, each get their own reply."""

import math
import re

import numpy as np
import pytest

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


def unevenness(table, offsets=None, compare=lambda d: max(d) - min(d)):
    n = len(table)
    products = [[float(table[i] @ table[j]) for j in range(n)] for i in range(n)]
    return max(
        compare([products[i][i + k] for i in range(n - k)])
        for k in (range(n) if offsets is None else offsets)
    )


def all_at_once(table):
    return (table @ table.T).max() - (table @ table.T).min()


def of_means(table):
    n = len(table)
    means = [sum(float(table[i] @ table[i + k]) for i in range(n - k)) / (n - k) for k in range(n)]
    return max(means) - min(means)


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
    ("check_unevenness", lambda table: unevenness(table, [1]), "One offset only"),
    ("check_unevenness", lambda table: unevenness(table, [0]), "The main diagonal only"),
    ("check_unevenness", all_at_once, "All products compared"),
    ("check_unevenness", of_means, "Different offsets compared"),
    (
        "check_unevenness",
        lambda table: unevenness(table, compare=lambda d: max(d) - d[0]),
        "Compared with the first alone",
    ),
]
RIGHT = {
    "check_sinusoids": sinusoids,
    "check_add_positions": lambda x: add(x, lambda b, t, n: t),
    "check_unevenness": unevenness,
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
    ("pair", "says"),
    [
        ("The dog chased the cat.", "check_own_order takes one pair"),
        (("The dog chased the cat.",), "check_own_order takes one pair"),
        (("The dog chased the cat.", 7), "check_own_order takes one pair"),
        (("Dogs bark.", "Bark dogs."), "Too few words"),
        (("Who ate the cake", "who ATE the  cake"), "The same order"),
        (("The cat ate the fish.", "The fish ate the cat"), "Other words"),
        (("The cat ate the fish.", "The fish ate a cat."), "Other words"),
    ],
)
def test_a_pair_that_would_show_nothing_is_refused(pair, says):
    verdict = exercises.check_own_order(pair)
    assert not verdict and verdict.message.startswith(says), verdict.message


def test_a_pair_of_sentences_is_compared_with_shuffles():
    verdict = exercises.check_own_order(("The cat ate the fish.", "The fish ate the cat."))
    assert verdict and "have a cosine of 0.99." in verdict.message
    low, high, mean = (
        float(number)
        for number in re.search(
            r"have (\S+) to (\S+) with it, (\S+) on average", verdict.message
        ).groups()
    )
    assert 0.5 < low < mean < high < 0.99
