"""Turn scores into weights, and heat or cool the result."""

import math

import torch
from traitlets import observe

from .. import plots
from ..softmax import entropy, softmax
from .base import Explorable, Numbers
from .controls import number_list, select, slider

EXAMPLES = {
    "worked": ("The worked example: 2, 4, 1", [2.0, 4.0, 1.0]),
    "shifted": ("100 more: 102, 104, 101", [102.0, 104.0, 101.0]),
    "fifty": ("Near 50: 50, 52, 48", [50.0, 52.0, 48.0]),
    "five-hundred": ("Near 500: 500, 520, 480", [500.0, 520.0, 480.0]),
    "sentence": ("“love” of “I love AI”", [0.57, 1.21, 1.19]),
    "close": ("Nearly equal: 1, 1.2, 0.9, 1.1", [1.0, 1.2, 0.9, 1.1]),
    "eight": ("One relevant among eight", [3.0, 0.0, 0.5, 0.0, -0.5, 0.0, 0.5, 0.0]),
}
LOW, HIGH, STEPS = 0.05, 20.0, 40
TEMPERATURES = [LOW * (HIGH / LOW) ** (step / STEPS) for step in range(STEPS)] + [HIGH]


class SoftmaxTemperature(Explorable):
    name = "softmax-temperature"
    title = "Softmax and temperature"
    try_first = "Drag Temperature down to 0.2 and watch which key takes nearly all the weight."
    provenance = "exact"
    caption = (
        "How scores become weights. Drag the end of a score's bar, or type a number. Then change "
        "the temperature, or drag the point along the entropy curve. "
        "Exact: computed from the formula as you move."
    )

    example = select(
        "Example", "worked",
        {**{key: text for key, (text, _) in EXAMPLES.items()}, "own": "Your own numbers"},
    )  # fmt: skip
    temperature = slider("Temperature", 1.0, minimum=LOW, maximum=HIGH, symbol="T", scale="log")
    scores = number_list(
        "Score", EXAMPLES["worked"][1], minimum=-1000, maximum=1000, step=0.1,
        min_length=3, max_length=8,
    )  # fmt: skip

    def data(self):
        return {
            "examples": {key: scores for key, (_, scores) in EXAMPLES.items()},
            "temperatures": [[value, f"{value:.3g}"] for value in TEMPERATURES],
        }

    @observe("example")
    def _load_example(self, change):
        if change.new in EXAMPLES:
            self.scores = EXAMPLES[change.new][1]

    @observe("scores")
    def _name_example(self, change):
        known = [key for key, (_, scores) in EXAMPLES.items() if scores == change.new]
        if self.example not in known:
            self.example = known[0] if known else "own"

    def _weights(self, temperature: float) -> torch.Tensor:
        return softmax(torch.tensor(self.scores, dtype=torch.float64), temperature)

    def _entropies(self) -> list[float]:
        return [entropy(self._weights(value)).item() for value in TEMPERATURES]

    def numbers(self):
        plain, weights = self._weights(1.0), self._weights(self.temperature)
        spreads = entropy(plain).item(), entropy(weights).item()
        rows = [
            [f"key {i + 1}", score, plain[i].item(), weights[i].item()]
            for i, score in enumerate(self.scores)
        ]
        rows += [
            ["entropy (nats)", "", *spreads],
            ["equal keys with this entropy", "", *map(math.exp, spreads)],
            ["largest possible entropy: ln n", "", "", math.log(len(self.scores))],
        ]
        rows += [
            [f"entropy at T = {value:.3g}", "", "", height]
            for value, height in zip(TEMPERATURES, self._entropies(), strict=True)
        ]
        return Numbers(["", "score", "weight at T = 1", "weight"], rows)

    def draw(self, figure):
        left, middle, right = figure.subplots(1, 3, width_ratios=[2, 2, 3])
        labels = [f"key {i + 1}" for i in range(len(self.scores))]
        colors = plots.CATEGORIES[: len(self.scores)]
        weights = self._weights(self.temperature)
        digits = 1 if all(score == round(score, 1) for score in self.scores) else 2
        plots.bars(
            self.scores, labels, left, horizontal=True, colors=colors, digits=digits, title="Score"
        )
        plots.bars(
            weights, None, middle, horizontal=True, colors=colors, limits=(0, 1), digits=3,
            title=f"Weight at T = {self.temperature:g}",
        )  # fmt: skip
        plots.curve(
            TEMPERATURES, self._entropies(), None, "Temperature T", "", right, xscale="log",
            colors=[plots.INK], title="Entropy (nats)",
        )  # fmt: skip
        right.axhline(math.log(len(self.scores)), color=plots.MUTED, lw=0.8)
        right.plot(self.temperature, entropy(weights), "o", color=plots.INK, ms=9)
        right.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
        right.set_ylim(0, 1.08 * math.log(len(self.scores)))

    def alt(self):
        scores = ", ".join(f"{score:g}" for score in self.scores)
        weights = self._weights(self.temperature)
        listed = ", ".join(f"{weight:.3f}" for weight in weights.tolist())
        return (
            f"Two bar charts and a curve. Scores {scores} become the weights {listed} at "
            f"temperature {self.temperature:g}. The entropy of the weights, here "
            f"{entropy(weights):.2f} nats, rises with temperature towards "
            f"{math.log(len(self.scores)):.2f}."
        )
