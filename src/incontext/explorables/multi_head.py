"""Divide the width of a model into heads: what one of them has to work with."""

import math

import numpy as np
import torch
from torch import Tensor

from incontext import plots
from incontext.attention import scaled_dot_product_attention
from incontext.heads import split_heads

from .base import Explorable, Numbers, pack
from .controls import integer, slider, steps

TOKENS = ["it", "was", "too", "tired", "to", "cross", "the", "wide", "road"]
D_MODEL = 24
DIVISORS = [n for n in range(1, D_MODEL + 1) if D_MODEL % n == 0]
N_PARAMETERS = 4 * D_MODEL**2 + 4 * D_MODEL  # four projections, each with its bias
SEED = 1


class MultiHead(Explorable):
    name = "multi-head"
    title = "One width, many heads"
    try_first = (
        "Move Number of heads from 1 to 24 and watch d_k shrink while the parameters stay the same."
    )
    provenance = "random"
    caption = (
        f"One layer of attention over {len(TOKENS)} tokens, d_model = {D_MODEL}, cut into heads: "
        "the slice of the chosen head and its weights. Random weights and random word vectors, "
        f"seed {SEED}: no head has learned anything, so look at the shapes and not for meaning."
    )

    fallback_size = (7.0, 4.2)

    heads = steps("Number of heads", 4, DIVISORS, symbol="H")
    head = integer("Head", 1, minimum=1, maximum=D_MODEL)
    temperature = slider("Temperature", 1.0, minimum=0.1, maximum=10, symbol="T", scale="log")

    def limits(self):
        return {"head": self.heads}

    def data(self):
        return {
            "tokens": TOKENS,
            "d_model": D_MODEL,
            "n_parameters": N_PARAMETERS,
            "queries": self._projected()[0][0],
            "keys": self._projected()[1][0],
        }

    def _projected(self) -> list[tuple[dict, np.ndarray]]:
        """X W_Q and X W_K, each [T, d_model], packed: the same for every number of heads."""
        generator = torch.Generator().manual_seed(SEED)
        x = torch.randn(len(TOKENS), D_MODEL, generator=generator, dtype=torch.float64)
        w = torch.randn(2, D_MODEL, D_MODEL, generator=generator, dtype=torch.float64)
        return [pack(x @ one / math.sqrt(D_MODEL)) for one in w]

    def _weights(self) -> Tensor:
        """The chosen head's, [T, S], from the numbers that the page has too."""
        q, k = (split_heads(torch.from_numpy(both[1]), self.heads) for both in self._projected())
        return scaled_dot_product_attention(q, k, k, temperature=self.temperature)[1][self.head - 1]

    def numbers(self):
        blank = [""] * (len(TOKENS) - 1)
        d_k = D_MODEL // self.heads
        sizes = [
            ["d_k", "", d_k, *blank],
            ["parameters", "", N_PARAMETERS, *blank],
            ["chosen head", "", self.head, *blank],
            ["its first dimension", "", (self.head - 1) * d_k + 1, *blank],
            ["its last dimension", "", self.head * d_k, *blank],
        ]
        weights = [
            [f"head {self.head}", token, *row]
            for token, row in zip(TOKENS, self._weights().tolist(), strict=True)
        ]
        return Numbers(["", "query", *TOKENS], sizes + weights)

    def draw(self, figure):
        d_k = D_MODEL // self.heads
        top, below = figure.subplots(2, 1, height_ratios=[1, 7])
        chosen = slice((self.head - 1) * d_k, self.head * d_k)
        colors = [plots.HAIRLINE] * D_MODEL
        colors[chosen] = [plots.CATEGORIES[1]] * d_k
        at = [i + 0.25 * (i // d_k) for i in range(D_MODEL)]
        top.bar(at, 1, width=0.9, color=colors)
        top.set_axis_off()
        top.set_title(
            f"{self.heads} heads of d_k = {d_k}: {N_PARAMETERS} parameters", loc="left", size=10
        )
        plots.weights(
            self._weights(), TOKENS, ax=below, numbers=False,
            title=f"Head {self.head}, T = {self.temperature:g}",
        )  # fmt: skip

    def alt(self):
        weights, d_k = self._weights(), D_MODEL // self.heads
        query, key = divmod(int(weights.argmax()), len(TOKENS))
        return (
            f"{D_MODEL} dimensions cut into {self.heads} slices of d_k = {d_k}, that of head "
            f"{self.head} filled, and its attention map over “{' '.join(TOKENS)}”. In it "
            f"“{TOKENS[query]}” looks most sharply, with weight {weights.max():.2f} on "
            f"“{TOKENS[key]}”. The layer has {N_PARAMETERS} parameters at every number of heads."
        )
