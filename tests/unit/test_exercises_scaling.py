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
    [(8, "√d_k"), (0.015625, "1 / d_k"), (64, "D_k"), (1, "nothing undone"), (0.3, "too large")],
)
def test_temperatures(answer, says):
    verdict = exercises.check_undoing_temperature(answer)
    assert not verdict and says in verdict.message


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


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (lambda x, y: np.polyfit(x.numpy(), y.numpy(), 1)[0], "No logarithms"),
        (lambda x, y: np.polyfit(x.numpy(), np.log(y.numpy()), 1)[0], "standard deviations only"),
        (lambda x, y: np.polyfit(np.log(x.numpy()), y.numpy(), 1)[0], "widths only"),
        (lambda x, y: np.polyfit(np.log(y.numpy()), np.log(x.numpy()), 1)[0], "axes exchanged"),
        (
            lambda x, y: np.linalg.lstsq(np.log(x.numpy())[:, None], np.log(y.numpy()), rcond=None)[
                0
            ][0],
            "means were not subtracted",
        ),
    ],
)
def test_slopes(solution, says):
    verdict = exercises.check_log_log_slope(solution)
    assert not verdict and says in verdict.message


def test_the_right_slope_passes_in_any_base():
    assert exercises.check_log_log_slope(
        lambda x, y: np.polyfit(np.log2(x.numpy()), np.log2(y.numpy()), 1)[0]
    )


def sentence_vector(temperature, first=False):
    encoder, tokenizer = load_encoder()
    ids = tokenizer.encode("The cat ate the fish.")
    with torch.no_grad():
        hidden = encoder(ids[None], temperature=temperature).hidden_states[-1][0]
    return (hidden[0] if first else hidden.sum(0)).numpy()


@pytest.mark.parametrize(
    ("temperature", "first", "says"),
    [
        (5.656854, False, "wrong way up"),
        (0.03125, False, "not its root"),
        (0.05103104, False, "of the model"),
        (0.1767767, True, "first token"),
    ],
)
def test_the_real_model(temperature, first, says):
    a, b = sentence_vector(1.0, first), sentence_vector(temperature, first)
    verdict = exercises.check_undivided_sentence(a @ b / math.sqrt((a @ a) * (b @ b)))
    assert not verdict and says in str(verdict.message)


def test_the_right_cosine_passes_to_two_decimals():
    a, b = sentence_vector(1.0), sentence_vector(32**-0.5)
    assert exercises.check_undivided_sentence(round(float(a @ b / np.sqrt((a @ a) * (b @ b))), 2))
