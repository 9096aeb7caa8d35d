"""Turn scores into weights, and heat or cool the result."""

import math

import torch
from traitlets import observe

from incontext import plots
from incontext.softmax import entropy, softmax
from .base import Explorable, Numbers
from .controls import number_list, select, slider

EXAMPLES = {
    "worked": ("The worked example: 2, 4, 1", [2.0, 4.0, 1.0]),
    "close": ("Nearly equal: 1, 1.2, 0.9, 1.1", [1.0, 1.2, 0.9, 1.1]),
    "fifty": ("Scores near 50: 50, 52, 48", [50.0, 52.0, 48.0]),
    "five-hundred": ("The same, ten times larger: 500, 520, 480", [500.0, 520.0, 480.0]),
    "eight": ("One relevant key among eight", [3.0, 0.0, 0.5, 0.0, -0.5, 0.0, 0.5, 0.0]),
}


class SoftmaxTemperature(Explorable):
    name = "softmax-temperature"
    title = "Softmax with temperature"
    provenance = "exact"
    caption = (
        "Scores on the left, the weights that softmax makes of them on the right. Drag a bar or "
        "type its number; then turn the temperature. Exact: computed from the formula as you move."
    )

    example = select(
        "Example", "worked",
        {**{key: text for key, (text, _) in EXAMPLES.items()}, "own": "Your own numbers"},
    )  # fmt: skip
    temperature = slider(
        "Temperature", 1.0, minimum=0.05, maximum=20, symbol="T", scale="log"
    )
    scores = number_list(
        "Score", EXAMPLES["worked"][1], minimum=-1000, maximum=1000, step=0.1,
        min_length=3, max_length=8,
    )  # fmt: skip

    def data(self):
        return {"examples": {key: scores for key, (_, scores) in EXAMPLES.items()}}

    @observe("example")
    def _load_example(self, change):
        if change.new in EXAMPLES:
            self.scores = EXAMPLES[change.new][1]

    @observe("scores")
    def _name_example(self, change):
        known = [key for key, (_, scores) in EXAMPLES.items() if scores == change.new]
        if self.example not in known:
            self.example = known[0] if known else "own"

    def _weights(self) -> torch.Tensor:
        return softmax(torch.tensor(self.scores, dtype=torch.float64), self.temperature)

    def numbers(self):
        weights = self._weights()
        keys = [
            [f"key {i}", score, weight]
            for i, (score, weight) in enumerate(zip(self.scores, weights.tolist()), start=1)
        ]
        spread = [
            ["entropy (nats)", "", entropy(weights).item()],
            ["entropy at most: ln n", "", math.log(len(self.scores))],
        ]
        return Numbers(["", "score", "weight"], keys + spread)

    def draw(self, figure):
        left, right = figure.subplots(1, 2, sharey=True)
        labels = [f"key {i + 1}" for i in range(len(self.scores))]
        plots.bars(self.scores, labels, ax=left, horizontal=True, xlabel="score")
        plots.bars(
            self._weights(), labels, ax=right, horizontal=True,
            xlabel=f"weight at T = {self.temperature:g}",
        )  # fmt: skip

    def alt(self):
        scores = ", ".join(f"{score:g}" for score in self.scores)
        weights = ", ".join(f"{weight:.3f}" for weight in self._weights().tolist())
        return (
            f"Two bar charts. Scores {scores} become the weights {weights} "
            f"at temperature {self.temperature:g}."
        )
