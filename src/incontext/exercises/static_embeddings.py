"""Checks of the chapter on static embeddings: cosine, neighbours, sums with words, directions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from incontext.embeddings import analogy, cosine_similarity, nearest
from incontext.pretrained import encoder_to_read, whole_words

from .checking import FunctionCheck, Mistake, Verdict, in_words, not_yet


def vectors(n: int, width: int, seed: int) -> Tensor:
    """Random rows whose lengths differ widely."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.exp(torch.randn(n, 1, generator=generator))
    return lengths * torch.randn(n, width, generator=generator)


def _directions(table: Tensor) -> Tensor:
    return table / table.norm(dim=-1, keepdim=True)


def _dots(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1)


check_cosine = FunctionCheck(
    "check_cosine",
    reference=cosine_similarity,
    cases=[
        lambda: (vectors(5, 7, 0), vectors(5, 7, 1)),
        lambda: (vectors(3, 11, 2), vectors(3, 11, 3)),
        lambda: (vectors(2, 3, 4), 100 * vectors(2, 3, 5)),
    ],
    mistakes=[
        Mistake(
            "dot product without the lengths",
            _dots,
            "Make one vector twice as long and your result doubles, although the angle stays the"
            " same. Divide by both lengths.",
        ),
        Mistake(
            "one length only",
            lambda a, b: _dots(a, b) / a.norm(dim=-1),
            "You divided by the length of a, so a longer b still gives a larger result. Divide by"
            " the length of b as well.",
        ),
        Mistake(
            "lengths added",
            lambda a, b: _dots(a, b) / (a.norm(dim=-1) + b.norm(dim=-1)),
            "The dot product is proportional to both lengths, so divide by their product.",
        ),
        Mistake(
            "lengths squared",
            lambda a, b: _dots(a, b) / ((a * a).sum(-1) * (b * b).sum(-1)),
            "The sum of the squares is the squared length. Take the square root.",
        ),
        Mistake(
            "norm over the wrong axis",
            lambda a, b: _dots(a / a.norm(dim=0), b / b.norm(dim=0)),
            "dim=0 runs down a column, across different words. The length of a word's vector comes"
            " from its components, along the last axis: dim=-1.",
        ),
        Mistake(
            "everything over the wrong axis",
            lambda a, b: cosine_similarity(a.T, b.T),
            "You compared columns, which gives one number for each component. Sum over the last"
            " axis, dim=-1, and you get one for each pair of words.",
        ),
        Mistake(
            "one length for the whole matrix",
            lambda a, b: _dots(a, b) / (a.norm() * b.norm()),
            "Without dim, norm treats the whole matrix as one long vector. Each row has its own"
            " length: dim=-1.",
        ),
        Mistake(
            "distance",
            lambda a, b: (a - b).norm(dim=-1),
            "That is how far apart the tips of the two vectors are, 0 if they are equal. The cosine"
            " measures similarity: 1 for the same direction.",
        ),
        Mistake(
            "cosine distance",
            lambda a, b: 1 - cosine_similarity(a, b),
            "1 − cos is small if two vectors are alike. The task asks for the cosine itself.",
        ),
    ],
    praise="Equal to incontext.embeddings.cosine_similarity, whatever the lengths.",
)


def _order(row: int, table: Tensor) -> Tensor:
    """All other rows, the most similar first."""
    return nearest(table[row], table, len(table) - 1, [row])[1]


def _by_distance(row: int, table: Tensor, k: int) -> Tensor:
    order = (table - table[row]).norm(dim=-1).argsort()
    return order[order != row][:k]


def _by_dot(row: int, table: Tensor, k: int) -> Tensor:
    order = (table @ table[row]).argsort(descending=True)
    return order[order != row][:k]


