"""The softmax explorable: its numbers against a plain loop, its limits, its words."""

import math

import pytest
from traitlets import TraitError

from incontext.explorables import SoftmaxTemperature
from incontext.explorables.softmax_temperature import EXAMPLES, TEMPERATURES


def weights_by_hand(scores, temperature):
    """Ratios to one score at a time: 1 / Σ exp((s_j − s_i) / T)."""
    return [
        1 / sum(math.exp((other - score) / temperature) for other in scores) for score in scores
    ]


def entropy_by_hand(weights):
    return -sum(weight * math.log(weight) for weight in weights if weight)


@pytest.mark.parametrize("scores", [[2.0, 4.0, 1.0], [-3.0, 0.5, 5.0, 5.0, -1.0]])
@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.0, 2.0, 20.0])
def test_numbers_are_the_formula(scores, temperature):
    rows = SoftmaxTemperature(scores=scores, temperature=temperature).numbers().rows
    n = len(scores)
    weights = weights_by_hand(scores, temperature)
    assert [row[1] for row in rows[:n]] == scores
    assert [row[2] for row in rows[:n]] == pytest.approx(weights_by_hand(scores, 1.0), rel=1e-12)
    assert [row[3] for row in rows[:n]] == pytest.approx(weights, rel=1e-12)

    spread = entropy_by_hand(weights)
    assert rows[n][3] == pytest.approx(spread, rel=1e-9, abs=1e-15)
    assert rows[n + 1][3] == pytest.approx(math.exp(spread), rel=1e-9)
    assert rows[n + 2][3] == pytest.approx(math.log(n))
    curve = [row[3] for row in rows[n + 3 :]]
    by_hand = [entropy_by_hand(weights_by_hand(scores, T)) for T in TEMPERATURES]
    assert curve == pytest.approx(by_hand, rel=1e-9, abs=1e-15)
    assert curve == sorted(curve)


@pytest.mark.parametrize(
    ("example", "temperature", "quoted"),
    [
        ("worked", 1, [0.114, 0.844, 0.042]),
        ("worked", 0.5, [0.018, 0.980, 0.002]),
        ("worked", 2, [0.231, 0.629, 0.140]),
        ("shifted", 1, [0.114, 0.844, 0.042]),
        ("fifty", 1, [0.117, 0.867, 0.016]),
        ("five-hundred", 1, [0, 1, 0]),
    ],
)
def test_worked_examples_show_the_quoted_weights(example, temperature, quoted):
    rows = SoftmaxTemperature(example=example, temperature=temperature).numbers().rows
    assert [row[3] for row in rows[: len(quoted)]] == pytest.approx(quoted, abs=5e-4)


def test_sentence_example_is_a_row_of_dot_products():
    i, love, ai = [0.1, 0.3, 0.5], [0.6, 0.2, 0.9], [0.8, 0.4, 0.7]
    dots = [sum(a * b for a, b in zip(love, other, strict=True)) for other in (i, love, ai)]
    assert EXAMPLES["sentence"][1] == pytest.approx(dots)


def test_example_and_scores_follow_each_other():
    explorer = SoftmaxTemperature()
    for key, (_, scores) in EXAMPLES.items():
        explorer.example = key
        assert (explorer.example, explorer.scores) == (key, scores)
    explorer.scores = [1.0, 2.0, 3.0]
    assert explorer.example == "own"
    explorer.scores = [50.0, 52.0, 48.0]
    assert explorer.example == "fifty"
    explorer.example = "own"
    assert explorer.scores == [50.0, 52.0, 48.0]


@pytest.mark.parametrize(
    "bad",
    [
        {"temperature": 0.0}, {"temperature": 20.1}, {"scores": [1.0, 2.0]},
        {"scores": [0.0] * 9}, {"scores": [0.0, 0.0, 1001.0]}, {"example": "no such"},
    ],
)  # fmt: skip
def test_values_outside_the_range_are_refused(bad):
    with pytest.raises(TraitError):
        SoftmaxTemperature(**bad)


def test_alt_text_has_the_present_numbers():
    alt = SoftmaxTemperature(temperature=0.5).alt()
    for words in ("2, 4, 1", "0.018, 0.980, 0.002", "temperature 0.5", "0.11 nats", "1.10"):
        assert words in alt
