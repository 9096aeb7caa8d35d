"""The reader's own file: each part comes into it whole, and nothing in it is ever lost."""

import ast
import importlib
import linecache
import math
import os
import sys
from itertools import count

import pytest
import torch
from torch import nn

from incontext import exercises
from incontext.exercises import keep, keeping, start_my_transformer
from incontext.exercises.keeping import FILE, NEW_FILE, OLDER, PARTS

CELLS = count()
SOFTMAX = """\
def my_softmax(scores, temperature=1.0):
    e = (scores / temperature - (scores / temperature).amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)
"""
ANOTHER = """\
def my_softmax(scores, temperature=1.0):
    return torch.softmax(scores / temperature, -1)
    # as the package has it
"""
ATTEND = """\
def my_attend(query, key, value, mask=None):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = my_softmax(scores)
    return weights @ value, weights
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A learner's folder, from which the kernel runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    start_my_transformer()
    yield tmp_path
    sys.modules.pop(FILE.stem, None)


@pytest.fixture
def notebook():
    """Runs cells as a notebook does; gives what a name means after them."""
    space = {"__name__": "__main__", "torch": torch, "math": math, "nn": nn}

    def run(source, name):
        file = f"<cell {next(CELLS)}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), space)
        return space[name]

    run.space = space
    return run


def imported():
    importlib.invalidate_caches()
    return importlib.import_module(FILE.stem)


def test_a_part_comes_into_the_file_with_its_imports(folder, notebook):
    verdict = keep(notebook(ANOTHER, "my_softmax"))
    assert verdict and str(verdict) == (
        "✓ Kept in my_transformer.py as softmax. From now on: from my_transformer\n  import softmax"
    )
    text = FILE.read_text()
    assert text.startswith('"""My transformer, written while reading')
    assert '"""\n\nimport torch\n\n\ndef __getattr__' in text
    assert text.endswith(
        "# From the chapter softmax-temperature\n\n\n" + ANOTHER.replace("my_softmax", "softmax")
    )
    assert imported().softmax(torch.zeros(4)).tolist() == [0.25] * 4


def test_parts_use_each_other(folder, notebook):
    keep(notebook(SOFTMAX, "my_softmax"))
    verdict = keep(notebook(ATTEND, "my_attend"))
    assert verdict, verdict
    text = FILE.read_text()
    assert (
        "import math\n" in text
        and "weights = softmax(scores)" in text
        and "my_" not in (text.split("def softmax")[1])
    )
    ones = torch.ones(1, 2, 3, 5)
    assert torch.equal(imported().attend(ones, ones, ones)[0], ones)


def test_a_part_imported_from_the_file_is_the_files_own(folder, notebook):
    keep(notebook(SOFTMAX, "my_softmax"))
    source = ATTEND.replace("my_softmax(", "softmax(")
    attend = notebook(f"from my_transformer import softmax\n\n{source}", "my_attend")
    assert keep(attend), keep(attend)
    assert "import softmax" not in FILE.read_text().split('"""')[2]


def test_what_the_package_has_is_imported(folder, notebook):
    notebook("from incontext.positions import angular_frequencies as speeds_of", "speeds_of")
    source = (
        "def my_rotate(x, positions, base=10_000.0):\n"
        "    angles = (positions[:, None] * speeds_of(x.shape[-1], base)).to(x)\n"
        "    a, b = x[..., 0::2], x[..., 1::2]\n"
        "    cos, sin = angles.cos(), angles.sin()\n"
        "    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)\n"
    )
    assert keep(notebook(source, "my_rotate"))
    line = "from incontext.positions import angular_frequencies as speeds_of"
    assert FILE.read_text().count(line) == 1


