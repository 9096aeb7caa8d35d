"""Wrong solutions as a learner might write them, in other words than the check's own."""

import math
import re

import numpy as np
import pytest
import torch

from incontext import exercises

SEAL = {
    "word": "Seal",
    "sentences": [
        ("animal", "The seal swam under the ice."),
        ("animal", "A seal lay on the rocks by the sea."),
        ("animal", "The seal caught a fish."),
        ("stamp", "The letter bore the king's seal."),
        ("stamp", "He pressed his seal into the wax."),
        ("stamp", "The seal on the ring was gold."),
    ],
}


def removed_in_loops(n_tokens, t):
    return [[float(key != t or query == t) for key in range(n_tokens)] for query in range(n_tokens)]


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
    assert exercises.check_removal(removed_in_loops)
    assert exercises.check_own_senses(SEAL)


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
    ],
)
def test_answers(check, answer, says):
    assert check(answer).message.startswith(says), check(answer).message


def mask_where(may_look):
    return lambda n, t: np.array([[may_look(i, j, t) for j in range(n)] for i in range(n)])


@pytest.mark.parametrize(
    ("may_look", "says"),
    [
        (lambda i, j, t: i != t or j == t, "The row in place of the column"),
        (lambda i, j, t: j != t, "The token cannot see itself"),
        (lambda i, j, t: (i == t) == (j == t), "Row and column"),
        (lambda i, j, t: j == t and i != t, "True and False exchanged"),
        (lambda i, j, t: True, "Nothing forbidden"),
    ],
)
def test_removal(may_look, says):
    assert exercises.check_removal(mask_where(may_look)).message.startswith(f"{says}. ")


def sentences(*pairs, word="seal"):
    return {"word": word, "sentences": list(pairs)}


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        (sentences(*SEAL["sentences"][:5]), "Too few sentences. "),
        (sentences(*SEAL["sentences"][:3]), "Too few sentences. "),
        (
            sentences(*SEAL["sentences"], ("animal", "Seals swim.")),
            "The word is missing from a sentence, or occurs twice. ",
        ),
        (
            sentences(*SEAL["sentences"], ("animal", "A seal saw a seal.")),
            "The word is missing from a sentence, or occurs twice. ",
        ),
        (
            sentences(
                *((text, f"Seal {text} now.") for text in 3 * ["it"]),
                *(("animal", f"The {kind} animal was a seal.") for kind in ("big", "old", "fat")),
            ),
            "The position gives it away. ",
        ),
        ({**SEAL, "word": "xylophonist"}, "xylophonist is no whole token"),
        ({"word": "seal"}, "check_own_senses takes a dictionary"),
        ({**SEAL, "sentences": ["The seal swam."]}, "check_own_senses takes a dictionary"),
        (["seal"], "check_own_senses takes a dictionary"),
    ],
)
def test_what_is_no_test_of_two_senses(claim, says):
    verdict = exercises.check_own_senses(claim)
    assert not verdict and verdict.message.startswith(says), verdict.message


def test_a_claim_that_fails_is_told_where():
    """The senses of two sentences exchanged, so that no layer can have all right."""
    mixed = [
        ("stamp", SEAL["sentences"][0][1]),
        *SEAL["sentences"][1:5],
        ("animal", "A gold seal."),
    ]
    verdict = exercises.check_own_senses(sentences(*mixed))
    assert not verdict and "What do these two share?" in verdict.message
    counts = [int(n) for n in re.search(r"layer: ([\d, ]+) of 6", verdict.message)[1].split(",")]
    assert len(counts) == 7 and max(counts) < 6
    assert f"after layer {counts.index(max(counts))}," in verdict.message
