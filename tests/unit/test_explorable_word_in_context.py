"""The vectors of a word in its sentences: the numbers against another way of computing them."""

import numpy as np
import pytest
import torch
from traitlets import TraitError

from incontext.contextual import SETS, word_vectors
from incontext.explorables import WordInContext
from incontext.pretrained import load_encoder

PLANT = {
    "plant": [
        ("factory", "workers", "The plant employs four hundred workers."),
        ("factory", "steel", "Steel is made in this plant."),
        ("green", "water", "Water the plant every day."),
    ]
}


@pytest.fixture(scope="module")
def explorer():
    return WordInContext()


@pytest.fixture(scope="module")
def model():
    return load_encoder()


def table(explorer) -> dict[str, list]:
    return {row[0]: row[1:] for row in explorer.numbers().rows}


@pytest.mark.parametrize("word", ["bank", "spring"])
@pytest.mark.parametrize("layer", [1, 6])
def test_cosines_and_distances(explorer, model, word, layer):
    explorer.word, explorer.layer = word, layer
    vectors = torch.stack(
        [word_vectors(*model, text, word)[layer].double() for *_, text in SETS[word]]
    )
    cosines = np.array(
        [[torch.cosine_similarity(a, b, dim=0).item() for a in vectors] for b in vectors]
    )
    n = len(cosines)
    rows = [row[1:] for row in explorer.numbers().rows[:n]]
    shown = np.array([row[1 : 1 + n] for row in rows])
    np.testing.assert_allclose(shown, cosines, atol=1e-5)

    # Classical scaling: the same plane from the distances alone, without components.
    centring = np.eye(n) - 1 / n
    inner = centring @ cosines @ centring
    sizes, axes = np.linalg.eigh(inner)
    flat = axes[:, -2:] * np.sqrt(sizes[-2:])
    points = np.array([row[-2:] for row in rows])
    np.testing.assert_allclose(points @ points.T, flat @ flat.T, atol=1e-4)
    kept = table(explorer)["share of the variance on the map"][1]
    assert kept == pytest.approx(sizes[-2:].sum() / inner.trace(), abs=1e-6)


def test_summary(explorer):
    explorer.word, explorer.layer, explorer.sentence = "bank", 3, 8
    rows = table(explorer)
    assert rows["sentences whose nearest has their sense"][1] == 8
    assert any(name.startswith("pond, nearest: ") for name in rows)
    senses = [sense for sense, _, _ in SETS["bank"]]
    shown = np.array([row[2:10] for row in explorer.numbers().rows[:8]])
    pairs = [(i, j) for i in range(8) for j in range(i)]
    same = [shown[i, j] for i, j in pairs if senses[i] == senses[j]]
    other = [shown[i, j] for i, j in pairs if senses[i] != senses[j]]
    assert (len(same), len(other)) == (12, 16)
    assert rows["mean cosine, same sense"][1] == pytest.approx(np.mean(same))
    assert rows["mean cosine, other sense"][1] == pytest.approx(np.mean(other))


def test_words_at_one_position_start_out_equal(explorer):
    explorer.word, explorer.layer = "bat", 0
    rows = table(explorer)
    assert rows["share of the variance on the map"][1] == "no variance"
    assert np.abs([row[-2:] for row in explorer.numbers().rows[:8]]).max() < 1e-4


def test_sentence_is_kept_within_its_set(explorer):
    explorer.word, explorer.sentence = "spring", 20
    assert explorer.sentence == 8
    with pytest.raises(TraitError, match="word='cat' must be one of"):
        explorer.word = "cat"


def test_alt_text_has_the_numbers_of_the_state(explorer):
    explorer.word, explorer.layer = "bank", 6
    rows = table(explorer)
    assert "“bank” in 8 sentences after layer 6" in explorer.alt()
    for name in ("mean cosine, same sense", "mean cosine, other sense"):
        assert f"{rows[name][1]:.2f}" in explorer.alt()


def test_words_of_ones_own():
    mine = WordInContext(PLANT)
    assert mine.word == "plant" and mine.limits() == {"sentence": 3}
    parts = mine.data()["sets"]["plant"]["sentences"][1]["parts"]
    assert parts == [["Steel", "cue"], [" is made in this ", ""], ["plant", "word"], [".", ""]]


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({}, "sets must map at least one word"),
        ({"plant": PLANT["plant"][:2]}, "must have 2 to 6 senses"),
        ({"plant": [*PLANT["plant"], PLANT["plant"][0]]}, "a cue of its own"),
        ({"plant": [*PLANT["plant"], ("green", "sun", "A plant needs light.")]}, "cue='sun' must"),
        ({"plant": [*PLANT["plant"], ("green", "sun", "It needs sun.")]}, "must occur once"),
    ],
)
def test_bad_sets(sets, message):
    with pytest.raises(ValueError, match=message):
        WordInContext(sets)
