"""Add and subtract words, and see which word is nearest to the result."""

import math

import numpy as np
from traitlets import observe

from incontext import plots
from incontext.pretrained import load_encoder

from .base import Explorable, Numbers, pack
from .controls import select, toggle

EXAMPLES = (
    "king man woman", "paris france germany", "brother man woman", "bigger big small",
    "kitten cat dog", "cats cat dog", "went go come", "walked walk swim", "good bad terrible",
    "bad good terrible", "father man woman", "doctor man woman", "madrid spain portugal",
    "paris france italy", "tokyo japan china", "french france germany", "he man woman",
)  # fmt: skip

# What can be chosen, and what can be an answer. The eight nearest words of every example, among
# all whole words of the table, are here (a test says so).
VOCABULARY = """
actor actress animals aquatic aquatics arrived athens aunt awful bad bank bathing bavarian became
beijing benfica berlin best better big bigger biggest bilbao bird boy boys brother brothers brought
bundesliga cairo calf came canine car cars cat cats child children china chinese cold colder come
comes coming cow dad daughter doctor doctors dog dogg dogs dr dreadful dry duchess duke egypt
england english excellent fantastic fast faster father fathers female fish florence france french
gave german germans germany girl girls give go going good grandfather grandmother great greece
greek guitar hamburg happy he her him his horrible horrific horse horses hospital hot husband
italia italian italy japan japanese king kings kitten knew know lady larger lion lions lisbon
london long longer lord madrid man manchester medical men mice milan monarch monarchy money moscow
mother mouse munich music nanjing narrower nephew niece nurse old older parents paris pets
physician physicians piano poland polish portugal portuguese prince princess pup puppy queen queens
ran read reading river rome royal run running russia russian sad sang school shanghai she shenzhen
short shorter sibling siblings sing sister sisters sized slow slower small smaller smallest son
spain spanish street strong stronger swam swim swimmer swimmers swimming take teacher terrible
terrific think thought throne tiny tokyo took trafford tree trees uncle waiter waitress walk walked
walking warm warmer warsaw water weak weaker went wet wife woman women wonderful worse worst write
writing written wrote young younger
"""
WORDS = sorted(VOCABULARY.split())

N_SHOWN = 8
YAW, ELEVATION = math.radians(18), math.radians(28)  # from where the plane is seen


