"""Which bank: frames that tell nothing, cues that do, and a test that shares none of them."""

import re

import pytest

from incontext.pretrained import load_encoder
from incontext.which_bank import CUES, FRAMES, LABELS, PEOPLE, every_sentence, sentences, written


def words(text):
    return set(re.findall("[a-z']+", text.lower()))


def words_of(label):
    return set().union(*(words(t) for s in ("train", "held_out") for t in every_sentence(label, s)))


def test_only_the_cues_tell_the_two_apart():
    money, river = words_of("money"), words_of("river")
    telling = {
        label: set().union(*map(words, CUES[label])) - {"the", "a", "some"} for label in CUES
    }
    assert money - river == telling["money"] and river - money == telling["river"]
    articles = {label: [cue.split()[0] for cue in CUES[label]] for label in CUES}
    assert articles["money"] == articles["river"]


def test_train_and_held_out_share_words_and_no_sentence():
    for label in LABELS:
        train, held_out = every_sentence(label), every_sentence(label, "held_out")
        assert not set(train) & set(held_out)
        assert len({*train, *held_out}) == len(FRAMES) * len(PEOPLE) * len(CUES[label])
        assert 0.17 < len(held_out) / (len(train) + len(held_out)) < 0.23
        assert set().union(*map(words, held_out)) == set().union(*map(words, train))


@pytest.mark.parametrize("n", [2, 7, 160])
def test_half_is_money_and_no_sentence_comes_twice(n):
    texts, labels = sentences(n, seed=3)
    assert len(texts) == len(set(texts)) == len(labels) == n
    assert labels.count("money") == (n + 1) // 2 and labels.count("river") == n // 2
    for text, label in zip(texts, labels, strict=True):
        assert text in every_sentence(label)


def test_a_seed_gives_one_draw():
    assert sentences(31, seed=1) == sentences(31, seed=1) != sentences(31, seed=2)
    assert set(sentences(31, "held_out")[0]) <= {*every_sentence("money", "held_out"),
                                                 *every_sentence("river", "held_out")}  # fmt: skip


def test_no_telling_word_of_the_grammar_is_in_the_plain_test():
    telling = words_of("money") ^ words_of("river")
    texts, labels = written()
    assert len(texts) == len(set(texts)) == 72
    assert labels.count("money") == labels.count("river") == 36
    for text in texts:
        assert "bank" in words(text) and not words(text) & telling, text


def test_misleading_and_other_sentences_have_their_labels():
    texts, labels = written("misleading")
    assert len(set(texts)) == 20 and labels.count("money") == labels.count("river") == 10
    texts, labels = written("other")
    assert len(set(texts)) == 12 and set(labels) == {"neither"}
    for kind in ("misleading", "other"):
        assert all("bank" in words(text) for text in written(kind)[0])


def test_every_sentence_is_short_and_has_bank_as_one_token():
    _, tokenizer = load_encoder()
    pool = [text for label in LABELS for text in every_sentence(label)]
    for text in [*pool[::7], *written()[0], *written("misleading")[0], *written("other")[0]]:
        tokens = tokenizer.tokens(tokenizer.encode(text))
        assert tokens.count("bank") == 1 and len(tokens) <= 21, text
    assert max(len(tokenizer.encode(text)) for text in pool[::7]) <= 19


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: sentences(0), "n=0 must be at least 1"),
        (lambda: sentences(10_000), r"n=10000 must be at most \d+, all sentences of 'train'"),
        (lambda: sentences(2, "longer"), "split='longer' must be one of 'train', 'held_out'"),
        (lambda: sentences(2, seed=-1), "seed=-1 must be at least 0"),
        (lambda: every_sentence("cloud"), "label='cloud' must be one of 'money', 'river'"),
        (lambda: written("sad"), "kind='sad' must be one of 'plain', 'misleading', 'other'"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
