"""Every attention head of the real model, on real sentences: where does each token look?"""

import base64
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from traitlets import TraitError, Unicode, observe, validate

from incontext import plots, reading
from incontext.pretrained import load_encoder
from incontext.softmax import softmax
from incontext.transformer import Encoder

from .base import Explorable, Numbers, pack
from .controls import integer, slider
from .your_sentence import YourSentence

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
FOCUS = SENTENCES | {  # those of a chapter's own lens too
    f"She poured water from the jug into the cup until it was {end}.": "it"
    for end in ("full", "empty")
}

OF_YOUR_OWN = {
    "try_first": "Choose another layer or head and see where the same token looks now.",
    "caption": (
        "Where one head looks: choose a token, a layer and a head. The arcs show the row of the "
        "chosen token, and the map shows all rows. Temperature acts on this head's scores alone. "
        "Computed with an attention function written by hand. Learned weights: {model}."
    ),
}
# Below this a weight is drawn as if it were this: it cannot be told from 0 at any temperature.
SMALLEST = 1e-30


class AttentionLens(YourSentence, Explorable):
    """`AttentionLens(sentences=[…])` looks at sentences of your own, and `lens.your_sentence = "…"`
    at one that you think of later.

    `AttentionLens(attentions=[…], tokens=[…])` looks at weights that you have computed: a tensor
    `[1, heads, T, T]` or `[heads, T, T]` for each layer, and the T tokens. `model` names the model
    that has computed them, for the caption.
    """

    name = "attention-lens"
    title = "Attention lens"
    try_first = "Choose another sentence and see where the same word looks now."
    provenance = "learned"
    caption = (
        "Where one head looks: choose a token, a layer and a head. The arcs show the row of the "
        "chosen token, and the map shows all rows. Temperature acts on this head's scores alone. "
        "Learned weights: all-MiniLM-L6-v2, all 6 layers and 12 heads."
    )

    fallback_size = (7.0, 4.4)

    sentence = Unicode().tag(
        sync=True, control={"kind": "select", "label": "Sentence", "options": []}
    )
    layer = integer("Layer", 4, minimum=1, maximum=64)
    head = integer("Head", 2, minimum=1, maximum=64)
    position = integer("Position", 1, minimum=1, maximum=512)
    temperature = slider("Temperature", 1.0, minimum=0.05, maximum=20, symbol="T", scale="log")

    def __init__(
        self,
        sentences: Sequence[str] | None = None,
        *,
        attentions: Sequence[torch.Tensor] | None = None,
        tokens: Sequence[str] | None = None,
        model: str = "those of the model that ran on it",
        **values,
    ):
        if attentions is not None or tokens is not None:
            if sentences is not None:
                raise ValueError("sentences and attentions: give one of them, not both")
            sentences = _given(attentions, tokens, model)
        if isinstance(sentences, str) or (sentences is not None and not len(sentences)):
            raise ValueError(f"sentences={sentences!r} must be a list of at least one sentence")
        if isinstance(sentences, Mapping):  # as the page's data has them
            self._data = dict(sentences)
            model = next(iter(self._data.values()))["model"]
            self.try_first = OF_YOUR_OWN["try_first"]
            self.caption = OF_YOUR_OWN["caption"].format(model=model)
        else:
            self._data = _of_the_encoder(sentences or SENTENCES)
        self._scores = {text: _unpacked(one["scores"]) for text, one in self._data.items()}
        first, one = next(iter(self._data.items()))
        self._n_layers, self._n_heads = one["scores"]["shape"][:2]
        start = {
            "sentence": first,
            "position": one["first"],
            "layer": min(4, self._n_layers),
            "head": min(2, self._n_heads),
        }
        super().__init__(**{**start, **values})

    @classmethod
    def of(cls, verdict, **values) -> "AttentionLens":
        """What a real model computed with the reader's attention.

        verdict: of `exercises.run_encoder_on` or `exercises.run_decoder_on`, where it has passed.
        """
        if getattr(verdict, "attentions", None) is None:
            raise ValueError(f"verdict must hold attentions, and this one has none: {verdict!r}")
        return cls(
            attentions=verdict.attentions, tokens=verdict.tokens, model=verdict.model, **values
        )

    @classmethod
    def arguments(cls, spec):
        sentences = spec["data"]["sentences"]
        own = any("causal" in one for one in sentences.values())
        return {"sentences": sentences if own else list(sentences)}

    @validate("sentence")
    def _known_sentence(self, proposal):
        if proposal.value not in self._data:
            raise TraitError(
                f"sentence={proposal.value!r} must be one of {list(self._data)}; "
                "pass sentences=[…] to look at others"
            )
        return proposal.value

    @validate("layer", "head")
    def _one_of_the_models(self, proposal):
        name = proposal.trait.name
        n = {"layer": self._n_layers, "head": self._n_heads}[name]
        if proposal.value > n:
            raise TraitError(f"{name}={proposal.value} must be at most {n}")
        return proposal.value

    @observe("sentence")
    def _first_position(self, change):
        self.your_sentence = ""
        self.position = self._data[change.new]["first"]

    @validate("your_sentence")
    def _for_the_encoder(self, proposal):
        if proposal.value and "model" in next(iter(self._data.values())):
            raise TraitError(
                f"your_sentence={proposal.value!r}: this lens shows weights that were given to it; "
                "AttentionLens() reads sentences with the real encoder"
            )
        return proposal.value

    def _tokenizer(self):
        return load_encoder()[1]

    def _read(self, ids, tokens):
        encoder, _ = load_encoder()
        return {"scores": _scores(encoder, ids)}

    @observe("your_reading")
    def _first_of_yours(self, change):
        if "tokens" in change.new:
            self.position = 2
        else:
            self._keep_within_limits()

    def control_spec(self, name):
        spec = super().control_spec(name)
        if name == "sentence":
            spec["options"] = [{"value": text, "text": text} for text in self._data]
        elif name in ("layer", "head"):
            spec["maximum"] = {"layer": self._n_layers, "head": self._n_heads}[name]
        return spec

    def data(self):
        return {"sentences": self._data}

    def limits(self):
        return {"position": len(self._tokens)}

    @property
    def _tokens(self) -> list[str]:
        return (self._own or self._data[self.sentence])["tokens"]

    def _weights(self) -> torch.Tensor:
        own = self._own
        scores = _unpacked(own["scores"]) if own else self._scores[self.sentence]
        scores = scores[self.layer - 1, self.head - 1]
        if self._data[self.sentence].get("causal"):
            scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
        return softmax(scores, self.temperature)

    def numbers(self):
        names = [f"{i} {t}" for i, t in enumerate(self._tokens, start=1)]
        rows = self._weights().tolist()
        arcs = [f"arcs from {names[self.position - 1]}", *rows[self.position - 1]]
        table = [[name, *row] for name, row in zip(names, rows, strict=True)]
        return Numbers(["query \\ key", *names], [arcs, *table])

    def draw(self, figure):
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        tokens, weights = self._tokens, self._weights()
        plots.arcs(weights[self.position - 1], tokens, self.position - 1, ax=left)
        plots.weights(weights, tokens, ax=right, numbers=False)

    def alt(self):
        tokens, row = self._tokens, self._weights()[self.position - 1]
        weight, key = row.max(dim=0)
        return (
            f"Attention of layer {self.layer}, head {self.head} in "
            f"“{self._own['text'] if self._own else self.sentence}” as arcs and "
            f"as a map. “{tokens[self.position - 1]}” looks most at “{tokens[int(key)]}”, "
            f"with weight {weight:.2f}."
        )


