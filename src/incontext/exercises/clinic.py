"""Exercises of the clinic: three parts to be mended, and a test of the reader's own."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from incontext import clinic, corpus
from incontext.training import TrainingRun, batch_of

from .checking import FunctionCheck, Mistake, Verdict


def _faults(made: Callable, messages: dict[str, str]) -> list[Mistake]:
    """Every set of faults that may still be there, the larger ones first.

    made: takes the names of the faults, and gives the function that has them.
    messages: what to say of each.
    """
    sets = [
        names for n in range(len(messages), 0, -1) for names in itertools.combinations(messages, n)
    ]
    return [
        Mistake(" and ".join(names), made(*names), " ".join(messages[name] for name in names))
        for names in sets
    ]


def _numbers(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _embed(ids: Tensor, words: Tensor, positions: Tensor) -> Tensor:
    return words[ids] + positions[: ids.shape[1]]


def _to_embed(seed: int, batch: int, n_tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(13, (batch, n_tokens), generator=generator)
    return ids, _numbers(seed, 13, 3), _numbers(seed + 1, 17, 3)


check_mended_positions = FunctionCheck(
    "check_mended_positions",
    reference=_embed,
    cases=[lambda: _to_embed(1, 5, 7), lambda: _to_embed(2, 11, 2), lambda: _to_embed(3, 1, 3)],
    mistakes=[
        Mistake(
            "positions along the batch",
            lambda ids, words, positions: words[ids] + positions[: len(ids), None],
            "Every word of a sentence gets the same row, and the next sentence the next one."
            " len(ids) is B, the number of sentences.",
        ),
        Mistake(
            "the id for the position",
            lambda ids, words, positions: words[ids] + positions[ids],
            "You look the position up by the word's id. The same word would have the same position"
            " everywhere.",
        ),
        Mistake(
            "no positions",
            lambda ids, words, positions: words[ids],
            "The words are there, and nothing says where they stand.",
        ),
        Mistake(
            "one place too far",
            lambda ids, words, positions: words[ids] + positions[1 : ids.shape[1] + 1],
            "The first word has the position 0, and so the first row.",
        ),
    ],
    praise="Row t for word t, whatever stands beside it in the batch.",
)  # fmt: skip


def _attention(*faults: str) -> Callable:
    """Attention with faults: the mask inverted, the wrong axis, the wrong root."""

    def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        width = query.shape[-1] * (query.shape[1] if "the wrong root" in faults else 1)
        scores = query @ key.mT / math.sqrt(width)
        forbidden = mask if "the mask inverted" in faults else ~mask
        scores = scores.masked_fill(forbidden, -torch.inf)
        weights = scores.softmax(-2 if "the wrong axis" in faults else -1)
        return weights @ value, weights

    return attend


def _to_attend(seed: int, batch: int, heads: int, n: int, d_k: int) -> tuple[Tensor, ...]:
    """Each word may attend to itself and its neighbours: no row and no column is all masked."""
    q, k, v = (_numbers(seed + i, batch, heads, n, d_k) for i in range(3))
    at = torch.arange(n)
    return q, k, v, (at[:, None] - at).abs() <= 1


check_mended_attention = FunctionCheck(
    "check_mended_attention",
    reference=_attention(),
    cases=[
        lambda: _to_attend(1, 2, 3, 7, 5),
        lambda: _to_attend(2, 1, 2, 5, 3),
        lambda: _to_attend(3, 3, 5, 11, 2),
    ],
    mistakes=_faults(
        _attention,
        {
            "the mask inverted": "True in the mask is to mean: may attend. You set −∞ where it is"
            " True.",
            "the wrong axis": "Your columns sum to one and your rows do not: softmax shares out"
            " among the queries, and it should among the keys, the last axis.",
            "the wrong root": "The root is that of the heads times d_k, which is d_model. A dot"
            " product in one head has d_k terms.",
        },
    ),
    praise="Mask, axis and root: equal to the package.",
)


def _every_word(*faults: str) -> Callable:
    """The loss at every word, with faults: targets not shifted, padding counted."""

    def loss(logits: Tensor, ids: Tensor, is_word: Tensor) -> Tensor:
        if "the targets not shifted" not in faults:
            logits, ids, is_word = logits[:, :-1], ids[:, 1:], is_word[:, 1:]
        if "padding counted" in faults:
            is_word = torch.ones_like(is_word)
        return F.cross_entropy(logits[is_word], ids[is_word])

    return loss


def _backwards(logits: Tensor, ids: Tensor, is_word: Tensor) -> Tensor:
    is_word = is_word[:, 1:]
    return F.cross_entropy(logits[:, 1:][is_word], ids[:, :-1][is_word])


def _mean_of_means(logits: Tensor, ids: Tensor, is_word: Tensor) -> Tensor:
    each = zip(logits[:, :-1], ids[:, 1:], is_word[:, 1:], strict=True)
    return torch.stack([F.cross_entropy(one[w], word[w]) for one, word, w in each]).mean()


def _to_score(seed: int, lengths: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    is_word = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    ids = torch.randint(1, 13, is_word.shape, generator=generator) * is_word
    return _numbers(seed, *is_word.shape, 13), ids, is_word


check_mended_loss = FunctionCheck(
    "check_mended_loss",
    reference=_every_word(),
    cases=[
        lambda: _to_score(1, (7, 4, 5)),
        lambda: _to_score(2, (3, 11)),
        lambda: _to_score(3, (2, 6, 3, 5, 2)),
    ],
    mistakes=[
        *_faults(
            _every_word,
            {
                "the targets not shifted": "Row t of the logits scores word t + 1, and you compare"
                " it with word t, which the model has before its eyes.",
                "padding counted": "Places that only fill the row are counted as words to be"
                " guessed. is_word says which to leave out.",
            },
        ),
        Mistake(
            "shifted the wrong way",
            _backwards,
            "You ask row t for word t − 1, which it has seen. The last row has no word to guess,"
            " and the first word no row that guesses it.",
        ),
        Mistake(
            "a mean of means",
            _mean_of_means,
            "Each sentence counts as much as the next, so that words of short ones count for more."
            " Take one mean, over all words.",
        ),
    ],
    praise="Each word is asked for once, by those before it, and padding by nobody.",
)  # fmt: skip


def _comes_through(run: TrainingRun, layer: int = -1) -> bool:
    """Whether a word's vector is still itself after the layers: true where there is a residual."""
    ids, is_word, _ = batch_of(corpus.sentences(7, seed=1), run.vocabulary, run.reading)
    with torch.no_grad():
        states = run.model(ids, is_word).hidden_states
    return bool(F.cosine_similarity(states[0], states[layer], dim=-1).mean() > 0.5)


