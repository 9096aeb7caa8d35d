"""One word in several sentences: where do its vectors stand after each layer?"""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from traitlets import TraitError, Unicode, validate

from incontext import plots
from incontext.embeddings import cosine_similarity
from incontext.pretrained import load_encoder

from .base import Explorable, Numbers, pack
from .controls import integer

# For each word its sentences: the sense, the cue (a word of the sentence that names the point on
# the map), the text. In "bat" and "it" the word stands at the same position in every sentence, so
# its vectors start out equal.
SETS = {
    "bank": [
        ("money", "money", "I deposited money at the bank."),
        ("money", "account", "She opened an account at the bank."),
        ("money", "loan", "The bank approved the loan."),
        ("money", "teller", "He works as a teller in a bank."),
        ("river", "river", "I sat on the river bank."),
        ("river", "stream", "The stream had worn away its bank."),
        ("river", "fished", "We fished from the grassy bank."),
        ("river", "pond", "I walked along the pond, and noticed one of the trees along the bank."),
    ],
    "it": [
        ("chicken", "tired", "The chicken didn't cross the road because it was too tired."),
        ("chicken", "scared", "The chicken didn't cross the road because it was too scared."),
        ("chicken", "lazy", "The chicken didn't cross the road because it was too lazy."),
        ("chicken", "hungry", "The chicken didn't cross the road because it was too hungry."),
        ("road", "wide", "The chicken didn't cross the road because it was too wide."),
        ("road", "long", "The chicken didn't cross the road because it was too long."),
        ("road", "busy", "The chicken didn't cross the road because it was too busy."),
        ("road", "muddy", "The chicken didn't cross the road because it was too muddy."),
    ],
    "seal": [
        ("animal", "ice", "The seal swam under the ice."),
        ("animal", "rocks", "A seal lay on the rocks by the sea."),
        ("animal", "fish", "The seal caught a fish."),
        ("stamp", "letter", "The letter bore the king's seal."),
        ("stamp", "wax", "He pressed his seal into the wax."),
        ("stamp", "ring", "The seal on the ring was gold."),
        ("to shut", "jar", "Seal the jar with a lid."),
        ("to shut", "box", "They seal the box with tape."),
    ],
    "match": [
        ("flame", "burn", "The match will burn your fingers."),
        ("flame", "candle", "She struck a match to light the candle."),
        ("flame", "fire", "He lit the fire with his last match."),
        ("flame", "box", "There was one match left in the box."),
        ("game", "won", "They won the match in extra time."),
        ("game", "tennis", "The tennis match lasted four hours."),
        ("game", "referee", "The referee stopped the match."),
        ("game", "team", "The team lost the match."),
    ],
    "spring": [
        ("season", "flowers", "The flowers bloom in spring."),
        ("season", "birds", "Birds return in early spring."),
        ("season", "rain", "Last spring we had a lot of rain."),
        ("coil", "mattress", "The spring in the mattress broke."),
        ("coil", "metal", "A metal spring pushes the lid open."),
        ("coil", "clock", "The clock needs a new spring."),
        ("water", "mountain", "We drank from the mountain spring."),
        ("water", "rises", "Cold water rises from the spring."),
    ],
    "bat": [
        ("animal", "cave", "The bat slept in the dark cave."),
        ("animal", "insects", "The bat caught insects at night."),
        ("animal", "wings", "The bat spread its wings."),
        ("animal", "barn", "The bat hung from the roof of the barn."),
        ("club", "ball", "The bat cracked when it hit the ball."),
        ("club", "wood", "The bat was carved from ash wood."),
        ("club", "player", "The bat felt heavy in the hands of the player."),
        ("club", "baseball", "The bat is swung at a baseball."),
    ],
}

Sentences = Sequence[tuple[str, str, str]]