check_nearest = FunctionCheck(
    "check_nearest",
    reference=lambda row, table, k: _order(row, table)[:k],
    cases=[
        lambda: (3, vectors(31, 5, 0), 4),
        lambda: (0, vectors(53, 7, 1), 3),
        lambda: (16, vectors(17, 3, 2), 7),
    ],
    mistakes=[
        Mistake(
            "nothing excluded",
            lambda row, table, k: nearest(table[row], table, k)[1],
            "The first of your rows is the word itself, because nothing is more similar to it."
            " Leave it out.",
        ),
        Mistake(
            "one row too few",
            lambda row, table, k: _order(row, table)[: k - 1],
            "You took k rows and then removed the word itself. Leave it out first, then take k.",
        ),
        Mistake(
            "ascending order",
            lambda row, table, k: _order(row, table).flip(0)[:k],
            "These are the rows least similar to the word. argsort puts the smallest value first,"
            " unless you say descending=True.",
        ),
        Mistake(
            "the right rows, backwards",
            lambda row, table, k: _order(row, table)[:k].flip(0),
            "The most similar row should come first.",
        ),
        Mistake(
            "dot product in place of the cosine",
            _by_dot,
            "Long rows have large dot products, whatever their direction. Divide by the lengths of"
            " the rows.",
        ),
        Mistake(
            "distance in place of the cosine",
            _by_distance,
            "A longer row in the same direction is far away, and yet its cosine is 1. Rank by the"
            " cosine.",
        ),
    ],
    praise="The same rows as incontext.embeddings.nearest, in the same order.",
)


def _sum(table: Tensor, a: int, b: int, c: int) -> Tensor:
    return table[a] - table[b] + table[c]


def _answer(query: Tensor, table: Tensor, left_out: tuple[int, ...] = ()) -> int:
    return int(nearest(query, table, 1, left_out)[1])


def _analogy_by_dot(table: Tensor, a: int, b: int, c: int, left_out: str = "abc") -> int:
    dots = table @ _sum(table, a, b, c)
    dots[[{"a": a, "b": b, "c": c}[name] for name in left_out]] = -math.inf
    return int(dots.argmax())


check_analogy = FunctionCheck(
    "check_analogy",
    reference=lambda table, a, b, c: int(analogy(table, a, b, c, k=1)[1]),
    cases=[
        lambda: (vectors(31, 5, 0), 3, 7, 2),
        lambda: (vectors(41, 5, 1), 0, 19, 40),
        lambda: (vectors(37, 3, 2), 11, 5, 23),
        lambda: (vectors(43, 7, 3), 13, 2, 17),
        lambda: (vectors(29, 3, 4), 1, 6, 8),
        lambda: (vectors(47, 5, 5), 46, 45, 44),
    ],
    mistakes=[
        Mistake(
            "inputs not excluded",
            lambda table, a, b, c: _answer(_sum(table, a, b, c), table),
            "The sum stays close to its own words, so one of them is your answer. Leave out a, b"
            " and c.",
        ),
        Mistake(
            "one input excluded of three",
            lambda table, a, b, c: _answer(_sum(table, a, b, c), table, (a,)),
            "You left out a, but b and c must not be the answer either.",
        ),
        Mistake(
            "an input is still allowed, for one thing",
            lambda *given: _analogy_by_dot(*given, left_out="c"),
            "Compare your answers with a, b and c: some of them are among the three. Only c is"
            " left out. Repair this and check again, because it is not the only mistake.",
        ),
        Mistake(
            "a + b − c",
            lambda table, a, b, c: _answer(_sum(table, a, c, b), table, (a, b, c)),
            "The minus sign is on the wrong word: you computed king + man − woman. Subtract b and"
            " add c.",
        ),
        Mistake(
            "the step made backwards",
            lambda table, a, b, c: _answer(_sum(table, b, a, c), table, (a, b, c)),
            "b − a + c makes the step from king to man. The step that you need goes from man to"
            " king: a − b.",
        ),
        Mistake(
            "dot product in place of the cosine",
            _analogy_by_dot,
            "Long rows have large dot products, whatever their direction. Divide by the lengths of"
            " the rows.",
        ),
        Mistake(
            "rows scaled before the sum",
            lambda table, a, b, c: int(analogy(_directions(table), a, b, c, k=1)[1]),
            "You scaled every row to length 1 before adding. The first paper did that too, but here"
            " the rows are added as they are in the table.",
        ),
    ],
    praise="The same answers as incontext.embeddings.analogy.",
)


