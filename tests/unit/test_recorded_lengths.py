"""What is recorded of positions beyond the trained length, and how it was measured."""

import importlib.util
import json
from pathlib import Path

import pytest

from incontext import corpus, training

SCRIPT = Path(__file__).parents[2] / "scripts" / "record_lengths.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("record_lengths", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def recorded(script):
    return json.loads(script.FILE.read_text(encoding="utf-8"))


def test_every_scheme_has_every_seed_start_and_family(script, recorded):
    assert recorded["starts"] == list(script.STARTS)
    assert recorded["longest_trained"] == 16
    for scheme in script.SCHEMES:
        runs = recorded[str(scheme)]
        assert len(runs) == len(script.SEEDS)
        for run in runs:
            assert list(run["held_out"]) == [str(start) for start in script.STARTS]
            assert all(set(one) == set(corpus.FAMILIES) for one in run["held_out"].values())


def test_accuracy_is_that_of_the_run_and_a_later_start_reads_later_rows(script):
    run = training.load(training.RECORDED / "left-to-right-0.safetensors")
    for family in corpus.FAMILIES:
        sentences = corpus.every_sentence(family, "held_out")
        assert script.accuracy(run, "held_out")[family] == pytest.approx(
            run.accuracy(sentences), abs=1e-4
        )
    rows = run.model.stack.position_embedding.weight.data
    rows[4:20] = rows[0:16].clone()
    assert script.accuracy(run, "held_out", start=4) == script.accuracy(
        training.load(training.RECORDED / "left-to-right-0.safetensors"), "held_out"
    )


@pytest.mark.parametrize("positions", ["rotary", "alibi", None])
def test_what_acts_by_distance_does_not_notice_the_start(script, positions):
    run = training.new_run(script.config_of(positions), reading="left-to-right", seed=3)
    run.model.double()
    assert script.accuracy(run, "held_out", 32) == script.accuracy(run, "held_out")