def test_kept_again_it_replaces_its_own_part_alone_and_the_first_is_saved(folder, notebook):
    keep(notebook(SOFTMAX, "my_softmax"))
    keep(notebook(ATTEND, "my_attend"))
    by_hand = FILE.read_text().replace("import math", "import math  # mine")
    FILE.write_text(by_hand + "\n\nnote = 'mine'  # by hand\n")
    before = FILE.read_text()
    verdict = keep(notebook(ANOTHER, "my_softmax"))
    assert "The one before is in my_transformer_older.py." in verdict.message
    first, second = (one.replace("my_softmax", "softmax").rstrip() for one in (SOFTMAX, ANOTHER))
    expected = before.replace(first, second).replace("# mine\n", "# mine\nimport torch\n", 1)
    assert FILE.read_text() == expected
    assert OLDER.read_text().count(first) == 1
    keep(notebook(SOFTMAX, "my_softmax"))
    assert first in FILE.read_text() and second not in FILE.read_text()
    assert first in OLDER.read_text() and second in OLDER.read_text()
    assert imported().note == "mine"


def test_kept_twice_alike_nothing_happens(folder, notebook):
    keep(notebook(SOFTMAX, "my_softmax"))
    before = FILE.read_bytes()
    verdict = keep(notebook(SOFTMAX, "my_softmax"))
    assert verdict and "stands in my_transformer.py already" in verdict.message
    assert FILE.read_bytes() == before and not OLDER.exists()


def test_a_part_that_was_changed_by_hand_is_saved_as_it_stood(folder, notebook):
    keep(notebook(SOFTMAX, "my_softmax"))
    FILE.write_text(FILE.read_text().rstrip() + "\n    # my own remark\n")
    keep(notebook(ANOTHER, "my_softmax"))
    assert "# my own remark" in OLDER.read_text() and "my own remark" not in FILE.read_text()


@pytest.mark.parametrize("call", [1, 2])
def test_interrupted_it_loses_nothing(folder, notebook, monkeypatch, call):
    keep(notebook(SOFTMAX, "my_softmax"))
    before = FILE.read_text()
    function = notebook(ANOTHER, "my_softmax")

    def interrupted(*paths):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, {1: "fsync", 2: "replace"}[call], interrupted)
    with pytest.raises(KeyboardInterrupt):
        keep(function)
    assert FILE.read_text() == before
    monkeypatch.undo()
    os.chdir(folder)
    assert keep(function) and SOFTMAX.split("\n", 1)[1].rstrip() in OLDER.read_text()


