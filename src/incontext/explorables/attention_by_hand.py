"""Attention worked out in the open: three tokens, three dimensions, every number to change."""

import math

import torch
from torch import Tensor
from traitlets import observe

from incontext import plots
from incontext.attention import causal_mask, scaled_dot_product_attention

from .base import Explorable, Numbers
from .controls import number_list, select, slider, toggle

TOKENS = ["I", "love", "AI"]
D_K = 3
X = [0.1, 0.3, 0.5, 0.6, 0.2, 0.9, 0.8, 0.4, 0.7]  # the three tokens, row after row
IDENTITY = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]

EXAMPLES = {
    "sentence": {
        "text": "“I love AI”: Q = K = V = X",
        "query": X,
        "key": X,
        "value": X,
    },
    "lookup": {
        "text": "A look-up: each query fits one key",
        "query": [0.0, 0.0, 4.0, 4.0, 0.0, 0.0, 0.0, 4.0, 0.0],
        "key": IDENTITY,
        "value": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
    },
    "twins": {
        "text": "Two equal keys, and a query that fits none",
        "query": [0.0, 4.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 4.0],
        "key": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0],
        "value": IDENTITY,
    },
}
MATRICES = ("query", "key", "value")
LARGE = 20  # from here on the largest score is taken off before e is raised to them


def _matrix(label: str, name: str):
    return number_list(
        label, EXAMPLES["sentence"][name], minimum=-20, maximum=20, step=0.1, min_length=9,
        max_length=9, labels=[f"{token} {i}" for token in TOKENS for i in (1, 2, 3)], columns=3,
    )  # fmt: skip


class AttentionByHand(Explorable):
    name = "attention-by-hand"
    title = "Attention by hand"
    try_first = "Change one number of Q and follow it through scores, weights and output."
    provenance = "exact"
    caption = (
        "Attention in four steps, for three tokens in three dimensions. A token keeps its row and "
        "its colour. Change any number of Q, K and V; choose the word whose row is spelled out. "
        "Exact: computed from the formula as you type."
    )

    fallback_size = (7.6, 2.5)

    example = select(
        "Example", "sentence",
        {**{key: one["text"] for key, one in EXAMPLES.items()}, "own": "Your own numbers"},
    )  # fmt: skip
    temperature = slider("Temperature", 1.0, minimum=0.05, maximum=20, symbol="T", scale="log")
    causal = toggle("Causal mask", False)
    word = select("Word", "love", TOKENS)
    query = _matrix("Query", "query")
    key = _matrix("Key", "key")
    value = _matrix("Value", "value")

    def data(self):
        return {
            "tokens": TOKENS,
            "large": LARGE,
            "examples": {key: {m: one[m] for m in MATRICES} for key, one in EXAMPLES.items()},
        }

    @observe("example")
    def _load_example(self, change):
        if change.new in EXAMPLES:
            with self.hold_trait_notifications():  # the three at once, or none is recognised
                for name in MATRICES:
                    setattr(self, name, EXAMPLES[change.new][name])

    @observe(*MATRICES)
    def _name_example(self, change):
        known = [
            key
            for key, one in EXAMPLES.items()
            if all(getattr(self, name) == one[name] for name in MATRICES)
        ]
        if self.example not in known:
            self.example = known[0] if known else "own"

    def _steps(self) -> dict[str, Tensor]:
        """Each step, [3, 3] in float64. A masked score is −∞."""
        q, k, v = (
            torch.tensor(getattr(self, name), dtype=torch.float64).view(3, D_K) for name in MATRICES
        )
        mask = causal_mask(3) if self.causal else torch.ones(3, 3, dtype=torch.bool)
        output, weights = scaled_dot_product_attention(
            q, k, v, mask=mask, temperature=self.temperature
        )
        scores = q @ k.T
        scaled = torch.where(mask, scores / math.sqrt(D_K), -torch.inf)
        return {
            "query": q, "key": k, "value": v,
            "score": scores, "scaled": scaled, "weight": weights, "output": output,
        }  # fmt: skip

    def _exponentials(self, scaled: Tensor) -> Tensor:
        """e to each scaled score of the chosen word, divided by the temperature, [3]. Where that
        would be too large or too small a number, the largest score is taken off first."""
        row = scaled[TOKENS.index(self.word)] / self.temperature
        largest = row.max()
        return torch.exp(row - largest if largest.abs() > LARGE else row)

    def numbers(self):
        steps = self._steps()
        rows = [
            [name, token, *("−∞" if cell == -math.inf else cell for cell in row)]
            for name, matrix in steps.items()
            for token, row in zip(TOKENS, matrix.tolist(), strict=True)
        ]
        chosen = TOKENS.index(self.word)
        products = (steps["query"][chosen] * steps["key"]).tolist()
        rows += [
            [f"products of {self.word} ·", token, *row]
            for token, row in zip(TOKENS, products, strict=True)
        ]
        exponentials = self._exponentials(steps["scaled"])
        rows += [
            ["exponentials of", self.word, *exponentials.tolist()],
            ["their sum", self.word, exponentials.sum().item(), "", ""],
        ]
        return Numbers(["", "token", "1", "2", "3"], rows)

    def draw(self, figure):
        steps = self._steps()
        axes = figure.subplots(1, 4)
        of_keys = {"rows": TOKENS, "columns": TOKENS, "numbers": True}
        plots.matrix(steps["score"], ax=axes[0], title="1 Scores", **of_keys)
        second = "2 Scaled, masked" if self.causal else "2 Scaled"
        finite = steps["scaled"][steps["scaled"].isfinite()]
        limits = (-finite.abs().max() if (finite < 0).any() else 0, max(finite.abs().max(), 1e-9))
        plots.matrix(
            steps["scaled"], ax=axes[1], title=second, limits=tuple(map(float, limits)), **of_keys
        )
        plots.weights(
            steps["weight"], TOKENS, ax=axes[2], title="3 Weights", numbers=True, xlabel="",
            ylabel="",
        )  # fmt: skip
        plots.matrix(
            steps["output"], TOKENS, ["1", "2", "3"], axes[3], title="4 Output", numbers=True
        )

    def alt(self):
        steps = self._steps()
        chosen = TOKENS.index(self.word)
        weights, output = (
            ", ".join(f"{cell:.3f}" for cell in steps[name][chosen].tolist())
            for name in ("weight", "output")
        )
        return (
            "Four matrices in a row: scores, scaled scores, weights and output of the tokens I, "
            f"love and AI{', with a causal mask' if self.causal else ''}. At temperature "
            f"{self.temperature:g}, “{self.word}” gives the weights {weights} to I, love and AI, "
            f"and its output is {output}."
        )