@dataclass(frozen=True)
class DirectionCheck:
    """Checks a direction of the learner's own: do words that did not make it fall on their side?

    reference: two ends and two lists of test words, as texts. mistakes: what cannot be tested, in
    the order in which it is looked for.
    """

    name: str
    reference: Callable[[], dict[str, tuple[str, str]]]
    mistakes: Sequence[Mistake]

    def __call__(self, words: Any) -> Verdict:
        if words is None or words is Ellipsis:
            return not_yet(f"give {self.name} your words.")
        try:
            ends = [text.lower().split() for text in words["ends"]]
            tests = [text.lower().split() for text in words["tests"]]
            one, other = ends
            first, second = tests
        except (TypeError, KeyError, ValueError, AttributeError):
            return Verdict(
                False,
                f"{self.name} takes a dictionary with two texts under “ends” and two under"
                f" “tests”. It got {in_words(words)}.",
            )
        table, row_of = _whole_words()
        missing = sorted({word for text in ends + tests for word in text if word not in row_of})
        if missing:
            return Verdict(
                False,
                f"The table has no whole word {', '.join(missing)}. Use single words in small"
                " letters, and common ones.",
            )
        if set(one + other) & set(first + second):
            return Verdict(False, str(self.mistakes[0]))
        if min(map(len, map(set, ends))) < 3 or min(map(len, map(set, tests))) < 4:
            return Verdict(False, str(self.mistakes[1]))

        def rows(text: list[str]) -> Tensor:
            return table[[row_of[word] for word in text]]

        direction = rows(one).mean(0) - rows(other).mean(0)
        wrong = [w for w in first if cosine_similarity(table[row_of[w]], direction) <= 0]
        wrong += [w for w in second if cosine_similarity(table[row_of[w]], direction) >= 0]
        n_words = len(first) + len(second)
        found = f"{n_words - len(wrong)} of your {n_words} test words are on their own side."
        if len(wrong) <= n_words / 8:
            return Verdict(True, f"{found} Your claim has survived this test.", "✓")
        if set(wrong) in (set(first), set(second)):
            return Verdict(False, str(self.mistakes[2]))
        return Verdict(
            False,
            f"{found} A coin would get half of them right. On the wrong side: {', '.join(wrong)}."
            " Does your direction mean something else, or do these words?",
        )


def _whole_words() -> tuple[Tensor, dict[str, int]]:
    """The real table, and the row of each word."""
    encoder, tokenizer = encoder_to_read()
    rows = whole_words(tokenizer)
    names = tokenizer.tokens(rows)
    return encoder.token_embedding.weight.detach()[rows], {w: i for i, w in enumerate(names)}


check_own_direction = DirectionCheck(
    "check_own_direction",
    reference=lambda: {
        "ends": ("huge large enormous giant", "tiny small little short"),
        "tests": ("big vast massive gigantic", "minor slight miniature thin"),
    },
    mistakes=[
        Mistake(
            "tested on what it was made from",
            lambda: {
                "ends": ("huge large enormous", "tiny small little"),
                "tests": ("huge vast massive gigantic", "minor slight miniature thin"),
            },
            "A word that helped to make the direction falls on its own side almost by itself."
            " Test with other words.",
        ),
        Mistake(
            "too few words",
            lambda: {
                "ends": ("huge large", "tiny small"),
                "tests": ("big vast massive gigantic", "minor slight miniature thin"),
            },
            "With one or two words at an end, the direction is mostly about these words. Take at"
            " least three for each end, and at least four test words for each side.",
        ),
        Mistake(
            "all test words on one side",
            lambda: {
                "ends": ("walk run jump", "bread cheese soup"),
                "tests": ("apple rice wine butter", "corn meat fish egg"),
            },
            "The direction sees something that all of your test words have in common, and not the"
            " difference between them.",
        ),
    ],
)