def test_the_next_import_reads_what_was_kept_last(folder, notebook, monkeypatch):
    """Also within a second and with as many letters, by which Python tells compiled files."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for axis in ("-1", " 2", "-1"):
        source = f"def my_softmax(scores, temperature=1.0, unused={axis}):\n" + (
            "    return torch.softmax(scores / temperature, -1)\n"
        )
        assert keep(notebook(source, "my_softmax"))
        assert imported().softmax.__defaults__[1] == int(axis)


def test_a_class_is_kept_too(folder, notebook, monkeypatch):
    check = exercises.FunctionCheck(
        "check_twice", lambda x: 2 * x, [lambda: (torch.ones(2, 3),)], praise=""
    )
    monkeypatch.setitem(PARTS, "twice", keeping.Part("somewhere", lambda it: check(it())))
    source = (
        "class my_twice(nn.Module):\n    def forward(self, x):\n        return 2 * x\n\n\nx = 1"
    )
    assert keep(notebook(source, "my_twice"))
    assert FILE.read_text().endswith(
        "class twice(nn.Module):\n    def forward(self, x):\n        return 2 * x\n"
    )
    assert "import torch.nn as nn\n" in FILE.read_text()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("my_softmax = lambda scores, temperature=1.0: scores", "A lambda has no name."),
        ("my_softmax = 3", "keep takes a function that you wrote. It got 3."),
        ("my_softmax = torch.softmax", "keep takes a function that you wrote."),
        (
            "def helper(x): return x\n\nmy_softmax = helper",
            "helper is no part of my_transformer.py. The parts are my_sinusoids, my_attend,",
        ),
        ("def my_softmax(scores, temperature=1.0):\n    ...", "Not yet: my_softmax returns"),
        (
            "def my_softmax(scores, temperature=1.0):\n    return torch.softmax(scores, -1)",
            "Not kept. ",
        ),
        (
            "axis = -1\n\ndef my_softmax(scores, temperature=1.0):\n"
            "    return torch.softmax(scores / temperature, axis)",
            "my_softmax uses axis, which is not in my_transformer.py. Write it inside",
        ),
        (
            "def mine():\n    axis = -1\n    def my_softmax(scores, temperature=1.0):\n"
            "        return torch.softmax(scores / temperature, axis)\n    return my_softmax\n\n"
            "my_softmax = mine()",
            "my_softmax uses axis of the function around it.",
        ),
    ],
)
def test_what_cannot_be_kept_is_said_and_nothing_is_written(folder, notebook, source, says):
    verdict = keep(notebook(source, "my_softmax"))
    assert not verdict and says in verdict.message
    assert FILE.read_text() == NEW_FILE and not OLDER.exists()


def test_a_function_without_source_is_said(folder, notebook):
    function = notebook(SOFTMAX, "my_softmax")
    del linecache.cache[function.__code__.co_filename]
    assert "The source of my_softmax is not at hand. Run the cell" in keep(function).message


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("def broken(:", "my_transformer.py cannot be read: line "),
        ("1 / 0", "my_transformer.py does not run: ZeroDivisionError"),
    ],
)
def test_a_file_that_does_not_run_is_left_alone(folder, notebook, line, says):
    FILE.write_text(before := f"{NEW_FILE}\n\n{line}\n")
    verdict = keep(notebook(SOFTMAX, "my_softmax"))
    assert not verdict and says in verdict.message and FILE.read_text() == before


def test_a_name_that_means_something_else_in_the_file_is_found_out(folder, notebook):
    FILE.write_text(before := f"{NEW_FILE}\n\ntorch = None\n")
    source = SOFTMAX.replace("scores / temperature -", "torch.as_tensor(scores / temperature) -")
    verdict = keep(notebook(source, "my_softmax"))
    assert FILE.read_text() == before
    assert not verdict and "a name may mean something else there" in verdict.message


def test_without_the_file_nothing_is_written(tmp_path, notebook, monkeypatch):
    monkeypatch.chdir(tmp_path)
    verdict = keep(notebook(SOFTMAX, "my_softmax"))
    assert not verdict and "there is no my_transformer.py in" in verdict.message
    assert not list(tmp_path.iterdir())


def test_a_part_that_is_missing_is_named_with_its_chapter(folder):
    with pytest.raises(ImportError, match=r"attend is not in .* chapter self-attention, where"):
        from my_transformer import attend  # noqa: F401
    with pytest.raises(ImportError, match=r"softmax-temperature"):
        imported().softmax  # noqa: B018
    with pytest.raises(AttributeError, match="has no beam_search"):
        imported().beam_search  # noqa: B018
    assert not hasattr(imported(), "_repr_html_")


def test_the_file_is_made_once(folder):
    FILE.write_text("mine")
    start_my_transformer()
    start_my_transformer(folder)
    assert FILE.read_text() == "mine"


def test_the_new_file_says_what_it_is_and_needs_nothing(tmp_path):
    start_my_transformer(tmp_path)
    tree = ast.parse((tmp_path / FILE).read_text())
    assert "The book never writes over it." in " ".join(ast.get_docstring(tree).split())
    assert len(tree.body) == 2


@pytest.mark.parametrize("mistake", keeping.CHECK_ATTEND.mistakes, ids=lambda one: one.name)
def test_attention_with_a_mistake_is_not_kept_and_the_mistake_is_named(mistake):
    verdict = keeping.CHECK_ATTEND(mistake.solution)
    assert not verdict and verdict.message == str(mistake)
