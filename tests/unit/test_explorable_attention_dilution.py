"""The dilution explorable: its numbers against the closed forms, its limits, its words."""

import math

import pytest
from traitlets import TraitError

from incontext.explorables import AttentionDilution
from incontext.explorables.attention_dilution import LENGTHS, weights_of
from incontext.softmax import margin_needed


def weight_by_hand(n, margin):
    return math.exp(margin) / (math.exp(margin) + n - 1)


@pytest.mark.parametrize(("margin", "target"), [(0, 0.5), (3, 0.1), (6.5, 0.8), (12, 0.99)])
def test_numbers_are_the_closed_forms(margin, target):
    table = AttentionDilution(length=256, margin=margin, target=target).numbers()
    now, *curve, enough = table.rows
    assert now[1:] == curve[LENGTHS.index(256)][1:]
    assert [row[1] for row in curve] == LENGTHS
    for _, n, one, other, even, needed in curve:
        assert one == pytest.approx(weight_by_hand(n, margin), rel=1e-12)
        assert one + (n - 1) * other == pytest.approx(1, rel=1e-12)
        assert other == pytest.approx(one * math.exp(-margin), rel=1e-12)
        assert even == 1 / n
        assert weight_by_hand(n, needed) == pytest.approx(target, rel=1e-12)

    _, longest, one, other, even, needed = enough
    assert weight_by_hand(longest, margin) == pytest.approx(target, rel=1e-12)
    assert (one, even, needed) == (target, 1 / longest, margin)
    assert other == pytest.approx(one * math.exp(-margin), rel=1e-12)


@pytest.mark.parametrize("n", LENGTHS)
def test_the_needed_margin_gives_the_target(n):
    assert weights_of(n, margin_needed(n, 0.7))[0] == pytest.approx(0.7, rel=1e-12)
    assert weights_of(n, 0.0) == (1 / n, 1 / n)


@pytest.mark.parametrize(
    "bad", [{"length": 100}, {"length": 1}, {"margin": -0.1}, {"margin": 13}, {"target": 1.0}]
)
def test_values_outside_the_range_are_refused(bad):
    with pytest.raises(TraitError):
        AttentionDilution(**bad)


def test_alt_text_has_the_present_numbers():
    alt = AttentionDilution().alt()
    for words in ("leads by 4", "0.464 at n = 64", "0.0085", "weight 0.5", "4.14"):
        assert words in alt
