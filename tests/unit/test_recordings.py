"""A change of the code that makes a recording untrue fails here: the first steps are taken anew.

What is compared allows for sums in another order, on another machine, and for nothing else.
"""

import copy
import dataclasses
import importlib.util
import json
from functools import cache
from pathlib import Path

import pytest
import torch

from incontext import corpus, fine_tuning, training, which_bank
from incontext.corpus import FAMILIES
from incontext.pretrained import load_encoder

SCRIPTS = Path(__file__).parents[2] / "scripts"


@cache
def script(name):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Enough(Exception):
    pass


def after(n):
    """For on_step: ends a run after n steps."""

    def on_step(run):
        if len(run.losses) == n:
            raise Enough

    return on_step


# Fine-tuning


@pytest.fixture(scope="module")
def kept():
    return fine_tuning.recorded()


@pytest.fixture(scope="module")
def model():
    return load_encoder()


def first_steps(model, regime, seed, n):
    """The run after n steps, and the encoder that it began with."""
    frozen, is_fresh = script("record_fine_tuning").REGIMES[regime]
    encoder, tokenizer = model
    if is_fresh:
        encoder = fine_tuning.fresh_embeddings(encoder, torch.Generator().manual_seed(seed))
    runs = []

    def on_step(run):
        runs.append(run)
        after(n)(run)

    with pytest.raises(Enough):
        fine_tuning.fit(
            *which_bank.sentences(160, seed=seed), freeze=frozen, model=(encoder, tokenizer),
            seed=seed, progress=False, on_step=on_step,
        )  # fmt: skip
    return runs[-1], encoder


@pytest.mark.parametrize(
    ("regime", "seed", "n"),
    [("nothing", 1, 3), ("embeddings", 2, 3), ("fresh", 3, 3), ("encoder", 0, 5),
     ("encoder", 4, 5)],
)  # fmt: skip
def test_fine_tuning_begins_as_recorded(kept, model, regime, seed, n):
    run, encoder = first_steps(model, regime, seed, n)
    record = kept["runs"][regime][seed]
    assert run.losses == pytest.approx(record["losses"][:n], abs=2e-3)
    look = record["looks"][2 if n == 5 else 1]
    if look["step"] == n:
        assert run.accuracy(*which_bank.written()) == pytest.approx(look["written"], abs=1.5 / 72)
    moved = [*fine_tuning.movement(encoder, run.classifier.encoder).values()]
    before, later = (one["movement"] for one in record["looks"][1:3])  # after 2 and 5 steps
    if regime != "encoder":
        within = [a <= m <= b for a, m, b in zip(before, moved, later, strict=True)]
        assert all(within), (before, moved, later)
    else:
        assert moved == before == later


def test_before_the_first_step_every_recorded_share_is_that_of_today(kept, model):
    encoder, tokenizer = model
    texts, labels = which_bank.written()
    with torch.no_grad():
        ids, is_token = tokenizer.encode_batch(texts)
        vectors = fine_tuning.pool(encoder(ids, is_token).last_hidden_state, is_token)
    for seed in kept["seeds"]:
        generator = torch.Generator().manual_seed(seed)
        layer = fine_tuning.Classifier(encoder, 2, generator).out_proj
        verdicts = [which_bank.LABELS[i] for i in layer(vectors).argmax(-1).tolist()]
        right = sum(one == label for one, label in zip(verdicts, labels, strict=True)) / 72
        for regime in ("nothing", "embeddings", "encoder"):
            assert right == pytest.approx(kept["runs"][regime][seed]["looks"][0]["written"],
                                          abs=1.5 / 72)  # fmt: skip


def test_probes_and_analogies_are_those_recorded(kept):
    record_fine_tuning = script("record_fine_tuning")
    found = record_fine_tuning.baselines(1)
    for kind, shares in kept["baselines"][1].items():
        assert found[kind] == pytest.approx(shares, abs=1.5 / 20)
    for one, other in zip(
        record_fine_tuning.answers(record_fine_tuning.MODEL[0]),
        kept["analogies_before"],
        strict=True,
    ):
        assert (one["word"], one["place"]) == (other["word"], other["place"])
        assert one["cosine"] == pytest.approx(other["cosine"], abs=1e-5)


def test_the_weekly_check_sees_a_difference(kept):
    differences = script("record_fine_tuning").differences
    run = kept["runs"]["nothing"][0]
    assert differences(run, run) == []
    for change, says in [
        (lambda one: one["losses"].__setitem__(4, one["losses"][4] + 0.02), "loss 4 is"),
        (lambda one: one["looks"][5].update(written=0.9), "written, step 30 is 0.9, recorded"),
        (lambda one: one["looks"][1]["movement"].__setitem__(2, 0.0007), "movement of part 2"),
        (lambda one: one.update(rows_moved=30522), "rows_moved is 30522, recorded 94"),
        (lambda one: one["without_bank"].update(deleted=0.5), "without bank, deleted is 0.5"),
    ]:
        other = copy.deepcopy(run)
        change(other)
        [said] = differences(other, run)
        assert said.startswith(says)


# Training: parts taken away, and other numbers of heads


def of_group(name):
    path = training.RECORDED / f"training-{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def held_out(families=FAMILIES):
    return {family: corpus.every_sentence(family, "held_out") for family in families}


def trained(config, reading, seed, recipe, n):
    run = training.new_run(config, reading=reading, seed=seed, recipe=recipe)
    with pytest.raises(Enough):
        training.fit(run, progress=False, on_step=after(n))
    return run


PARTS = [*script("record_training").PARTS]


@pytest.mark.parametrize("part", PARTS)
def test_a_run_without_a_part_begins_as_recorded(part):
    reading, changes, families = script("record_training").PARTS[part]
    seed = PARTS.index(part) % 5
    record = of_group("parts")[part][seed]
    assert record["steps"][0] == 100
    config = dataclasses.replace(training.default_config(), **changes)
    run = trained(config, reading, seed, training.Recipe(families=families), 100)
    [look] = run.looks
    for family in families:
        assert look.loss[family] == pytest.approx(record["loss"][family][0], abs=5e-3)
        assert look.accuracy[family] == pytest.approx(record["accuracy"][family][0], abs=0.05)


@pytest.mark.parametrize("heads", [1, 2, 8])
def test_a_run_with_other_heads_begins_and_ends_as_recorded(heads):
    record = of_group("heads")[str(heads)][0]
    config = dataclasses.replace(training.default_config(), n_heads=heads)
    start = training.new_run(config, seed=0)
    begun = trained(config, start.reading, 0, training.Recipe(stop_at=None), 25)
    ended = training.load(training.RECORDED / f"heads-{heads}.safetensors")
    assert [record["steps"][i] for i in (0, 1, -1)] == [0, 25, len(ended.losses)]
    assert begun.losses[:25] == pytest.approx(ended.losses[:25], abs=2e-3)
    for run, i in ((start, 0), (begun, 1), (ended, -1)):
        look = training.look(run, held_out())
        for family in FAMILIES:
            assert look.loss[family] == pytest.approx(
                record["held_out"]["loss"][family][i], abs=2e-3
            )
            share = record["held_out"]["accuracy"][family][i]
            assert look.accuracy[family] == pytest.approx(share, abs=0.03)