def _of_the_encoder(sentences: Sequence[str]) -> dict[str, dict]:
    """For each sentence its tokens, the one shown first, and MiniLM's scores [L, H, T, T]."""
    encoder, tokenizer = load_encoder()
    data = {}
    for text in sentences:
        ids = tokenizer.encode(text)
        tokens, word = tokenizer.tokens(ids), FOCUS.get(text, "")
        data[text] = {
            "tokens": tokens,
            "first": tokens.index(word) + 1 if word else 2,
            "scores": _scores(encoder, ids),
        }
    return data


def _scores(encoder: Encoder, ids: torch.Tensor) -> dict:
    """The scores of every layer and head [L, H, T, T], packed."""
    return pack(torch.cat(reading.scores(encoder, ids[None])).double().numpy())[0]


def _given(
    attentions: Sequence[torch.Tensor], tokens: Sequence[str], model: str
) -> dict[str, dict]:
    """The same of weights. Their logarithms are scores that give them at T = 1."""
    weights = _distributions(attentions, tokens)  # [L, H, T, T]
    causal = len(tokens) > 1 and not weights.triu(1).any()
    scores = weights.clamp_min(SMALLEST).log()
    packed, _ = pack((scores.tril() if causal else scores).numpy())
    text = " ".join(token.strip() for token in tokens)
    return {
        text: {
            "tokens": list(tokens),
            "first": min(2, len(tokens)),
            "scores": packed,
            "causal": causal,
            "model": model,
        }
    }


def _distributions(attentions: Sequence[torch.Tensor], tokens: Sequence[str]) -> torch.Tensor:
    """The weights of all layers [L, H, T, T], float64, where each row is a distribution."""
    if isinstance(tokens, str) or not tokens or not all(isinstance(t, str) for t in tokens):
        raise ValueError(f"tokens={tokens!r} must be a list of the tokens, one for each key")
    T = len(tokens)
    layers = [] if attentions is None else [torch.as_tensor(one).detach() for one in attentions]
    layers = [one[0] if one.ndim == 4 and len(one) == 1 else one for one in layers]
    if not layers or any(one.shape != (len(layers[0]), T, T) for one in layers):
        got = [list(one.shape) for one in layers] or None
        raise ValueError(
            f"attentions must be a tensor [1, heads, {T}, {T}] for each layer, as there are {T} "
            f"tokens; got {got}"
        )
    weights = torch.stack(layers).double()
    sums = weights.sum(-1)
    wrong = ~((sums - 1).abs() < 1e-3) | (weights < 0).any(-1)
    if wrong.any():
        layer, head, row = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"attentions: in layer {layer + 1}, head {head + 1} the weights of "
            f"{tokens[row]!r} must be at least 0 and sum to 1; the smallest is "
            f"{weights[layer, head, row].min():.3g} and the sum {sums[layer, head, row]:.3g}"
        )
    return weights


def _unpacked(packed: Mapping) -> torch.Tensor:
    """What `pack` has packed, as the page reads it."""
    codes = np.frombuffer(base64.b64decode(packed["codes"]), dtype=f"<u{packed['bits'] // 8}")
    values = packed["low"] + packed["step"] * codes.astype(np.float64)
    return torch.from_numpy(values.reshape(packed["shape"]))
