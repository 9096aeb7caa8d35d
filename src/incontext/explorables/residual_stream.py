"""Where does a decision come from? What each part of a real model wrote along one direction."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from incontext import plots, which_bank
from incontext.pretrained import decoder_to_read, load_encoder
from incontext.reading import Ledger, ledger
from incontext.tokenization import Tokenizer
from incontext.transformer import Decoder, Encoder

from .base import Explorable, Numbers, pack
from .controls import integer, select

N_SENTENCES = 4  # for each direction


@dataclass(frozen=True)
class Direction:
    """Two ends of a decision, and texts on which it is taken."""

    label: str
    model: str
    for_: str  # what a positive number speaks for
    against: str
    sentences: tuple[str, ...]


DIRECTIONS = {
    "number": Direction(
        "are − is",
        "SmolLM2",
        "are",
        "is",
        (
            "The keys to the cabinet",
            "The key to the cabinets",
            "The doors of the house",
            "The dog near the trees",
        ),
    ),
    "capital": Direction(
        "Paris − London",
        "SmolLM2",
        "Paris",
        "London",
        (
            "The capital of France is",
            "The capital of England is",
            "The Eiffel Tower is in the city of",
            "Big Ben is in the city of",
        ),
    ),
    "bank": Direction(
        "money − river",
        "MiniLM",
        "money",
        "river",
        (
            "The bank lent us the money for the house.",
            "Ducks slept on the grassy bank.",
            "I sat on the river bank.",
            "The bank by the river lends money.",
        ),
    ),
}
MOST_LAYERS = 30


@torch.no_grad()
def bank_direction(encoder: Encoder, tokenizer: Tokenizer) -> tuple[Tensor, float]:
    """From river to money, of length 1, and where along it the two are equally far.

    The difference of two means: of what the encoder makes of "bank" in the 36 money sentences and
    in the 36 river sentences of ``which_bank.written("plain")``.
    """
    texts, labels = which_bank.written("plain")
    rows = {label: [] for label in which_bank.LABELS}
    for text, label in zip(texts, labels, strict=True):
        ids = tokenizer.encode(text)
        rows[label].append(encoder(ids[None]).last_hidden_state[0, place_of_bank(tokenizer, ids)])
    money, river = (torch.stack(rows[label]).mean(0) for label in which_bank.LABELS)
    direction = (money - river) / (money - river).norm()
    return direction, float((money + river) / 2 @ direction)


def place_of_bank(tokenizer: Tokenizer, ids: Tensor) -> int:
    """The position of the token "bank"."""
    return tokenizer.tokens(ids).index("bank")


def logit_direction(decoder: Decoder, tokenizer: Tokenizer, this: str, that: str) -> Tensor:
    """Along it the output's dot product is the logit of one token minus that of the other."""
    rows = []
    for word in (this, that):
        ids = tokenizer.encode(f" {word}")
        if len(ids) != 1:
            raise ValueError(f"{word!r} must be one token with a space before it, got {len(ids)}")
        rows.append(decoder.out_proj.weight[ids[0]].detach())
    return rows[0] - rows[1]


@cache
def ledgers() -> dict[str, dict]:
    """What both real models say on every sentence: tokens, position and ledger."""
    decoder, of_decoder = decoder_to_read()
    encoder, of_encoder = load_encoder()
    found = {}
    for name, direction in DIRECTIONS.items():
        encodes = direction.model == "MiniLM"
        model, tokenizer = (encoder, of_encoder) if encodes else (decoder, of_decoder)
        if encodes:
            along, midway = bank_direction(encoder, of_encoder)
        else:
            along = logit_direction(decoder, of_decoder, direction.for_, direction.against)
            midway = 0.0
        ids = [tokenizer.encode(text) for text in direction.sentences]
        places = [place_of_bank(tokenizer, one) if encodes else len(one) - 1 for one in ids]
        found[name] = {
            "midway": midway,
            "n_layers": model.config.n_layers,
            "n_heads": model.config.n_heads,
            "tokens": [tokenizer.tokens(one) for one in ids],
            "places": places,
            "ledgers": [ledger(model, one, at, along) for one, at in zip(ids, places, strict=True)],
        }
    return found


def as_table(one: Ledger, n_layers: int, n_heads: int) -> tuple[np.ndarray, dict[str, float]]:
    """[n_layers, n_heads + 1]: the heads of each layer and its network; and the other rows."""
    table = [row.value for row in one.rows if row.layer is not None]
    rest = {row.part: row.value for row in one.rows if row.layer is None}
    return np.array(table).reshape(n_layers, n_heads + 1), rest


