"""Divide the width of a model into heads: what one of them has to work with, and what it learns."""

import numpy as np
import torch
from torch import Tensor

from incontext import plots
from incontext.attention import causal_mask, scaled_dot_product_attention
from incontext.heads import split_heads
from incontext.training import RECORDED, TrainingRun, default_config, load

from .base import Explorable, Numbers, pack
from .controls import integer, slider, steps

HEADS = (1, 2, 4, 8)
SENTENCE = "the hen did not cross the road because it was too tired : the"
WORDS = SENTENCE.split()
NAMES = [f"{i} {word}" for i, word in enumerate(WORDS, start=1)]
D_MODEL = default_config().d_model
N_LAYERS = default_config().n_layers
N_PARAMETERS = 4 * D_MODEL**2 + 4 * D_MODEL  # four projections, each with its bias


def recorded_run(heads: int) -> TrainingRun:
    """The recorded model with so many heads, reading left to right, seed 0."""
    return load(RECORDED / f"{'left-to-right-0' if heads == 4 else f'heads-{heads}'}.safetensors")


@torch.no_grad()
def queries_and_keys(run: TrainingRun) -> Tensor:
    """What the layers compare when they read the sentence: [layer, (queries, keys), T, C].

    In float64: rounded to float32 on another machine, it could be packed as other numbers.
    """
    run.model.double()
    states = run.model(run.vocabulary.encode(WORDS)[None]).hidden_states
    return torch.stack(
        [
            torch.stack([project(block.attention_norm(x[0])) for project in
                         (block.attention.q_proj, block.attention.k_proj)])
            for block, x in zip(run.model.stack.blocks, states, strict=False)
        ]
    )  # fmt: skip


class MultiHead(Explorable):
    name = "multi-head"
    title = "One width, many heads"
    try_first = (
        "Move Number of heads from 1 to 8: d_k shrinks, the parameters stay the same, and the "
        "heads share out the work differently."
    )
    provenance = "learned"
    caption = (
        f"Attention over {len(WORDS)} words. In the last row the model has to guess who was tired. "
        f"You see which slice of d_model = {D_MODEL} belongs to the chosen head, and its weights. "
        "The four models are equally large and were trained in the same way, left to right, on the "
        "book's small grammar. They differ only in the number of heads. Learned weights: the "
        "course’s own models, incontext.training, seed 0, 2000 steps, recorded by "
        "scripts/record_training.py."
    )

    fallback_size = (7.0, 4.6)

    heads = steps("Number of heads", 4, HEADS, symbol="H")
    layer = integer("Layer", 2, minimum=1, maximum=N_LAYERS)
    head = integer("Head", 1, minimum=1, maximum=max(HEADS))
    temperature = slider("Temperature", 1.0, minimum=0.1, maximum=10, symbol="T", scale="log")

    def __init__(self, **values):
        projected = torch.stack([queries_and_keys(recorded_run(heads)) for heads in HEADS])
        self._packed, unpacked = pack(projected.numpy())
        self._projected = torch.from_numpy(unpacked)  # [model, layer, (queries, keys), T, C]
        super().__init__(**values)

    def limits(self):
        return {"head": self.heads}

    def data(self):
        return {
            "tokens": WORDS,
            "d_model": D_MODEL,
            "n_parameters": N_PARAMETERS,
            "models": list(HEADS),
            "projected": self._packed,
        }

    def _weights(self) -> Tensor:
        """The chosen head's, [T, S], from the numbers that the page has too."""
        both = self._projected[HEADS.index(self.heads), self.layer - 1]
        q, k = (split_heads(one, self.heads)[self.head - 1] for one in both)
        return scaled_dot_product_attention(
            q, k, k, mask=causal_mask(len(WORDS)), temperature=self.temperature
        )[1]

    def numbers(self):
        blank = [""] * (len(WORDS) - 1)
        d_k = D_MODEL // self.heads
        sizes = [
            ["d_k", "", d_k, *blank],
            ["parameters", "", N_PARAMETERS, *blank],
            ["chosen layer", "", self.layer, *blank],
            ["chosen head", "", self.head, *blank],
            ["its first dimension", "", (self.head - 1) * d_k + 1, *blank],
            ["its last dimension", "", self.head * d_k, *blank],
        ]
        weights = [
            [f"head {self.head}", name, *row]
            for name, row in zip(NAMES, self._weights().tolist(), strict=True)
        ]
        return Numbers(["", "query", *NAMES], sizes + weights)

    def draw(self, figure):
        d_k = D_MODEL // self.heads
        top, below = figure.subplots(2, 1, height_ratios=[1, 8])
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
            self._weights(), WORDS, ax=below, numbers=False,
            title=f"Layer {self.layer}, head {self.head}, T = {self.temperature:g}",
        )  # fmt: skip

    def alt(self):
        row, d_k = np.asarray(self._weights()[-1]), D_MODEL // self.heads
        return (
            f"{D_MODEL} dimensions cut into {self.heads} slices of d_k = {d_k}, that of head "
            f"{self.head} filled, and its attention map in layer {self.layer} over "
            f"“{SENTENCE}”, each word seeing those before it. The last word looks most at "
            f"“{WORDS[int(row.argmax())]}”, with weight {row.max():.2f}. The layer has "
            f"{N_PARAMETERS} parameters at every number of heads."
        )
