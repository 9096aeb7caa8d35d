"""What does a small transformer learn, and when, and what can it do without?"""

import json
from functools import cache
from pathlib import Path

import numpy as np

from incontext import corpus, plots
from incontext.config import TransformerConfig
from incontext.corpus import FAMILIES, READINGS, Sentence
from incontext.training import Recipe, TrainingRun, Vocabulary, new_run

from .base import Explorable, Numbers
from .controls import integer, select, steps, toggle
from .run_history import Beside, History

# What scripts/record_training_page.py records: a run for each reading with every part in place.
RECORDED = Path(__file__).parent / "data" / "training.json"

SIZES = {"n_positions": 24, "d_model": 24, "d_ff": 96}
RECIPE = {
    "n_steps": 2500,
    "batch_size": 16,
    "warm_up": 100,
    "weight_decay": 0.1,
    "validate_every": 50,
}
LOOKS = list(range(0, RECIPE["n_steps"] + 1, RECIPE["validate_every"]))
MAX_LAYERS, HEADS = 3, (1, 2, 4, 8)

NAMES = {"bank": "bank", "it": "it", "agreement": "is or are", "who": "who ate whom"}
FAMILY_SETS = {"all": FAMILIES, "two": ("it", "who"), **{each: (each,) for each in FAMILIES}}
KNOWING = {"everything": "everything", "no order": "without order", "no context": "without context"}

# Held out: no run trains on them.
SHOWN = (
    "the dog chased the fox , who : the dog .",
    "the dog chased the fox , whom : the fox .",
    "the cow did not cross the road because it was too scared : the cow .",
    "the cow did not cross the road because it was too wide : the road .",
    "the keys behind the lamp are here .",
    "anna took the coins to the bank and met the teller .",
    "anna took the boat to the bank and met the fisher .",
)
# Where "bank" is compared: the same words but for the cargo, money first, then river.
BANKS = tuple(
    f"anna took the {cargo} to the bank and met the {answer} ."
    for cargos, answer in ((corpus.MONEY, "teller"), (corpus.RIVER, "fisher"))
    for cargo in cargos
)

TOP = 3.0  # nats: the top of the axis
LEVELS, FIRST = 32, ord("0")  # of a recorded weight, as characters from "0" to "P"

READS = {"left-to-right": "left to right", "both-sides": "both sides, the answer hidden"}
PREDICTIONS = {
    "none": "choose before you train",
    "learned": "it is learned about as soon: the loss comes down to 0",
    "later": "it is learned, but clearly later",
    "coin": "it stays a coin toss between the two: no loss below ln 2",
    "nothing": "nothing is learned from the words: the loss stays on the upper line",
}
# What the button Train takes from the controls, and what each is called in the table.
CHOICES = {
    "reading": "Reading",
    "families": "Families",
    "positions": "Positions",
    "scaled": "Divide by √d_k",
    "residual": "Residual stream",
    "heads": "Number of heads",
    "layers": "Layers",
    "learning_rate": "Learning rate",
    "seed": "Seed",
    "prediction": "Prediction",
}


# What the controls start with: the recorded runs too, but on all four families.
DEFAULTS = {
    "positions": True,
    "scaled": True,
    "residual": True,
    "heads": 4,
    "layers": 2,
    "families": "two",
    "learning_rate": 0.005,
    "seed": 3,
}


