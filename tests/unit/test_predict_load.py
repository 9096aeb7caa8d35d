"""Predictions from the file beside a learner's notebook."""

import json

import pytest

from incontext import predict


@pytest.fixture
def beside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = predict.number("How much?", answer=3, within=0.1, because="So.", misconceptions=[])
    told = json.dumps({"how-much": asked.spec})
    (tmp_path / "scaling.predictions.json").write_text(told, encoding="utf-8")
    return asked


def test_a_loaded_prediction_is_the_one_that_was_written(beside):
    loaded = predict.load("scaling", "how-much")
    assert loaded.spec == beside.spec
    assert loaded.to_html() == beside.to_html()


def test_a_name_that_is_not_there_is_named_with_those_that_are(beside):
    with pytest.raises(ValueError, match=r"name='how-many' .* scaling: how-much"):
        predict.load("scaling", "how-many")


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"heads\.predictions\.json must lie beside"):
        predict.load("heads", "how-many")
