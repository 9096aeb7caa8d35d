"""A penalty for distance, with a slope for each head, and the weights that it leaves."""

import torch

from incontext import plots
from incontext.positions import alibi_bias, alibi_slopes
from incontext.softmax import softmax

from .base import Explorable, Numbers
from .controls import integer, steps

N_KEYS = 33  # distances 0 to 32
HIGHEST = 0.6  # the end of the weight axis, the same for every head
HEADS = [1, 2, 4, 6, 8, 12, 16]


class Alibi(Explorable):
    name = "alibi"
    title = "A penalty for distance"
    try_first = "Move Head from 1 to 8 and watch how much farther back the weight reaches."
    provenance = "exact"
    caption = (
        "What ALiBi adds to a score at each distance, in every head, and the weights that one "
        f"query then gives to {N_KEYS} keys that all fit equally well. Drag in either chart to "
        "choose a distance. Exact: computed from the formula as you move."
    )
    fallback_size = (7.0, 3.2)

    heads = steps("Number of heads", 8, HEADS, symbol="H")
    head = integer("Head", 2, minimum=1, maximum=max(HEADS))
    distance = integer("Distance", 4, minimum=0, maximum=N_KEYS - 1)

    def limits(self):
        return {"head": self.heads}

    def data(self):
        return {"n_keys": N_KEYS}

    def _bias(self) -> torch.Tensor:
        """[heads, distances]: the last query's row, the nearest key first."""
        return alibi_bias(self.heads, 1, N_KEYS, dtype=torch.float64)[:, 0].flip(-1)

    def numbers(self):
        slopes = alibi_slopes(self.heads, dtype=torch.float64).tolist()
        bias = self._bias()
        weights = softmax(bias[self.head - 1]).tolist()
        rows = [
            [f"head {h}", slope, bias[h - 1, self.distance].item(), ""]
            for h, slope in enumerate(slopes, start=1)
        ]
        rows += [
            [f"distance {d}", "", bias[self.head - 1, d].item(), weight]
            for d, weight in enumerate(weights)
        ]
        return Numbers(["", "slope", "added to the score", "weight"], rows)

    def draw(self, figure):
        left, right = figure.subplots(1, 2)
        bias = self._bias()
        for h, line in enumerate(bias, start=1):
            chosen = h == self.head
            color, width = (plots.CATEGORIES[0], 2.4) if chosen else (plots.FAINT, 1)
            left.plot(line.tolist(), color=color, lw=width, zorder=3 if chosen else 1)
        left.plot(self.distance, bias[self.head - 1, self.distance], "o", color=plots.INK)
        lowest = -28 if bias.min() < -16 else -16
        title = f"Added to the score, H = {self.heads}"
        left.set(ylim=(1.06 * lowest, 0.5), xlabel="Distance", title=title)
        weights = softmax(bias[self.head - 1])
        colors = [plots.CATEGORIES[0]] * N_KEYS
        colors[self.distance] = plots.CATEGORIES[1]
        right.bar(range(N_KEYS), weights.tolist(), color=colors)
        right.set(
            ylim=(0, HIGHEST), xlabel="Distance", title=f"Weight in head {self.head}, equal scores"
        )

    def alt(self):
        bias = self._bias()[self.head - 1]
        weight = softmax(bias)[self.distance].item()
        return (
            f"Left, {self.heads} lines that fall from 0 with distance, that of head {self.head} by "
            f"{-bias[1].item():.4g} for each position. Right, the weights of {N_KEYS} keys with "
            f"equal scores in that head: they fall with distance, to {weight:.4f} at distance "
            f"{self.distance}."
        )
