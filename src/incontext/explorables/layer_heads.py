"""All heads of one layer of the real model side by side, on one sentence."""

import numpy as np
import torch

from incontext import plots
from incontext.pretrained import load_encoder

from .base import Explorable, Numbers, pack
from .controls import integer

SENTENCE = "The chicken didn't cross the road because it was too tired."
N_TOKENS = 16  # of the sentence, [CLS] and [SEP] included
IT = 11  # the position of "it"


class LayerHeads(Explorable):
    name = "layer-heads"
    title = "Twelve heads side by side"
    try_first = (
        "Move Layer from 1 to 6 and count the tokens that “it” looks at in its twelve heads."
    )
    provenance = "learned"
    caption = (
        "The twelve heads of one layer on “The chicken didn't cross the road because it was too "
        "tired.” Queries run down, keys run across, and the row of the chosen token is framed. "
        "Choose a head in the grid, with its slider or with the arrow keys. Learned weights: "
        "all-MiniLM-L6-v2, all 6 layers and 12 heads."
    )
    fallback_size = (7.0, 3.8)

    layer = integer("Layer", 1, minimum=1, maximum=6)
    head = integer("Head", 3, minimum=1, maximum=12)
    position = integer("Position", IT, minimum=1, maximum=N_TOKENS)

    def __init__(self, **values):
        encoder, tokenizer = load_encoder()
        ids = tokenizer.encode(SENTENCE)
        with torch.no_grad():
            weights = torch.cat(encoder(ids[None]).attentions)  # [L, H, T, S]
        self._tokens = tokenizer.tokens(ids)
        self._packed, self._all = pack(weights.numpy())
        super().__init__(**values)

    def data(self):
        return {"tokens": self._tokens, "weights": self._packed}

    def _weights(self) -> np.ndarray:
        """All heads of the layer, [H, T, S]."""
        return self._all[self.layer - 1]

    def numbers(self):
        names = [f"{i} {token}" for i, token in enumerate(self._tokens, start=1)]
        chosen = self._weights()[self.head - 1, self.position - 1]
        rows = [[f"chosen: head {self.head}", names[self.position - 1], *chosen.tolist()]]
        rows += [
            [f"head {h}", name, *row]
            for h, weights in enumerate(self._weights().tolist(), start=1)
            for name, row in zip(names, weights, strict=True)
        ]
        return Numbers(["", "query", *names], rows)

    def draw(self, figure):
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
        weights = self._weights()
        plots.heads_grid(weights, ax=left, columns=4, highlight=self.head - 1)
        plots.weights(
            weights[self.head - 1], self._tokens, ax=right, numbers=False,
            title=f"Layer {self.layer}, head {self.head}",
        )  # fmt: skip

    def alt(self):
        rows = self._weights()[:, self.position - 1]  # [H, S]
        n_places = len(set(rows.argmax(axis=-1).tolist()))
        row = rows[self.head - 1]
        return (
            f"A grid of twelve attention maps, one for each head of layer {self.layer}, over “"
            f"{SENTENCE}”, and head {self.head} large. From “{self._tokens[self.position - 1]}” "
            f"the heads look most at {n_places} different tokens; head {self.head} at "
            f"“{self._tokens[int(row.argmax())]}”, with weight {row.max():.2f}."
        )
