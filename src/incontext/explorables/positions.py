"""A wave for every pair of dimensions: the table of sinusoids, one row of it, and its products."""

import torch

from incontext import plots
from incontext.positions import angular_frequencies, sinusoidal_positions

from .base import Explorable, Numbers
from .controls import integer, slider, steps

N_POSITIONS = 64
WIDTHS = [8, 16, 32, 64, 128]


class Positions(Explorable):
    name = "positions"
    title = "A pattern for every position"
    try_first = (
        "Move Position one step at a time and watch which bars of the fingerprint jump and which "
        "hardly move."
    )
    provenance = "exact"
    caption = (
        f"The sinusoidal encoding of positions 0 to {N_POSITIONS - 1}: orange is below zero, blue "
        "above. Drag in the table or along the curve to choose a position. The curve is the dot "
        "product of its row with every row of the table. "
        "Exact: computed from the formula as you move."
    )
    fallback_size = (7.0, 3.6)

    position = integer("Position", 20, minimum=0, maximum=N_POSITIONS - 1, symbol="p")
    d_model = steps("d_model", 64, WIDTHS)
    base = slider("Base", 10_000, minimum=10, maximum=100_000, scale="log")

    def data(self):
        return {"n_positions": N_POSITIONS}

    def _table(self):
        """[n_positions, d_model] in float64."""
        width = int(self.d_model)
        return sinusoidal_positions(N_POSITIONS, width, self.base, dtype=torch.float64)

    def numbers(self):
        table = self._table()
        speeds = angular_frequencies(int(self.d_model), self.base).tolist()
        row = table[self.position].tolist()
        products = (table @ table[self.position]).tolist()
        rows = [
            [f"{'cosine' if i % 2 else 'sine'} of pair {i // 2 + 1}", speeds[i // 2], value]
            for i, value in enumerate(row)
        ]
        rows += [[f"dot product with position {q}", "", p] for q, p in enumerate(products)]
        return Numbers(["", "radians per position", "value"], rows)

    def draw(self, figure):
        left, right = figure.subplots(1, 2, width_ratios=[1.1, 1])
        table = self._table()
        plots.matrix(
            table, None, None, left, limits=(-1, 1), numbers=False, xlabel="Dimension",
            ylabel="Position", title="The table",
        )  # fmt: skip
        left.axhline(self.position, color=plots.TEXT, lw=1)
        plots.curve(
            range(N_POSITIONS), table @ table[self.position], None, "Other position", "", right,
            title=f"Dot product with position {self.position}",
        )  # fmt: skip
        right.axvline(self.position, color=plots.MUTED, lw=0.8)

    def alt(self):
        table = self._table()
        near = self.position + (1 if self.position < N_POSITIONS - 1 else -1)
        product = (table[self.position] @ table[near]).item()
        return (
            f"A table of {N_POSITIONS} positions by {self.d_model} dimensions, striped finely at "
            f"the left and hardly at all at the right for base {self.base:g}, and a curve of the "
            f"dot product of row {self.position} with all rows. It is highest, "
            f"{self.d_model / 2:g}, at position {self.position} itself, and {product:.2f} at its "
            "neighbour."
        )
