"""The positions explorable: its row and products against the package."""

import numpy as np
import torch

from incontext.explorables import Positions
from incontext.explorables.positions import N_POSITIONS
from incontext.positions import shift_matrix, sinusoidal_positions


def test_row_and_products_are_the_packages():
    rows = Positions(position=9, d_model=16, base=100).numbers().rows
    table = sinusoidal_positions(N_POSITIONS, 16, 100, dtype=torch.float64)
    np.testing.assert_allclose([row[2] for row in rows[:16]], table[9])
    np.testing.assert_allclose([row[2] for row in rows[16:]], table @ table[9], atol=1e-12)
    assert rows[0][0] == "sine of pair 1" and rows[15][0] == "cosine of pair 8"


def test_products_depend_on_the_offset_alone():
    def products(position):
        rows = Positions(position=position).numbers().rows[-N_POSITIONS:]
        return [row[2] for row in rows]

    np.testing.assert_allclose(products(10)[10:40], products(30)[30:60])


def test_a_row_is_carried_to_the_next_by_the_shift():
    def row(position):
        return [r[2] for r in Positions(position=position, d_model=8).numbers().rows[:8]]

    moved = shift_matrix(1, 8, dtype=torch.float64) @ torch.tensor(row(4), dtype=torch.float64)
    np.testing.assert_allclose(moved, row(5))
