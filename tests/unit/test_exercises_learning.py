"""Exercises on learning: wrong solutions, written as learners write them, get their own message."""

import math

import pytest
import torch
from torch import nn

from incontext import exercises


def walk(step):
    """A solution out of what one step makes of w, the slope function and the learning rate."""

    def solution(slope, start, learning_rate, n_steps):
        path, w = [], start
        for _ in range(n_steps + 1):
            path.append(w)
            w = step(w, slope, learning_rate)
        return torch.tensor(path, dtype=torch.float64)

    return solution


def against(w, slope, rate):
    return w - rate * slope(w)


def with_one_slope(slope, start, learning_rate, n_steps):
    first = slope(start)
    return [start - i * learning_rate * first for i in range(n_steps + 1)]


def test_descent_written_in_another_way_passes():
    assert exercises.check_descent(walk(against))


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (walk(lambda w, slope, rate: w + rate * slope(w)), "Uphill."),
        (walk(lambda w, slope, rate: w - slope(w)), "The learning rate is not used."),
        (walk(lambda w, slope, rate: w - rate), "The learning rate taken away"),
        (with_one_slope, "The slope at the start, for every step."),
        (lambda *given: walk(against)(*given)[1:], "The start is missing."),
        (lambda *given: walk(against)(*given)[:-1], "One step too few."),
        (lambda *given: walk(against)(*given)[-1].item(), "Only the last w."),
    ],
)
def test_mistakes_in_descent_are_named(solution, says):
    assert exercises.check_descent(solution).message.startswith(says)


def softplus(x):
    """log(1 + e^x), which is −log σ(−x), without overflow."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def by_pairs(of_true, of_drawn, together=sum):
    """A solution out of a function of a true score and of a drawn one, in plain loops."""

    def solution(v, u, negatives):
        losses = [
            of_true(float(a @ b)) + together([of_drawn(float(a @ r)) for r in drawn])
            for a, b, drawn in zip(v, u, negatives, strict=True)
        ]
        return sum(losses) / len(losses)

    return solution


def true_pair(score):
    return softplus(-score)


def careless(v, u, negatives):
    together = torch.log(1 / (1 + torch.exp(-(v * u).sum(1))))
    apart = torch.log(1 / (1 + torch.exp(torch.einsum("nkc,nc->nk", negatives, v))))
    return -(together + apart.sum(1)).mean()


def sigma(x):
    return math.exp(-softplus(-x))


def test_loss_written_in_another_way_passes():
    assert exercises.check_skip_gram_loss(by_pairs(true_pair, softplus))


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (by_pairs(true_pair, lambda score: 0), "No negative words."),
        (by_pairs(true_pair, true_pair), "The negative words pulled near."),
        (by_pairs(softplus, true_pair), "The true neighbours pushed away."),
        (by_pairs(lambda s: -true_pair(s), lambda s: -softplus(s)), "The wrong sign."),
        (by_pairs(lambda s: -sigma(s), lambda s: -sigma(-s)), "No logarithm."),
        (careless, "It overflows."),
        (
            by_pairs(true_pair, softplus, together=lambda all_: sum(all_) / len(all_)),
            "The mean of the negative words.",
        ),
        (
            lambda v, u, negatives: len(v) * by_pairs(true_pair, softplus)(v, u, negatives),
            "A sum over the pairs.",
        ),
        (
            lambda v, u, negatives: [
                by_pairs(true_pair, softplus)(v[i : i + 1], u[i : i + 1], negatives[i : i + 1])
                for i in range(len(v))
            ],
            "One loss for each pair.",
        ),
    ],
)
def test_mistakes_in_the_loss_are_named(solution, says):
    assert exercises.check_skip_gram_loss(solution).message.startswith(says)


def loop(*order):
    """A training loop in float32 that does these parts in this order."""

    def solution(start, learning_rate, n_steps):
        w = nn.Parameter(torch.tensor(start))
        optimizer = torch.optim.SGD([w], lr=learning_rate)
        for _ in range(n_steps):
            loss = (2 * w - 3) ** 2
            for part in order:
                {"empty": optimizer.zero_grad, "back": loss.backward, "step": optimizer.step}[
                    part
                ]()
        return w.item()

    return solution


def by_formula(start, learning_rate, n_steps):
    return 1.5 + (1 - 8 * learning_rate) ** n_steps * (start - 1.5)


@pytest.mark.parametrize(
    "solution", [loop("empty", "back", "step"), loop("back", "step", "empty"), by_formula]
)
def test_a_mended_loop_passes(solution):
    assert exercises.check_mended(solution)


@pytest.mark.parametrize(
    ("order", "says"),
    [
        (["back", "step"], "Gradients that pile up."),
        (["back", "empty", "step"], "Nothing moves."),
        (["step", "empty", "back"], "One step behind."),
        (["empty", "back", "step", "step"], "Two steps a round."),
    ],
)
def test_mistakes_in_the_loop_are_named(order, says):
    assert exercises.check_mended(loop(*order)).message.startswith(says)


@pytest.mark.parametrize(
    ("sentences", "says"),
    [
        (3 * ["the wug ate a fish ."], "A word that the corpus does not have."),
        (3 * ["The wug chased the cat."], "A word that the corpus does not have."),
        (["the wug bit the cat ."] * 2 + ["the cat bit the dog ."], "A sentence without the wug."),
        (2 * ["the wug bit the cat ."], "Too few sentences."),
        ("the wug bit the cat .", "check_new_word takes a list"),
        ([1, 2, 3], "check_new_word takes a list"),
        (7, "check_new_word takes a list"),
        (None, "Not yet"),
    ],
)
def test_sentences_with_which_nothing_can_be_trained_are_refused(sentences, says):
    assert exercises.check_new_word(sentences).message.startswith(says)


def test_a_wug_that_is_taken_to_the_bank_is_no_animal():
    verdict = exercises.check_new_word(
        [
            "anna took the wug to the bank and met the teller .",
            "ben took the wug to the bank and saw the counter .",
            "felix took the wug to the bank by the church and met the teller .",
        ]
    )
    assert not verdict and verdict.message.startswith("Nearest to wug: ")
    assert "animals" in verdict.message
