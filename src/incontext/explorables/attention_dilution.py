"""How much must one key lead, to keep its weight among n others?"""

import math

import torch

from .. import plots
from ..palette import LIGHT
from ..softmax import margin_needed, softmax
from .base import Explorable, Numbers
from .controls import slider, steps

LENGTHS = [2**k for k in range(1, 13)]


def weights_of(n: int, margin: float) -> tuple[float, float]:
    """Weight of the one key that leads by `margin`, and of each of the n − 1 others."""
    scores = torch.zeros(n, dtype=torch.float64)
    scores[0] = margin
    one, other = softmax(scores)[:2].tolist()
    return one, other


class AttentionDilution(Explorable):
    name = "attention-dilution"
    title = "Attention dilution"
    try_first = "Move Sequence length up to 1024 and watch how little weight the one key keeps."
    provenance = "exact"
    caption = (
        "All keys have the same score but one, which leads the others by a margin m. The first "
        "chart shows its weight among n keys, the second the margin that it needs for a weight of "
        "p. Where the background is pale, m is enough. Drag the points and the dashed lines, or "
        "use the sliders. "
        "Exact: computed from the formula as you move."
    )

    length = steps("Sequence length", 64, LENGTHS, symbol="n")
    margin = slider("Margin", 4.0, minimum=0, maximum=12, step=0.1, symbol="m")
    target = slider("Target weight", 0.5, minimum=0.1, maximum=0.99, symbol="p")

    def data(self):
        return {"lengths": LENGTHS}

    def _longest(self) -> float:
        """The n, not a whole number, at which the weight is the target."""
        return 1 + math.exp(self.margin) * (1 - self.target) / self.target

    def numbers(self):
        def row(name, n):
            needed = margin_needed(n, self.target)
            return [name, n, *weights_of(n, self.margin), 1 / n, needed]

        longest = self._longest()
        others = (1 - self.target) / (longest - 1)
        rows = [row("now", self.length)] + [row("curve", n) for n in LENGTHS]
        rows.append(["m just enough", longest, self.target, others, 1 / longest, self.margin])
        columns = ["", "n", "one key", "each other", "even share 1/n", "margin needed"]
        return Numbers(columns, rows)

    def draw(self, figure):
        left, right = figure.subplots(1, 2)
        key, ink = plots.CATEGORIES[1], plots.INK
        one = [weights_of(n, self.margin)[0] for n in LENGTHS]
        plots.curve(
            LENGTHS, [one, [1 / n for n in LENGTHS]], None, "Sequence length n", "", left,
            xscale="log", colors=[key, plots.MUTED], title="Weight of the one key",
        )  # fmt: skip
        left.plot(self.length, weights_of(self.length, self.margin)[0], "o", color=key, ms=9)
        left.axhline(self.target, color=ink, lw=1, ls="--")
        left.set_ylim(0, 1.02)
        plots.curve(
            LENGTHS, [margin_needed(n, self.target) for n in LENGTHS], None, "Sequence length n",
            "", right, xscale="log", colors=[ink], title=f"Margin needed for p = {self.target:g}",
        )  # fmt: skip
        right.plot(self.length, margin_needed(self.length, self.target), "o", color=ink, ms=9)
        right.axhline(self.margin, color=key, lw=1, ls="--")
        right.set_ylim(-2.5, 13.5)
        levels = [(left, f"p = {self.target:g}", self.target, ink),
                  (right, f"m = {self.margin:g}", self.margin, key)]  # fmt: skip
        for ax, text, height, color in levels:
            ax.annotate(text, (LENGTHS[-1], height), (0, 4), textcoords="offset points",
                        ha="right", color=color, size=9.5)  # fmt: skip
            ax.set_xticks([2, 16, 128, 1024], ["2", "16", "128", "1024"])
            ax.minorticks_off()
            ax.axvspan(2, min(max(self._longest(), 2), LENGTHS[-1]), color=LIGHT["band"], zorder=0)

    def alt(self):
        one, other = weights_of(self.length, self.margin)
        return (
            f"Two curves against the sequence length n. A key that leads by {self.margin:g} has "
            f"the weight {one:.3f} at n = {self.length}, each other key {other:.2g}. For the "
            f"weight {self.target:g} it would need to lead by "
            f"{margin_needed(self.length, self.target):.2f}; the margin needed grows with log n."
        )
