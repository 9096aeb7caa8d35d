"""Two sentences that differ in one word: where does one head look in each of them?"""

import numpy as np
import torch

from incontext import plots
from incontext.pretrained import load_encoder

from .base import Explorable, Numbers, pack
from .controls import integer

ENDINGS = ("tired", "wide")
NOUNS = ("chicken", "road")
N_TOKENS = 16  # of each sentence, [CLS] and [SEP] included
IT = 11  # the position of "it"


class TwoSentences(Explorable):
    name = "two-sentences"
    title = "One head, two sentences"
    provenance = "learned"
    try_first = (
        "Compare what “it” gives to the chicken and to the road in the two sentences; then click "
        "another word, or look for a head that gets both right."
    )
    caption = (
        "Where one head looks in two sentences that differ in their last word. The arcs start at "
        "the chosen word; the wider an arc, the more of its weight goes there. Learned weights: "
        "all-MiniLM-L6-v2, all 6 layers and 12 heads."
    )
    fallback_size = (7.0, 4.6)

    layer = integer("Layer", 4, minimum=1, maximum=6)
    head = integer("Head", 2, minimum=1, maximum=12)
    position = integer("Position", IT, minimum=1, maximum=N_TOKENS)

    def __init__(self, **values):
        encoder, tokenizer = load_encoder()
        self._tokens, self._packed, self._all = [], [], []
        for ending in ENDINGS:
            text = f"The chicken didn't cross the road because it was too {ending}."
            ids = tokenizer.encode(text)
            with torch.no_grad():
                weights = torch.cat(encoder(ids[None]).attentions)  # [L, H, T, S]
            packed, unpacked = pack(weights.numpy())
            self._tokens.append(tokenizer.tokens(ids))
            self._packed.append(packed)
            self._all.append(unpacked)
        self._nouns = [self._tokens[0].index(noun) for noun in NOUNS]
        super().__init__(**values)

    def data(self):
        return {
            "endings": list(ENDINGS),
            "tokens": self._tokens,
            "nouns": self._nouns,
            "weights": self._packed,
        }

    def _maps(self) -> list[np.ndarray]:
        """The head's weights in each sentence, [T, S]."""
        return [weights[self.layer - 1, self.head - 1] for weights in self._all]

    def _leads(self) -> list[float]:
        """The weight on the chicken minus that on the road, in each sentence."""
        chicken, road = self._nouns
        rows = [weights[self.position - 1] for weights in self._maps()]
        return [float(row[chicken] - row[road]) for row in rows]

    def numbers(self):
        maps, blank = self._maps(), [""] * (N_TOKENS - 1)
        both = zip(*self._tokens, strict=True)
        names = [f"{i} {a if a == b else f'{a} / {b}'}" for i, (a, b) in enumerate(both, start=1)]
        rows = [
            [f"{ending}: arcs from {self.position}", *weights[self.position - 1].tolist()]
            for ending, weights in zip(ENDINGS, maps, strict=True)
        ]
        rows += [
            [f"{ending}: chicken minus road", lead, *blank]
            for ending, lead in zip(ENDINGS, self._leads(), strict=True)
        ]
        rows += [
            [f"{ending}: {i} {token}", *row]
            for ending, tokens, weights in zip(ENDINGS, self._tokens, maps, strict=True)
            for i, (token, row) in enumerate(zip(tokens, weights.tolist(), strict=True), start=1)
        ]
        return Numbers(["query \\ key", *names], rows)

    def draw(self, figure):
        for axes, ending, tokens, weights in zip(
            figure.subplots(1, 2), ENDINGS, self._tokens, self._maps(), strict=True
        ):
            plots.arcs(
                weights[self.position - 1], tokens, self.position - 1, ax=axes,
                title=f"… too {ending}.",
            )  # fmt: skip

    def alt(self):
        chicken, road = self._nouns
        parts = [
            f"with “{ending}”, “{tokens[self.position - 1]}” gives the chicken "
            f"{weights[self.position - 1, chicken]:.2f} and the road "
            f"{weights[self.position - 1, road]:.2f} of its weight"
            for ending, tokens, weights in zip(ENDINGS, self._tokens, self._maps(), strict=True)
        ]
        return (
            f"Layer {self.layer}, head {self.head} on two sentences side by side, with arcs "
            f"from one token to the others: {'; '.join(parts)}."
        )
