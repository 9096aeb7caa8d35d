"""Exercises on softmax: wrong solutions, written as learners write them, get their own message."""

import math

import numpy as np
import pytest
import torch

from incontext import exercises


def by_rows(weigh):
    """A solution out of a function of one row (a list) and the temperature."""

    def solution(scores, temperature=1.0):
        return torch.tensor(
            [weigh(row, temperature) for row in scores.tolist()], dtype=torch.float64
        )

    return solution


def careful(row, temperature):
    exponentials = [math.exp((s - max(row)) / temperature) for s in row]
    return [e / sum(exponentials) for e in exponentials]


def with_numpy(scores, temperature=1.0):
    e = np.exp((scores.numpy() - scores.numpy().max(1)[:, None]) / temperature)
    return e / e.sum(1)[:, None]


@pytest.mark.parametrize("solution", [by_rows(careful), with_numpy])
def test_softmax_written_in_another_way_passes(solution):
    assert exercises.check_softmax(solution)


def down_the_columns(scores, temperature=1.0):
    return torch.stack([torch.softmax(column / temperature, 0) for column in scores.T], dim=1)


def naive_down_the_columns(scores, temperature=1.0):
    e = torch.exp(scores / temperature)
    return torch.stack([row / e.sum(0) for row in e])


def naive(scores, temperature=1.0):
    e = torch.exp(scores / temperature)
    return torch.stack([row / row.sum() for row in e])


def naive_warming(scores, temperature=1.0):
    e = torch.exp(scores * temperature)
    return torch.stack([row / row.sum() for row in e])


def less_the_largest_of_all(scores, temperature=1.0):
    e = torch.exp((scores - scores.max()) / temperature)
    return torch.stack([row / row.sum() for row in e])


def over_the_maximum(scores, temperature=1.0):
    return torch.stack([torch.softmax(row / row.max() / temperature, 0) for row in scores])


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (down_the_columns, "Softmax over the wrong axis."),
        (naive_down_the_columns, "Softmax over the wrong axis, and it overflows."),
        (naive, "It overflows."),
        (by_rows(lambda row, t: careful(row, 1 / t)), "Multiplied by the temperature."),
        (naive_warming, "Multiplied by the temperature, and it overflows."),
        (by_rows(lambda row, t: careful(row, 1)), "The temperature is not used."),
        (less_the_largest_of_all, "One maximum for all rows."),
        (over_the_maximum, "Divided by the maximum."),
        (by_rows(lambda row, t: [s / sum(row) for s in row]), "No exponential."),
        (
            by_rows(lambda row, t: [math.exp((s - max(row)) / t) for s in row]),
            "Divided by the largest exponential.",
        ),
    ],
)
def test_mistakes_in_softmax_are_named(solution, says):
    assert exercises.check_softmax(solution).message.startswith(says)


def summed(term, unit=1.0):
    def solution(weights):
        return [unit * sum(term(w) for w in row) for row in weights.tolist()]

    return solution


def surprise(w):
    return -w * math.log(w) if w else 0.0


def from_logarithms(log, sign):
    return lambda weights: sign * torch.einsum("ij,ij->i", weights, log(weights))


def test_entropy_written_in_another_way_passes():
    assert exercises.check_entropy(summed(surprise))
    assert exercises.check_entropy(lambda w: torch.distributions.Categorical(w).entropy())


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (from_logarithms(torch.log, -1), "NaN where a weight is 0."),
        (from_logarithms(torch.log, 1), "The wrong sign, and NaN where a weight is 0."),
        (from_logarithms(torch.log2, -1), "In bits, and NaN where a weight is 0."),
        (summed(surprise, -1), "The wrong sign."),
        (summed(lambda w: -w * math.log2(w) if w else 0.0), "In bits."),
        (lambda w: torch.special.entr(w).mean(1), "The mean in place of the sum."),
        (lambda w: torch.special.entr(w).sum(), "All rows in one sum."),
        (lambda w: torch.special.entr(w).T.sum(1), "A sum down the columns."),
        (lambda w: math.e ** torch.special.entr(w).sum(1), "E to the entropy."),
    ],
)
def test_mistakes_in_entropy_are_named(solution, says):
    assert exercises.check_entropy(solution).message.startswith(says)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (6.91, "The logarithm of n alone."),
        (6.80, "P in place of"),
        (4.71, "P and 1 − p exchanged."),
        (3.954, "The logarithm to base 10."),
        (13.13, "The logarithm to base 2."),
        (8991, "No logarithm."),
    ],
)
def test_mistakes_in_the_margin_are_named(answer, says):
    assert exercises.check_dilution_margin(answer).message.startswith(says)


def test_the_margin_gives_the_weight():
    scores = torch.zeros(1000, dtype=torch.float64)
    scores[0] = math.log(999) + math.log(9)
    assert torch.softmax(scores, 0)[0].item() == pytest.approx(0.9)
    assert exercises.check_dilution_margin(scores[0])


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (6.11, "The inverse."),
        (0.017, "The weights were taken for scores."),
        (0.106, "One bit."),
        (0.5, "0.5 is too large."),
    ],
)
def test_mistakes_with_the_cooled_head_are_named(answer, says):
    assert exercises.check_cooled_head(answer).message.startswith(says)


def test_the_cooled_head_has_one_nat():
    from incontext.pretrained import load_encoder

    encoder, tokenizer = load_encoder()
    ids = tokenizer.encode("The chicken didn't cross the road because it was too tired.")
    with torch.no_grad():
        heads = encoder(ids[None], temperature=0.164).attentions[0][0]
    assert torch.special.entr(heads[3]).sum(-1).mean().item() == pytest.approx(1, abs=0.01)
    assert exercises.check_cooled_head(0.164)
