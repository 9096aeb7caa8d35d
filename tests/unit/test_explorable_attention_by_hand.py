"""Attention by hand: its numbers against plain loops, its examples, its matrices of inputs."""

import math

import pytest
import torch
from traitlets import TraitError

from incontext.explorables import AttentionByHand
from incontext.explorables.attention_by_hand import EXAMPLES, MATRICES, TOKENS
from incontext.explorables.controls import number_list


def rows(flat):
    return [flat[i : i + 3] for i in (0, 3, 6)]


def attention_by_loops(query, key, value, temperature, causal):
    weights, output = [], []
    for i, q in enumerate(rows(query)):
        seen = [j for j in range(3) if j <= i or not causal]
        scores = {j: sum(a * b for a, b in zip(q, rows(key)[j], strict=True)) for j in seen}
        row = [
            1 / sum(math.exp((scores[m] - scores[j]) / math.sqrt(3) / temperature) for m in seen)
            if j in seen
            else 0.0
            for j in range(3)
        ]
        weights.append(row)
        output.append(
            [sum(w * v[d] for w, v in zip(row, rows(value), strict=True)) for d in (0, 1, 2)]
        )
    return weights, output


def step(explorer, name):
    return [row[2:] for row in explorer.numbers().rows if row[0] == name]


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 7.0])
def test_numbers_are_the_formula(example, causal, temperature):
    explorer = AttentionByHand(example=example, causal=causal, temperature=temperature)
    matrices = [getattr(explorer, name) for name in MATRICES]
    weights, output = attention_by_loops(*matrices, temperature, causal)
    for found, wanted in ((step(explorer, "weight"), weights), (step(explorer, "output"), output)):
        for line, expected in zip(found, wanted, strict=True):
            assert line == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_the_quoted_numbers_of_the_worked_example():
    explorer = AttentionByHand()
    assert step(explorer, "score")[1] == pytest.approx([0.57, 1.21, 1.19])
    assert step(explorer, "weight")[1] == pytest.approx([0.258, 0.373, 0.369], abs=5e-4)
    assert step(explorer, "products of love ·")[2] == pytest.approx([0.48, 0.08, 0.63])


def test_a_masked_score_is_minus_infinity_and_its_weight_zero():
    explorer = AttentionByHand(causal=True)
    scaled, weights = step(explorer, "scaled"), step(explorer, "weight")
    for i in range(3):
        for j in range(3):
            assert (scaled[i][j] == "−∞") == (weights[i][j] == 0) == (j > i)
    assert weights[0] == [1, 0, 0]


def test_what_the_examples_are_called_is_what_they_show():
    lookup = step(AttentionByHand(example="lookup"), "weight")
    assert [row.index(max(row)) for row in lookup] == [2, 0, 1]
    first, second, third = step(AttentionByHand(example="twins"), "weight")
    assert first[1] == first[2] > 0.45 and second[0] > 0.8
    assert third == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("example", EXAMPLES)
def test_no_example_opens_saturated(example):
    """Temperature moves what is seen, up and down."""
    now = step(AttentionByHand(example=example), "weight")
    assert max(max(row) for row in now) < 0.9
    for temperature in (0.4, 2.5):
        other = step(AttentionByHand(example=example, temperature=temperature), "weight")
        moved = torch.tensor(now) - torch.tensor(other)
        assert moved.abs().max() > 0.04


@pytest.mark.parametrize("temperature", [0.05, 0.4, 1, 20])
@pytest.mark.parametrize("query", [[20.0] * 9, [-20.0] * 9, [0.5] * 9])
@pytest.mark.parametrize("causal", [False, True])
def test_the_exponentials_lead_to_the_weights(temperature, query, causal):
    explorer = AttentionByHand(query=query, temperature=temperature, causal=causal)
    explorer.key = [20.0, 19.0, 18.0, 5.0, 1.0, -3.0, 0.0, 20.0, 20.0]
    exponentials, total = (
        next(row[2:] for row in explorer.numbers().rows if row[0] == name)
        for name in ("exponentials of", "their sum")
    )
    assert 0 < total[0] < math.inf
    assert [x / total[0] for x in exponentials] == pytest.approx(step(explorer, "weight")[1])


def test_the_exponentials_are_plain_where_they_can_be():
    row = next(r for r in AttentionByHand().numbers().rows if r[0] == "exponentials of")
    assert row[2:] == pytest.approx([math.exp(s / math.sqrt(3)) for s in (0.57, 1.21, 1.19)])


def test_example_and_matrices_follow_each_other():
    explorer = AttentionByHand()
    for key in [*EXAMPLES, *reversed(EXAMPLES)]:
        explorer.example = key
        assert explorer.example == key
        assert all(getattr(explorer, name) == EXAMPLES[key][name] for name in MATRICES)
    explorer.value = [0.0] * 9
    assert explorer.example == "own"
    explorer.value = EXAMPLES["sentence"]["value"]
    assert explorer.example == "sentence"
    explorer.example = "own"
    assert explorer.query == EXAMPLES["sentence"]["query"]


def test_each_number_has_its_own_label():
    for name in MATRICES:
        spec = AttentionByHand().control_spec(name)
        assert spec["columns"] == 3 and len(set(spec["labels"])) == 9
        assert spec["labels"][3] == f"{TOKENS[1]} 1"


def test_alt_text_has_the_present_numbers():
    alt = AttentionByHand(causal=True, word="I").alt()
    assert "causal mask" in alt and "1.000, 0.000, 0.000" in alt and "0.100, 0.300, 0.500" in alt


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "bad", [{"query": [0.0] * 8}, {"key": [21.0] * 9}, {"word": "you"}, {"temperature": 0}]
)
def test_values_outside_the_range_are_refused(bad):
    with pytest.raises(TraitError):
        AttentionByHand(**bad)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"labels": ["a", "b"]}, "both or neither"),
        ({"columns": 2}, "both or neither"),
        ({"labels": ["a"], "columns": 1}, "labels: 1 for between 1 and 8"),
    ],
)
def test_a_matrix_needs_a_label_for_each_number(given, says):
    with pytest.raises(ValueError, match=says):
        number_list("Key", [0.0], minimum=0, maximum=1, **given)
