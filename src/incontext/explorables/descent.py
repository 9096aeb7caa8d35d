"""How does a number find its best value, when all that it can feel is the slope under it?"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from .. import plots
from .base import Explorable, Numbers
from .controls import integer, select, slider

LOW, HIGH, N_STEPS = -1.0, 4.0, 20
CURVE = [LOW + i / 8 for i in range(41)]  # of w, where the curve is drawn


@dataclass(frozen=True)
class Loss:
    """A loss of one parameter w, and its slope."""

    text: str
    of: Callable[[float], float]
    slope: Callable[[float], float]
    best: float  # the w with the smallest loss
    top: float  # of the axis


LOSSES = {
    "squared": Loss(
        "Squared error: (2w − 3)²",
        lambda w: (2 * w - 3) * (2 * w - 3),
        lambda w: 4 * (2 * w - 3),
        1.5,
        25.0,
    ),
    "log": Loss(
        "−log p: a word that follows 3 times in 4",
        lambda w: 0.75 * math.log1p(math.exp(-w)) + 0.25 * math.log1p(math.exp(w)),
        lambda w: 1 / (1 + math.exp(-w)) - 0.75,
        math.log(3),
        1.2,
    ),
}


def descend(loss: Loss, start: float, learning_rate: float, n_steps: int) -> list[float]:
    """The start, and where each step of gradient descent leads."""
    path = [start]
    for _ in range(n_steps):
        path.append(path[-1] - learning_rate * loss.slope(path[-1]))
    return path


class Descent(Explorable):
    name = "descent"
    title = "Gradient descent"
    try_first = "Turn Learning rate up to 0.2, then to 0.3, and watch where the steps lead."
    provenance = "exact"
    caption = (
        "The loss of one parameter w, and the steps that gradient descent takes on it. Drag the "
        "ring to start elsewhere. The short line is the slope under the point. On the right is the "
        "loss after each step. Exact: computed from the formula as you move."
    )

    loss = select("Loss", "squared", {key: one.text for key, one in LOSSES.items()})
    start = slider("Start", 0.0, minimum=LOW, maximum=HIGH, step=0.1, symbol="w₀")
    learning_rate = slider("Learning rate", 0.1, minimum=0.01, maximum=8.0, symbol="η", scale="log")
    step = integer("Training step", 3, minimum=0, maximum=N_STEPS)

    def data(self):
        return {
            "curve": CURVE,
            "losses": {key: {"best": one.best, "top": one.top} for key, one in LOSSES.items()},
        }

    def _path(self) -> list[float]:
        return descend(LOSSES[self.loss], self.start, self.learning_rate, self.step)

    def numbers(self):
        loss = LOSSES[self.loss]
        rows = [
            [f"step {i}", w, loss.of(w), loss.slope(w), -self.learning_rate * loss.slope(w)]
            for i, w in enumerate(self._path())
        ]
        rows.append(["minimum", loss.best, loss.of(loss.best), 0, 0])
        rows += [["curve", w, loss.of(w), "", ""] for w in CURVE]
        return Numbers(["", "w", "loss", "slope", "next step: −η · slope"], rows)

    def draw(self, figure):
        loss, path = LOSSES[self.loss], self._path()
        left, right = figure.subplots(1, 2, width_ratios=[3, 2], sharey=True)
        heights = [loss.of(w) for w in path]
        plots.curve(
            CURVE, [loss.of(w) for w in CURVE], None, "Parameter w", "", left,
            colors=[plots.MUTED], title="Loss",
        )  # fmt: skip
        left.plot(path, heights, "-o", color=plots.CATEGORIES[0], lw=1, ms=4)
        left.plot(path[0], heights[0], "o", mfc="none", mec=plots.INK, mew=2, ms=11)
        left.plot(path[-1], heights[-1], "o", color=plots.CATEGORIES[1], ms=9)
        slope = loss.slope(path[-1])
        reach = 0.9 / math.hypot(1, slope * (HIGH - LOW) / loss.top)
        left.plot(
            [path[-1] - reach, path[-1] + reach],
            [heights[-1] - reach * slope, heights[-1] + reach * slope],
            color=plots.CATEGORIES[1],
        )  # fmt: skip
        plots.curve(
            range(len(path)), heights, None, "Training step", "", right,
            colors=[plots.CATEGORIES[0]], marker="o", title="Loss after each step",
        )  # fmt: skip
        left.set(xlim=(LOW, HIGH), ylim=(-0.03 * loss.top, loss.top))
        right.set(xlim=(-0.5, N_STEPS + 0.5), xticks=range(0, N_STEPS + 1, 5))

    def alt(self):
        loss, path = LOSSES[self.loss], self._path()
        return (
            f"The loss as a curve over one parameter w, smallest at w = {loss.best:.2f}. With the "
            f"learning rate {self.learning_rate:g}, {self.step} steps lead from w = "
            f"{self.start:g}, where the loss is {loss.of(self.start):.3g}, to w = {path[-1]:.4g}, "
            f"where it is {loss.of(path[-1]):.3g} and the slope {loss.slope(path[-1]):.3g}."
        )
