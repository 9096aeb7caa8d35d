"""Chapters are executed at the same time, each once; a failing one is reported."""

import io
from pathlib import Path

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

CONF = """
extensions = ["myst_nb", "incontext.sphinx.executions"]
exclude_patterns = ["_build"]
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
"""
FRONT = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3, language: python}
---
"""
# Goes on when the other is running as well; one after the other, the first would wait in vain.
MEET = """
import pathlib, time
with open("NAME.count", "a") as file:
    file.write("x")
for _ in range(600):
    if pathlib.Path("OTHER.count").exists():
        break
    time.sleep(0.1)
else:
    raise AssertionError("the other is not running")
"""


def page(name: str, code: str) -> str:
    return f"{FRONT}# {name}\n\n```{{code-cell}} ipython3\n{code.strip()}\n```\n"


@pytest.fixture
def book(tmp_path, monkeypatch):
    monkeypatch.setattr("multiprocessing.cpu_count", lambda: 2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    (tmp_path / "conf.py").write_text(CONF)
    (tmp_path / "index.md").write_text("# Book\n\n```{toctree}\none\ntwo\n```\n")
    for name, other in (("one", "two"), ("two", "one")):
        code = MEET.replace("NAME", name).replace("OTHER", other)
        (tmp_path / f"{name}.md").write_text(page(name, code))
    return tmp_path


def build(source: Path) -> None:
    with docutils_namespace():
        Sphinx(
            source, source, source / "_build/html", source / "_build/doctrees", "html",
            status=io.StringIO(), warning=io.StringIO(),
        ).build()  # fmt: skip


def test_chapters_run_at_the_same_time_and_each_once(book):
    build(book)
    assert [(book / f"{name}.count").read_text() for name in ("one", "two")] == ["x", "x"]


def test_a_chapter_that_fails_is_named(book):
    (book / "two.md").write_text(
        page("two", MEET.replace("NAME", "two").replace("OTHER", "one") + "1 / 0")
    )
    (book / "two.count").write_text("")  # the other need not wait for it
    with pytest.raises(Exception, match=r"two\.md"):
        build(book)
