"""Wrong solutions as a learner might write them, in other words than the check's own."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from incontext import exercises


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
    assert exercises.check_corner(0.745)
    assert exercises.check_sums([6, 1, 3])


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
        (analogy_of(signs=(1, 1, -1)), "A + b − c"),
        (analogy_of(signs=(-1, 1, 1)), "The step made backwards"),
        (analogy_of(by_cosine=False), "Dot product in place of the cosine"),
        (analogy_of(scaled=True), "Rows scaled before the sum"),
    ],
)
def test_analogy(solution, says):
    assert exercises.check_analogy(solution).message.startswith(f"{says}. ")


@pytest.mark.parametrize(
    ("check", "answer", "says"),
    [
        (exercises.check_corner, 1.0, "Dot product without the lengths. "),
        (exercises.check_corner, 0.556, "Length squared. "),
        (exercises.check_corner, 0.577, "Man and woman at right angles. "),
        (exercises.check_corner, 0.488, "The middle term with the wrong sign. "),
        (exercises.check_corner, 0.6, "0.6 is too small"),
        (exercises.check_sums, (6, 1, 0), "C is its own nearest word. "),
        (exercises.check_sums, (6, 1, 4), "Not all right yet. Look again at number 3"),
    ],
)
def test_answers(check, answer, says):
    assert check(answer).message.startswith(says), check(answer).message


def test_looking_is_not_touching():
    """The praise comes only where the learner's table is left as it was."""

    def destructive(row, table, k):
        chosen = ranked(row, table)[1 : k + 1]
        table[row] = 0
        return chosen

    assert "in place" in exercises.check_nearest(destructive).message
