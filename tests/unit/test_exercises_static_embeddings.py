"""Wrong solutions as a learner might write them, in other words than the check's own."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from incontext import exercises

WET_AND_DRY = {
    "ends": ("sea river lake ocean", "desert sand dry dust"),
    "tests": ("wave beach pond stream", "drought heat fire cactus"),
}


def cosine_in_loops(a, b):
    found = []
    for one, other in zip(a.tolist(), b.tolist(), strict=True):
        dot = sum(x * y for x, y in zip(one, other, strict=True))
        found.append(dot / math.hypot(*one) / math.hypot(*other))
    return found


def ranked(row, table):
    """Row numbers from the most alike to the least, the row itself first."""
    others = functional.cosine_similarity(table, table[row][None])
    return sorted(range(len(table)), key=lambda i: -float(others[i]))


def test_right_solutions_pass_however_they_are_written():
    assert exercises.check_cosine(cosine_in_loops)
    assert exercises.check_cosine(lambda a, b: functional.cosine_similarity(a, b, dim=1))
    assert exercises.check_nearest(lambda row, table, k: ranked(row, table)[1 : k + 1])
    assert exercises.check_analogy(analogy_of())
    assert exercises.check_own_direction(WET_AND_DRY)


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (lambda a, b: torch.einsum("nc,nc->n", a, b), "Dot product without the lengths"),
        (lambda a, b: np.diag(a @ b.T).copy(), "Dot product without the lengths"),
        (lambda a, b: (a * b).sum(1) / (a * a).sum(1).sqrt(), "One length only"),
        (lambda a, b: (a * b).sum(1) / ((a**2).sum(1) * (b**2).sum(1)), "Lengths squared"),
        (
            lambda a, b: (a * b).sum(1) / ((a**2).sum(1).sqrt() + (b**2).sum(1).sqrt()),
            "Lengths added",
        ),
        (
            lambda a, b: [
                sum(
                    float(x * y / (a[:, i].norm() * b[:, i].norm()))
                    for i, (x, y) in enumerate(zip(*rows, strict=True))
                )
                for rows in zip(a, b, strict=True)
            ],
            "Norm over the wrong axis",
        ),
        (lambda a, b: functional.cosine_similarity(a, b, dim=0), "Everything over the wrong axis"),
        (
            lambda a, b: np.einsum("nc,nc->n", a, b) / np.linalg.norm(a) / np.linalg.norm(b),
            "One length for the whole matrix",
        ),
        (lambda a, b: ((a - b) ** 2).sum(1).sqrt(), "Distance"),
        (lambda a, b: [1 - c for c in cosine_in_loops(a, b)], "Cosine distance"),
    ],
)
def test_cosine(solution, says):
    assert exercises.check_cosine(solution).message.startswith(f"{says}. ")


def by_dot(row, table, k):
    order = sorted(range(len(table)), key=lambda i: -float(table[i] @ table[row]))
    return [i for i in order if i != row][:k]


def by_distance(row, table, k):
    order = torch.cdist(table[row][None], table)[0].tolist()
    return [i for i in np.argsort(order, kind="stable").tolist() if i != row][:k]


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (lambda row, table, k: ranked(row, table)[:k], "Nothing excluded"),
        (lambda row, table, k: [i for i in ranked(row, table)[:k] if i != row], "One row too few"),
        (lambda row, table, k: ranked(row, table)[::-1][:k], "Ascending order"),
        (lambda row, table, k: ranked(row, table)[k:0:-1], "The right rows, backwards"),
        (by_dot, "Dot product in place of the cosine"),
        (by_distance, "Distance in place of the cosine"),
    ],
)
def test_nearest(solution, says):
    assert exercises.check_nearest(solution).message.startswith(f"{says}. ")


def analogy_of(signs=(1, -1, 1), left_out="abc", by_cosine=True, scaled=False):
    def solution(table, a, b, c):
        if scaled:
            table = torch.stack([row / math.hypot(*row.tolist()) for row in table])
        corner = sum(sign * table[i] for sign, i in zip(signs, (a, b, c), strict=True))
        best, score = None, -math.inf
        for i, row in enumerate(table):
            now = float(row @ corner) / (math.hypot(*row.tolist()) if by_cosine else 1)
            if now > score and i not in [dict(a=a, b=b, c=c)[name] for name in left_out]:
                best, score = i, now
        return best

    return solution


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (analogy_of(left_out=""), "Inputs not excluded"),
        (analogy_of(left_out="a"), "One input excluded of three"),
        (analogy_of(left_out="c", by_cosine=False), "An input is still allowed, for one thing"),
        (analogy_of(signs=(1, 1, -1)), "A + b − c"),
        (analogy_of(signs=(-1, 1, 1)), "The step made backwards"),
        (analogy_of(by_cosine=False), "Dot product in place of the cosine"),
        (analogy_of(scaled=True), "Rows scaled before the sum"),
    ],
)
def test_analogy(solution, says):
    assert exercises.check_analogy(solution).message.startswith(f"{says}. ")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({**WET_AND_DRY, "ends": ("sea river", "desert sand dust")}, "Too few words. "),
        ({**WET_AND_DRY, "ends": ("sea sea sea", "desert sand dust")}, "Too few words. "),
        ({**WET_AND_DRY, "tests": ("wave beach pond", "heat fire drought")}, "Too few words. "),
        (
            {**WET_AND_DRY, "ends": ("sea river wave", "desert sand dust")},
            "Tested on what it was made from. ",
        ),
        (
            {"ends": ("sea river lake", "desert sand dust"), "tests": 2 * ("cod eel tuna crab",)},
            "All test words on one side. ",
        ),
        (
            {**WET_AND_DRY, "ends": ("sea river wug", "desert sand dust")},
            "The table has no whole word wug",
        ),
        ({**WET_AND_DRY, "tests": WET_AND_DRY["tests"][::-1]}, "1 of your 8 test words"),
        ({"ends": "sea"}, "check_own_direction takes a dictionary"),
        (("sea river", "desert"), "check_own_direction takes a dictionary"),
    ],
)
def test_own_direction(words, says):
    verdict = exercises.check_own_direction(words)
    assert not verdict and verdict.message.startswith(says), verdict.message


def test_words_on_the_wrong_side_are_named():
    swapped = {**WET_AND_DRY, "tests": WET_AND_DRY["tests"][::-1]}
    message = exercises.check_own_direction(swapped).message
    swapped_sides = {"wave", "beach", "pond", "stream", "drought", "heat", "cactus"}
    assert all(word in message for word in swapped_sides)
    assert "fire" not in message


def test_looking_is_not_touching():
    """The praise comes only where the learner's table is left as it was."""

    def destructive(row, table, k):
        chosen = ranked(row, table)[1 : k + 1]
        table[row] = 0
        return chosen

    assert "in place" in exercises.check_nearest(destructive).message