@dataclass(frozen=True)
class PatientCheck:
    """Checks a test of the reader's: it passes healthy runs, and finds a patient.

    The test takes a run before its first step and is True where the run is well.

    number: the patient. reference: gives a test that finds it. mistakes: give tests that do not.
    """

    name: str
    number: int
    reference: Callable[[], Callable]
    mistakes: Sequence[Mistake]
    seeds: Sequence[int] = (0, 1, 2)

    def __call__(self, test: Any) -> Verdict:
        if test is None or test is Ellipsis:
            return Verdict(False, f"Not yet: give {self.name} your test.", "…")
        if not callable(test):
            return Verdict(False, f"{self.name} takes your test itself, without calling it.")
        for fault, expected, run in self._runs():
            try:
                found = test(run)
            except Exception as error:
                return Verdict(False, f"Your test raised {type(error).__name__}: {error}")
            if found is None or found is Ellipsis:
                return Verdict(False, "Not yet: your test returns nothing so far.", "…")
            if bool(found) != expected:
                return Verdict(False, str(self.mistakes[fault]))
        others = [n for n in range(1, len(clinic.WARD) + 1) if n != self.number]
        also = [n for n in others if not test(clinic.patient(n))]
        more = f" It finds {', '.join(map(str, also))} as well." if also else ""
        return Verdict(True, f"It finds patient {self.number}, and no healthy run.{more}", "✓")

    def _runs(self) -> Iterator[tuple[int, bool, TrainingRun]]:
        """Which mistake it is to judge wrongly, what is right, and the run."""
        for seed in self.seeds:
            yield 0, True, clinic.healthy("left-to-right", seed)
            yield 1, True, clinic.healthy("both-sides", seed)
        for seed in self.seeds:
            yield 2, False, clinic.patient(self.number, seed)


check_own_test = PatientCheck(
    "check_own_test",
    number=5,
    reference=lambda: _comes_through,
    mistakes=[
        Mistake(
            "a false alarm",
            lambda: lambda run: False,
            "Your test sends a healthy run that reads left to right to the clinic. It should be"
            " True where nothing is wrong.",
        ),
        Mistake(
            "a false alarm where both sides are read",
            lambda: lambda run: run.reading == "left-to-right",
            "A healthy run that reads both sides does not pass your test.",
        ),
        Mistake(
            "the patient passes",
            lambda: lambda run: True,
            "Your test finds nothing wrong with patient 5. What is the same before and after a"
            " layer where vectors are added, and differs where they are replaced?",
        ),
    ],
)
