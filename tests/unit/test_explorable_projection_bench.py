"""The projection bench: attention of named tokens against loops, and what training finds."""

import math

import pytest
import torch

from incontext.explorables import ProjectionBench
from incontext.explorables.projection_bench import GOAL, STARTS, TRAINED, WANTED, X, attend, train

BY_HAND = {
    "w_q": [3.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0],  # nouns ask along 1, places along 2
    "w_k": [0.0, 0.0, 3.0, 0.0, 0.0, 3.0, 0.0, 0.0],  # adjectives answer along 1
    "w_v": [0.0, 0.0, 0.0, 1.0],
}


def table(explorer, name):
    return [[x for x in row[2:] if x != ""] for row in explorer.numbers().rows if row[0] == name]


def times(row, flat, n):
    return [sum(x * flat[i * n + c] for i, x in enumerate(row)) for c in range(n)]


@pytest.mark.parametrize("matrices", [BY_HAND, TRAINED], ids=["by hand", "trained"])
def test_numbers_are_the_formula(matrices):
    explorer = ProjectionBench(**matrices)
    queries = [times(row, matrices["w_q"], 2) for row in X]
    keys = [times(row, matrices["w_k"], 2) for row in X]
    values = [times(row, matrices["w_v"], 1)[0] for row in X]
    for i, query in enumerate(queries):
        scores = [sum(a * b for a, b in zip(query, key, strict=True)) for key in keys]
        exponentials = [math.exp(score / math.sqrt(2)) for score in scores]
        weights = [one / sum(exponentials) for one in exponentials]
        assert table(explorer, "query")[i] == pytest.approx(query)
        assert table(explorer, "weights of")[i] == pytest.approx(weights, rel=1e-12)
        mixed = sum(w * v for w, v in zip(weights, values, strict=True))
        assert table(explorer, "output")[i] == pytest.approx([mixed], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("matrices", [BY_HAND, TRAINED], ids=["by hand", "trained"])
def test_the_goal_can_be_reached(matrices):
    explorer = ProjectionBench(**matrices)
    for noun, adjective in WANTED.items():
        assert table(explorer, "weights of")[noun][adjective] >= GOAL
        assert table(explorer, "output")[noun][0] * X[adjective][3] >= GOAL


def test_without_the_place_both_nouns_are_torn_between_both_adjectives():
    weights = table(ProjectionBench(start="adjectives"), "weights of")
    for noun in WANTED:
        assert weights[noun][0] == pytest.approx(weights[noun][3], rel=1e-12)
        assert 0.45 < weights[noun][0] < 0.5


def test_training_finds_what_the_explorable_shows():
    assert train(seed=0) == TRAINED


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_from_other_seeds_training_finds_other_matrices_that_do_the_same(seed):
    found = train(seed)
    assert found["w_q"] != TRAINED["w_q"]
    sizes = zip(found.values(), (2, 2, 1), strict=True)
    matrices = [torch.tensor(flat, dtype=torch.float64).view(4, n) for flat, n in sizes]
    weights = attend(torch.tensor(X, dtype=torch.float64), *matrices)[3]
    assert weights[list(WANTED), list(WANTED.values())].min() >= GOAL
    product = matrices[0] @ matrices[1].T  # what a score asks: row of the query, column of the key
    assert product[0, 1] > 3 and product[2, 2] > 2  # noun asks adjective, place asks its own


def test_an_example_sets_the_matrices_and_they_name_the_example():
    explorer = ProjectionBench()
    assert explorer.start == "zeros"
    explorer.start = "trained"
    assert (explorer.w_q, explorer.w_k, explorer.w_v) == tuple(TRAINED.values())
    explorer.w_v = [0.0, 0.0, 0.0, 2.0]
    assert explorer.start == "own"
    for name in ("w_q", "w_k", "w_v"):
        setattr(explorer, name, STARTS["zeros"][name])
    assert explorer.start == "zeros"


def test_the_picture_in_words_says_how_near_it_is():
    assert "dog gives 0.20 of its weight to big" in ProjectionBench().alt()
    assert (
        "dog gives 0.99 of its weight to big and receives the size 0.99"
        in ProjectionBench(start="trained").alt()
    )
