"""The grammar: what is promised of every sentence, and what no counting of words can reach."""

import math
from collections import Counter, defaultdict

import pytest

from incontext.corpus import (
    FAMILIES,
    READINGS,
    SPLITS,
    best_loss,
    every_sentence,
    sentences,
    vocabulary,
)

PAIRS = [(family, split) for family in FAMILIES for split in SPLITS]
REST = {"train": "held_out", "held_out": "train"}
WORDS = set(vocabulary())


@pytest.mark.parametrize(("family", "split"), PAIRS)
def test_every_sentence_has_its_answer_and_its_cue(family, split):
    everything = every_sentence(family, split)
    assert len(everything) > 20 and len({each.words for each in everything}) == len(everything)
    for sentence in everything:
        assert sentence.family == family
        assert sentence.words[sentence.answer] in sentence.alternatives
        assert len(set(sentence.alternatives)) == 2
        assert (sentence.cue < sentence.answer) == (split != "cue_after")
        assert set(sentence.words) <= WORDS
        assert not any(mark in sentence.text for mark in "<>*")


@pytest.mark.parametrize(("family", "split"), PAIRS)
def test_another_cue_would_give_another_answer(family, split):
    """For each sentence there is one that differs in the cue (and what it decides) alone."""

    def without(sentence):
        hidden = (sentence.cue, sentence.answer)
        return tuple(word for i, word in enumerate(sentence.words) if i not in hidden)

    answers = defaultdict(set)
    for one in every_sentence(family, split) + every_sentence(family, REST.get(split, split)):
        answers[without(one)].add(one.words[one.answer])
    for sentence in every_sentence(family, split):
        assert answers[without(sentence)] == set(sentence.alternatives)


@pytest.mark.parametrize("family", FAMILIES)
def test_held_out_sentences_are_new_and_their_words_are_not(family):
    trained, new = every_sentence(family), every_sentence(family, "held_out")
    assert not {s.words for s in trained} & {s.words for s in new}
    assert not {tuple(sorted(s.words)) for s in trained} & {tuple(sorted(s.words)) for s in new}
    assert {w for s in new for w in s.words} <= {w for s in trained for w in s.words}
    assert {s.alternatives for s in new} <= {s.alternatives for s in trained}
    assert 0.1 < len(new) / (len(new) + len(trained)) < 0.3


@pytest.mark.parametrize("family", FAMILIES)
def test_longer_is_longer(family):
    longest = max(len(s.words) for s in every_sentence(family))
    assert max(len(s.words) for s in every_sentence(family, "longer")) >= longest + 3


def test_drawing_is_deterministic_and_even():
    drawn = sentences(4000, seed=3)
    assert drawn == sentences(4000, seed=3) != sentences(4000, seed=4)
    counts = Counter(sentence.family for sentence in drawn)
    for family in FAMILIES:
        assert abs(counts[family] / 4000 - 1 / 4) < 4 * math.sqrt(3 / 16 / 4000)
    only = sentences(1000, "it", "held_out")
    assert {s.words for s in only} <= {s.words for s in every_sentence("it", "held_out")}
    wants_the_place = sum(s.words[s.answer] == s.alternatives[1] for s in sentences(4000, "it"))
    assert abs(wants_the_place / 4000 - 1 / 2) < 0.05


# The best possible losses


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("reading", READINGS)
def test_with_everything_the_answer_is_certain(family, reading):
    for split in (None, "train", "held_out", "longer"):
        assert best_loss(family, split=split, reading=reading) == 0
    assert best_loss(family, split="cue_after", reading="both-sides") == 0
    assert best_loss(family, split="cue_after") > 0.6  # read left to right, nobody can know


def test_without_order_who_ate_whom_is_a_coin_toss_and_the_others_are_not():
    assert best_loss("who", "no order") == pytest.approx(math.log(2))
    assert best_loss("it", "no order") == best_loss("bank", "no order") == 0
    # Half of the sentences have two nouns of different number, and there it is a coin toss.
    assert best_loss("agreement", "no order") == pytest.approx(math.log(2) / 2)


@pytest.mark.parametrize("family", FAMILIES)
def test_without_context_it_is_the_entropy_of_the_answers(family):
    whole = every_sentence(family) + every_sentence(family, "held_out")
    counts = Counter(s.words[s.answer] for s in whole)
    shares = [count / counts.total() for count in counts.values()]
    expected = -sum(share * math.log(share) for share in shares)
    assert best_loss(family, "no context") == pytest.approx(expected, rel=1e-12)
    assert best_loss("agreement", "no context") == pytest.approx(math.log(2))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n_before", [0, 1], ids=["unigram", "bigram"])
def test_counting_words_does_not_answer(family, n_before):
    """Counts from all of ``train``, scored on the answers among their alternatives."""
    counts = defaultdict(Counter)
    for each in FAMILIES:
        for sentence in every_sentence(each):
            for i in range(n_before, len(sentence.words)):
                counts[sentence.words[i - n_before : i]][sentence.words[i]] += 1
    loss, right, total = 0.0, 0.0, 0
    for split in ("train", "held_out"):
        for sentence in every_sentence(family, split):
            answer = sentence.words[sentence.answer]
            seen = counts[sentence.words[sentence.answer - n_before : sentence.answer]]
            loss -= math.log(seen[answer] / seen.total())
            other = next(word for word in sentence.alternatives if word != answer)
            right += (seen[answer] > seen[other]) + (seen[answer] == seen[other]) / 2
            total += 1
    assert loss / total >= math.log(2) - 0.01 > best_loss(family) + 0.6
    assert right / total < 0.6


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sentences(0), "n=0 must be at least 1"),
        (lambda: sentences(5, "birds"), "family='birds' must be one of 'bank', 'it'"),
        (lambda: sentences(5, split="test"), "split='test' must be one of 'train', 'held_out'"),
        (lambda: sentences(5, seed=-1), "seed=-1 must be at least 0"),
        (lambda: every_sentence("it", "all"), "split='all' must be one of"),
        (lambda: best_loss("it", "a lot"), "knowing='a lot' must be one of 'everything'"),
        (lambda: best_loss("it", reading="up"), "reading='up' must be one of 'left-to-right'"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
