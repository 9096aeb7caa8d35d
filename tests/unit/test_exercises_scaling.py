"""The exercises on scaling: wrong solutions, written in another way, are told what is wrong."""

import itertools
import math

import numpy as np
import pytest
import torch

from incontext import exercises
from incontext.pretrained import load_encoder


def loops(divisor):
    """Scores head by head and pair by pair, divided by what `divisor(query, key)` says."""

    def scores(query, key):
        out = torch.zeros(query.shape[0], query.shape[1], key.shape[1])
        for h, t, s in itertools.product(*map(range, out.shape)):
            out[h, t, s] = sum(a * b for a, b in zip(query[h, t], key[h, s], strict=True))
        return out / divisor(query, key)

    return scores


@pytest.mark.parametrize(
    ("divisor", "says"),
    [
        (lambda q, k: 1, "No scaling"),
        (lambda q, k: (len(q) * q.shape[2]) ** 0.5, "Divided by √d_model"),
        (lambda q, k: q.shape[2], "with no root"),
        (lambda q, k: q.shape[2] ** -0.5, "Multiplied"),
        (lambda q, k: k.shape[1] ** 0.5, "the number of keys"),
    ],
)
def test_a_wrong_divisor_is_named(divisor, says):
    verdict = exercises.check_scaled_scores(loops(divisor))
    assert not verdict and says in verdict.message


def test_weights_are_no_scores():
    def weights(query, key):
        e = np.exp(
            np.einsum("htd,hsd->hts", query.numpy(), key.numpy()) / math.sqrt(query.shape[-1])
        )
        return e / e.sum(-1, keepdims=True)

    assert "already applied" in exercises.check_scaled_scores(weights).message


def test_the_right_scores_pass_however_written():
    assert exercises.check_scaled_scores(loops(lambda q, k: math.sqrt(q.shape[-1])))
    assert exercises.check_scaled_scores(
        lambda q, k: torch.einsum("htd,hsd->hts", q / q.shape[-1] ** 0.25, k / k.shape[-1] ** 0.25)
    )


@pytest.mark.parametrize(
    ("answer", "says"),
    [(16, "taken for granted"), (28.44, "its root"), (9.24, "forgotten"), (0.333, "Already")],
)
def test_spreads(answer, says):
    verdict = exercises.check_uniform_spread(answer)
    assert not verdict and says in verdict.message


def test_the_uniform_spread_is_what_a_simulation_gives():
    generator = torch.Generator().manual_seed(3)
    q, k = 2 * torch.rand(2, 20_000, 256, generator=generator) - 1
    assert (q * k).sum(-1).std().item() == pytest.approx(
        exercises.check_uniform_spread.reference(), rel=0.02
    )
    assert exercises.check_uniform_spread(5.33)


def measured(draw, result=lambda s: (s**2).mean()):
    """A solution out of what draws queries and keys of a width, and what is made of the scores."""

    def solution(d_k):
        q, k = draw(np.random.default_rng(d_k), d_k)
        return result((q * k).sum(axis=1))

    return solution


def apart(rng, d_k):
    return rng.standard_normal((2, 4000, d_k))


def the_same(rng, d_k):
    return [rng.standard_normal((4000, d_k))] * 2


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (measured(the_same), "Each key is its own query."),
        (measured(the_same, np.var), "The variance of q · q."),
        (measured(apart, np.std), "The standard deviation."),
        (lambda d_k: measured(apart)(d_k) / d_k, "1 at every width."),
        (lambda d_k: np.prod(apart(np.random.default_rng(3), d_k), axis=0).var(), "1 at every"),
        (measured(lambda rng, d_k: rng.uniform(-1, 1, (2, 4000, d_k))), "Uniform components."),
        (measured(lambda rng, d_k: rng.uniform(0, 1, (2, 4000, d_k))), "Numbers between 0 and 1."),
    ],
)
def test_what_went_wrong_with_the_variance_is_named(solution, says):
    assert exercises.check_variance(solution).message.startswith(says)


@pytest.mark.parametrize("result", [lambda s: (s**2).mean(), np.var])
def test_a_mended_variance_passes(result):
    assert exercises.check_variance(measured(apart, result))


def sentence_vector(text, temperature):
    encoder, tokenizer = load_encoder()
    with torch.no_grad():
        hidden = encoder(tokenizer.encode(text)[None], temperature=temperature).hidden_states[-1][0]
    return hidden.sum(0).numpy()


def test_the_cosines_are_those_of_the_sentences():
    texts, found = ("a b c d e f", "I love AI."), []
    for text in texts:
        a, b = sentence_vector(text, 1.0), sentence_vector(text, 32**-0.5)
        found.append(f"{a @ b / math.sqrt((a @ a) * (b @ b)):.2f}")
    assert f"The cosines are {found[0]} and {found[1]}." in (
        exercises.check_survivors(texts).message
    )


@pytest.mark.parametrize(
    ("sentences", "says"),
    [
        (("The team lost the match.", "bank"), "A sentence of the chapter."),
        (("bank", "Yes."), "The two exchanged."),
        (("Yes.", "I love AI."), "The second should be at least 0.92."),
        (("I love AI.", "bank"), "The first should be at most 0.80."),
        ("bank", "check_survivors takes two texts"),
        (("Yes.", " "), "check_survivors takes two texts"),
        (7, "check_survivors takes two texts"),
        (None, "Not yet"),
    ],
)
def test_sentences_that_do_not_show_it_are_told_why(sentences, says):
    verdict = exercises.check_survivors(sentences)
    assert not verdict and says in verdict.message, verdict.message
