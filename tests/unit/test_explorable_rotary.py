"""The rotary explorable: its score against complex numbers, its one claim about offsets."""

import cmath

import numpy as np
import pytest

from incontext.explorables import Rotary
from incontext.explorables.rotary import BASE, KEY, QUERY


def by_name(**values):
    return {row[0]: row for row in Rotary(**values).numbers().rows}


def test_the_score_is_a_product_of_complex_numbers():
    offset, expected = 7, []
    for i in range(4):
        q, k = complex(*QUERY[2 * i : 2 * i + 2]), complex(*KEY[2 * i : 2 * i + 2])
        expected.append((q * cmath.exp(1j * offset * BASE ** (-i / 4)) * k.conjugate()).real)
    rows = by_name(offset=offset, position=31)
    np.testing.assert_allclose([rows[f"pair {i}"][-1] for i in range(1, 5)], expected)
    np.testing.assert_allclose(rows["score"][-1], sum(expected))
    np.testing.assert_allclose(rows["score at offset 7"][-1], sum(expected))


@pytest.mark.parametrize("position", [0, 1, 29, 60])
def test_moving_both_changes_no_score_and_turning_no_norm(position):
    start, moved = by_name(offset=4, position=0), by_name(offset=4, position=position)
    for name in ("score", "norm of the query", "norm of the key", "pair 3", "score at offset 60"):
        np.testing.assert_allclose(moved[name][-1], start[name][-1], atol=1e-12)
    np.testing.assert_allclose(start["norm of the key"][-1], np.linalg.norm(KEY))
