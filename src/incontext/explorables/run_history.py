"""What a training run has shown at each look, and a thread that trains a new one meanwhile."""

import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from incontext import corpus, training
from incontext.corpus import Sentence
from incontext.training import TrainingRun, batch_of

TELL = 0.2  # seconds between two words about the step


@dataclass
class History:
    """A run at each look; ``maps[i][look]`` is [layers, heads, T, T] of sentence i."""

    reading: str
    n_layers: int
    n_heads: int
    families: tuple[str, ...]
    maps: list[list[np.ndarray]]
    steps: list[int] = field(default_factory=list)
    loss: dict[str, list[float]] = field(default_factory=dict)
    accuracy: dict[str, list[float]] = field(default_factory=dict)
    same: list[float] = field(default_factory=list)  # cosine of two "bank"s of one meaning
    other: list[float] = field(default_factory=list)  # and of two, see ``meaning_cosines``


class Beside:
    """Trains a run in a thread of the kernel, step by step with ``training.fit``.

    choices: the controls that the run was made with.
    shown: sentences whose maps are kept; banks: those in which "bank" is compared, the first half
        about money.
    tell(content, buffers): hears what the page's worker would say, looks, steps and the end; and
        whether the run is paused, goes on or was stopped, whoever did it.
    """

    def __init__(
        self,
        run: TrainingRun,
        choices: Mapping,
        shown: Sequence[Sentence],
        banks: Sequence[Sentence],
        tell: Callable[[dict, list[bytes]], None],
    ) -> None:
        self.run, self._shown, self._banks, self._send = run, shown, banks, tell
        self._said: list[tuple[dict, list[bytes]]] = []
        self._choices = dict(choices)
        config = run.model.config
        self.history = History(
            run.reading, config.n_layers, config.n_heads, run.recipe.families, [[] for _ in shown]
        )
        self._going, self._over = threading.Event(), False
        self._seconds, self._told = 0.0, 0.0
        self._thread = threading.Thread(target=self._train, daemon=True)

    def start(self) -> None:
        held_out = {one: corpus.every_sentence(one, "held_out") for one in self.run.recipe.families}
        self.run.looks.append(training.look(self.run, held_out))
        self._tell({"kind": "start", "choices": self._choices})
        self._look()
        self._going.set()
        self._thread.start()

    def pause(self) -> None:
        if self._thread.is_alive():
            self._going.clear()
            self._tell({"kind": "status", "status": "paused"})

    def go_on(self) -> None:
        if self._thread.is_alive():
            self._going.set()
            self._tell({"kind": "status", "status": "training"})

    def stop(self) -> None:
        """Ends it after the present step."""
        if self._thread.is_alive():
            self._over = True
            self._going.set()
            self._thread.join()
            self._tell({"kind": "status", "status": "stopped"})

    def wait(self) -> None:
        """Until it has ended."""
        self._thread.join()

    def tell_again(self) -> None:
        """All that was said, for a view that opens later."""
        for content, buffers in list(self._said):
            self._send(content, buffers)

    def file(self) -> bytes:
        """What ``training.save`` writes."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "run.safetensors")
            training.save(self.run, path)
            return path.read_bytes()

    def _train(self) -> None:
        self._last = time.monotonic()
        try:
            training.fit(self.run, progress=False, on_step=self._after_step)
        except _Over:
            return
        self._tell_step(ended=True)

    def _after_step(self, run: TrainingRun) -> None:
        self._seconds += time.monotonic() - self._last
        if len(run.losses) == run.looks[-1].step:
            self._look()
        if time.monotonic() - self._told > TELL:
            self._told = time.monotonic()
            self._tell_step(ended=False)
        self._going.wait()
        if self._over:
            raise _Over
        self._last = time.monotonic()

    def _tell_step(self, ended: bool) -> None:
        step = {"step": len(self.run.losses), "seconds": self._seconds, "ended": ended}
        self._tell({"kind": "step", **step})

    def _tell(self, content: dict, buffers: Sequence[bytes] = ()) -> None:
        self._said.append((content, list(buffers)))
        self._send(content, list(buffers))

    def _look(self) -> None:
        seen, history = self.run.looks[-1], self.history
        maps = [attention_of(self.run, one) for one in self._shown]
        same, other = bank_cosines(self.run, self._banks)
        for kept, new in zip(history.maps, maps, strict=True):
            kept.append(new)
        for family in self.run.recipe.families:
            history.loss.setdefault(family, []).append(seen.loss[family])
            history.accuracy.setdefault(family, []).append(seen.accuracy[family])
        history.same.append(same)
        history.other.append(other)
        history.steps.append(seen.step)
        look = {"step": seen.step, "loss": seen.loss, "accuracy": seen.accuracy}
        self._tell(
            {"kind": "look", **look, "same": same, "other": other},
            [one.astype("<f4").tobytes() for one in maps],
        )


class _Over(Exception):
    """Raised in the loop to end it."""


@torch.no_grad()
def attention_of(run: TrainingRun, sentence: Sentence) -> np.ndarray:
    """The weights of every layer and head, [layers, heads, T, T]; left to right, T ends before the
    answer."""
    ids, is_word, at = batch_of([sentence], run.vocabulary, run.reading)
    n = int(at[0]) + 1 if run.reading == "left-to-right" else ids.shape[1]
    seen = run.model(ids[:, :n], is_word[:, :n]).attentions
    return torch.cat(seen).numpy()


@torch.no_grad()
def bank_cosines(run: TrainingRun, sentences: Sequence[Sentence]) -> tuple[float, float]:
    """``meaning_cosines`` of the vectors of "bank" after the first layer."""
    ids, is_word, _ = batch_of(sentences, run.vocabulary, run.reading)
    hidden = run.model(ids, is_word, need_weights=False).hidden_states[1]
    rows, places = torch.nonzero(ids == run.vocabulary.encode(["bank"]), as_tuple=True)
    return meaning_cosines(hidden[rows, places])


def meaning_cosines(vectors: Float[Tensor, "N C"]) -> tuple[float, float]:
    """The mean cosine within each half of the vectors, and between the halves, about their mean.

    Where the halves are two meanings, it says whether the meaning is what tells the vectors apart.
    """
    units = F.normalize(vectors - vectors.mean(0), dim=-1)
    cosines, half = units @ units.T, len(units) // 2
    within = cosines[:half, :half].triu(1).sum() + cosines[half:, half:].triu(1).sum()
    return float(within / (half * (half - 1))), float(cosines[:half, half:].mean())
