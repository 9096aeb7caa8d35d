"""What happens to softmax as queries and keys get more components, with and without √d_k?"""

import math

import numpy as np
import torch
from torch import Tensor

from incontext import plots
from incontext.softmax import softmax, softmax_jacobian

from .base import Explorable, Numbers, pack
from .controls import steps, toggle

WIDTHS = [2**n for n in range(11)]
ROWS, KEYS = 64, 16
SEED = 0
SHOWN = 26  # the row whose weights are drawn: one that goes as most do
BIN, REACH = 3, 34  # the histogram: bins of this width, so many on either side of the middle one
TOP = 0.36  # of the axis of the gradient norm


def sample() -> tuple[Tensor, Tensor]:
    """q · k / √d_k for each width and row, [width, row, key], and values, [row, key].

    One query and 16 keys for each row and a value of one number for each key, all independent and
    standard normal. A smaller d_k keeps the first components and forgets the rest.
    """
    generator = torch.Generator().manual_seed(SEED)
    query = torch.randn(ROWS, 1, WIDTHS[-1], generator=generator, dtype=torch.float64)
    key = torch.randn(ROWS, KEYS, WIDTHS[-1], generator=generator, dtype=torch.float64)
    value = torch.randn(ROWS, KEYS, generator=generator, dtype=torch.float64)
    so_far = (query * key).cumsum(-1)
    return torch.stack([so_far[..., d_k - 1] / math.sqrt(d_k) for d_k in WIDTHS]), value


def counts(scores: Tensor) -> list[int]:
    """How many scores fall into each bin; those beyond the last bin are counted in it."""
    at = ((scores + BIN / 2) / BIN).floor().long().clamp(-REACH, REACH) + REACH
    return at.flatten().bincount(minlength=2 * REACH + 1).tolist()


class Scaling(Explorable):
    name = "scaling"
    title = "Why scores are divided by √dₖ"
    try_first = "Move d_k up to 1024 and watch one key take all; then tick Divide by √d_k."
    provenance = "random"
    caption = (
        f"{ROWS} queries with {KEYS} keys each, and what softmax makes of their scores. Change "
        "d_k, or drag the point on the curve; then tick or clear the division. Random queries and "
        f"keys, so random weights: all components independent and standard normal, seed {SEED}. "
        "The gradient is that of a row's output, a weighted sum of values of one number each."
    )

    fallback_size = (7.0, 4.6)

    d_k = steps("d_k", 64, WIDTHS, symbol="d_k")
    divide = toggle("Divide by √d_k", False)

    def __init__(self, **values):
        both = [pack(one.numpy()) for one in sample()]
        self._packed = [packed for packed, _ in both]
        self._scaled, self._values = (torch.from_numpy(np.array(read)) for _, read in both)
        super().__init__(**values)

    def data(self):
        return {
            "widths": WIDTHS,
            "scores": self._packed[0],
            "values": self._packed[1],
            "shown": SHOWN,
            "bin": BIN,
            "reach": REACH,
        }

    def _at(self, d_k: int, divide: bool) -> dict:
        """What is seen at one width: scores and weights [row, key], and four summaries.

        The output of a row is its weights · values, so the values are the gradient that the
        weights receive, and the Jacobian times the values is what the scores receive.
        """
        scores = self._scaled[WIDTHS.index(d_k)] * (1.0 if divide else math.sqrt(d_k))
        weights = softmax(scores)
        jacobian = softmax_jacobian(weights)
        gradient = (jacobian @ self._values[..., None])[..., 0]
        return {
            "scores": scores,
            "weights": weights,
            "spread": scores.std(correction=0).item(),
            "largest": weights.max(-1).values.mean().item(),
            "jacobian": jacobian.flatten(1).norm(dim=-1).mean().item(),
            "gradient": gradient.norm(dim=-1).quantile(0.5).item(),
        }

    def _norms(self) -> list[list[float]]:
        """The median gradient norm at every width, undivided and divided."""
        return [[self._at(d_k, divide)["gradient"] for d_k in WIDTHS] for divide in (False, True)]

    def numbers(self):
        def row(name, d_k, divide):
            at = self._at(d_k, divide)
            summaries = [at[what] for what in ("spread", "largest", "jacobian", "gradient")]
            return [name, d_k, *summaries, ""]

        now = self._at(self.d_k, self.divide)
        pairs = zip(now["scores"][SHOWN].tolist(), now["weights"][SHOWN].tolist(), strict=True)
        how = "divided" if self.divide else "undivided"
        rows = [row(f"now: all rows, {how}", self.d_k, self.divide)]
        rows += [row("all rows, undivided", d_k, False) for d_k in WIDTHS]
        rows += [row("all rows, divided", d_k, True) for d_k in WIDTHS]
        rows += [
            [f"one row: key {i}", self.d_k, score, weight, "", "", ""]
            for i, (score, weight) in enumerate(pairs, start=1)
        ]
        rows += [
            ["histogram", self.d_k, BIN * (i - REACH), "", "", "", count]
            for i, count in enumerate(counts(now["scores"]))
        ]
        columns = ["", "d_k", "score, or standard deviation", "weight, or mean largest",
                   "mean Jacobian norm", "median gradient norm", "scores in the bin"]  # fmt: skip
        return Numbers(columns, rows)

    def draw(self, figure):
        now = self._at(self.d_k, self.divide)
        left, right, below = figure.subplot_mosaic("ab;cc").values()
        ink, colors = plots.INK, (plots.CATEGORIES[1], plots.CATEGORIES[0])
        color = colors[self.divide]
        centres = [BIN * (i - REACH) for i in range(2 * REACH + 1)]
        left.bar(centres, counts(now["scores"]), BIN * 0.9, color=color)
        left.set(xticks=[-100, -50, 0, 50, 100], yticks=[], xlabel="Score")
        left.set_title(f"{ROWS * KEYS} scores: standard deviation {now['spread']:.1f}")
        left.spines["left"].set_visible(False)
        right.bar(range(1, KEYS + 1), now["weights"][SHOWN].tolist(), 0.8, color=ink)
        right.set(ylim=(0, 1.02), xticks=[1, 4, 8, 12, 16], yticks=[0, 0.5, 1], xlabel="Key")
        right.set_title("Weights of one row")
        norms = self._norms()
        plots.curve(
            WIDTHS, norms, ["undivided", "divided by √d_k"], "d_k", "", below, xscale="log",
            colors=colors, title="Gradient norm of the scores, median over the rows",
        )  # fmt: skip
        below.plot(self.d_k, now["gradient"], "o", color=color, ms=9)
        below.set_ylim(0, TOP)
        below.set_xticks([1, 4, 16, 64, 256, 1024], ["1", "4", "16", "64", "256", "1024"])
        below.minorticks_off()

    def alt(self):
        now = self._at(self.d_k, self.divide)
        norms = self._norms()
        how = "divided by √d_k" if self.divide else "undivided"
        largest = now["weights"][SHOWN].max()
        return (
            f"A histogram, bars and two curves at d_k = {self.d_k}, scores {how}. The scores have "
            f"a standard deviation of {now['spread']:.2f}. The largest of the {KEYS} weights of "
            f"one row is {largest:.2f}, {now['largest']:.2f} on average. Against d_k, the gradient "
            f"norm of the scores in a typical row goes from {norms[0][0]:.2f} to "
            f"{norms[0][-1]:.2g} without the division and from {norms[1][0]:.2f} to "
            f"{norms[1][-1]:.2f} with it."
        )