class Analogy(Explorable):
    name = "analogy"
    title = "Sums with words"
    try_first = "Clear Exclude inputs and see which word was nearest all along."
    provenance = "learned"
    caption = (
        f"The bars show, of {len(WORDS)} words, those whose vectors make the smallest angle with a "
        "− b + c. The words of the sum are blue, and hollow where they are left out. In the "
        "parallelogram the step from b to a is made again from c. It ends at a − b + c, the fourth "
        "corner, and the answer lies off that plane. Five points of a space with 384 dimensions, "
        "true to scale, seen at a slant. Learned weights: all-MiniLM-L6-v2, its table of token "
        "vectors."
    )

    fallback_size = (7.0, 3.2)

    example = select(
        "Example", EXAMPLES[0],
        {**{words: "{} − {} + {}".format(*words.split()) for words in EXAMPLES},
         "own": "Your own words"},
    )  # fmt: skip
    a = select("Word a", "king", WORDS)
    b = select("Word b", "man", WORDS)
    c = select("Word c", "woman", WORDS)
    exclude_inputs = toggle("Exclude inputs", True)

    def __init__(self, **values):
        encoder, tokenizer = load_encoder()
        rows = [tokenizer.id_of(word) for word in WORDS]
        vectors = encoder.token_embedding.weight[rows].detach().double().numpy()
        # Every cosine and distance of an analogy follows from the dot products of the words.
        upper = np.triu_indices(len(WORDS))
        self._packed, dots = pack((vectors @ vectors.T)[upper])
        self._dots = np.empty((len(WORDS), len(WORDS)))
        self._dots[upper] = dots
        self._dots.T[upper] = dots
        super().__init__(**values)

    def data(self):
        return {"words": WORDS, "dots": self._packed, "examples": list(EXAMPLES)}

    @observe("example")
    def _load_example(self, change):
        if change.new in EXAMPLES:
            with self.hold_trait_notifications():
                self.a, self.b, self.c = change.new.split()

    @observe("a", "b", "c")
    def _name_example(self, change):
        words = f"{self.a} {self.b} {self.c}"
        self.example = words if words in EXAMPLES else "own"

    def _inputs(self) -> list[int]:
        return [WORDS.index(word) for word in (self.a, self.b, self.c)]

    def _ranking(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All words by cosine with a − b + c, largest first; cosines and distances of each."""
        a, b, c = self._inputs()
        dots = self._dots
        with_corner = dots[a] - dots[b] + dots[c]
        square = with_corner[a] - with_corner[b] + with_corner[c]
        cosines = with_corner / np.sqrt(square * dots.diagonal())
        distances = _root(square - 2 * with_corner + dots.diagonal())
        return np.argsort(-cosines, kind="stable"), cosines, distances

    def _left_out(self, word: int | np.integer) -> bool:
        return self.exclude_inputs and word in self._inputs()

    def _answer(self, ranking) -> int:
        return int(next(word for word in ranking if not self._left_out(word)))

    def _scene(self, answer: int) -> dict[str, np.ndarray]:
        """b, c, a, the corner a − b + c and the answer as points in space: b is the origin, the
        third coordinate is the height above the plane."""
        a, b, c = self._inputs()

        def dot(i, j):  # of the vectors from b to word i and from b to word j
            return self._dots[i, j] - self._dots[i, b] - self._dots[b, j] + self._dots[b, b]

        c_x = _root(dot(c, c))
        a_x = dot(a, c) / c_x if c_x else 0.0
        a_y = _root(dot(a, a) - a_x**2)
        x = dot(answer, c) / c_x if c_x else 0.0
        y = (dot(answer, a) - a_x * x) / a_y if a_y else 0.0
        height = _root(dot(answer, answer) - x**2 - y**2)
        points = {
            "b": (0, 0, 0), "c": (c_x, 0, 0), "a": (a_x, a_y, 0),
            "corner": (a_x + c_x, a_y, 0), "foot": (x, y, 0), "answer": (x, y, height),
        }  # fmt: skip
        return {name: np.array(point, dtype=float) for name, point in points.items()}

    def numbers(self):
        ranking, cosines, distances = self._ranking()
        rows = [
            [f"{WORDS[word]} (left out)" if self._left_out(word) else WORDS[word],
             float(cosines[word]), float(distances[word])]
            for word in ranking[:N_SHOWN]
        ]  # fmt: skip
        answer = self._answer(ranking)
        scene = self._scene(answer)
        rows += [
            [f"from {self.b} to {self.a}", "", float(np.hypot(*scene["a"][:2]))],
            [f"from {self.b} to {self.c}", "", float(scene["c"][0])],
            [f"{WORDS[answer]} above the plane", "", float(scene["answer"][2])],
        ]
        return Numbers(["", "cosine with a − b + c", "distance from a − b + c"], rows)

    def draw(self, figure):
        left, right = figure.subplots(1, 2, width_ratios=[5, 6])
        ranking, cosines, distances = self._ranking()
        answer = self._answer(ranking)
        shown = ranking[:N_SHOWN]
        plots.bars(
            cosines[shown], [WORDS[word] for word in shown], ax=left, horizontal=True,
            limits=(0, 1), xlabel="cosine with a − b + c",
        )  # fmt: skip
        for bar, word in zip(left.patches, shown, strict=True):
            color = plots.CATEGORIES[1] if word == answer else plots.CATEGORIES[0]
            bar.set(color=color if word in (answer, *self._inputs()) else plots.MUTED)
            if self._left_out(word):
                bar.set(facecolor="none")
        scene = self._scene(answer)
        side = np.hypot(*scene["a"][:2])
        points = {name: _project(point) for name, point in scene.items()}
        self._draw_scene(right, points, WORDS[answer], side, distances[answer])

    def _draw_scene(self, ax, points, answer: str, side: float, miss: float):
        blue, red = plots.CATEGORIES[:2]
        b, c, a, corner, foot, tip = points.values()
        ax.fill(*np.transpose([b, c, corner, a]), color=blue, alpha=0.1, lw=0)
        for start, end in ((b, c), (a, corner)):
            ax.plot(*np.transpose([start, end]), color=plots.HAIRLINE, lw=1.2)
        for start, end in ((b, a), (c, corner)):
            ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": blue, "lw": 1.8})
        ax.plot(*np.transpose([foot, tip]), color=plots.MUTED, lw=1, ls=":")
        ax.plot(*np.transpose([corner, tip]), color=red, lw=1.2, ls="--")
        ax.plot(*np.transpose([a, b, c]), "o", color=blue)
        ax.plot(*corner, "o", color="white", mec=plots.TEXT)
        ax.plot(*tip, "o", color=red, ms=7)
        labels = [(a, self.a, (-6, 4), "right"), (b, self.b, (0, -13), "center"),
                  (c, self.c, (0, -13), "center"), (corner, "a − b + c", (8, -3), "left"),
                  (tip, answer, (8, 2), "left")]  # fmt: skip
        for at, text, offset, align in labels:
            ax.annotate(text, at, offset, textcoords="offset points", ha=align, size=9.5)
        for (start, end), length, offset, color in (
            ((b, a), side, (-6, 4), blue), ((corner, tip), miss, (24, 2), red)
        ):  # fmt: skip
            ax.annotate(f"{length:.2f}", np.add(start, end) / 2, offset, ha="right", size=9,
                        textcoords="offset points", color=color)  # fmt: skip
        ax.set_aspect("equal")
        ax.margins(0.14)
        ax.set_axis_off()

    def alt(self):
        ranking, cosines, distances = self._ranking()
        answer = self._answer(ranking)
        inputs = "left out" if self.exclude_inputs else "not left out"
        return (
            f"Bars of cosines with {self.a} − {self.b} + {self.c}: with these three words "
            f"{inputs}, “{WORDS[answer]}” is nearest, at {cosines[answer]:.2f}. Beside them the "
            f"parallelogram of the three words; “{WORDS[answer]}” lies "
            f"{distances[answer]:.2f} from its fourth corner."
        )


def _root(square):
    """The square root, with 0 for what is 0 but for rounding."""
    return np.sqrt(np.where(np.less(square, 1e-9), 0.0, square))


def _project(point) -> tuple[float, float]:
    """Where a point in space is seen, from a fixed side and from a little above the plane."""
    x, y, z = point
    deep = y * math.cos(YAW) - x * math.sin(YAW)
    across = x * math.cos(YAW) + y * math.sin(YAW)
    return across, deep * math.sin(ELEVATION) + z * math.cos(ELEVATION)
