"""What a reader has written is never overwritten."""

import json
import os
from datetime import date

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from incontext.sphinx import copies

NAME = "scaling.ipynb"
TODAY = date(2026, 11, 24)


@pytest.fixture
def folders(tmp_path):
    built, own = tmp_path / "built", tmp_path / "own"
    built.mkdir()
    return built, own


def notebook(*sources):
    return new_notebook(cells=[new_code_cell(source) for source in sources])


def put(path, book):
    path.write_text(json.dumps(book))


def sources(path):
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]


def release(folders, *cells):
    """A new version of the book, and `make lab`; what it says."""
    built, own = folders
    put(built / NAME, notebook(*cells))
    return copies.renew(built, own, TODAY)


def write(folders, *cells):
    """The reader saves."""
    put(folders[1] / NAME, notebook(*cells))


def there(folders):
    return sorted(path.name for path in folders[1].glob("*.ipynb"))


def test_the_first_time_every_notebook_is_given_out(folders):
    assert release(folders, "x = 1") == []
    assert sources(folders[1] / NAME) == ["x = 1"]


def test_an_untouched_copy_is_renewed_in_place(folders):
    release(folders, "x = 1")
    assert release(folders, "x = 2") == []
    assert sources(folders[1] / NAME) == ["x = 2"]
    assert there(folders) == [NAME]


def test_a_copy_that_was_only_run_is_renewed(folders):
    release(folders, "x = 1")
    ran = notebook("x = 1")
    ran.cells[0].outputs, ran.cells[0].execution_count = [new_output("stream", text="1")], 1
    ran.metadata["language_info"] = {"name": "python", "version": "3.11.2"}
    put(folders[1] / NAME, ran)
    release(folders, "x = 2")
    assert sources(folders[1] / NAME) == ["x = 2"]


def test_what_was_run_keeps_its_outputs_while_the_book_stays_the_same(folders):
    release(folders, "x = 1")
    ran = notebook("x = 1")
    ran.cells[0].execution_count = 7
    put(folders[1] / NAME, ran)
    release(folders, "x = 1")
    assert json.loads((folders[1] / NAME).read_text())["cells"][0]["execution_count"] == 7


def test_a_changed_copy_stays_and_the_new_version_comes_beside_it(folders):
    release(folders, "x = 1")
    write(folders, "x = 1", "mine")
    said = release(folders, "x = 2")
    assert sources(folders[1] / NAME) == ["x = 1", "mine"]
    assert sources(folders[1] / "scaling (new 2026-11-24).ipynb") == ["x = 2"]
    assert len(said) == 1 and "scaling (new 2026-11-24).ipynb" in said[0]


def test_a_changed_copy_of_an_unchanged_chapter_is_left_alone(folders):
    release(folders, "x = 1")
    write(folders, "x = 1", "mine")
    assert release(folders, "x = 1") == []
    assert there(folders) == [NAME]
    assert sources(folders[1] / NAME) == ["x = 1", "mine"]


def test_each_version_is_given_out_once(folders):
    release(folders, "x = 1")
    write(folders, "mine")
    assert len(release(folders, "x = 2")) == 1
    assert release(folders, "x = 2") == []
    assert len(there(folders)) == 2


def test_a_second_new_version_finds_a_name_of_its_own(folders):
    release(folders, "x = 1")
    write(folders, "mine")
    release(folders, "x = 2")
    put(folders[1] / "scaling (new 2026-11-24).ipynb", notebook("mine too"))
    release(folders, "x = 3")
    assert sources(folders[1] / NAME) == ["mine"]
    assert sources(folders[1] / "scaling (new 2026-11-24).ipynb") == ["mine too"]
    assert sources(folders[1] / "scaling (new 2026-11-24, 2).ipynb") == ["x = 3"]


def test_a_picture_pasted_into_a_cell_is_a_change(folders):
    built, own = folders
    given = new_notebook(cells=[new_markdown_cell("text")])
    put(built / NAME, given)
    copies.renew(built, own, TODAY)
    given.cells[0]["attachments"] = {"mine.png": {"image/png": "aGk="}}
    put(own / NAME, given)
    release(folders, "x = 2")
    assert json.loads((own / NAME).read_text())["cells"][0]["attachments"]


def test_without_its_record_nothing_is_overwritten(folders):
    release(folders, "x = 1")
    (folders[1] / copies.RECORD).unlink()
    release(folders, "x = 2")
    assert sources(folders[1] / NAME) == ["x = 1"]
    assert len(there(folders)) == 2


@pytest.mark.parametrize("content", ["", "no notebook", "[]", '{"cells": [1]}'])
def test_a_file_that_is_no_notebook_is_not_overwritten(folders, content):
    release(folders, "x = 1")
    (folders[1] / NAME).write_text(content)
    release(folders, "x = 2")
    assert (folders[1] / NAME).read_text() == content


def test_a_notebook_of_the_readers_own_is_left_alone(folders):
    release(folders, "x = 1")
    put(folders[1] / "my notes.ipynb", notebook("mine"))
    release(folders, "x = 2")
    assert sources(folders[1] / "my notes.ipynb") == ["mine"]


@pytest.mark.parametrize("call", range(1, 3))  # the notebook, then the record
@pytest.mark.parametrize("changed", [False, True])
def test_interrupted_anywhere_it_loses_nothing_and_ends_the_same(
    folders, monkeypatch, call, changed
):
    release(folders, "x = 1")
    if changed:
        write(folders, "mine")
    before = sources(folders[1] / NAME)
    calls, replace = [], os.replace

    def interrupted(*paths):
        calls.append(paths)
        if len(calls) == call:
            raise KeyboardInterrupt
        replace(*paths)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        release(folders, "x = 2")
    assert sources(folders[1] / NAME) in (before, ["x = 2"])
    monkeypatch.undo()
    release(folders, "x = 2")
    new = "scaling (new 2026-11-24).ipynb"
    assert there(folders) == ([new, NAME] if changed else [NAME])
    assert sources(folders[1] / NAME) == (["mine"] if changed else ["x = 2"])
    assert release(folders, "x = 2") == [] and len(there(folders)) == 1 + changed


def test_the_readers_transformer_is_made_once_and_never_touched_again(folders):
    built, own = folders
    release(folders, "x = 1")
    mine = own / "my_transformer.py"
    assert mine.read_text().startswith('"""My transformer, written while reading')
    (built / mine.name).write_text("a new book's")  # whatever a book may bring
    for content in ("mine", "", "def broken("):
        mine.write_text(content)
        release(folders, f"x = {content!r}")
        assert mine.read_text() == content
    mine.unlink()
    (own / "my_transformer_older.py").write_text("mine")
    release(folders, "x = 3")
    assert mine.exists() and (own / "my_transformer_older.py").read_text() == "mine"


def test_predictions_are_renewed_and_those_of_older_notebooks_stay(folders):
    built, own = folders
    file = "scaling.predictions.json"
    put(built / file, {"old": {"value": 1}, "both": {"value": 2}})
    copies.renew(built, own, TODAY)
    put(built / file, {"both": {"value": 3}, "new": {"value": 4}})
    copies.renew(built, own, TODAY)
    assert json.loads((own / file).read_text()) == {
        "old": {"value": 1},
        "both": {"value": 3},
        "new": {"value": 4},
    }
