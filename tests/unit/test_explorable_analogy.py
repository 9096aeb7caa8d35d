"""The analogy explorable: its closed form equals the arithmetic on the vectors themselves."""

import numpy as np
import pytest
import torch
from traitlets import TraitError

from incontext.embeddings import analogy, cosine_similarity
from incontext.explorables import Analogy
from incontext.explorables.analogy import EXAMPLES, N_SHOWN, WORDS
from incontext.pretrained import load_encoder, whole_words


@pytest.fixture(scope="module")
def explorable():
    return Analogy()


@pytest.fixture(scope="module")
def model():
    encoder, tokenizer = load_encoder()
    return encoder.token_embedding.weight.detach().double(), tokenizer


@pytest.fixture(scope="module")
def everywhere(model):
    table, tokenizer = model
    rows = whole_words(tokenizer)
    return table[rows].float(), tokenizer.tokens(rows)


def shown(explorable):
    rows = explorable.numbers().rows[:N_SHOWN]
    return [(row[0].removesuffix(" (left out)"), *row[1:]) for row in rows]


@pytest.mark.parametrize("words", [*EXAMPLES, "bank river music", "king king dog", "cat dog cat"])
def test_cosines_and_distances_are_those_of_the_vectors(explorable, model, words):
    table, tokenizer = model
    explorable.a, explorable.b, explorable.c = words.split()
    a, b, c = (table[tokenizer.id_of(word)] for word in words.split())
    corner = a - b + c
    for word, cosine, distance in shown(explorable):
        vector = table[tokenizer.id_of(word)]
        assert cosine == pytest.approx(cosine_similarity(vector, corner).item(), abs=2e-4)
        assert distance == pytest.approx((vector - corner).norm().item(), abs=6e-4)
    *_, side_a, side_c, height = explorable.numbers().rows
    assert side_a[2] == pytest.approx((a - b).norm().item(), abs=6e-4)
    assert side_c[2] == pytest.approx((c - b).norm().item(), abs=6e-4)
    answer = table[tokenizer.id_of(height[0].removesuffix(" above the plane"))]
    sides = torch.stack([a - b, c - b], dim=1)
    in_plane = sides @ torch.linalg.pinv(sides) @ (answer - b)
    assert height[2] == pytest.approx((answer - b - in_plane).norm().item(), abs=6e-4)


@pytest.mark.parametrize("words", EXAMPLES)
def test_examples_show_the_neighbours_of_the_whole_table(explorable, everywhere, words):
    table, names = everywhere
    explorable.example = words
    rows = [names.index(word) for word in words.split()]
    _, nearest = analogy(table, *rows, k=N_SHOWN, exclude_inputs=False)
    assert [word for word, *_ in shown(explorable)] == [names[row] for row in nearest]


def test_distances_in_the_scene_are_those_in_the_table(explorable):
    explorable.example = "madrid spain portugal"
    ranking, _, distances = explorable._ranking()
    answer = explorable._answer(ranking)
    assert WORDS[answer] == "benfica"
    scene = explorable._scene(answer)
    miss = np.linalg.norm(scene["corner"] - scene["answer"])
    assert miss == pytest.approx(distances[answer], abs=1e-9)


def test_leaving_the_inputs_in_changes_the_answer():
    explorable = Analogy()
    assert "“queen” is nearest, at 0.51" in explorable.alt()
    assert "king (left out)" in [row[0] for row in explorable.numbers().rows]
    explorable.exclude_inputs = False
    assert "“king” is nearest, at 0.67" in explorable.alt()
    assert explorable.numbers().rows[-1][0] == "king above the plane"
    assert explorable.numbers().rows[-1][2] == 0


def test_example_and_words_follow_each_other():
    explorable = Analogy(example="paris france germany")
    assert (explorable.a, explorable.b, explorable.c) == ("paris", "france", "germany")
    explorable.c = "italy"
    assert explorable.example == "paris france italy"
    explorable.c = "dog"
    assert explorable.example == "own"
    with pytest.raises(TraitError, match="xylophone"):
        explorable.a = "xylophone"
    assert explorable.a == "paris"