class WordInContext(Explorable):
    """`WordInContext({"plant": [(sense, cue, sentence), …]})` looks at words of your own."""

    name = "word-in-context"
    title = "Word in context"
    try_first = (
        "Move Layer up from 0 one at a time and watch the sentences of one sense find "
        "each other."
    )
    provenance = "learned"
    caption = (
        "One word’s vectors in its sentences after each layer: the cosine of every pair, and a map "
        "of the same vectors, scaled to length 1. The map is the plane that keeps most of their "
        "spread at that layer, and its axes have no meaning of their own. From layer to layer it "
        "is turned so that the points move as little as possible, and never stretched. Learned "
        "weights: all-MiniLM-L6-v2."
    )

    fallback_size = (7.2, 3.6)

    word = Unicode().tag(sync=True, control={"kind": "select", "label": "Word", "options": []})
    layer = integer("Layer", 0, minimum=0, maximum=6)
    sentence = integer("Sentence", 1, minimum=1, maximum=100)

    def __init__(self, sets: Mapping[str, Sentences] | None = None, **values):
        if sets is not None and not (isinstance(sets, Mapping) and sets):
            raise ValueError("sets must map at least one word to its sentences")
        self._sets = SETS if sets is None else sets
        encoder, tokenizer = load_encoder()
        self._data, self._cosines, self._points, self._kept, self._floors = {}, {}, {}, {}, {}
        for word, sentences in self._sets.items():
            _check(word, sentences)
            vectors = torch.stack(
                [word_vectors(encoder, tokenizer, text, word) for *_, text in sentences], dim=1
            ).double()
            cosines = cosine_similarity(vectors[:, :, None], vectors[:, None])
            points, self._kept[word] = planes(vectors.numpy())
            packed_cosines, self._cosines[word] = pack(cosines.numpy())
            packed_points, self._points[word] = pack(points)
            self._floors[word] = math.floor(20 * cosines.min().item()) / 20
            self._data[word] = {
                "sentences": [
                    {"sense": sense, "cue": cue, "parts": _parts(text, word, cue)}
                    for sense, cue, text in sentences
                ],
                "cosines": packed_cosines,
                "points": packed_points,
                "kept": self._kept[word],
                "floor": self._floors[word],
            }
        super().__init__(**{"word": next(iter(self._sets)), **values})

    @validate("word")
    def _known_word(self, proposal):
        if proposal.value not in self._sets:
            raise TraitError(
                f"word={proposal.value!r} must be one of {list(self._sets)}; "
                "pass sets={word: [(sense, cue, sentence), …]} to look at others"
            )
        return proposal.value

    def control_spec(self, name):
        spec = super().control_spec(name)
        if name == "word":
            spec["options"] = [{"value": word, "text": word} for word in self._sets]
        return spec

    def data(self):
        return {"sets": self._data}

    def limits(self):
        return {"sentence": len(self._sets[self.word])}

    def _view(self):
        sentences = self._sets[self.word]
        return (
            [sense for sense, _, _ in sentences],
            [cue for _, cue, _ in sentences],
            self._cosines[self.word][self.layer],
            self._points[self.word][self.layer],
        )

    def numbers(self):
        senses, cues, cosines, points = self._view()
        chosen, kept = self.sentence - 1, self._kept[self.word][self.layer]
        neighbours = [nearest_other(cosines, i) for i in range(len(senses))]
        agree = [sense == senses[j] for sense, j in zip(senses, neighbours, strict=True)]
        same, other = within_and_between(cosines, senses)
        closest = neighbours[chosen]
        summary = {
            f"{cues[chosen]}, nearest: {cues[closest]}": float(cosines[chosen, closest]),
            "sentences whose nearest has their sense": sum(agree),
            "mean cosine, same sense": same,
            "mean cosine, other sense": other,
            "share of the spread on the map": "no spread" if kept is None else kept,
        }
        columns = ["", "sense", *cues, "map, across", "map, up"]
        rows = [
            [cue, sense, *row, *point]
            for cue, sense, row, point in zip(
                cues, senses, cosines.tolist(), points.tolist(), strict=True
            )
        ]
        empty = [""] * (len(columns) - 3)
        return Numbers(
            columns, rows + [[name, "", value, *empty] for name, value in summary.items()]
        )

    def draw(self, figure):
        senses, cues, cosines, points = self._view()
        left, right = figure.subplots(1, 2, width_ratios=[1.1, 1])
        plots.matrix(
            cosines, cues, cues, left, limits=(self._floors[self.word], 1), numbers=True,
            title=f"Cosine, layer {self.layer}",
        )  # fmt: skip
        plots.vectors(points, cues, senses, right)

    def alt(self):
        senses, cues, cosines, _ = self._view()
        same, other = within_and_between(cosines, senses)
        return (
            f"The vectors of “{self.word}” in {len(cues)} sentences after layer {self.layer}, as a "
            f"matrix of cosines and as points on a plane, named {', '.join(cues)}. The mean cosine "
            f"is {same:.2f} within a sense and {other:.2f} between senses."
        )


