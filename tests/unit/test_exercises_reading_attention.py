"""Exercises on reading attention: wrong solutions, as learners write them, get their message."""

from dataclasses import replace

import pytest
import torch

from incontext import exercises


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (0.1, "The opposite sign."),
        (1.1, "Not taken from 1."),
        (0.5, "Not squared."),
        (1 - 6 * 22 / 125, "N³ below."),
        (-0.25, "The values, not their ranks."),
        (1 - 22 / 120, "The 6 is forgotten."),
        (1 - 6 * 22 / 20, "N (n − 1) below."),
    ],
)
def test_mistakes_in_a_rank_correlation_are_named(answer, says):
    assert exercises.check_rho(-0.1)
    assert exercises.check_rho(answer).message.startswith(says)


def from_eye(dtype):
    def solution(attentions):
        rollout = torch.eye(attentions[0].shape[-1], dtype=dtype)
        for weights in attentions:
            mean = weights[0].mean(0)
            rollout = (mean / 2 + torch.eye(len(mean)) / 2) @ rollout
        return rollout

    return solution


def by_paths(stay=0.5, go=0.5, heads=None, turned=False, summed=False):
    """Rollout row by row, in loops; what is given goes wrong."""

    def solution(attentions):
        n = attentions[0].shape[-1]
        shares = [[float(i == j) for j in range(n)] for i in range(n)]
        for weights in reversed(attentions) if turned else attentions:
            mean = weights[0, :heads].sum(0) if summed else weights[0, :heads].mean(0)
            shares = [
                [
                    sum((go * float(mean[t, a]) + stay * (t == a)) * shares[a][s] for a in range(n))
                    for s in range(n)
                ]
                for t in range(n)
            ]
        return shares

    return solution


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (by_paths(stay=0, go=1), "Nothing stays."),
        (by_paths(stay=1, go=1), "Rows sum to more than one."),
        (by_paths(turned=True), "The order of the layers."),
        (by_paths(heads=1), "One head."),
        (by_paths(summed=True), "Heads added up."),
        (from_eye(torch.float32), "The identity matrix has its own dtype."),
        (
            lambda maps: sum(m[0].mean(0) + torch.eye(m.shape[-1]) for m in maps) / 2 / len(maps),
            "Averaged over layers.",
        ),
        (
            lambda maps: torch.stack(
                [(m[0].mean(0) + torch.eye(m.shape[-1])) / 2 for m in maps]
            ).prod(0),
            "Element by element.",
        ),
        (lambda maps: None, "Not yet"),
    ],
)
def test_mistakes_in_rollout_are_named(solution, says):
    assert exercises.check_rollout(by_paths())
    assert exercises.check_rollout(solution).message.startswith(says)


def table(may_see):
    return lambda n, s: [[may_see(t, key, s) for key in range(n)] for t in range(n)]


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (table(lambda t, key, s: t != s), "The token is blindfolded, not hidden."),
        (table(lambda t, key, s: t != s and key != s), "Hidden and blindfolded."),
        (table(lambda t, key, s: not (t == key == s)), "Only from itself."),
        (table(lambda t, key, s: key != s or t == s == key), "It still sees itself."),
        (table(lambda t, key, s: key == s), "Exchanged."),
        (table(lambda t, key, s: True), "Nothing is hidden."),
    ],
)
def test_mistakes_in_hiding_are_named(solution, says):
    assert exercises.check_hidden(table(lambda t, key, s: key != s))
    assert exercises.check_hidden(solution).message.startswith(says)


def test_own_sentence_gets_three_correlations():
    check = exercises.check_own_map
    assert check(...).message.startswith("Not yet")
    assert "takes a sentence and a word" in check("A cat sat on the mat.").message
    assert check(("The cat saw a dog in the garden.", "bird")).message.startswith("The word is not")
    twice = ("The cat saw the other cat in the garden.", "cat")
    assert check(twice).message.startswith("The word is not there once.")
    assert check(("Cats sleep a lot.", "cats")).message.startswith("The text is too short.")
    verdict = check(("We fished from the grassy bank of the quiet river.", "Bank"))
    assert not verdict and verdict.message.startswith("Not yet: the map has something of the order")
    assert verdict.message.count("0.") >= 3 and "heaviest word is" in verdict.message


def test_a_map_misleads_where_the_effects_agree_and_it_does_not():
    check = exercises.check_own_map
    case = ("The mayor promised a new school but never built it.", "promised")  # 0.39, 0.47; 0.95
    verdict = check(case)
    assert verdict and verdict.message.startswith("Here the map misleads.")
    with_one = replace(check, below=0.43)(case)
    assert not with_one and with_one.message.startswith("Not yet: the map has something")
    unlike = replace(check, agreed=0.99)(case)
    assert not unlike and "two kinds of effect have different orders" in unlike.message
