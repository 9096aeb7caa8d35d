"""One word in several sentences: where do its vectors stand after each layer?"""

import base64
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from traitlets import CInt, TraitError, Unicode, observe, validate

from incontext import plots
from incontext.contextual import SETS, nearest_other, planes, within_and_between, word_vectors
from incontext.embeddings import cosine_similarity
from incontext.packing import MOST_TOKENS
from incontext.pretrained import load_encoder

from .base import Explorable, Numbers, pack
from .controls import integer
from .your_sentence import YourSentence

Sentences = Sequence[tuple[str, str, str]]


class WordInContext(YourSentence, Explorable):
    """`WordInContext({"plant": [(sense, cue, sentence), …]})` looks at words of your own.

    `explorer.your_sentence = "…"` lays one more sentence beside those of the word: any token of it,
    `your_position`, is compared with the word's vectors, and drawn on their map.
    """

    name = "word-in-context"
    title = "Word in context"
    try_first = (
        "Move Layer up from 0 one at a time and watch the sentences of one sense find each other."
    )
    provenance = "learned"
    caption = (
        "One word’s vectors in its sentences after each layer: the cosine of every pair, and a map "
        "of the same vectors, scaled to length 1. The map is the plane that keeps most of their "
        "variance at that layer, and its axes have no meaning of their own. From layer to layer it "
        "is turned so that the points move as little as possible, and never stretched. Learned "
        "weights: all-MiniLM-L6-v2."
    )

    fallback_size = (7.2, 3.6)

    word = Unicode().tag(sync=True, control={"kind": "select", "label": "Word", "options": []})
    layer = integer("Layer", 0, minimum=0, maximum=6)
    sentence = integer("Sentence", 1, minimum=1, maximum=100)
    your_position = CInt(1, min=1).tag(sync=True)

    def __init__(self, sets: Mapping[str, Sentences] | None = None, **values):
        if sets is not None and not (isinstance(sets, Mapping) and sets):
            raise ValueError("sets must map at least one word to its sentences")
        self._sets = SETS if sets is None else sets
        self._model = encoder, tokenizer = load_encoder()
        self._vectors = {}  # [L, N, C] of a word in its sentences, of length 1
        self._data, self._cosines, self._points, self._kept, self._floors = {}, {}, {}, {}, {}
        for word, sentences in self._sets.items():
            _check(word, sentences)
            vectors = torch.stack(
                [word_vectors(encoder, tokenizer, text, word) for *_, text in sentences], dim=1
            ).double()
            self._vectors[word] = vectors / vectors.norm(dim=-1, keepdim=True)
            cosines = cosine_similarity(vectors[:, :, None], vectors[:, None])
            points, self._kept[word] = planes(vectors)
            packed_cosines, self._cosines[word] = pack(cosines.numpy())
            packed_points, self._points[word] = pack(points.numpy())
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

    @classmethod
    def arguments(cls, spec):
        def text(parts: list[list[str]]) -> str:
            return "".join(piece for piece, _ in parts)

        words = spec["data"]["sets"].items()
        return {
            "sets": {
                word: [(one["sense"], one["cue"], text(one["parts"])) for one in of["sentences"]]
                for word, of in words
            }
        }

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
        return {"sentence": len(self._sets[self.word]) + (self._own is not None)}

    @observe("word")
    def _another_word(self, change):
        chosen, self.your_sentence = self.sentence, ""
        self.sentence = min(chosen, self.limits()["sentence"])

    def _tokenizer(self):
        return self._model[1]

    def _read(self, ids, tokens):
        """The cosine of each token with the word in each sentence, [L, T, N]."""
        with torch.no_grad():
            states = torch.cat(self._model[0](ids[None]).hidden_states).double()
        states = states / states.norm(dim=-1, keepdim=True)
        return {"cosines": pack((states @ self._vectors[self.word].mT).numpy())[0]}

    def in_link(self):
        usual = None if self._own else self.your_position  # beside a text it always stands
        place = {"trait": "your_position", "label": "Your token", "kind": "integer"}
        limits = {"minimum": 1, "maximum": MOST_TOKENS}
        return [*super().in_link(), {**place, **limits, "default": usual}]

    @observe("your_reading")
    def _choose_yours(self, change):
        if "tokens" in change.new:
            tokens = change.new["tokens"]
            self.your_position = (tokens.index(self.word) if self.word in tokens else 1) + 1
            self.sentence = len(self._sets[self.word]) + 1
        elif "tokens" in (change.old or {}):
            self.sentence = 1

    @validate("your_position")
    def _one_of_the_tokens(self, proposal):
        n = len(self._own["tokens"]) if self._own else 1
        if proposal.value > n and self._own:
            raise TraitError(f"your_position={proposal.value} must be at most {n}")
        return proposal.value

    def _view(self):
        sentences = self._sets[self.word]
        senses = [sense for sense, _, _ in sentences]
        cues = [cue for _, cue, _ in sentences]
        cosines = self._cosines[self.word][self.layer]
        points = self._points[self.word][self.layer]
        if self._own is None:
            return senses, cues, cosines, points
        row = _unpacked(self._own["cosines"])[self.layer, self.your_position - 1]
        cosines_with_yours = np.block([[cosines, row[:, None]], [row, np.ones((1, 1))]])
        token = self._own["tokens"][self.your_position - 1]
        return (
            [*senses, "yours"],
            [*cues, f"your “{token}”"],
            cosines_with_yours,
            np.vstack([points, added(row, cosines, points)]),
        )

    def numbers(self):
        senses, cues, cosines, points = self._view()
        chosen, kept = self.sentence - 1, self._kept[self.word][self.layer]
        n = len(self._sets[self.word])  # the book's: yours is in none of the senses
        neighbours = [nearest_other(cosines[:n, :n], i) for i in range(n)]
        agree = [senses[i] == senses[j] for i, j in enumerate(neighbours)]
        same, other = within_and_between(cosines[:n, :n], senses[:n])
        closest = neighbours[chosen] if chosen < n else int(cosines[chosen, :n].argmax())
        summary = {
            f"{cues[chosen]}, nearest: {cues[closest]}": float(cosines[chosen, closest]),
            "sentences whose nearest has their sense": sum(agree),
            "mean cosine, same sense": same,
            "mean cosine, other sense": other,
            "share of the variance on the map": "no variance" if kept is None else kept,
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
        n = len(self._sets[self.word])
        same, other = within_and_between(cosines[:n, :n], senses[:n])
        return (
            f"The vectors of “{self.word}” in {len(cues)} sentences after layer {self.layer}, as a "
            f"matrix of cosines and as points on a plane, named {', '.join(cues)}. The mean cosine "
            f"is {same:.2f} within a sense and {other:.2f} between senses."
        )


def added(row: np.ndarray, cosines: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where one more vector falls on the plane of the others, from cosines alone.

    row: its cosines with them [N]; cosines: theirs [N, N]; points: theirs on the plane [N, 2], the
    products of their centred vectors with the plane's axes. Gower (1968), "Adding a point to vector
    diagrams in multivariate analysis".
    """
    sizes = points.T @ points
    if abs(np.linalg.det(sizes)) < 1e-12:  # all the same: there is no plane
        return np.zeros(2)
    products = row - row.mean() - cosines.mean(axis=1) + cosines.mean()  # of centred vectors
    return np.linalg.solve(sizes, points.T @ products)


def _unpacked(packed: Mapping) -> np.ndarray:
    """What `pack` has packed, as the page reads it."""
    codes = np.frombuffer(base64.b64decode(packed["codes"]), dtype="<u2")
    return (packed["low"] + packed["step"] * codes.astype(np.float64)).reshape(packed["shape"])


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