def word_vectors(encoder, tokenizer, text: str, word: str) -> torch.Tensor:
    """The vectors of a word in a text after each layer, embeddings first: [L + 1, C]."""
    ids = tokenizer.encode(text)
    places = [i for i, number in enumerate(ids.tolist()) if number == tokenizer.id_of(word)]
    if len(places) != 1:
        raise ValueError(f"word={word!r} must occur once in {text!r}, found {len(places)}")
    with torch.no_grad():
        states = encoder(ids[None]).hidden_states
    return torch.stack([state[0, places[0]] for state in states])


def planes(vectors: np.ndarray) -> tuple[np.ndarray, list[float | None]]:
    """For each layer the points on the plane that keeps most of their spread, and its share.

    vectors: [L, N, C]. Each is scaled to length 1, so that the squared distance of two is
    2 − 2 cos. Each layer has a plane of its own (principal components), because no common one would
    do: over all layers together the best plane keeps less than a third of the last layer's spread.
    From the last layer downwards each picture is turned or mirrored, never stretched, onto the one
    above (orthogonal Procrustes).

    Returns points [L, N, 2] and L shares in [0, 1], None where all vectors are equal.
    """
    directions = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    centred = directions - directions.mean(axis=1, keepdims=True)
    points = np.zeros((*vectors.shape[:2], 2))
    kept: list[float | None] = [None] * len(vectors)
    for layer in reversed(range(len(vectors))):
        left, sizes, _ = np.linalg.svd(centred[layer], full_matrices=False)
        spread = (sizes**2).sum()
        if spread < 1e-9:
            continue
        flat = left[:, :2] * sizes[:2]
        if layer == len(vectors) - 1:
            flat *= np.where(flat[0] > 0, -1, 1)  # a component has no sign of its own
        else:
            a, _, b = np.linalg.svd(flat.T @ points[layer + 1])
            flat = flat @ a @ b
        points[layer] = flat
        kept[layer] = float((sizes[:2] ** 2).sum() / spread)
    return points, kept


def nearest_other(cosines: np.ndarray, i: int) -> int:
    """The sentence most like sentence i, itself left out."""
    others = cosines[i].copy()
    others[i] = -np.inf
    return int(others.argmax())


def within_and_between(cosines: np.ndarray, senses: Sequence[str]) -> tuple[float, float]:
    """Mean cosine over pairs of one sense, and over pairs of two."""
    same, other = [], []
    for i, sense in enumerate(senses):
        for j in range(i):
            (same if senses[j] == sense else other).append(float(cosines[i, j]))
    return float(np.mean(same)), float(np.mean(other))


def _check(word: str, sentences: Sentences) -> None:
    """A word needs two sentences of one sense and two senses, and every cue in its text."""
    senses = [sense for sense, _, _ in sentences]
    if not 1 < len(set(senses)) < min(len(senses), 7):
        raise ValueError(
            f"sets[{word!r}] must have 2 to 6 senses, one of them with two sentences or more, "
            f"got {senses}"
        )
    cues = [cue for _, cue, _ in sentences]
    if len(set(cues)) < len(cues):
        raise ValueError(f"sets[{word!r}] must have a cue of its own for each sentence, got {cues}")


def _parts(text: str, word: str, cue: str) -> list[list[str]]:
    """The text cut at the word and at the cue: [["I sat on the ", ""], ["river", "cue"], …]."""
    parts = []
    for piece in re.split(rf"\b({re.escape(word)}|{re.escape(cue)})\b", text, flags=re.IGNORECASE):
        kind = {word.lower(): "word", cue.lower(): "cue"}.get(piece.lower(), "")
        if piece:
            parts.append([piece, kind])
    for kind, name in (("word", word), ("cue", cue)):
        if kind not in [found for _, found in parts]:
            raise ValueError(f"{kind}={name!r} must be a word of {text!r}")
    return parts