class Training(Explorable):
    """``train()``, ``pause()``, ``go_on()`` and ``stop()`` do what the buttons do, with the loop of
    ``incontext.training``; ``run`` is then the model and its history."""

    name = "training"
    title = "A transformer learns while you watch"
    try_first = (
        "Choose “both sides” under Reading, clear Positions, predict, press Train, and watch "
        "“who ate whom”."
    )
    provenance = "learned"
    caption = (
        f"A transformer of two layers and d_model = {SIZES['d_model']} learns the sentences of the "
        "corpus, 16 at each step; loss and right answers are those on held-out sentences. Dashed: "
        "the best possible loss without order and without context; with everything known it is 0. "
        "Train starts a run in your own browser, and nothing leaves it. The recorded runs: seed "
        f"{DEFAULTS['seed']}, by .venv/bin/python scripts/record_training_page.py. Learned "
        "weights: the course’s own model."
    )
    fallback_size = (7.4, 6.0)

    step = steps("Training step", LOOKS[-1], LOOKS)
    reading = select("Reading", "left-to-right", READS)
    positions = toggle("Positions", DEFAULTS["positions"])
    scaled = toggle("Divide by √d_k", DEFAULTS["scaled"])
    residual = toggle("Residual stream", DEFAULTS["residual"])
    heads = steps("Number of heads", DEFAULTS["heads"], HEADS, symbol="H")
    layers = integer("Layers", DEFAULTS["layers"], minimum=1, maximum=MAX_LAYERS)
    families = select(
        "Families",
        DEFAULTS["families"],
        {
            "two": "“it” and “who ate whom”",
            "all": "all four",
            **{family: f"“{NAMES[family]}” alone" for family in FAMILIES},
        },
    )
    learning_rate = steps(
        "Learning rate",
        DEFAULTS["learning_rate"],
        (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
        symbol="η",
    )
    seed = integer("Seed", DEFAULTS["seed"], minimum=1, maximum=20)
    prediction = select("Prediction", "none", PREDICTIONS)
    sentence = select("Sentence", "0", {str(i): "" for i in range(len(SHOWN))})
    layer = integer("Layer", 2, minimum=1, maximum=MAX_LAYERS)
    head = integer("Head", 1, minimum=1, maximum=HEADS[-1])

    def __init__(self, **values):
        self._recorded = {reading: _history(reading) for reading in READINGS}
        self._beside: Beside | None = None
        super().__init__(**values)
        self.on_msg(lambda _, content, buffers: self._do(content.get("do")))

    # The next run

    @property
    def run(self) -> TrainingRun | None:
        """The run that was started here last, if any."""
        return self._beside.run if self._beside else None

    def train(self) -> None:
        """Start a new run with what the controls say; it goes on beside the notebook."""
        self.stop()
        config = TransformerConfig(
            vocab_size=len(Vocabulary()),
            **SIZES,
            n_heads=self.heads,
            n_layers=self.layers,
            activation="relu",
            positions="learned" if self.positions else None,
            scaled=self.scaled,
            residual=self.residual,
        )
        recipe = Recipe(
            **RECIPE,
            learning_rate=self.learning_rate,
            families=FAMILY_SETS[self.families],
            stop_at=None,
        )
        run = new_run(config, reading=self.reading, seed=self.seed, recipe=recipe)
        self._beside = Beside(
            run,
            {trait: getattr(self, trait) for trait in CHOICES},
            _sentences(SHOWN),
            _sentences(BANKS),
            self.send,
        )
        self._keep_within_limits()
        self._beside.start()

    def pause(self) -> None:
        """Let the run stand still."""
        if self._beside:
            self._beside.pause()

    def go_on(self) -> None:
        """Let a run that stands still go on."""
        if self._beside:
            self._beside.go_on()

    def stop(self) -> None:
        """End the run; what it has learned stays in ``run``."""
        if self._beside:
            self._beside.stop()

    def forget(self) -> None:
        """Show the recorded run again."""
        self.stop()
        self._beside = None
        self.send({"kind": "forget"})

    def close(self) -> None:
        self.stop()
        super().close()

    def _do(self, what: str) -> None:
        if what == "file" and self._beside:
            self.send({"kind": "file"}, [self._beside.file()])
        elif what == "tell" and self._beside:
            self._beside.tell_again()
        elif what in ("train", "pause", "go on", "stop", "forget"):
            getattr(self, what.replace(" ", "_"))()

    # What is seen

    def _seen(self) -> History:
        return self._beside.history if self._beside else self._recorded[self.reading]

    def _look(self) -> int:
        """The last look that the run has reached by the chosen step."""
        return sum(step <= self.step for step in self._seen().steps) - 1

    def limits(self):
        seen = self._seen()
        return {"layer": seen.n_layers, "head": seen.n_heads}

    def control_spec(self, name):
        spec = super().control_spec(name)
        if name == "sentence":
            spec["options"] = [
                {"value": str(i), "text": shown_text(one)}
                for i, one in enumerate(_sentences(SHOWN))
            ]
        return spec

    def data(self):
        recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
        return {
            **run_data(),
            "recorded": recorded["runs"],
            "two_families": recorded["two_families"],
        }

    def _map(self) -> tuple[list[str], np.ndarray]:
        """The chosen sentence as the model reads it, and its weights, [T, T]."""
        seen, i = self._seen(), int(self.sentence)
        sentence = _sentences(SHOWN)[i]
        weights = seen.maps[i][self._look()][self.layer - 1, self.head - 1]
        return words_read(sentence, seen.reading), weights

    def numbers(self):
        seen, now = self._seen(), self._look()
        rows = [["training step", "", seen.steps[now]]]
        rows += [
            [f"best possible loss, {text}", NAMES[family], best_losses(seen.reading)[family][known]]
            for family in seen.families
            for known, text in KNOWING.items()
        ]
        rows += [
            [f"{kind}, step {step}", NAMES[family], values[family][i]]
            for i, step in enumerate(seen.steps)
            for kind, values in (("loss", seen.loss), ("share right", seen.accuracy))
            for family in seen.families
        ]
        rows += [
            [f"cosine of “bank”, step {step}", kind, values[i]]
            for i, step in enumerate(seen.steps)
            for kind, values in (("one meaning", seen.same), ("two meanings", seen.other))
        ]
        words, weights = self._map()
        rows += [
            [f"weight from “{words[t]}” ({t + 1})", f"to “{words[s]}” ({s + 1})", float(weight)]
            for t, row in enumerate(weights)
            for s, weight in enumerate(row)
            if s <= t or seen.reading == "both-sides"
        ]
        rows += [["map", "layer", self.layer], ["map", "head", self.head]]
        rows += [
            ["next run", label, _cell(getattr(self, trait))] for trait, label in CHOICES.items()
        ]
        return Numbers(["", "of", "value"], rows)

    def draw(self, figure):
        seen, now = self._seen(), self._look()
        above, below = figure.add_gridspec(2, 1, height_ratios=[1, 1.7])
        panels = above.subgridspec(1, 4).subplots(sharey=True)
        for ax, family in zip(panels, FAMILIES, strict=True):
            known = best_losses(seen.reading)[family]
            for line in {known["no order"], known["no context"]} - {0}:
                ax.axhline(line, color=plots.MUTED, lw=0.8, ls="--")
            if family in seen.families:
                share = seen.accuracy[family][now]
                losses = np.minimum(seen.loss[family], TOP)
                plots.curve(
                    seen.steps, losses, None, "Training step", "", ax, colors=[plots.CATEGORIES[0]],
                    title=f"{NAMES[family]}\n{share:.0%} right",
                )  # fmt: skip
                ax.plot(seen.steps[now], losses[now], "o", color=plots.CATEGORIES[1])
            ax.set(ylim=(-0.1, TOP), xlim=(0, LOOKS[-1] + 50), xticks=[0, LOOKS[-1]])
        panels[0].set(ylabel="Loss at the answer")
        left, right = below.subgridspec(1, 2).subplots()
        words, weights = self._map()
        plots.weights(
            weights, words, ax=left, numbers=False,
            title=f"Layer {self.layer}, head {self.head}, after {seen.steps[now]} steps",
        )  # fmt: skip
        plots.curve(
            seen.steps, [seen.same, seen.other], ["one meaning", "two meanings"],
            "Training step", "", right, title="Cosine of two “bank”s",
        )  # fmt: skip

    def alt(self):
        seen, now = self._seen(), self._look()
        families = ", ".join(
            f"{NAMES[family]} {seen.accuracy[family][now]:.0%} right with loss "
            f"{seen.loss[family][now]:.2f}"
            for family in seen.families
        )
        words, weights = self._map()
        sentence = _sentences(SHOWN)[int(self.sentence)]
        asked = weights[sentence.answer - (seen.reading == "left-to-right")]
        return (
            f"A run that reads {READS[seen.reading]}, after {seen.steps[now]} of {LOOKS[-1]} "
            f"steps, on held-out sentences: {families}. Curves of the loss, with dashed lines at "
            "the best possible without order and without context. The map of layer "
            f"{self.layer}, head {self.head} over “{' '.join(words)}”: where the answer is read "
            f"off, most weight is on “{words[asked.argmax()]}”, {asked.max():.2f}. The cosine of "
            f"two “bank”s about their mean is {seen.same[now]:.2f} for one meaning and "
            f"{seen.other[now]:.2f} for two."
        )


def _cell(value) -> str | int | float:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def run_data() -> dict:
    """What a run in the page needs: words, sentences, sizes, and the best possible losses."""
    return {
        "words": list(Vocabulary().words),
        "sentences": {
            family: {
                split: [marked(one) for one in corpus.every_sentence(family, split)]
                for split in ("train", "held_out")
            }
            for family in FAMILIES
        },
        "shown": [marked(one) for one in _sentences(SHOWN)],
        "banks": [marked(one) for one in _sentences(BANKS)],
        "sizes": SIZES,
        "recipe": RECIPE,
        "looks": LOOKS,
        "names": NAMES,
        "knowing": KNOWING,
        "family_sets": FAMILY_SETS,
        "choices": CHOICES,
        "floors": {reading: best_losses(reading) for reading in READINGS},
    }


@cache
def best_losses(reading: str) -> dict[str, dict[str, float]]:
    """The best possible loss by family and by what is known, in nats."""
    return {
        family: {
            knowing: corpus.best_loss(family, knowing, "held_out", reading) for knowing in KNOWING
        }
        for family in FAMILIES
    }


def marked(sentence: Sentence) -> str:
    """The text with the answer and the other word between stars: "the *cat/dog* ."."""
    right = sentence.words[sentence.answer]
    [other] = set(sentence.alternatives) - {right}
    words = list(sentence.words)
    words[sentence.answer] = f"*{right}/{other}*"
    return " ".join(words)


def words_read(sentence: Sentence, reading: str) -> list[str]:
    """The words that the model sees; the answer, where it is hidden, is “?”."""
    before, after = sentence.words[: sentence.answer], sentence.words[sentence.answer + 1 :]
    return list(before) if reading == "left-to-right" else [*before, "?", *after]


def shown_text(sentence: Sentence) -> str:
    """The sentence up to its answer, in brackets."""
    before = " ".join(sentence.words[: sentence.answer])
    return f"{before} [{sentence.words[sentence.answer]}]"


def write_maps(weights: np.ndarray) -> dict:
    """Weights at each look, [looks, layers, heads, T, T], as text: a character each, `LEVELS` apart
    by one. What one weight was at all looks stands together, since so it is compressed best."""
    levels = np.rint(np.moveaxis(weights, 0, -1) * LEVELS).astype(np.uint8)
    return {"shape": weights.shape, "levels": (FIRST + levels).tobytes().decode("ascii")}


def read_maps(written: dict) -> np.ndarray:
    """What `write_maps` wrote, [looks, layers, heads, T, T]."""
    levels = np.frombuffer(written["levels"].encode("ascii"), np.uint8) - FIRST
    looks, *others = written["shape"]
    return np.moveaxis(levels.reshape(*others, looks) / LEVELS, -1, 0)


@cache
def _sentences(texts: tuple[str, ...]) -> list[Sentence]:
    by_text = {one.text: one for family in FAMILIES for split in ("train", "held_out")
               for one in corpus.every_sentence(family, split)}  # fmt: skip
    return [by_text[text] for text in texts]


@cache
def _history(reading: str) -> History:
    run = json.loads(RECORDED.read_text(encoding="utf-8"))["runs"][reading]
    choices = run["choices"]
    return History(
        reading,
        choices["layers"],
        choices["heads"],
        FAMILY_SETS[choices["families"]],
        [list(read_maps(one)) for one in run["maps"]],
        LOOKS,
        run["loss"],
        run["accuracy"],
        run["same"],
        run["other"],
    )
