"""Divide the width of a model into heads, and look at what each of them attends to."""

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
    try_first = "Move Heads from 1 to 24 and watch d_k shrink while the parameters stay the same."
    provenance = "random"
    caption = (
        f"One layer of attention over {len(TOKENS)} tokens, d_model = {D_MODEL}. Choose a head in "
        "the grid, with its slider or with the arrow keys. Random weights and random word vectors, "
        f"seed {SEED}: no head has learned anything, so look at the shapes and not for meaning."
    )

    fallback_size = (7.0, 3.8)

    heads = steps("Heads", 4, DIVISORS, symbol="H")
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
        """[H, T, S], from the numbers that the page has too."""
        q, k = (split_heads(torch.from_numpy(both[1]), self.heads) for both in self._projected())
        return scaled_dot_product_attention(q, k, k, temperature=self.temperature)[1]

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
            [f"head {h}", token, *row]
            for h, rows in enumerate(self._weights().tolist(), start=1)
            for token, row in zip(TOKENS, rows, strict=True)
        ]
        return Numbers(["", "query", *TOKENS], sizes + weights)

    def draw(self, figure):
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
        weights = self._weights()
        columns = next(n for n in DIVISORS if self.heads % n == 0 and n * n >= self.heads)
        plots.heads_grid(weights, ax=left, columns=columns, highlight=self.head - 1)
        plots.weights(
            weights[self.head - 1], TOKENS, ax=right, numbers=False,
            title=f"Head {self.head}, T = {self.temperature:g}",
        )  # fmt: skip
        figure.suptitle(
            f"{self.heads} heads of d_k = {D_MODEL // self.heads}: {N_PARAMETERS} parameters",
            size=10,
        )

    def alt(self):
        chosen = self._weights()[self.head - 1]
        query, key = divmod(int(chosen.argmax()), len(TOKENS))
        return (
            f"A grid of {self.heads} attention maps, one for each head, over the sentence "
            f"“{' '.join(TOKENS)}”, and head {self.head} large. In it “{TOKENS[query]}” looks "
            f"most sharply, with weight {chosen.max():.2f} on “{TOKENS[key]}”. Each head works in "
            f"d_k = {D_MODEL // self.heads} dimensions; the layer has {N_PARAMETERS} parameters "
            "at every number of heads."
        )
