"""Every attention head of the real model, on real sentences: where does each token look?"""

from collections.abc import Sequence

import numpy as np
import torch
from traitlets import TraitError, Unicode, observe, validate

from incontext import plots, reading
from incontext.pretrained import load_encoder
from incontext.softmax import softmax

from .base import Explorable, Numbers, pack
from .controls import integer, slider

# Each sentence with the word whose attention is shown first.
SENTENCES = {
    "The chicken didn't cross the road because it was too tired.": "it",
    "The chicken didn't cross the road because it was too wide.": "it",
    "I deposited money at the bank.": "bank",
    "I sat on the river bank.": "bank",
    "I walked along the pond, and noticed one of the trees along the bank.": "bank",
    "The keys to the cabinet are on the table.": "are",
    "The cat ate the fish.": "ate",
    "The fish ate the cat.": "ate",
    "Time flies like an arrow, fruit flies like a banana.": "flies",
}


class AttentionLens(Explorable):
    """`AttentionLens(sentences=[…])` looks at sentences of your own."""

    name = "attention-lens"
    title = "Attention lens"
    try_first = "Choose another sentence and see where the same word looks now."
    provenance = "learned"
    caption = (
        "Where one head looks: choose a token, a layer and a head. The arcs show the row of the "
        "chosen token, the map all rows. Temperature acts on this head's scores alone. Learned "
        "weights: all-MiniLM-L6-v2, all 6 layers and 12 heads."
    )

    fallback_size = (7.0, 4.4)

    sentence = Unicode().tag(
        sync=True, control={"kind": "select", "label": "Sentence", "options": []}
    )
    layer = integer("Layer", 4, minimum=1, maximum=6)
    head = integer("Head", 2, minimum=1, maximum=12)
    position = integer("Position", 1, minimum=1, maximum=512)
    temperature = slider("Temperature", 1.0, minimum=0.05, maximum=20, symbol="T", scale="log")

    def __init__(self, sentences: Sequence[str] | None = None, **values):
        if isinstance(sentences, str) or (sentences is not None and not len(sentences)):
            raise ValueError(f"sentences={sentences!r} must be a list of at least one sentence")
        focus = {text: SENTENCES.get(text, "") for text in sentences or SENTENCES}
        encoder, tokenizer = load_encoder()
        self._data, self._tokens, self._scores, self._first = {}, {}, {}, {}
        for text, word in focus.items():
            ids = tokenizer.encode(text)
            scores = torch.cat(reading.scores(encoder, ids[None])).double()  # [L, H, T, T]
            self._tokens[text] = tokenizer.tokens(ids)
            packed, self._scores[text] = pack(scores.numpy())
            self._first[text] = self._tokens[text].index(word) + 1 if word else 2
            self._data[text] = {
                "tokens": self._tokens[text],
                "first": self._first[text],
                "scores": packed,
            }
        first = next(iter(focus))
        super().__init__(**{"sentence": first, "position": self._first[first], **values})

    @classmethod
    def arguments(cls, spec):
        return {"sentences": list(spec["data"]["sentences"])}

    @validate("sentence")
    def _known_sentence(self, proposal):
        if proposal.value not in self._tokens:
            raise TraitError(
                f"sentence={proposal.value!r} must be one of {list(self._tokens)}; "
                "pass sentences=[…] to look at others"
            )
        return proposal.value

    @observe("sentence")
    def _first_position(self, change):
        self.position = self._first[change.new]

    def control_spec(self, name):
        spec = super().control_spec(name)
        if name == "sentence":
            spec["options"] = [{"value": text, "text": text} for text in self._tokens]
        return spec

    def data(self):
        return {"sentences": self._data}

    def limits(self):
        return {"position": len(self._tokens[self.sentence])}

    def _weights(self) -> torch.Tensor:
        scores = self._scores[self.sentence][self.layer - 1, self.head - 1]
        return softmax(torch.from_numpy(np.array(scores)), self.temperature)

    def numbers(self):
        names = [f"{i} {t}" for i, t in enumerate(self._tokens[self.sentence], start=1)]
        rows = self._weights().tolist()
        arcs = [f"arcs from {names[self.position - 1]}", *rows[self.position - 1]]
        table = [[name, *row] for name, row in zip(names, rows, strict=True)]
        return Numbers(["query \\ key", *names], [arcs, *table])

    def draw(self, figure):
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        tokens, weights = self._tokens[self.sentence], self._weights()
        plots.arcs(weights[self.position - 1], tokens, self.position - 1, ax=left)
        plots.weights(weights, tokens, ax=right, numbers=False)

    def alt(self):
        tokens, row = self._tokens[self.sentence], self._weights()[self.position - 1]
        weight, key = row.max(dim=0)
        return (
            f"Attention of layer {self.layer}, head {self.head} in “{self.sentence}” as arcs and "
            f"as a map. “{tokens[self.position - 1]}” looks most at “{tokens[int(key)]}”, "
            f"with weight {weight:.2f}."
        )
