"""Turn a query and a key by their positions; the score is left with the distance between them."""

import math

import torch

from incontext import plots
from incontext.positions import angular_frequencies, rotate

from .base import Explorable, Numbers
from .controls import integer

QUERY = [0.8, 0.6, 0.9, -0.3, 0.5, 0.8, 1.0, 0.2]
KEY = [1.0, 0.1, 0.6, 0.7, 0.9, -0.2, 0.3, 0.9]
BASE = 10_000
LONGEST = 60  # the largest position of the key, and the largest offset


class Rotary(Explorable):
    name = "rotary"
    title = "Rotary positions"
    try_first = "Move Position, then Offset, and see which of the two changes the score."
    provenance = "illustrative"
    caption = (
        "A key and a query of eight components, or four pairs, each turned by its position. Drag "
        "the query along the line of positions to change the offset, or the key to move both. "
        "Illustrative numbers: the two vectors are made up, with the base 10000, and all else is "
        "computed from them."
    )
    fallback_size = (7.0, 3.2)

    offset = integer("Offset", 3, minimum=0, maximum=LONGEST)
    position = integer("Position", 5, minimum=0, maximum=LONGEST, symbol="n")
    pair = integer("Pair", 2, minimum=1, maximum=len(QUERY) // 2)

    def data(self):
        return {"query": QUERY, "key": KEY, "base": BASE, "longest": LONGEST}

    def _turned(self, vector: list[float], positions: list[int]) -> torch.Tensor:
        """[positions, 8]"""
        x = torch.tensor(vector, dtype=torch.float64).expand(len(positions), -1)
        return rotate(x, torch.tensor(positions), BASE)

    def _scores(self) -> list[float]:
        """Of the query at every offset with the key at its position."""
        at = [self.position + offset for offset in range(LONGEST + 1)]
        return (self._turned(QUERY, at) @ self._turned(KEY, [self.position])[0]).tolist()

    def numbers(self):
        speeds = angular_frequencies(len(QUERY), BASE).tolist()
        query = self._turned(QUERY, [self.position + self.offset])[0]
        key = self._turned(KEY, [self.position])[0]
        blank = [""] * 4
        rows = []
        for i, speed in enumerate(speeds):
            two = slice(2 * i, 2 * i + 2)
            angle = self.offset * speed
            part = (query[two] @ key[two]).item()
            rows.append([f"pair {i + 1}", *query[two].tolist(), *key[two].tolist(), angle, part])
        rows += [
            [f"chosen: pair {self.pair}", *blank, *rows[self.pair - 1][-2:]],
            ["score", *blank, "", (query @ key).item()],
            ["norm of the query", *blank, "", query.norm().item()],
            ["norm of the key", *blank, "", key.norm().item()],
        ]
        rows += [
            [f"score at offset {k}", *blank, "", score] for k, score in enumerate(self._scores())
        ]
        columns = ["", "query x", "query y", "key x", "key y", "offset · ω (radians)", "product"]
        return Numbers(columns, rows)

    def draw(self, figure):
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.5])
        two = slice(2 * self.pair - 2, 2 * self.pair)
        query = self._turned(QUERY, [self.position + self.offset])[0, two]
        key = self._turned(KEY, [self.position])[0, two]
        for vector, color, name in ((query, 0, "q"), (key, 1, "k")):
            x, y = vector.tolist()
            color = plots.CATEGORIES[color]
            left.annotate(
                "", (x, y), (0, 0), arrowprops={"arrowstyle": "->", "color": color, "lw": 2}
            )
            left.text(1.14 * x, 1.14 * y, name, color=color, ha="center", va="center")
        left.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal", title=f"Pair {self.pair}")
        left.set_xticks([])
        left.set_yticks([])
        scores = self._scores()
        plots.curve(range(LONGEST + 1), scores, None, "Offset", "", right, title="Score q · k")
        right.plot(self.offset, scores[self.offset], "o", color=plots.INK, ms=8)

    def alt(self):
        speed = angular_frequencies(len(QUERY), BASE)[self.pair - 1].item()
        angle = math.degrees(self.offset * speed)
        return (
            f"Left, the query and the key in the plane of pair {self.pair}, turned apart by "
            f"{angle:.3g} degrees more than their own angle. Right, the score against the offset: "
            f"{self._scores()[self.offset]:.2f} at offset {self.offset}, with the key at position "
            f"{self.position}."
        )
