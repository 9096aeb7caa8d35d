"""Checks of the chapter on static embeddings: cosine, neighbours, sums with words."""

import math

import torch
from torch import Tensor

from incontext.embeddings import analogy, cosine_similarity, nearest
from incontext.pretrained import load_encoder, whole_words

from .checking import FunctionCheck, Mistake, ValueCheck

# a, b, c of a − b + c, and the word one expects
SUMS = (
    "tokyo japan china beijing", "rome italy spain madrid", "waitress waiter actor actress",
    "aunt uncle father mother", "best good bad worst", "hotter hot cold colder",
    "mice mouse goose geese", "french france italy italian",
)  # fmt: skip


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
            "Make a vector twice as long and your number doubles, though the angle stays. Divide"
            " by both lengths.",
        ),
        Mistake(
            "one length only",
            lambda a, b: _dots(a, b) / a.norm(dim=-1),
            "You divided by the length of a. The length of b still counts in the result.",
        ),
        Mistake(
            "lengths added",
            lambda a, b: _dots(a, b) / (a.norm(dim=-1) + b.norm(dim=-1)),
            "The dot product grows with each length, so it is divided by their product.",
        ),
        Mistake(
            "lengths squared",
            lambda a, b: _dots(a, b) / ((a * a).sum(-1) * (b * b).sum(-1)),
            "The sum of the squares is the square of the length. Take its root.",
        ),
        Mistake(
            "norm over the wrong axis",
            lambda a, b: _dots(a / a.norm(dim=0), b / b.norm(dim=0)),
            "dim=0 goes down a column, over different words. The length of a word's vector goes"
            " over its components, the last axis: dim=-1.",
        ),
        Mistake(
            "everything over the wrong axis",
            lambda a, b: cosine_similarity(a.T, b.T),
            "You compared columns: there is a number for each component. Sum over the last axis,"
            " dim=-1, and there is one for each pair of words.",
        ),
        Mistake(
            "one length for the whole matrix",
            lambda a, b: _dots(a, b) / (a.norm() * b.norm()),
            "Without dim, norm takes all rows for one long vector. Each row has its own length:"
            " dim=-1.",
        ),
        Mistake(
            "distance",
            lambda a, b: (a - b).norm(dim=-1),
            "That is how far the tips of the two vectors are apart, 0 for equal ones. The cosine"
            " is a likeness, 1 for the same direction.",
        ),
        Mistake(
            "cosine distance",
            lambda a, b: 1 - cosine_similarity(a, b),
            "1 − cos is small where two vectors are alike. Asked for is the cosine itself.",
        ),
    ],
    praise="Equal to incontext.embeddings.cosine_similarity, whatever the lengths.",
)


def _order(row: int, table: Tensor) -> Tensor:
    """All other rows, the most alike first."""
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
            "The first of your rows is the word itself: nothing is more like it. Leave it out.",
        ),
        Mistake(
            "one row too few",
            lambda row, table, k: _order(row, table)[: k - 1],
            "You took k rows and then threw out the word itself. Leave it out first, then take k.",
        ),
        Mistake(
            "ascending order",
            lambda row, table, k: _order(row, table).flip(0)[:k],
            "These are the rows least like the word. argsort puts the smallest first:"
            " descending=True.",
        ),
        Mistake(
            "the right rows, backwards",
            lambda row, table, k: _order(row, table)[:k].flip(0),
            "The most alike comes first.",
        ),
        Mistake(
            "dot product in place of the cosine",
            _by_dot,
            "Long rows win every dot product. Divide by the lengths of the rows.",
        ),
        Mistake(
            "distance in place of the cosine",
            _by_distance,
            "A row in the same direction, but longer, is far away and yet has the cosine 1. Go by"
            " the cosine.",
        ),
    ],
    praise="The same rows as incontext.embeddings.nearest, in the same order.",
)


def _sum(table: Tensor, a: int, b: int, c: int) -> Tensor:
    return table[a] - table[b] + table[c]


