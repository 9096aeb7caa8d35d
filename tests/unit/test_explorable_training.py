"""The transformer that learns in the page: its run, its file, and Python's loop in Jupyter."""

import json
import math
import struct
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from incontext import corpus, training
from incontext.corpus import FAMILIES, READINGS
from incontext.explorables import Training
from incontext.explorables import training as explorable
from incontext.explorables.run_history import bank_cosines, meaning_cosines
from incontext.training import Vocabulary

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from record_training_page import train_in_node

EVERY = explorable.RECIPE["validate_every"]
HELD_OUT = {family: corpus.every_sentence(family, "held_out") for family in FAMILIES}


def choices(**others):
    return {**explorable.DEFAULTS, "reading": "left-to-right", **others}


# What the page trains


CASES = {
    "left to right": {"families": "all"},
    "both sides, three layers": {
        "families": "all",
        "reading": "both-sides",
        "layers": 3,
        "heads": 2,
    },
    "without positions": {"positions": False, "families": "two", "seed": 7},
    "nothing but heads": {"scaled": False, "residual": False, "heads": 1, "layers": 1},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_python_reads_the_pages_file_and_computes_the_same(tmp_path, case):
    file = tmp_path / "page.safetensors"
    *looks, logits = train_in_node(choices(**case), steps=3, file=str(file))
    run = training.load(file)

    assert_close(
        run.logits_at_answers(explorable._sentences(explorable.SHOWN)),
        torch.tensor(logits),
        rtol=0,
        atol=1e-5,
    )
    families = explorable.FAMILY_SETS[case.get("families", "two")]
    seen = training.look(run, {family: HELD_OUT[family] for family in families})
    assert [one.step for one in run.looks] == [0, 3]
    assert run.looks[-1].loss == looks[-1]["loss"] == pytest.approx(seen.loss, abs=1e-5)
    assert run.looks[-1].accuracy == pytest.approx(seen.accuracy)
    assert len(run.losses) == 3 and all(0 < loss < 6 for loss in run.losses)

    config = run.model.config
    wanted = choices(**case)
    assert (config.scaled, config.residual) == (wanted["scaled"], wanted["residual"])
    assert (config.positions == "learned") == wanted["positions"]
    assert (config.n_heads, config.n_layers) == (wanted["heads"], wanted["layers"])
    assert (run.reading, run.seed) == (wanted["reading"], wanted["seed"])
    assert run.vocabulary.words == Vocabulary().words
    assert run.recipe == training.Recipe(
        **explorable.RECIPE,
        learning_rate=wanted["learning_rate"],
        families=families,
        stop_at=None,
    )
    again = tmp_path / "again.safetensors"
    training.save(run, again)
    assert training.load(again).looks == run.looks


def test_the_file_is_laid_out_as_the_format_asks(tmp_path):
    file = tmp_path / "page.safetensors"
    train_in_node(choices(families="it"), steps=1, file=str(file))
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    ends = [t["data_offsets"][1] for name, t in header.items() if name != "__metadata__"]
    assert length % 8 == 0 and 8 + length + max(ends) == len(content)


def test_same_seed_same_bytes(tmp_path):
    files = [tmp_path / name for name in "abc"]
    for file, seed in zip(files, (2, 2, 3), strict=True):
        train_in_node(choices(families="two", seed=seed), steps=5, file=str(file))
    one, same, other = (file.read_bytes() for file in files)
    assert one == same and one != other


@pytest.mark.parametrize("reading", READINGS)
def test_a_step_learns_from_sentences_of_train_in_equal_parts(reading):
    families = {"all": FAMILIES, "two": ("it", "who")}
    for name, of in families.items():
        known = {}
        for family in of:
            for one in corpus.every_sentence(family):
                ids, _, at = training.batch_of([one], Vocabulary(), reading)
                last = int(at) + 1 if reading == "left-to-right" else None
                known[tuple(ids[0, :last].tolist())] = (family, one)
        batches = train_in_node(choices(reading=reading, families=name), steps=0, batches=40)[:-1]
        assert len(batches) == 40
        drawn = set()
        for batch in batches:
            found = [known[tuple(one["ids"])] for one in batch]
            assert [family for family, _ in found] == [f for f in of for _ in range(16 // len(of))]
            for example, (_, sentence) in zip(batch, found, strict=True):
                right = sentence.words[sentence.answer]
                words = [Vocabulary().words[example[kind]] for kind in ("right", "other")]
                assert words[0] == right and set(words) == set(sentence.alternatives)
            drawn |= {sentence.text for _, sentence in found}
        assert len(drawn) > 300, "from all of them, anew at each step"


def test_without_positions_order_is_lost_to_both_sides_and_not_left_to_right():
    """Left to right "who ate whom" is learned: the causal mask gives the order away. Reading both
    sides it stays a coin toss, and nobody who tosses one comes below ln 2."""
    without = choices(positions=False, families="two", seed=2)
    causal = train_in_node(without, until=0.95)
    assert causal[-1]["accuracy"]["who"] >= 0.95
    assert causal[-1]["loss"]["who"] < corpus.best_loss("who", "no order", "held_out") / 2

    coin = corpus.best_loss("who", "no order", "held_out", "both-sides")
    assert coin == pytest.approx(math.log(2))
    both = train_in_node({**without, "reading": "both-sides"}, steps=causal[-1]["step"])
    assert both[-1]["accuracy"]["it"] >= 0.95
    for look in both:
        assert look["loss"]["who"] > coin - 1e-6
        assert 0.4 < look["accuracy"]["who"] < 0.6
    assert both[-1]["loss"]["who"] < 1, "it knows which two there are, and not which one"


# What is recorded


@pytest.mark.parametrize("reading", READINGS)
def test_the_recorded_run_is_what_the_engine_trains(reading):
    content = json.loads(explorable.RECORDED.read_text())
    for kept, families in (("runs", "all"), ("two_families", "two")):
        recorded = content[kept][reading]
        assert recorded["choices"] == choices(reading=reading, families=families)
        looks = train_in_node(recorded["choices"], steps=EVERY, maps=True)
        for i, look in enumerate(looks):
            for kind in ("loss", "accuracy"):
                was = {family: values[i] for family, values in recorded[kind].items()}
                assert was == pytest.approx(look[kind], abs=2e-3)
            assert recorded["same"][i] == pytest.approx(look["same"], abs=2e-3)
            for written, weights in zip(recorded.get("maps", []), look["maps"], strict=False):
                was = explorable.read_maps(written)[i]
                assert np.abs(was.ravel() - weights).max() < 0.5 / explorable.LEVELS + 2e-3


@pytest.mark.parametrize("reading", READINGS)
def test_the_recorded_run_learns_every_family(reading):
    history = explorable._history(reading)
    assert history.steps[-1] == explorable.RECIPE["n_steps"]
    for family in FAMILIES:
        assert len(history.loss[family]) == len(history.steps)
        assert history.accuracy[family][-1] >= 0.95
        assert history.loss[family][-1] < corpus.best_loss(
            family, "no context", "held_out", reading
        )
    assert abs(history.same[0] - history.other[0]) < 0.2
    assert history.same[-1] > 0.8 and history.other[-1] < -0.8, "the meaning tells them apart"


@pytest.mark.parametrize("reading", READINGS)
def test_recorded_maps_are_weights_of_the_words_that_are_read(reading):
    history = explorable._history(reading)
    for i, sentence in enumerate(explorable._sentences(explorable.SHOWN)):
        words = explorable.words_read(sentence, reading)
        for weights in history.maps[i]:
            assert weights.shape == (2, 4, len(words), len(words))
            assert np.abs(weights.sum(-1) - 1).max() < len(words) / explorable.LEVELS
            if reading == "left-to-right":
                assert not np.triu(weights, 1).any()


def test_maps_come_back_as_they_were_written():
    weights = np.random.default_rng(3).integers(0, explorable.LEVELS + 1, (5, 2, 3, 7, 7))
    weights = weights / explorable.LEVELS
    written = json.loads(json.dumps(explorable.write_maps(weights)))
    np.testing.assert_array_equal(explorable.read_maps(written), weights)
    assert not set('"\\') & set(written["levels"])


def test_shown_sentences_are_held_out_and_banks_differ_in_the_cargo():
    for one in explorable._sentences(explorable.SHOWN):
        assert one in HELD_OUT[one.family]
    banks = explorable._sentences(explorable.BANKS)
    frames = {tuple(w for i, w in enumerate(s.words) if i not in (s.cue, s.answer)) for s in banks}
    assert len(frames) == 1
    senses = ["money" if s.words[s.cue] in corpus.MONEY else "river" for s in banks]
    assert senses == ["money"] * 4 + ["river"] * 4


def test_the_lines_are_the_best_possible_losses():
    numbers = {tuple(row[:2]): row[2] for row in Training(reading="both-sides").numbers().rows}
    who = "who ate whom"
    assert numbers["best possible loss, without order", who] == pytest.approx(math.log(2))
    assert numbers["best possible loss, everything", who] == 0
    assert numbers["best possible loss, without order", "it"] == 0


# In Jupyter


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setitem(explorable.RECIPE, "n_steps", 6)
    monkeypatch.setitem(explorable.RECIPE, "validate_every", 2)


class Heard(Training):
    """A widget that keeps what it says to the front end."""

    def __init__(self, **values):
        self.heard = []
        super().__init__(**values)

    def send(self, content, buffers=None):
        self.heard.append((content, buffers))


@pytest.mark.parametrize("reading", READINGS)
def test_the_widget_drives_the_python_loop(short, reading):
    widget = Heard(reading=reading, heads=2, layers=1, positions=False, families="two", seed=3)
    assert widget.run is None
    widget._do("train")
    widget._beside.wait()

    run = widget.run
    twin = training.train(
        run.model.config, reading=reading, seed=3, progress=False, recipe=run.recipe
    )
    assert run.losses == twin.losses and len(run.losses) == 6
    assert run.looks[1:] == twin.looks and run.looks[0].step == 0
    assert (run.model.config.positions, run.model.config.n_heads) == (None, 2)
    assert run.recipe.families == ("it", "who") and run.recipe.batch_size == 16

    kinds = [content["kind"] for content, _ in widget.heard]
    assert kinds[0] == "start" and kinds[-1] == "step" and kinds.count("look") == 4
    assert widget.heard[0][0]["choices"]["heads"] == 2
    assert widget.heard[-1][0] == {**widget.heard[-1][0], "step": 6, "ended": True}
    json.dumps([content for content, _ in widget.heard])
    looks = [(content, buffers) for content, buffers in widget.heard if content["kind"] == "look"]
    assert [content["step"] for content, _ in looks] == [0, 2, 4, 6]
    sentences = explorable._sentences(explorable.SHOWN)
    for sentence, buffer in zip(sentences, looks[-1][1], strict=True):
        n = len(explorable.words_read(sentence, reading))
        weights = np.frombuffer(buffer, "<f4").reshape(1, 2, n, n)
        np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)

    assert widget.limits() == {"layer": 1, "head": 2} and widget.layer == 1
    numbers = {tuple(row[:2]): row[2] for row in widget.numbers().rows}
    assert numbers["loss, step 6", "who ate whom"] == run.looks[-1].loss["who"]
    assert ("loss, step 6", "bank") not in numbers
    heard = len(widget.heard)
    widget._do("tell")
    assert widget.heard[heard:] == widget.heard[:heard], "for a view that opens later"
    widget._do("forget")
    assert widget.run is None and widget.limits() == {"layer": 2, "head": 4}


def test_bank_vectors_are_compared_within_and_between_meanings():
    money, river = torch.tensor([3.0, 1.0, 0.0]), torch.tensor([3.0, -1.0, 0.0])
    assert meaning_cosines(torch.stack([money] * 3 + [river] * 3)) == pytest.approx((1, -1))
    assert meaning_cosines(torch.stack([money] * 4)) == (0, 0), "nothing tells them apart"
    square = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    assert meaning_cosines(square) == pytest.approx((0, -0.5))


def test_bank_is_looked_at_after_the_first_layer():
    run = training.new_run(training.default_config())
    sentences = explorable._sentences(explorable.BANKS)
    hidden = [run.model(run.vocabulary.encode(s.words)[None]).hidden_states[1] for s in sentences]
    vectors = torch.stack(
        [h[0, s.words.index("bank")] for h, s in zip(hidden, sentences, strict=True)]
    )
    expected = meaning_cosines(vectors.detach())
    assert bank_cosines(run, sentences) == pytest.approx(expected, abs=1e-4)


def test_pause_and_stop(short):
    widget, paused = Heard(families="it"), threading.Event()

    def send(content, buffers=None):
        if content["kind"] == "look" and content["step"] == 4:
            widget.pause()
            paused.set()

    widget.send = send
    widget.train()
    assert paused.wait(60)
    assert widget._beside._thread.is_alive() and len(widget.run.losses) == 4
    widget.stop()
    assert len(widget.run.losses) == 4 and widget.run.looks[-1].step == 4


def test_a_view_hears_what_python_does(short, monkeypatch):
    monkeypatch.setitem(explorable.RECIPE, "n_steps", 2500)  # none that ends by itself meanwhile
    widget = Heard(families="it")
    widget.train()
    widget.pause()
    widget.go_on()
    widget.pause()
    widget.stop()
    said = [content["status"] for content, _ in widget.heard if content["kind"] == "status"]
    assert said == ["paused", "training", "paused", "stopped"]
    heard = len(widget.heard)
    widget.pause()
    widget.go_on()
    widget.stop()
    assert len(widget.heard) == heard, "it is over, and nobody can change that"
    widget.forget()
    assert widget.heard[-1][0] == {"kind": "forget"}


def test_the_kernels_file_is_that_of_save(short, tmp_path):
    widget = Heard(families="it")
    widget.train()
    widget._beside.wait()
    widget._do("file")
    content, [written] = widget.heard[-1]
    assert content == {"kind": "file"}
    path = tmp_path / "run.safetensors"
    path.write_bytes(written)
    assert training.load(path).losses == widget.run.losses
