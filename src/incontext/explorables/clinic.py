"""Ten transformers with a mistake each, beside a healthy one: what do loss and maps say?"""

import numpy as np

from incontext import clinic, corpus, plots
from incontext.clinic import Record
from incontext.training import HIDDEN, PADDING

from .base import Explorable, Numbers
from .controls import integer, select, steps

TOP = 5.0  # of the axis of the loss, nats


class Clinic(Explorable):
    name = "clinic"
    title = "Ten patients"
    try_first = "Move Patient from 1 to 10 and compare its loss and its map with the healthy ones."
    provenance = "learned"
    caption = (
        "One transformer with a mistake in it, and a healthy one (pale lines, second map). Above, "
        "the loss at the answer of held-out sentences, by family: at best it is 0, and the short "
        "dashes at the right say what it is for a model that ignores the sentence. Below, one "
        "head's attention, the row that gives the answer framed; maps are recorded at steps 0, "
        "100, 200 and 1200. Learned weights: the course’s own small models, seed 0, recorded with "
        "scripts/record_clinic.py."
    )
    fallback_size = (7.2, 5.6)

    patient = integer("Patient", 1, minimum=1, maximum=len(clinic.WARD))
    step = steps("Training step", clinic.STEPS[-1], clinic.STEPS)
    sentence = select("Sentence", clinic.SENTENCES[0], clinic.SENTENCES)
    layer = integer("Layer", 2, minimum=1, maximum=2)
    head = integer("Head", 1, minimum=1, maximum=4)

    def __init__(self, **values):
        self._patients = [clinic.recorded(n)[0] for n in range(1, len(clinic.WARD) + 1)]
        self._healthy = {reading: clinic.recorded(reading)[0] for reading in corpus.READINGS}
        super().__init__(**values)

    def data(self):
        first = self._patients[0]
        return {
            "steps": first.steps,
            "map_steps": first.map_steps,
            "top": TOP,
            "families": list(corpus.FAMILIES),
            "no_context": [corpus.best_loss(name, "no context") for name in corpus.FAMILIES],
            "sentences": {
                one.text: {
                    reading: {"words": self._words(i, reading), "row": self._row(i, reading)}
                    for reading in corpus.READINGS
                }
                for i, one in enumerate(first.sentences)
            },
            "patients": [_for_page(one) for one in self._patients],
            "healthy": {reading: _for_page(one) for reading, one in self._healthy.items()},
        }

    def _words(self, sentence: int, reading: str) -> list[str]:
        """What the model reads, padded to the length of the longest."""
        some = self._patients[0].sentences
        words = list(some[sentence].words)
        if reading == "both-sides":
            words[some[sentence].answer] = HIDDEN
        return words + [PADDING] * (max(len(one.words) for one in some) - len(words))

    def _row(self, sentence: int, reading: str) -> int:
        """The row that gives the answer: its own where it is hidden, else the one before."""
        return self._patients[0].sentences[sentence].answer - (reading == "left-to-right")

    def _chosen(self) -> tuple[Record, Record]:
        """The patient, and the healthy run of its reading."""
        patient = self._patients[self.patient - 1]
        return patient, self._healthy[patient.reading]

    def _map_step(self) -> int:
        """Index of the last map that was drawn at this step or before."""
        return max(i for i, step in enumerate(self._patients[0].map_steps) if step <= self.step)

    def _map(self, record: Record) -> np.ndarray:
        sentence = clinic.SENTENCES.index(self.sentence)
        return record.maps[self._map_step(), sentence, self.layer - 1, self.head - 1]

    def numbers(self):
        chosen = dict(zip(("patient", "healthy"), self._chosen(), strict=True))
        words = self._words(clinic.SENTENCES.index(self.sentence), chosen["patient"].reading)
        width = len(words)

        def filled(*row):
            return [*row, *[""] * (width + 2 - len(row))]

        at = clinic.STEPS.index(self.step)
        rows = [
            filled("patient", "", self.patient),
            filled("training step", "", self.step),
            filled("map drawn at step", "", self._patients[0].map_steps[self._map_step()]),
            filled("family", "", *corpus.FAMILIES, "own batches"),
        ]
        for name, one in chosen.items():
            accuracy = [one.accuracy[family][at] for family in corpus.FAMILIES]
            rows.append(filled(f"{name}: accuracy", "", *accuracy))
        for name, one in chosen.items():
            for i, step in enumerate(clinic.STEPS):
                losses = [one.loss[family][i] for family in corpus.FAMILIES]
                rows.append(filled(f"{name}: loss", f"step {step}", *losses, one.training[i]))
        no_context = [corpus.best_loss(name, "no context") for name in corpus.FAMILIES]
        rows.append(filled("loss without context", "", *no_context))
        rows.append(["key", "", *words])
        for name, one in chosen.items():
            for word, weights in zip(words, self._map(one).tolist(), strict=True):
                rows.append([f"{name}: weights", word, *weights])
        return Numbers(["what", "step or query", *(str(i + 1) for i in range(width))], rows)

    def draw(self, figure):
        patient, healthy = self._chosen()
        panels = figure.subplot_mosaic(
            [["loss", "loss"], ["patient", "healthy"]], height_ratios=[1, 1.4]
        )
        ax = panels["loss"]
        colors = plots.CATEGORIES[:4]
        for family, color in zip(corpus.FAMILIES, colors, strict=True):
            ax.plot(clinic.STEPS, healthy.loss[family], color=color, alpha=0.3)
        shown = [patient.loss[family] for family in corpus.FAMILIES]
        plots.curve(
            clinic.STEPS, np.minimum(shown, TOP), corpus.FAMILIES, "Training step", "", ax,
            colors=colors, title=f"Patient {self.patient}: held-out loss at the answer (nats)",
        )  # fmt: skip
        ax.set(xlim=(0, clinic.STEPS[-1]), ylim=(-0.1, TOP))
        ax.set_xscale("function", functions=(np.sqrt, np.square))  # room for the first steps
        ax.set(xticks=[0, 50, 200, 500, 1000])
        ax.axvline(self.step, color=plots.MUTED, lw=0.8)
        words = self._words(clinic.SENTENCES.index(self.sentence), patient.reading)
        titles = {"patient": f"Patient {self.patient}", "healthy": "Healthy"}
        for (name, title), one in zip(titles.items(), (patient, healthy), strict=True):
            plots.weights(self._map(one), words, ax=panels[name], numbers=False, title=title)

    def alt(self):
        patient, healthy = self._chosen()
        at = clinic.STEPS.index(self.step)
        losses = ", ".join(
            f"{family} {patient.loss[family][at]:.2f} (healthy {healthy.loss[family][at]:.2f})"
            for family in corpus.FAMILIES
        )
        row = self._row(clinic.SENTENCES.index(self.sentence), patient.reading)
        words = self._words(clinic.SENTENCES.index(self.sentence), patient.reading)
        weights = self._map(patient)[row]
        return (
            f"Loss of patient {self.patient} by family, and of a healthy run. At step {self.step}: "
            f"{losses}. Below, the weights of layer {self.layer}, head {self.head} of both over "
            f"“{self.sentence}”: in the row that gives the answer the patient puts most, "
            f"{weights.max():.2f}, on “{words[int(weights.argmax())]}”."
        )


def _for_page(record: Record) -> dict:
    """What the page needs of a run; the maps as its unpack reads them."""
    return {
        "reading": record.reading,
        "training": record.training,
        "loss": [record.loss[family] for family in corpus.FAMILIES],
        "accuracy": [record.accuracy[family] for family in corpus.FAMILIES],
        "maps": {
            "shape": list(record.maps.shape),
            "bits": 8,
            "low": 0,
            "step": 0.01,
            "codes": clinic.packed(record.maps),
        },
    }
