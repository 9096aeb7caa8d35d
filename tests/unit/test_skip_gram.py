"""Skip-gram with negative sampling: the loss by hand, the pairs, and what it learns."""

import math

import pytest
import torch
from naive import normal
from torch.testing import assert_close

from incontext import corpus, skip_gram
from incontext.embeddings import cosine_similarity
from incontext.training import Vocabulary


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_the_loss_equals_the_formula():
    model = skip_gram.SkipGram(7, 5).double()
    model.centre.weight.data, model.neighbour.weight.data = normal(7, 5), normal(7, 5, seed=1)
    v, u = model.centre.weight.detach(), model.neighbour.weight.detach()
    centres, neighbours = torch.tensor([0, 3, 3]), torch.tensor([2, 1, 6])
    negatives = torch.tensor([[1, 1], [0, 5], [3, 2]])
    losses = []
    for n in range(3):
        centre = v[centres[n]]
        losses.append(-math.log(sigmoid(float(centre @ u[neighbours[n]]))))
        for k in range(2):
            losses[-1] -= math.log(sigmoid(-float(centre @ u[negatives[n, k]])))
    loss = model(centres, neighbours, negatives)
    assert loss.item() == pytest.approx(sum(losses) / 3, rel=1e-12)
    loss.backward()
    assert (model.centre.weight.grad[1] == 0).all()  # it was no centre
    assert (model.centre.weight.grad[3] != 0).all()


def test_pairs_are_all_within_the_window_and_within_one_text():
    centres, neighbours = skip_gram.pairs([[0, 1, 2, 3], [4, 5]], window=2)
    found = sorted(zip(centres.tolist(), neighbours.tolist(), strict=True))
    expected = [(i, j) for i in range(4) for j in range(4) if 0 < abs(i - j) <= 2]
    assert found == sorted([*expected, (4, 5), (5, 4)])


def test_negative_words_are_drawn_by_count_to_the_power():
    weights = skip_gram.negative_weights([[0, 0, 0, 0, 1], [3]], 5)
    expected = torch.tensor([4**0.75, 1, 0, 1, 0])
    assert_close(weights, expected / expected.sum())


def test_words_that_are_used_alike_come_to_lie_close():
    vocabulary = Vocabulary()
    texts = [vocabulary.encode(one.words).tolist() for one in corpus.sentences(600)]
    model, losses = skip_gram.fit(texts, len(vocabulary), window=12, n_steps=800)
    assert losses[0] == pytest.approx(6 * math.log(2), abs=0.1)  # six coins tossed
    assert sum(losses[-50:]) / 50 < 0.7 * losses[0]
    table = model.centre.weight.detach()
    cash, cheque, boat, cat, dog = (table[i] for i in vocabulary.encode("cash cheque boat cat dog"))
    assert cosine_similarity(cash, cheque) > cosine_similarity(cash, boat) + 0.05
    assert cosine_similarity(cat, dog) > cosine_similarity(cat, cash) + 0.2
    again, _ = skip_gram.fit(texts, len(vocabulary), window=12, n_steps=3)
    once_more, _ = skip_gram.fit(texts, len(vocabulary), window=12, n_steps=3)
    assert torch.equal(again.centre.weight, once_more.centre.weight)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: skip_gram.SkipGram(0, 5), "vocab_size=0 must be at least 1"),
        (lambda: skip_gram.pairs([[1, 2]], window=0), "window=0 must be at least 1"),
        (lambda: skip_gram.pairs([[1], []]), "texts must hold at least one text of two words"),
        (
            lambda: skip_gram.negative_weights([[1, 7]], 5),
            "texts must hold ids below vocab_size=5, got 7",
        ),
        (lambda: skip_gram.negative_weights([], 5), "got none"),
        (lambda: skip_gram.fit([[1, 2]], 5, n_steps=0), "n_steps=0 must be at least 1"),
        (lambda: skip_gram.fit([[1, 2]], 5, learning_rate=0), "learning_rate must be > 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
