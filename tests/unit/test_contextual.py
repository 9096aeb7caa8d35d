"""Word vectors layer by layer, and their planes: against another way of computing them."""

import numpy as np
import pytest
import torch
from naive import normal

from incontext.contextual import SETS, nearest_other, planes, within_and_between, word_vectors
from incontext.pretrained import load_encoder


@pytest.fixture(scope="module")
def model():
    return load_encoder()


def test_word_vectors_are_the_hidden_states_at_the_word(model):
    encoder, tokenizer = model
    text = "I sat on the river bank."
    ids = tokenizer.encode(text)
    at = tokenizer.tokens(ids).index("bank")
    states = encoder(ids[None]).hidden_states
    vectors = word_vectors(encoder, tokenizer, text, "bank")
    assert vectors.shape == (7, 384) and not vectors.requires_grad
    for layer in range(7):
        assert torch.equal(vectors[layer], states[layer][0, at])


@pytest.mark.bad_input
@pytest.mark.parametrize("text", ["I sat there.", "A bank is a bank."])
def test_a_word_that_is_not_there_once_is_refused(model, text):
    with pytest.raises(ValueError, match=r"word='bank' must occur once in .*, found [02]"):
        word_vectors(*model, text, "bank")


def test_the_sets_name_each_sentence_by_its_cue():
    for word, sentences in SETS.items():
        for _, cue, text in sentences:
            assert text.lower().replace(".", "").replace(",", "").split().count(word) == 1
            assert cue in text.lower()
        assert len({cue for _, cue, _ in sentences}) == len(sentences)


def test_each_picture_is_turned_onto_the_next():
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(5, 7, 11))
    points, explained = planes(torch.from_numpy(vectors))
    assert points.shape == (5, 7, 2) and all(0 < ratio < 1 for ratio in explained)
    points = points.numpy()
    turns = [
        np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) @ np.diag([1, mirror])
        for a in np.linspace(0, 2 * np.pi, 73)
        for mirror in (1, -1)
    ]
    for layer in range(4):
        moved = np.linalg.norm(points[layer] - points[layer + 1])
        others = [np.linalg.norm(points[layer] @ turn - points[layer + 1]) for turn in turns]
        assert moved <= min(others) + 1e-9


def test_equal_vectors_have_no_variance_to_explain():
    vectors = normal(2, 7, 11)
    vectors[0] = vectors[0, 0]
    points, explained = planes(vectors)
    assert explained[0] is None and (points[0] == 0).all()
    assert 0 < explained[1] < 1


def test_nearest_other_and_means_by_hand():
    cosines = torch.tensor([[1.0, 0.2, 0.7], [0.2, 1.0, 0.4], [0.7, 0.4, 1.0]])
    assert [nearest_other(cosines, i) for i in range(3)] == [2, 2, 0]
    same, other = within_and_between(cosines, ["a", "b", "a"])
    assert same == pytest.approx(0.7) and other == pytest.approx(0.3)
