"""Exercises on softmax: wrong solutions, written as learners write them, get their own message."""

import math
import re

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


def masked_by_rows(weigh, blind=lambda n: [0.0] * n):
    """A solution out of what a row of visible scores becomes; `blind`: where none is visible."""

    def solution(scores, mask):
        rows = []
        for row, seen in zip(scores.tolist(), mask.tolist(), strict=True):
            weights = iter(weigh([s for s, one in zip(row, seen, strict=True) if one], 1.0))
            rows.append(
                [next(weights) if one else 0.0 for one in seen] if any(seen) else blind(len(seen))
            )
        return torch.tensor(rows, dtype=torch.float64)

    return solution


def test_a_mended_mask_passes_however_written():
    assert exercises.check_masked_softmax(masked_by_rows(careful))
    assert exercises.check_masked_softmax(
        lambda scores, mask: scores.masked_fill(~mask, -math.inf).softmax(-1).nan_to_num()
    )


def as_given(scores, mask):
    e = np.exp(np.where(mask, scores, -np.inf) - scores[mask].max().item())
    return e / e.sum(axis=0)


def first_fault_mended(scores, mask):
    e = np.exp(np.where(mask, scores, -np.inf) - scores[mask].max().item())
    return e / e.sum(axis=1)[:, None]


def never_shifted(scores, mask):
    e = np.exp(np.where(mask, scores, -np.inf))
    return e / e.sum(axis=1)[:, None]


def with_zeros_in_closed_places(scores, mask):
    return torch.softmax(scores * mask, 1)


def too_late(scores, mask):
    return torch.softmax(scores, 1).masked_fill(~mask, 0.0)


@pytest.mark.filterwarnings("ignore:.*(overflow|invalid).*:RuntimeWarning")
@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (as_given, r"Down the columns\..*Still to come: one maximum.*, NaN where"),
        (first_fault_mended, r"One maximum for the whole table\..*Still to come: NaN where"),
        (never_shifted, r"It overflows\..*Still to come: NaN where"),
        (masked_by_rows(careful, lambda n: [math.nan] * n), r"NaN where nothing may be seen\."),
        (masked_by_rows(careful, lambda n: [1 / n] * n), r"An even share where nothing"),
        (lambda s, m: torch.softmax(s.masked_fill(~m, -1e9), 1), r"An even share where nothing"),
        (lambda s, m: masked_by_rows(careful)(s, ~m), r"The mask the other way round\."),
        (with_zeros_in_closed_places, r"Masked scores set to 0\."),
        (too_late, r"Masked after the softmax\."),
        (lambda s, m: torch.softmax(s, 1), r"The mask is not used\."),
    ],
)
def test_what_is_left_of_the_mask_is_named(solution, says):
    message = exercises.check_masked_softmax(solution).message
    assert re.match(says, message), message


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
    ("prompts", "says"),
    [
        (("Barack ", "My name is"), "A space at the end."),
        (("My name is", "1 2 3 4 5 6 7"), "The two exchanged."),
        (("I love", "My name is"), "The nuclei have 462 and "),
        (("1 2 3 4 5 6 7", "import numpy as"), "The nuclei have 2 and 2 tokens. The second"),
        ("My name is", "check_prompts takes two texts"),
        (("My name is", ""), "check_prompts takes two texts"),
        (("My name is",), "check_prompts takes two texts"),
        (7, "check_prompts takes two texts"),
        (None, "Not yet"),
    ],
)
def test_prompts_that_do_not_show_it_are_told_why(prompts, says):
    verdict = exercises.check_prompts(prompts)
    assert not verdict and verdict.message.startswith(says), verdict.message


def test_other_prompts_pass():
    assert exercises.check_prompts(["1 2 3 4 5 6 7", "The violets are"])
