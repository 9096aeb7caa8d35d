"""Exercises of the clinic: three parts to fix, and a test of the reader's own."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from incontext import clinic, corpus
from incontext.heads import merge_heads, split_heads
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


check_fixed_positions = FunctionCheck(
    "check_fixed_positions",
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


check_fixed_attention = FunctionCheck(
    "check_fixed_attention",
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


def _heads(*faults: str) -> Callable:
    """Causal attention in heads, with faults: the split by a view, the join by a reshape."""

    def multi_head(query: Tensor, key: Tensor, value: Tensor, n_heads: int) -> Tensor:
        split = _split_by_view if "the split" in faults else split_heads
        q, k, v = (split(x, n_heads) for x in (query, key, value))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return mixed.reshape(query.shape) if "the join" in faults else merge_heads(mixed)

    return multi_head


def _split_by_view(x: Tensor, n_heads: int) -> Tensor:
    n_batch, n_tokens, d_model = x.shape
    return x.view(n_batch, n_heads, n_tokens, d_model // n_heads)


def _columns_in_turn(query: Tensor, key: Tensor, value: Tensor, n_heads: int) -> Tensor:
    q, k, v = (x.unflatten(-1, (-1, n_heads)).movedim(-1, 1) for x in (query, key, value))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).movedim(1, -1).flatten(-2)


def _one_head(query: Tensor, key: Tensor, value: Tensor, n_heads: int) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def _not_causal(query: Tensor, key: Tensor, value: Tensor, n_heads: int) -> Tensor:
    q, k, v = (split_heads(x, n_heads) for x in (query, key, value))
    return merge_heads(F.scaled_dot_product_attention(q, k, v))


def _to_split(seed: int, batch: int, n_tokens: int, n_heads: int, d_k: int) -> tuple:
    q, k, v = (_numbers(seed + i, batch, n_tokens, n_heads * d_k) for i in range(3))
    return q, k, v, n_heads


check_fixed_heads = FunctionCheck(
    "check_fixed_heads",
    reference=_heads(),
    cases=[
        lambda: _to_split(1, 2, 7, 3, 5),
        lambda: _to_split(2, 1, 5, 2, 3),
        lambda: _to_split(3, 3, 11, 5, 2),
    ],
    mistakes=[
        *_faults(
            _heads,
            {
                "the split": "view(B, H, T, D) deals the numbers out as they lie in memory, so"
                " what a head calls token 1 is another piece of token 0. Cut each token's vector"
                " first, [B, T, H, D], and then let two axes change places.",
                "the join": "The result of the heads is [B, H, T, D]. Before a token's pieces can"
                " be laid side by side, H and T have to change places again.",
            },
        ),
        Mistake(
            "heads of every H-th column",
            _columns_in_turn,
            "Each head takes every H-th column. Head 0 gets the first D columns of a vector, head"
            " 1 the next D: the last axis becomes (H, D), in this order.",
        ),
        Mistake(
            "a single head",
            _one_head,
            "There is only one head, as wide as the model. Split the vectors first.",
        ),
        Mistake(
            "no causal mask",
            _not_causal,
            "The heads are right, and the causal mask has gone. Leave is_causal=True as it was.",
        ),
    ],
    praise="Split, attend, join: each head has its own slice of every token.",
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
