"""The fine-tuning explorable: its numbers are those of the record, and its words follow them."""

import pytest
from traitlets import TraitError

from incontext.explorables import FineTuning
from incontext.explorables.fine_tuning import PARTS, REGIMES, SEEDS, STEPS
from incontext.fine_tuning import recorded


@pytest.fixture(scope="module")
def record():
    return recorded()


def test_its_controls_are_those_of_the_record(record):
    assert list(STEPS) == record["steps"] and list(SEEDS) == record["seeds"]
    assert list(PARTS) == record["parts"] and set(REGIMES) == set(record["runs"])


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize(("seed", "step"), [(0, 0), (3, 5), (4, 30)])
def test_numbers_are_the_recorded_ones(record, regime, seed, step):
    rows = FineTuning(regime=regime, seed=seed, step=step).numbers().rows
    run = record["runs"][regime][seed]
    look = run["looks"][record["steps"].index(step)]
    values = {name: value for name, _, value in rows}
    assert values["now: new sentences right"] == look["written"]
    assert values["held-out sentences of the grammar right"] == run["held_out"]
    assert [values[f"moved: {part}"] for part in PARTS] == look["movement"]
    assert values["seconds of one core"] == run["seconds"]
    for other in SEEDS:
        curve = [row[1:] for row in rows if row[0] == f"new sentences right, seed {other}"]
        looks = record["runs"][regime][other]["looks"]
        assert curve == [[each["step"], each["written"]] for each in looks]


def test_nothing_has_moved_before_the_first_step_or_where_it_is_frozen():
    def moved(**values):
        rows = FineTuning(**values).numbers().rows
        return [row[2] for row in rows if row[0].startswith("moved")]

    assert moved(step=0) == moved(regime="encoder", step=30) == [0] * 7
    assert moved(regime="embeddings")[0] == 0 < min(moved(regime="embeddings")[1:])
    assert min(moved()) > 0


@pytest.mark.parametrize("bad", [{"step": 7}, {"seed": 5}, {"regime": "everything"}])
def test_what_was_not_recorded_is_refused(bad):
    with pytest.raises(TraitError):
        FineTuning(**bad)


def test_alt_text_has_the_present_numbers(record):
    alt = FineTuning(regime="encoder", seed=2, step=10).alt()
    look = record["runs"]["encoder"][2]["looks"][STEPS.index(10)]
    for words in (
        "only the new layer, seed 2",
        "step 10",
        f"{look['written']:.0%}",
        "layer 6 0.000",
    ):
        assert words in alt
