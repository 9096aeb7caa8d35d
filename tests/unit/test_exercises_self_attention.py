"""The exercises on self-attention: wrong solutions as learners write them, each named."""

import math
import re

import pytest
import torch

from incontext import exercises


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (1 / (1 + math.exp(-0.64)), "No scaling"),
        (1 / (1 + math.exp(-0.64 / 3)), "Divided by d_k"),
        (0.373, "Mask after the softmax"),
        (0.9, "0.9 is too large"),
    ],
)
def test_love(answer, says):
    verdict = exercises.check_love(answer)
    assert not verdict and verdict.message.startswith(says), verdict.message


def test_love_by_hand_passes():
    assert exercises.check_love(1 / (1 + math.exp(-0.64 / math.sqrt(3))))


def by_loops(
    x, w_q, w_k, w_v, *, divide=None, may=lambda i, j: j <= i, share=False, otherwise=0.0, axis=1
):
    """Causal output and weights, one number at a time.

    Where not may(i, j), `otherwise` stands in place of e to the score; with `share`, what may not
    be seen is in the sum all the same.
    """
    q, k, v = (torch.einsum("tc,cd->td", x, w).tolist() for w in (w_q, w_k, w_v))
    n, divide = len(q), math.sqrt(len(q[0])) if divide is None else divide
    scores = [[sum(map(float.__mul__, a, b)) / divide for b in k] for a in q]
    e = torch.tensor([[math.exp(s) for s in row] for row in scores], dtype=torch.float64)
    kept = torch.tensor([[may(i, j) for j in range(n)] for i in range(n)])
    summed = e if share else torch.where(kept, e, otherwise)
    weights = torch.where(kept, e, otherwise) / summed.sum(axis, keepdim=True)
    return weights @ torch.tensor(v, dtype=torch.float64), weights


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"otherwise": 1.0, "divide": "d_model"}, "Two things are still wrong"),
        ({"otherwise": 1.0}, "Masked scores set to 0"),
        ({"divide": "d_model"}, "Scaled by √d_model"),
        ({"divide": 1.0}, "No scaling"),
        ({"divide": "d_k"}, "Divided by d_k"),
        ({"may": lambda i, j: True}, "Missing mask"),
        ({"share": True}, "Mask after the softmax"),
        ({"may": lambda i, j: j >= i}, "Inverted mask. Each"),
        ({"may": lambda i, j: j > i}, "Inverted mask, True taken"),
        ({"otherwise": math.exp(-1)}, "−1 in place of −∞"),
        ({"may": lambda i, j: j < i}, "A token may not see itself, and the first row is NaN"),
        ({"axis": 0}, "Softmax over the wrong axis"),
    ],
)
def test_attention(wrong, says):
    def solution(x, w_q, w_k, w_v):
        by = {"d_model": x.shape[1] ** 0.5, "d_k": float(w_q.shape[1])}
        made = wrong | ({"divide": by.get(wrong["divide"], 1.0)} if "divide" in wrong else {})
        return by_loops(x, w_q, w_k, w_v, **made)

    verdict = exercises.check_attention(solution)
    assert not verdict and verdict.message.startswith(says), verdict.message


def test_the_first_token_of_zeros_is_named():
    def solution(*arguments):
        output, weights = by_loops(*arguments, may=lambda i, j: j < i)
        return output.nan_to_num(), weights.nan_to_num()

    assert exercises.check_attention(solution).message.startswith("A token may not see itself. ")


def test_what_is_returned_is_looked_at():
    assert (
        "returned 1 results, and 2" in exercises.check_attention(lambda *a: by_loops(*a)[0]).message
    )
    turned = exercises.check_attention(lambda *a: by_loops(*a)[::-1]).message
    assert re.search("result 1 of .* has the shape", turned)


def test_loops_pass():
    assert exercises.check_attention(by_loops)


MISLED = ("The boy that the girls like", "The boys that the girl likes")
RIGHT = [
    ("The key to the cabinets", "The keys to the cabinet"),
    ("The dog near the trees", "The dogs near the tree"),
    ["The book on the shelves", "The books on the shelf "],
]


def test_openings_that_mislead_the_decoder_are_shown_with_both_verbs():
    verdict = exercises.check_openings([*RIGHT[:2], MISLED])
    assert verdict and verdict.message.startswith("It agrees with the subject in 5 of 6 openings.")
    assert f"“{MISLED[1]} …” are 0.018, is 0.087" in verdict.message
    assert RIGHT[0][0] not in verdict.message


def test_openings_that_do_not_mislead_it_are_counted():
    verdict = exercises.check_openings(RIGHT)
    assert not verdict and verdict.message.startswith("It agrees with the subject in 6 of 6")


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        (RIGHT[:2], "Too few openings"),
        ([*RIGHT[:2], 2 * MISLED[:1]], "A pair that is one opening twice"),
        ([*RIGHT, ("The cat on the mats is", "The cats on the mat are")], "The verb is there"),
        ([*RIGHT[:2], RIGHT[2][::-1]], "Singular and plural changed places"),
        ("The keys", "check_openings takes a list of pairs"),
        (["The key", "The keys", "The book"], "check_openings takes a list of pairs"),
        ([*RIGHT, ("The key", "")], "check_openings takes a list of pairs"),
        ([*RIGHT, ("The key", 3)], "check_openings takes a list of pairs"),
    ],
)
def test_openings_that_say_nothing_are_refused(pairs, says):
    verdict = exercises.check_openings(pairs)
    assert not verdict and verdict.message.startswith(says), verdict.message
