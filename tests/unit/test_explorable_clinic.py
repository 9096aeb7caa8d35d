"""The clinic's explorable: its numbers are the record's, and nothing in it names a diagnosis."""

import json

import numpy as np
import pytest
from traitlets import TraitError

from incontext import clinic, corpus
from incontext.explorables import Clinic


def rows_of(explorer, name):
    return [row for row in explorer.numbers().rows if row[0] == name]


@pytest.mark.parametrize(("patient", "step"), [(1, 0), (2, 100), (9, 1200), (10, 250)])
def test_losses_and_accuracy_are_those_of_the_record(patient, step):
    explorer = Clinic(patient=patient, step=step)
    ill = clinic.recorded(patient)[0]
    well = clinic.recorded(clinic.WARD[patient - 1].reading)[0]
    for name, one in (("patient", ill), ("healthy", well)):
        losses = rows_of(explorer, f"{name}: loss")
        assert [row[1] for row in losses] == [f"step {step}" for step in one.steps]
        drawn = np.array([row[2:7] for row in losses])
        expected = [*(one.loss[family] for family in corpus.FAMILIES), one.training]
        np.testing.assert_array_equal(drawn, np.transpose(expected))
        [accuracy] = rows_of(explorer, f"{name}: accuracy")
        at = one.steps.index(step)
        assert accuracy[2:6] == [one.accuracy[family][at] for family in corpus.FAMILIES]


@pytest.mark.parametrize(
    ("step", "drawn"), [(0, 0), (80, 0), (100, 1), (150, 1), (200, 2), (1000, 2), (1200, 3)]
)
def test_the_map_is_the_last_that_was_drawn(step, drawn):
    explorer = Clinic(patient=3, step=step, layer=1, head=4)
    explorer.sentence = explorer.control_spec("sentence")["options"][1]["value"]
    shown = np.array([row[2:] for row in rows_of(explorer, "patient: weights")])
    np.testing.assert_array_equal(shown, clinic.recorded(3)[0].maps[drawn, 1, 0, 3])


@pytest.mark.parametrize("patient", [1, 9])
def test_the_words_are_those_that_the_model_reads_and_the_row_is_the_answers(patient):
    explorer = Clinic(patient=patient)
    both = patient == 9
    words = [row[1] for row in rows_of(explorer, "patient: weights")]
    text = "the keys behind the lamp [HIDDEN] here ." if both else clinic_sentence()
    assert words == [*text.split(), *["[PAD]"] * 3]
    reading = clinic.WARD[patient - 1].reading
    place = explorer.data()["sentences"][clinic_sentence()][reading]
    assert place["words"] == words and words[place["row"]] == ("[HIDDEN]" if both else "lamp")


def clinic_sentence():
    return clinic.recorded(1)[0].sentences[0].text


def test_the_page_is_told_no_diagnosis():
    told = json.dumps(Clinic().spec).casefold()
    for breakage in clinic.WARD:
        assert breakage.name.casefold() not in told and breakage.make.__name__ not in told


def test_alternative_text_says_what_is_drawn():
    explorer = Clinic(patient=4, step=150, layer=1, head=2)
    ill, at = clinic.recorded(4)[0], 7
    text = explorer.alt()
    assert f"it {ill.loss['it'][at]:.2f}" in text and "layer 1, head 2" in text
    row = rows_of(explorer, "patient: weights")[4]
    assert f"{max(row[2:]):.2f}, on" in text


@pytest.mark.parametrize("bad", [{"patient": 11}, {"step": 30}, {"head": 5}, {"layer": 0}])
def test_values_outside_are_refused(bad):
    with pytest.raises(TraitError):
        Clinic(**bad)
