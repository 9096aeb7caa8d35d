"""The loop: what a step is, that an interruption changes nothing, and that it learns."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from incontext import corpus, training
from incontext.config import TransformerConfig
from incontext.corpus import FAMILIES
from incontext.training import (
    BothSides,
    Recipe,
    Vocabulary,
    batch_of,
    fit,
    learning_rate,
    load,
    loss_of,
    new_run,
    save,
    sentences_of_step,
    train,
)
from incontext.transformer import Decoder

READINGS = corpus.READINGS


def small(**options):
    sizes = {"n_positions": 24, "d_model": 12, "n_heads": 3, "d_ff": 20, "n_layers": 2}
    return TransformerConfig(len(Vocabulary()), **{**sizes, "activation": "relu", **options})


def short(**options):
    return Recipe(**{"n_steps": 6, "batch_size": 8, "validate_every": 2, "warm_up": 2, **options})


def weights_of(run):
    return run.model.state_dict()


def same_weights(one, other):
    return all(
        torch.equal(weights_of(one)[name], weights_of(other)[name]) for name in weights_of(one)
    )


# What the model is shown, and asked


def test_words_and_ids():
    vocabulary = Vocabulary()
    assert vocabulary.words[:2] == ("[PAD]", "[HIDDEN]")
    assert len(vocabulary) == len(set(vocabulary.words)) == len(corpus.vocabulary()) + 2
    ids = vocabulary.encode("the cat saw the dog")
    assert vocabulary.decode(ids) == "the cat saw the dog"
    assert ids[0] == ids[3]


def test_left_to_right_the_answer_is_read_off_the_word_before():
    sentences, vocabulary = corpus.sentences(7), Vocabulary()
    ids, is_word, at = batch_of(sentences, vocabulary, "left-to-right")
    for i, sentence in enumerate(sentences):
        n = len(sentence.words)
        assert vocabulary.decode(ids[i, :n]) == sentence.text
        assert is_word[i].tolist() == [True] * n + [False] * (ids.shape[1] - n)
        assert at[i] == sentence.answer - 1


def test_reading_both_sides_the_answer_is_hidden():
    sentences, vocabulary = corpus.sentences(7), Vocabulary()
    ids, _, at = batch_of(sentences, vocabulary, "both-sides")
    for i, sentence in enumerate(sentences):
        words = list(sentence.words)
        words[sentence.answer] = "[HIDDEN]"
        assert vocabulary.decode(ids[i, : len(words)]) == " ".join(words)
        assert at[i] == sentence.answer


@pytest.mark.parametrize("reading", READINGS)
def test_the_loss_is_that_of_the_answers_one_by_one(reading):
    run = new_run(small(), reading=reading)
    sentences = corpus.sentences(7)
    losses = []
    for sentence in sentences:
        ids = run.vocabulary.encode(sentence.words)
        answer = ids[sentence.answer].clone()
        if reading == "left-to-right":
            logits = run.model(ids[None, : sentence.answer]).logits[0, -1]
        else:
            ids[sentence.answer] = 1
            logits = run.model(ids[None]).logits[0, sentence.answer]
        losses.append(-logits.log_softmax(-1)[answer])
    assert_close(loss_of(run, sentences), torch.stack(losses).mean(), rtol=1e-5, atol=1e-6)
    assert run.answer_loss(sentences) == pytest.approx(loss_of(run, sentences).item())


def test_the_loss_over_every_word_leaves_out_padding():
    run = new_run(small(), recipe=short(loss="every word"))
    sentences = corpus.sentences(5)
    losses = []
    for sentence in sentences:
        ids = run.vocabulary.encode(sentence.words)
        logits = run.model(ids[None, :-1]).logits[0]
        losses += F.cross_entropy(logits, ids[1:], reduction="none").tolist()
    assert loss_of(run, sentences).item() == pytest.approx(sum(losses) / len(losses), abs=1e-5)


@pytest.mark.parametrize("reading", READINGS)
def test_accuracy_scores_the_answer_among_its_alternatives(reading):
    run = new_run(small(), reading=reading)
    vocabulary = run.vocabulary
    sentences = corpus.sentences(40, "agreement")
    loves = {word: torch.zeros(len(vocabulary)) for word in ("is", "are", "cat")}
    for word, scores in loves.items():
        scores[vocabulary.encode([word])] = 5.0
    shares = {}
    for word, scores in loves.items():
        run.logits_at_answers = lambda some, scores=scores: scores.expand(len(some), -1)
        shares[word] = run.accuracy(sentences)
    is_right = sum(s.words[s.answer] == "is" for s in sentences) / 40
    assert shares["is"] == is_right and shares["are"] == 1 - is_right
    assert 0 < is_right < 1
    both = loves["cat"] + loves["are"] / 5  # "cat" is likelier, and no alternative
    run.logits_at_answers = lambda some: both.expand(len(some), -1)
    assert run.accuracy(sentences) == 1 - is_right


def test_it_stops_when_every_family_is_learned_and_not_before():
    for shares, ended in [((1.0, 1.0, 0.3, 1.0), False), ((1.0, 1.0, 0.9, 1.0), True)]:
        run = new_run(small(), recipe=short(stop_at=0.9))
        run.looks = [training.Look(2, {}, dict(zip(FAMILIES, shares, strict=True)))]
        assert (not fit(run, progress=False).losses) == ended


# The loop


def test_a_step_is_one_of_adamw_on_the_loss():
    recipe = short(n_steps=1, warm_up=0, weight_decay=0.1, stop_at=None)
    run = train(small(), seed=3, progress=False, recipe=recipe)
    twin = new_run(small(), seed=3, recipe=recipe)
    loss = loss_of(twin, sentences_of_step(0, twin))
    assert run.losses == [loss.item()]
    loss.backward()
    for name, parameter in twin.model.named_parameters():
        g = parameter.grad
        expected = parameter * (1 - 0.005 * 0.1) - 0.005 * g / (g.abs() + 1e-8)  # its first step
        assert_close(weights_of(run)[name], expected.detach(), rtol=1e-4, atol=1e-6)


def test_the_learning_rate_rises_and_falls():
    recipe = Recipe(n_steps=1000, warm_up=100, learning_rate=0.01)
    rates = [learning_rate(step, recipe) for step in range(1000)]
    assert rates[0] == pytest.approx(1e-4) and rates[99] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(0.01) and rates[-1] == pytest.approx(0.001, rel=0.01)
    assert all(a < b for a, b in itertools.pairwise(rates[:100]))
    assert all(a >= b for a, b in itertools.pairwise(rates[100:]))
    assert rates[550] == pytest.approx(0.0055, rel=0.01)  # half way down


def test_a_seed_gives_one_run_and_another_seed_another():
    one, again = (train(small(), seed=1, progress=False, recipe=short()) for _ in range(2))
    other = train(small(), seed=2, progress=False, recipe=short())
    assert one.losses == again.losses and same_weights(one, again)
    assert one.losses != other.losses


def test_each_batch_has_each_family_in_equal_part_and_is_new():
    run = new_run(small(), recipe=short())
    first, second = sentences_of_step(0, run), sentences_of_step(1, run)
    for batch in (first, second):
        assert [sum(s.family == name for s in batch) for name in FAMILIES] == [2] * 4
    assert first != second
    only = new_run(small(), recipe=short(families=("it", "who"), batch_size=5))
    assert [s.family for s in sentences_of_step(0, only)] == ["it"] * 2 + ["who"] * 3


@pytest.mark.parametrize("stop_after", [2, 4])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(tmp_path, monkeypatch, stop_after):
    whole = train(small(), progress=False, recipe=short())
    file = tmp_path / "run.safetensors"
    real = training.sentences_of_step

    def pulled_plug(step, run):
        if step == stop_after + 1:  # in the middle between two checkpoints
            raise KeyboardInterrupt
        return real(step, run)

    monkeypatch.setattr(training, "sentences_of_step", pulled_plug)
    with pytest.raises(KeyboardInterrupt):
        train(small(), progress=False, recipe=short(), checkpoint=file)
    monkeypatch.setattr(training, "sentences_of_step", real)
    assert len(load(file).losses) == stop_after
    resumed = train(small(), progress=False, recipe=short(), checkpoint=file)
    assert resumed.losses == whole.losses and resumed.looks == whole.looks
    assert same_weights(resumed, whole)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "run.safetensors"
    save(new_run(small(), seed=1), file)
    before = file.read_bytes()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(training.os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        save(new_run(small(), seed=2), file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("tied", [True, False])
def test_a_file_gives_back_the_run(tmp_path, reading, tied):
    run = train(small(tied=tied), reading=reading, progress=False, recipe=short(families=("it",)))
    file = tmp_path / "run.safetensors"
    save(run, file)
    held = load(file)
    assert isinstance(held.model, Decoder if reading == "left-to-right" else BothSides)
    assert (held.reading, held.seed, held.recipe) == (run.reading, run.seed, run.recipe)
    assert (held.losses, held.looks) == (run.losses, run.looks)
    assert held.vocabulary.words == run.vocabulary.words
    ids = run.vocabulary.encode("the cat saw the dog")[None]
    assert torch.equal(held.model(ids).logits, run.model(ids).logits)


def test_it_learns_and_stops_early():
    recipe = Recipe(n_steps=400, validate_every=50, families=("it",), stop_at=0.95)
    run = train(progress=False, recipe=recipe)
    assert run.looks[-1].accuracy["it"] >= 0.95 and len(run.losses) < 400
    assert run.losses[0] == pytest.approx(math.log(len(run.vocabulary)), abs=0.3)
    assert run.looks[-1].loss["it"] < 0.5 < math.log(2)
    assert run.accuracy(corpus.every_sentence("it", "held_out")) == run.looks[-1].accuracy["it"]


def test_progress_is_a_bar_with_the_accuracy_at_the_last_look(capsys):
    train(small(), recipe=short(families=("it",), stop_at=None))
    last = capsys.readouterr().err.split("\r")[-1]
    assert "6/6" in last and "it=0." in last
    train(small(), progress=False, recipe=short(families=("it",)))
    assert not capsys.readouterr().err


def test_after_every_step_it_asks_who_wants_to_look():
    seen = []
    run = new_run(small(), recipe=short(stop_at=None))
    assert fit(run, progress=False, on_step=lambda one: seen.append(len(one.losses))) is run
    assert seen == [1, 2, 3, 4, 5, 6]


def test_who_looks_can_end_it():
    def enough(run):
        if len(run.losses) == 3:
            raise StopIteration

    run = new_run(small(), recipe=short())
    with pytest.raises(StopIteration):
        fit(run, progress=False, on_step=enough)
    assert len(run.losses) == 3 and len(run.looks) == 1


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train(small(), reading="up"), "reading='up' must be one of 'left-to-right'"),
        (lambda: train(small(), seed=-1), "seed=-1 must be at least 0"),
        (
            lambda: train(TransformerConfig(7, 24, 12, 3, 20, 2)),
            r"config.vocab_size=7 must be \d+, the number of words",
        ),
        (
            lambda: train(small(n_positions=9)),
            r"config.n_positions=9 must be at least \d+, the words of the longest sentence",
        ),
        (lambda: Recipe(n_steps=0), "n_steps=0 must be at least 1"),
        (lambda: Recipe(batch_size=2.5), "batch_size must be an integer, got 2.5"),
        (lambda: Recipe(learning_rate=-1), "learning_rate must be > 0 and finite, got -1"),
        (lambda: Recipe(loss="all"), "loss='all' must be one of 'answer', 'every word'"),
        (lambda: Recipe(families=()), "families must name at least one family, got none"),
        (lambda: Recipe(families=("birds",)), "families='birds' must be one of 'bank'"),
        (lambda: Recipe(stop_at=1.5), "stop_at=1.5 must be above 0 and at most 1"),
        (lambda: Vocabulary().encode("the unicorn"), "words must be in the vocabulary, got 'uni"),
        (lambda: new_run(small()).accuracy([]), "sentences must be a list of at least one"),
        (lambda: new_run(small()).answer_loss(["the cat"]), "sentences must be a list of"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.bad_input
def test_a_file_that_is_something_else_is_refused(tmp_path):
    file = tmp_path / "run.safetensors"
    file.write_bytes(b"not a run")
    with pytest.raises(ValueError, match="is not the file of a training run"):
        load(file)
    save(new_run(small()), file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is not the file of a training run"):
        load(file)
    train(small(), progress=False, recipe=short(), checkpoint=tmp_path / "other")
    with pytest.raises(ValueError, match="is of another run: its seed is 0, required is 1"):
        train(small(), seed=1, progress=False, recipe=short(), checkpoint=tmp_path / "other")
    with pytest.raises(ValueError, match="is of another run: its config differs"):
        train(small(d_ff=21), progress=False, recipe=short(), checkpoint=tmp_path / "other")
