"""The recorded runs: what is in the files is what the models do, and what was done to them."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from incontext import corpus, training
from incontext.corpus import FAMILIES, READINGS
from incontext.training import RECORDED, batch_of, load

SCRIPT = Path(__file__).parents[2] / "scripts" / "record_training.py"
SPEC = importlib.util.spec_from_file_location("record_training", SCRIPT)
record_training = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(record_training)

SEEDS = range(5)
MODELS = [f"{reading}-{seed}" for reading in READINGS for seed in SEEDS]


def recorded(group):
    return json.loads((RECORDED / f"training-{group}.json").read_text(encoding="utf-8"))


def model(name):
    return load(RECORDED / f"{name}.safetensors")


def test_every_file_is_small_and_says_what_made_it():
    for file in RECORDED.glob("training-*.json"):
        assert file.stat().st_size < 1e6
        assert "scripts/record_training.py" in json.loads(file.read_text())["command"]
    for name in (*MODELS, "heads-1", "heads-2", "heads-8"):
        assert (RECORDED / f"{name}.safetensors").stat().st_size < 1e6


@pytest.mark.parametrize("name", MODELS)
def test_a_model_does_what_its_record_says(name):
    reading, _, seed = name.rpartition("-")
    run, record = model(name), recorded("runs")[reading][int(seed)]
    assert (run.reading, run.seed, record["seed"]) == (reading, int(seed), int(seed))
    assert len(run.losses) == record["steps"][-1] == run.recipe.n_steps == 2000
    for family in FAMILIES:
        held_out = corpus.every_sentence(family, "held_out")
        share = run.accuracy(held_out)
        assert share == pytest.approx(record["held_out"]["accuracy"][family][-1], abs=1e-4)
        assert share >= 0.95
        loss = record["held_out"]["loss"][family][-1]
        assert run.answer_loss(held_out) == pytest.approx(loss, abs=2e-3)


def test_models_with_other_heads_have_the_same_parameters():
    sizes = set()
    for heads, name in ((1, "heads-1"), (2, "heads-2"), (4, "left-to-right-0"), (8, "heads-8")):
        run = model(name)
        assert run.model.config.n_heads == heads and run.seed == 0
        sizes.add(sum(p.numel() for p in run.model.parameters()))
    assert len(sizes) == 1


@pytest.mark.parametrize("name", ["left-to-right-2", "both-sides-3"])
@pytest.mark.parametrize("family", ["bank", "who"])
def test_what_is_recorded_of_the_heads_comes_from_the_model(name, family):
    reading, _, seed = name.rpartition("-")
    record = recorded("runs")[reading][int(seed)]["heads"][family][-1]
    anew = record_training.by_head(model(name), corpus.every_sentence(family, "held_out"))
    assert anew.keys() == record.keys()
    for key in anew:
        np.testing.assert_allclose(anew[key], record[key], atol=5e-3, err_msg=key)


@pytest.mark.parametrize("name", ["left-to-right-0", "both-sides-1"])
def test_heads_sentence_by_sentence(name):
    """The same by a plain loop, with the option head_mask."""
    run, sentences = model(name), corpus.every_sentence("agreement", "held_out")[:7]
    found = record_training.by_head(run, sentences)
    layer, head = 1, 2
    on = torch.ones(2, 4)
    on[layer, head] = 0
    weights, seen_by_any, rises = [], [], []
    for one in sentences:
        ids, is_word, at = batch_of([one], run.vocabulary, run.reading)
        out, off = run.model(ids, is_word), run.model(ids, is_word, head_mask=on)
        attention = out.attentions[layer][0, head]
        weights.append(attention[at.item(), one.cue].item())
        others = [t for t in range(len(one.words)) if t != one.cue]
        seen_by_any.append(max(attention[t, one.cue].item() for t in others))
        answer = run.vocabulary.encode([one.words[one.answer]])
        losses = [-each.logits[0, at].log_softmax(-1)[0, answer] for each in (out, off)]
        rises.append((losses[1] - losses[0]).item())
    assert found["to_cue"][layer][head] == pytest.approx(np.mean(weights), abs=1e-4)
    assert found["any_to_cue"][layer][head] == pytest.approx(np.mean(seen_by_any), abs=1e-4)
    assert found["off"][layer][head] == pytest.approx(np.mean(rises), abs=1e-4)


def test_a_head_that_may_not_look_gives_its_weight_to_the_others():
    run, sentences = model("both-sides-0"), corpus.every_sentence("it", "held_out")[:5]
    ids, is_word, at = batch_of(sentences, run.vocabulary, run.reading)
    cue, rows = torch.tensor([one.cue for one in sentences]), torch.arange(len(sentences))
    before = run.model(ids, is_word).attentions[0]
    with record_training.WithoutSight(run, 0, 2, cue, at):
        after = run.model(ids, is_word).attentions[0]
    assert (after[rows, 2, at, cue] == 0).all() and (before[rows, 2, at, cue] > 0).all()
    expected = before.clone()
    expected[rows, 2, at, cue] = 0
    assert_close(after, expected / expected.sum(-1, keepdim=True))
    with record_training.WithoutSight(run, 0, 2, cue):
        blind = run.model(ids, is_word).attentions[0]
    assert (blind[rows, 2, :, cue] > 0).sum() == len(sentences)  # its own place alone
    assert_close(run.model(ids, is_word).attentions[0], before)  # and all is as it was


def test_of_banks_one_by_one():
    run = model("left-to-right-1")
    vectors = {}
    for person in corpus.PEOPLE:
        for cargo in corpus.MONEY + corpus.RIVER:
            ids = run.vocabulary.encode(f"{person} took the {cargo} to the bank")[None]
            vectors[person, cargo] = run.model(ids).hidden_states[2][0, -1]
    cosines = [
        torch.cosine_similarity(one, other, 0).item()
        for (person, cargo), one in vectors.items()
        for (someone, something), other in vectors.items()
        if person != someone and (cargo in corpus.RIVER) != (something in corpus.RIVER)
    ]
    record = recorded("runs")["left-to-right"][1]["bank"][-1]
    assert record["other"][2] == pytest.approx(np.mean(cosines), abs=2e-3)


@pytest.mark.parametrize("reading", READINGS)
def test_the_answer_before_its_cue_costs_what_the_grammar_says(reading):
    for seed in recorded("before")[reading]:
        for family in ("bank", "agreement"):
            floor = corpus.best_loss(family, split="cue_after", reading=reading)
            assert floor - 0.001 < seed["loss"][family][-1] < floor + 0.02


def test_its_own_loop_is_that_of_the_package():
    recipe = training.Recipe(n_steps=3, stop_at=None, validate_every=3)
    ours, theirs = (training.new_run(training.default_config(), recipe=recipe) for _ in range(2))
    for _ in record_training.own_loop(ours, lambda step: training.sentences_of_step(step, ours)):
        pass
    training.fit(theirs, progress=False)
    for one, other in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", [*MODELS, "heads-1", "heads-2", "heads-8"])
def test_todays_code_begins_a_recorded_model_as_it_was(name):
    """Its loss before the first step, and after one."""
    held = model(name)
    run = training.new_run(
        held.model.config, reading=held.reading, seed=held.seed, recipe=held.recipe
    )
    record_training.fit_until(2, run)
    np.testing.assert_allclose(run.losses, held.losses[:2], atol=1e-4)


@pytest.mark.parametrize("variant", ["before/left-to-right/0", "before/both-sides/3", "few/8/2"])
def test_todays_code_begins_a_recorded_loop_of_its_own_as_it_was(variant):
    last = 0 if variant.startswith("few") else record_training.FIRST_LOOKS["before"]
    now = record_training.jobs()[variant](last=last)
    record_training.compare(now, record_training.held(variant), variant)


@pytest.mark.parametrize("part", ["both sides, no positions", "left to right, no residual"])
def test_todays_code_begins_a_run_without_a_part_as_it_was(part):
    now = record_training.part_run(part, 0, last=record_training.FIRST_LOOKS["parts"])
    record_training.compare(now, record_training.held(f"parts/{part}/0"), part)


def test_the_comparison_with_the_record_notices_a_difference():
    then = {"seed": 1, "loss": {"it": [4.4, 2.0, 1.0]}, "accuracy": {"it": [0.5, 0.7]}}
    record_training.compare(then, then, "same")
    record_training.compare({"loss": {"it": [4.41]}, "accuracy": {"it": [0.45]}}, then, "near")
    with pytest.raises(AssertionError, match=r"run: loss: it 1: 2\.1 now, 2\.0 recorded"):
        record_training.compare({"loss": {"it": [4.4, 2.1]}}, then, "run")
    with pytest.raises(AssertionError, match="accuracy: it 0"):
        record_training.compare({"accuracy": {"it": [0.7]}}, then, "run")
    with pytest.raises(AssertionError, match="4 now, 3 recorded"):
        record_training.compare({"loss": {"it": [4.4, 2.0, 1.0, 0.5]}}, then, "run")
