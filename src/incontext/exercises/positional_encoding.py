"""Checks of the chapter on positional encoding: adding positions, sinusoids, what order changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from incontext.embeddings import cosine_similarity
from incontext.exercises.checking import FunctionCheck, Mistake, Verdict, are_two_texts, not_yet
from incontext.positions import angular_frequencies, sinusoidal_positions
from incontext.pretrained import encoder_to_read

LOOSE = 1e-4  # angles in float32 lose digits as positions grow, and that is no mistake


def _angles(n_positions: int, frequencies: Tensor) -> Tensor:
    return torch.arange(n_positions, dtype=torch.float64)[:, None] * frequencies


def _woven(sines: Tensor, cosines: Tensor) -> Tensor:
    return torch.stack([sines, cosines], dim=-1).flatten(-2)


def _all_sines_first(n_positions, d_model, base=10_000.0):
    angles = _angles(n_positions, angular_frequencies(d_model, base))
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _cosines_first(n_positions, d_model, base=10_000.0):
    angles = _angles(n_positions, angular_frequencies(d_model, base))
    return _woven(angles.cos(), angles.sin())


def _half_the_exponent(n_positions, d_model, base=10_000.0):
    halves = torch.arange(d_model // 2, dtype=torch.float64) / d_model
    angles = _angles(n_positions, base**-halves)
    return _woven(angles.sin(), angles.cos())


def _a_speed_for_each_column(n_positions, d_model, base=10_000.0):
    columns = torch.arange(d_model, dtype=torch.float64) / d_model
    angles = _angles(n_positions, base**-columns)
    return _woven(angles[:, 0::2].sin(), angles[:, 1::2].cos())


check_sinusoids = FunctionCheck(
    "check_sinusoids",
    reference=lambda n, d, base=10_000.0: sinusoidal_positions(n, d, base, dtype=torch.float64),
    cases=[lambda: (7, 10), lambda: (13, 6, 100.0), lambda: (5, 22)],
    mistakes=[
        Mistake(
            "all sines first",
            _all_sines_first,
            "Your numbers are right, but in another order: all sines, then all cosines. Here the"
            " sine and the cosine of a pair are neighbours, in the columns 2i and 2i + 1.",
        ),
        Mistake(
            "exponent i, not 2i",
            _half_the_exponent,
            "Your hands slow down half as fast as they should. The exponent is -2i / d_model, where"
            " i counts pairs, so that the speed of the last pair comes close to 1 / base.",
        ),
        Mistake(
            "a speed for every column",
            _a_speed_for_each_column,
            "The sine and the cosine of a pair must have the same speed, or a shift is no longer a"
            " rotation. Compute d_model / 2 speeds, and use each of them twice.",
        ),
        Mistake(
            "sines and cosines swapped",
            _cosines_first,
            "The even columns are sines: row 0 begins with 0, 1.",
        ),
        Mistake(
            "positions across",
            lambda n, d, base=10_000.0: sinusoidal_positions(n, d, base, dtype=torch.float64).T,
            "There is one *row* for each position: [n_positions, d_model].",
        ),
    ],
    praise="Equal to incontext.positions.sinusoidal_positions for every size.",
    tolerance=LOOSE,
)


def _batch(b: int, t: int, c: int) -> Tensor:
    generator = torch.Generator().manual_seed(b + t)
    return torch.randn(b, t, c, generator=generator, dtype=torch.float64)


def _rows(n: int, x: Tensor) -> Tensor:
    return sinusoidal_positions(n, x.shape[-1], dtype=x.dtype)


def _beside(x: Tensor) -> Tensor:
    return torch.cat([x, _rows(x.shape[1], x).expand_as(x)], dim=-1)


check_add_positions = FunctionCheck(
    "check_add_positions",
    reference=lambda x: x + _rows(x.shape[1], x),
    cases=[lambda: (_batch(3, 5, 8),), lambda: (_batch(5, 2, 6),), lambda: (_batch(4, 4, 10),)],
    mistakes=[
        Mistake(
            "positions indexed by batch",
            lambda x: x + _rows(x.shape[0], x)[:, None, :],
            "You gave every *sentence* its row, and all tokens of a sentence the same one. x is"
            " [B, T, C]: positions run along T, x.shape[1].",
        ),
        Mistake(
            "positions that run on through the batch",
            lambda x: x + _rows(x.shape[0] * x.shape[1], x).reshape(x.shape),
            "Your second sentence goes on counting where the first stopped. Each one starts at 0.",
        ),
        Mistake(
            "counting from 1",
            lambda x: x + _rows(x.shape[1] + 1, x)[1:],
            "The first token stands at position 0.",
        ),
        Mistake(
            "set beside, not added",
            _beside,
            "You set the positions beside the vectors, which doubles the width. Add them.",
        ),
    ],
    praise="Every sentence of the batch counts its tokens from 0.",
    tolerance=LOOSE,
)


def _spread(x: Tensor) -> Tensor:
    return x.max() - x.min()


def _along(table: Tensor) -> list[Tensor]:
    """The dot products of all rows that are k apart, for every k."""
    products = table @ table.mT
    return [products.diagonal(offset) for offset in range(len(table))]


def _table_case(n_positions: int, d_model: int, base: float = 10_000.0, noise: float = 0.0):
    def case() -> tuple[Tensor]:
        generator = torch.Generator().manual_seed(n_positions)
        table = sinusoidal_positions(n_positions, d_model, base, dtype=torch.float64)
        chance = torch.randn(table.shape, generator=generator, dtype=torch.float64)
        return (table + noise * chance,)

    return case


check_unevenness = FunctionCheck(
    "check_unevenness",
    reference=lambda table: max(map(_spread, _along(table))),
    cases=[_table_case(11, 6), _table_case(13, 10, noise=0.1), _table_case(7, 4, noise=1.0)],
    mistakes=[
        Mistake(
            "one offset only",
            lambda table: _spread((table @ table.mT).diagonal(1)),
            "You look at neighbours alone. A table may be even at one offset and not at another:"
            " go through all of them.",
        ),
        Mistake(
            "the main diagonal only",
            lambda table: _spread((table @ table.mT).diagonal()),
            "On the main diagonal every row meets itself, so you compare the rows' lengths. Take"
            " the other diagonals too: diagonal(k) for every k.",
        ),
        Mistake(
            "different offsets compared",
            lambda table: _spread(torch.stack([one.mean() for one in _along(table)])),
            "You compare one offset with another, and these are meant to differ: the curve in the"
            " explorable is not flat. Compare the products of one and the same offset.",
        ),
        Mistake(
            "all products compared",
            lambda table: _spread(table @ table.mT),
            "You compare all dot products with each other. Those of different offsets may differ;"
            " go diagonal by diagonal, and take the largest difference within one.",
        ),
        Mistake(
            "compared with the first alone",
            lambda table: max((one - one[0]).max() for one in _along(table)),
            "You take the first product of each diagonal for the smallest. The largest difference"
            " is between the largest and the smallest.",
        ),
    ],
    praise="Your test sees what a picture does not show. What does it say of suspect?",
)


@dataclass(frozen=True)
class OwnOrderCheck:
    """Checks two sentences of the reader's, of the same words, and says how alike the model is.

    reference: gives two such sentences. mistakes: pairs that would show nothing.
    """

    name: str
    reference: Callable[[], tuple[str, str]]
    mistakes: Sequence[Mistake]

    def __call__(self, pair: Any) -> Verdict:
        if pair is None or pair is Ellipsis:
            return not_yet(f"give {self.name} your two sentences.")
        if not are_two_texts(pair):
            return Verdict(False, f"{self.name} takes one pair of sentences: (one, other).")
        encoder, tokenizer = encoder_to_read()
        one, other = (tokenizer.encode(text) for text in pair)
        if len(one) < 6:  # with [CLS] and [SEP]
            return Verdict(False, str(self.mistakes[0]))
        if torch.equal(one, other):
            return Verdict(False, str(self.mistakes[1]))
        if not torch.equal(one.sort().values, other.sort().values):
            return Verdict(False, str(self.mistakes[2]))
        generator = torch.Generator().manual_seed(0)
        inside = one[1:-1]
        orders = [torch.randperm(len(inside), generator=generator) for _ in range(20)]
        shuffled = [torch.cat([one[:1], inside[order], one[-1:]]) for order in orders]
        with torch.no_grad():
            states = encoder(torch.stack([one, other, *shuffled])).last_hidden_state
        first, *others = states.mean(1)
        cosines = cosine_similarity(first, torch.stack(others))
        return Verdict(
            True,
            f"Your two sentences have a cosine of {cosines[0]:.2f}. Twenty random shuffles of the"
            f" first have {cosines[1:].min():.2f} to {cosines[1:].max():.2f} with it,"
            f" {cosines[1:].mean():.2f} on average.",
            "✓",
        )


check_own_order = OwnOrderCheck(
    "check_own_order",
    reference=lambda: ("The dog chased the cat.", "The cat chased the dog."),
    mistakes=[
        Mistake(
            "too few words",
            lambda: ("Dogs bark.", "Bark dogs."),
            "Take sentences of at least four words, or there is little order to change.",
        ),
        Mistake(
            "the same order",
            lambda: ("The dog chased the cat.", "the dog chased the cat ."),
            "To the model these are the same tokens in the same order. It reads no capitals and no"
            " spaces.",
        ),
        Mistake(
            "other words",
            lambda: ("The dog chased the cat.", "The cat was chased by the dog."),
            "The second sentence must have exactly the tokens of the first, each as often, or the"
            " words make a difference and not their order alone. The full stop counts too.",
        ),
    ],
)
