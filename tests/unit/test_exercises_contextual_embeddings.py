"""Wrong solutions as a learner might write them, in other words than the check's own."""

import math

import numpy as np
import pytest
import torch

from incontext import exercises


def weights_in_loops(x):
    rows = []
    for one in x.tolist():
        scores = [sum(a * b for a, b in zip(one, other, strict=True)) for other in x.tolist()]
        total = sum(math.exp(score) for score in scores)
        rows.append([math.exp(score) / total for score in scores])
    return torch.tensor(rows)


def scores(x):
    return torch.einsum("ic,jc->ij", x, x)


def test_right_solutions_pass_however_they_are_written():
    assert exercises.check_mixture(lambda x: torch.einsum("ij,jc->ic", weights_in_loops(x), x))
    assert exercises.check_mixture(lambda x: weights_in_loops(x).numpy() @ x.numpy())
    assert exercises.check_two_words((1.88, 0.12))
    assert exercises.check_two_words(torch.tensor([1.881, 0.119]))
    assert exercises.check_best_layer(4)
    assert exercises.check_most_missed("Chicken")
    assert exercises.check_changed(3)


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (lambda x: torch.softmax(scores(x), 0) @ x, "Softmax over the wrong axis"),
        (
            lambda x: torch.einsum("ji,jc->ic", weights_in_loops(x), x),
            "Softmax over the wrong axis",
        ),
        (lambda x: np.exp(scores(x).numpy()) @ x.numpy(), "Weights that do not sum to one"),
        (
            lambda x: torch.softmax(scores(x).flatten(), 0).view(len(x), -1) @ x,
            "One sum for all rows",
        ),
        (lambda x: torch.einsum("ic,jc,jd->id", x, x, x), "No softmax"),
        (
            lambda x: torch.stack([row / row.sum() for row in scores(x)]) @ x,
            "Scores divided by their sum",
        ),
        (lambda x: torch.stack([sum(x) / len(x)] * len(x)), "Plain average"),
        (weights_in_loops, "Weights in place of the mixture"),
        (
            lambda x: torch.softmax(torch.nn.functional.normalize(x) @
                                    torch.nn.functional.normalize(x).T, -1) @ x,
            "Cosines as scores",
        ),
    ],
)  # fmt: skip
def test_mixture(solution, says):
    assert exercises.check_mixture(solution).message.startswith(f"{says}. ")


@pytest.mark.parametrize(
    ("check", "answer", "says"),
    [
        (exercises.check_two_words, (1.667, 0.333), "Shares of the scores. "),
        (exercises.check_two_words, (1.5, 0.5), "The other word. "),
        (exercises.check_two_words, (0.881, 0.119), "Weights in place of the mixture. "),
        (exercises.check_two_words, (1.119, 0.881), "Weights the wrong way round. "),
        (exercises.check_two_words, (1.88, 0.5), "Not all right yet. Look again at number 2"),
        (exercises.check_best_layer, 6, "The last layer. "),
        (exercises.check_best_layer, 3, "The layer of “bank”. "),
        (exercises.check_best_layer, 0, "Layer 0. "),
        (exercises.check_best_layer, 5, "5 is too large"),
        (exercises.check_most_missed, "it", "The word itself. "),
        (exercises.check_most_missed, "wide", "Layer 3. "),
        (exercises.check_most_missed, "road", "What the sentence means. "),
        (exercises.check_most_missed, "because", "'because' is not it"),
        (exercises.check_changed, 1, "Only the word itself. "),
        (exercises.check_changed, 2, "The token [SEP] forgotten. "),
        (exercises.check_changed, 16, "Without the mask. "),
        (exercises.check_changed, 13, "Those that stay. "),
    ],
)
def test_answers(check, answer, says):
    assert check(answer).message.startswith(says), check(answer).message