def _answer(query: Tensor, table: Tensor, left_out: tuple[int, ...] = ()) -> int:
    return int(nearest(query, table, 1, left_out)[1])


def _analogy_by_dot(table: Tensor, a: int, b: int, c: int) -> int:
    dots = table @ _sum(table, a, b, c)
    dots[[a, b, c]] = -math.inf
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
            "The sum stays close to its own words, and one of them is your answer. Leave out a, b"
            " and c.",
        ),
        Mistake(
            "one input excluded of three",
            lambda table, a, b, c: _answer(_sum(table, a, b, c), table, (a,)),
            "You left out a. The words b and c may not be the answer either.",
        ),
        Mistake(
            "a + b − c",
            lambda table, a, b, c: _answer(_sum(table, a, c, b), table, (a, b, c)),
            "The sign is on the wrong word: king + man − woman. Subtract b, add c.",
        ),
        Mistake(
            "the step made backwards",
            lambda table, a, b, c: _answer(_sum(table, b, a, c), table, (a, b, c)),
            "b − a + c goes from king to man and not from man to king. The step is a − b.",
        ),
        Mistake(
            "dot product in place of the cosine",
            _analogy_by_dot,
            "The longest rows win. Divide by the lengths of the rows.",
        ),
        Mistake(
            "rows scaled before the sum",
            lambda table, a, b, c: int(analogy(_directions(table), a, b, c, k=1)[1]),
            "You made every row one long and then added. The first paper did so, too; here the"
            " rows are added as they stand in the table.",
        ),
    ],
    praise="The same answers as incontext.embeddings.analogy.",
)

check_corner = ValueCheck(
    "check_corner",
    reference=lambda: 1 / math.sqrt(1 + 2 - 2 * 0.6),
    within=0.006,
    mistakes=[
        Mistake(
            "dot product without the lengths",
            lambda: 1,
            "The dot product is 1, but the sum is longer than 1. Divide by its length.",
        ),
        Mistake(
            "length squared",
            lambda: 1 / (1 + 2 - 2 * 0.6),
            "1.8 is the squared length of the sum. Take its root.",
        ),
        Mistake(
            "man and woman at right angles",
            lambda: 1 / math.sqrt(3),
            "That is what it would be if man and woman had nothing in common. Their dot product is"
            " 0.6, and it shortens the step.",
        ),
        Mistake(
            "the middle term with the wrong sign",
            lambda: 1 / math.sqrt(1 + 2 + 2 * 0.6),
            "The step is a difference: |w − m|² = 1 + 1 − 2 · 0.6.",
        ),
    ],
    praise="The shorter the step from man to woman, the closer the sum stays to king.",
)


def _counts(k: int = 1, left_out: bool = True) -> tuple[int, int, int]:
    """How many of SUMS give the word: with the rule, without it, and by c alone."""
    encoder, tokenizer = load_encoder()
    rows = whole_words(tokenizer)
    table = encoder.token_embedding.weight.detach()[rows]
    names = tokenizer.tokens(rows)
    counts = [0, 0, 0]
    for line in SUMS:
        *inputs, expected = (names.index(word) for word in line.split())
        found = [
            analogy(table, *inputs, k=k)[1],
            analogy(table, *inputs, k=k, exclude_inputs=False)[1],
            nearest(table[inputs[2]], table, k, inputs if left_out else ())[1],
        ]
        counts = [n + (expected in each.tolist()) for n, each in zip(counts, found, strict=True)]
    return tuple(counts)


check_sums = ValueCheck(
    "check_sums",
    reference=_counts,
    mistakes=[
        Mistake(
            "the three nearest counted",
            lambda: _counts(k=3),
            "A sum is right if the word comes first, and not among the first three.",
        ),
        Mistake(
            "c is its own nearest word",
            lambda: _counts(left_out=False),
            "In the last count you left nothing out, and so found c itself each time.",
        ),
    ],
    praise="Six look right. Five owe it to the rule, and three needed no sum.",
)