class ResidualStream(Explorable):
    name = "residual-stream"
    title = "The ledger of a decision"
    try_first = "Move Layer to 27 and see which head speaks for “are”. Then move Sentence to 2."
    provenance = "learned"
    caption = (
        "What each part of a real model has added, in all its layers, along one direction: the "
        "rows of “are” and “is” in the decoder's table, or the way from river banks to money banks "
        "in the encoder (means of 36 sentences each, none of them shown here). For the decoder the "
        "sum is the difference of two logits. The scale of every norm is held at its value on that "
        "sentence: a bar is what a part wrote, not what would happen without it. Computed by "
        "reading.ledger when the book was built. Learned weights: SmolLM2-135M-Instruct and "
        "all-MiniLM-L6-v2."
    )
    fallback_size = (7.0, 4.4)

    direction = select("Direction", "number", {k: one.label for k, one in DIRECTIONS.items()})
    sentence = integer("Sentence", 1, minimum=1, maximum=N_SENTENCES)
    layer = integer("Layer", MOST_LAYERS, minimum=1, maximum=MOST_LAYERS)

    def __init__(self, **values):
        self._directions, self._tables = {}, {}
        for name, one in ledgers().items():
            sizes = (one["n_layers"], one["n_heads"])
            pairs = [as_table(each, *sizes) for each in one["ledgers"]]
            packed, tables = pack([table for table, _ in pairs])
            rests = [{part: round(value, 5) for part, value in rest.items()} for _, rest in pairs]
            self._tables[name] = tables
            self._directions[name] = {
                "model": DIRECTIONS[name].model,
                "for": DIRECTIONS[name].for_,
                "against": DIRECTIONS[name].against,
                "midway": round(one["midway"], 5),
                "tokens": one["tokens"],
                "places": one["places"],
                "parts": packed,
                "rests": rests,
                "totals": [round(each.total, 5) for each in one["ledgers"]],
            }
        super().__init__(**values)

    def data(self):
        return self._directions

    def limits(self):
        return {"layer": len(self._tables[self.direction][0])}

    def _chosen(self) -> tuple[dict, np.ndarray]:
        """The direction, and heads and network of each layer on the sentence, [L, H + 1]."""
        return self._directions[self.direction], self._tables[self.direction][self.sentence - 1]

    def numbers(self):
        one, table = self._chosen()
        at = self.sentence - 1
        rows = [["direction · output", one["totals"][at]], ["halfway", one["midway"]]]
        rows += [[part, value] for part, value in one["rests"][at].items()]
        heads = table[self.layer - 1, :-1]
        rows += [[f"layer {self.layer}, head {h}", v] for h, v in enumerate(heads.tolist(), 1)]
        for n, row in enumerate(table.tolist(), start=1):
            rows += [[f"layer {n}, heads", sum(row[:-1])], [f"layer {n}, feed-forward", row[-1]]]
        return Numbers(["", "along the direction"], rows)

    def draw(self, figure):
        one, table = self._chosen()
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        layers = np.arange(1, len(table) + 1)
        columns = ((table[:, :-1].sum(1), "Heads together"), (table[:, -1], "Feed-forward network"))
        most = max(np.abs(values).max() for values, _ in columns)
        for ax, (values, title) in zip(axes, columns, strict=True):
            colours = [plots.CATEGORIES[0] if v > 0 else plots.CATEGORIES[1] for v in values]
            ax.barh(layers, values, 0.74, color=colours)
            ax.axvline(0, color=plots.HAIRLINE, lw=0.8)
            ax.set(title=title, xlabel=f"← {one['against']}   ·   {one['for']} →")
            ax.set_xlim(-1.05 * most, 1.05 * most)
        axes[0].set(ylabel="Layer", ylim=(len(table) + 0.6, 0.4))

    def alt(self):
        one, table = self._chosen()
        layer, part = np.unravel_index(np.abs(table).argmax(), table.shape)
        n_heads = table.shape[1] - 1
        name = f"head {part + 1}" if part < n_heads else "the feed-forward network"
        text = DIRECTIONS[self.direction].sentences[self.sentence - 1]
        return (
            f"Bars to both sides of zero, for each of {len(table)} layers: what its heads and its "
            f"feed-forward network add along {one['for']} minus {one['against']} on “{text}”. "
            f"Together {one['totals'][self.sentence - 1]:+.2f}; the longest bar of all parts is "
            f"{name} of layer {layer + 1}, {table[layer, part]:+.2f}. Layer {self.layer} is chosen."
        )
