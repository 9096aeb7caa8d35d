"""The exercises on self-attention: wrong solutions as learners write them, each named."""

import math
import re

import pytest
import torch

from incontext import exercises


def by_loops(x, w_q, w_k, w_v, divide=None, over="keys"):
    """Output and weights, one number at a time; x and the projections as lists of rows."""
    q, k, v = (torch.einsum("tc,cd->td", x, w).tolist() for w in (w_q, w_k, w_v))
    n, divide = len(q), math.sqrt(len(q[0])) if divide is None else divide
    e = [[math.exp(sum(map(float.__mul__, a, b)) / divide) for b in k] for a in q]
    if over == "keys":
        w = [[e[i][j] / sum(e[i]) for j in range(n)] for i in range(n)]
    else:
        w = [[e[i][j] / sum(e[m][j] for m in range(n)) for j in range(n)] for i in range(n)]
    out = [[sum(w[i][j] * v[j][d] for j in range(n)) for d in range(len(v[0]))] for i in range(n)]
    return torch.tensor(out), torch.tensor(w)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda *a: by_loops(*a, divide=1.0), "No scaling"),
        (lambda *a: by_loops(*a, divide=a[0].shape[1] ** 0.5), "Scaled by √d_model"),
        (lambda *a: by_loops(*a, divide=float(a[1].shape[1])), "Divided by d_k"),
        (lambda *a: by_loops(*a, over="queries"), "Softmax over the wrong axis"),
        (lambda x, q, k, v: by_loops(x, k, q, v), "Queries and keys changed places"),
        (lambda *a: by_loops(*a)[0], "returned 1 results, and 2"),
        (lambda *a: by_loops(*a)[::-1], "result 1 of .* has the shape"),
    ],
)
def test_attention(wrong, says):
    verdict = exercises.check_attention(wrong)
    assert not verdict
    assert re.search(says, verdict.message), verdict.message


def test_loops_pass():
    assert exercises.check_attention(by_loops)


def weights_by_loops(scores, may, share_all=False):
    """Row i shares its weight over the keys j with may(i, j)."""
    n, s = len(scores), scores.tolist()
    rows = []
    for i in range(n):
        seen = [j for j in range(n) if may(i, j)]
        total = sum(math.exp(s[i][j]) for j in (range(n) if share_all else seen))
        rows.append([math.exp(s[i][j]) / total if j in seen else 0.0 for j in range(n)])
    return torch.tensor(rows)


def with_later_as(change):
    def solution(scores):
        s = scores.clone()
        for i in range(len(s)):
            for j in range(i + 1, len(s)):
                s[i, j] = change(s[i, j])
        return torch.softmax(s, dim=-1)

    return solution


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda s: weights_by_loops(s, lambda i, j: True), "Missing mask"),
        (lambda s: weights_by_loops(s, lambda i, j: j <= i, share_all=True), "Mask after"),
        (lambda s: weights_by_loops(s, lambda i, j: j >= i), "Inverted mask. Each"),
        (lambda s: weights_by_loops(s, lambda i, j: j > i), "Inverted mask, with"),
        (
            lambda s: torch.softmax(s + torch.full_like(s, -torch.inf).tril(), -1),
            "Inverted mask, True taken",
        ),
        (with_later_as(lambda one: 0 * one), "Scores multiplied by the mask"),
        (with_later_as(lambda one: -1.0), "−1 in place of −∞"),
        (with_later_as(lambda one: -one), "Scores multiplied by −1"),
        (lambda s: weights_by_loops(s, lambda i, j: j < i), "A token may not see itself"),
    ],
)
def test_causal_weights(wrong, says):
    verdict = exercises.check_causal_weights(wrong)
    assert not verdict and verdict.message.startswith(says), verdict.message


def test_causal_loops_pass():
    assert exercises.check_causal_weights(lambda s: weights_by_loops(s, lambda i, j: j <= i))
    assert exercises.check_causal_weights(with_later_as(lambda one: -math.inf))


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


def test_listener():
    assert exercises.check_listener((3, 2))
    assert exercises.check_listener((2, 1)).message.startswith("Counted from 0")
    assert exercises.check_listener((2, 3)).message.startswith("Query and key changed places")
    assert not exercises.check_listener((4, 2))
