"""The ALiBi explorable: slopes as published, weights that fall by one ratio, its limit."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from incontext.explorables import Alibi
from incontext.explorables.alibi import HEADS, HIGHEST


@pytest.mark.parametrize("heads", HEADS)
def test_each_weight_is_the_last_times_one_ratio(heads):
    explorer = Alibi(heads=heads, head=heads)
    rows = explorer.numbers().rows
    slope = rows[heads - 1][1]
    weights = np.array([row[3] for row in rows[heads:]])
    np.testing.assert_allclose(weights[1:] / weights[:-1], np.exp(-slope))
    np.testing.assert_allclose(weights.sum(), 1)


def test_eight_heads_have_the_published_slopes():
    rows = Alibi(heads=8, distance=6).numbers().rows[:8]
    np.testing.assert_allclose([row[1] for row in rows], [0.5**n for n in range(1, 9)])
    np.testing.assert_allclose([row[2] for row in rows], [-6 * 0.5**n for n in range(1, 9)])


def test_one_axis_holds_the_weights_of_every_head():
    highest = {}
    for heads in HEADS:
        for head in range(1, heads + 1):
            explorer = Alibi(heads=heads, head=head)
            highest[heads, head] = explorer.numbers().rows[heads][3]
    assert 0.8 * HIGHEST < max(highest.values()) < HIGHEST

    figure = Figure()
    Alibi(heads=8, head=8).draw(figure)
    assert figure.axes[1].get_ylim() == (0, HIGHEST)


def test_head_never_exceeds_heads():
    explorer = Alibi(heads=12, head=11)
    explorer.heads = 4
    assert explorer.head == 4
