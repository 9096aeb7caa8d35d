"""A change in src/ re-executes the chapters that use it, and no other."""

import io
import textwrap
from pathlib import Path

import pytest
from jupyter_cache import get_cache
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

import incontext
from incontext.sphinx import cache

FILES = {
    "__init__.py": "",
    "checks.py": "LIMIT = 1",
    "softmax.py": "from .checks import LIMIT\ndef softmax(x): return x",
    "attention.py": "from incontext.softmax import softmax",
    "plots.py": "STYLE = 'book.mplstyle'",
    "book.mplstyle": "lines.linewidth: 2",
    "widgets/__init__.py": "from .bars import Bars\nfrom .rings import Rings",
    "widgets/base.py": "import numpy",
    "widgets/bars.py": "from .. import plots\nfrom .base import Base\nclass Bars: name = 'bars'",
    "widgets/rings.py": "from .base import Base\nclass Rings: name = 'rings'",
    "widgets/static/bars.js": "1",
    "widgets/static/rings.js": "2",
}


@pytest.fixture
def package(tmp_path):
    root = tmp_path / "incontext"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def reached(package, code: str) -> set[str]:
    files = cache.python_files(package, textwrap.dedent(code))
    return {path.relative_to(package).as_posix() for path in files}


def test_nothing_is_reached_without_an_import(package):
    assert reached(package, "import numpy\nfrom torch import softmax") == set()


@pytest.mark.parametrize(
    "code",
    [
        "from incontext.attention import anything",
        "import incontext.attention",
        "import incontext.attention as a\na.f()",
        "from incontext import attention",
        "def late():\n    from incontext import attention",
    ],
)
def test_imports_are_followed_through_the_package(package, code):
    assert reached(package, code) == {"attention.py", "softmax.py", "checks.py"}


def test_a_re_export_leads_to_its_module_and_not_to_the_siblings(package):
    bars = {"widgets/bars.py", "widgets/base.py", "plots.py"}
    assert reached(package, "from incontext import widgets\nwidgets.Bars()") == bars
    assert reached(package, "from incontext.widgets import Rings") == {
        "widgets/rings.py", "widgets/base.py",
    }  # fmt: skip


def test_a_package_used_as_a_whole_is_reached_as_a_whole(package):
    whole = reached(package, "from incontext import widgets\nshow(widgets)")
    assert {"widgets/__init__.py", "widgets/bars.py", "widgets/rings.py"} <= whole


def chapter(code: str) -> str:
    return f"# Title\n\n```{{code-cell}} ipython3\n:tags: [hide-input]\n\n{code}\n```\n\nText.\n"


def test_code_is_what_the_cells_hold_without_options_and_magics():
    text = chapter("%matplotlib inline\nimport incontext") + textwrap.dedent(
        """
        ```python
        not = a cell
        ```

        ```{code-cell}
        ---
        tags: [remove-cell]
        ---
        size = 3
        ```
        """
    )
    code = cache.code_of(text)
    assert "import incontext" in code and "size = 3" in code
    assert "not = a cell" not in code and "tags" not in code and "%" not in code


def test_digest_follows_what_is_used_and_only_that(package):
    text = chapter("from incontext.attention import x")
    before = cache.digest(package, text)
    for unused in ("plots.py", "widgets/static/bars.js"):
        (package / unused).write_text("changed = 1")
        assert cache.digest(package, text) == before
    (package / "checks.py").write_text("LIMIT = 2")
    assert cache.digest(package, text) != before


def test_data_files_count_for_every_chapter_that_uses_the_package(package):
    text, other = chapter("from incontext.attention import x"), chapter("import numpy")
    for name in ("book.mplstyle", "widgets/data/new.json"):
        before, of_other = cache.digest(package, text), cache.digest(package, other)
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text("changed")
        assert cache.digest(package, text) != before
        assert cache.digest(package, other) == of_other


def test_broken_code_depends_on_everything(package):
    text = chapter("def (")
    before = cache.digest(package, text)
    (package / "plots.py").write_text("changed = 1")
    assert cache.digest(package, text) != before


def test_the_real_package_is_understood():
    package = Path(incontext.__file__).parent
    files = reached(package, "from incontext import explorables\nexplorables.SoftmaxTemperature()")
    assert {
        "softmax.py", "checks.py", "plots.py", "explorables/softmax_temperature.py",
    } <= files  # fmt: skip
    assert "explorables/multi_head.py" not in files and "pretrained.py" not in files


# A small book that counts its executions.

CONF = """
extensions = ["myst_nb", "counting"]
exclude_patterns = ["_build"]
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
"""
EXTENSION = """
from pathlib import Path
from incontext.sphinx import cache
cache.ROOT = Path(__file__).parent / "incontext"
setup = cache.setup
"""
FRONT = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3, language: python}
---
"""


@pytest.fixture
def book(tmp_path, package, monkeypatch):
    source = tmp_path / "book"
    source.mkdir()
    count = "open('{name}.count', 'a').write('x');\n{code}"
    uses = {"index": "1", "one": "'''\nimport incontext.attention\n'''", "two": "2"}
    for name, code in uses.items():
        (source / f"{name}.md").write_text(FRONT + chapter(count.format(name=name, code=code)))
    toctree = "\n```{toctree}\none\ntwo\n```\n"
    (source / "index.md").write_text((source / "index.md").read_text() + toctree)
    (source / "conf.py").write_text(CONF)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "counting.py").write_text(EXTENSION)
    monkeypatch.setattr(cache, "ROOT", package)
    # The chapter's code must not run against the toy package: read its imports from a string.
    monkeypatch.setattr(cache, "code_of", lambda text: "\n".join(text.split("'''")[1::2]))
    return source


def build(source: Path) -> dict[str, int]:
    with docutils_namespace():
        app = Sphinx(
            source, source, source / "_build/html", source / "_build/doctrees", "html",
            status=io.StringIO(), warning=io.StringIO(),
        )  # fmt: skip
        app.build()
    return {name: len((source / f"{name}.count").read_text()) for name in ("index", "one", "two")}


def test_only_the_chapters_that_use_a_changed_module_run_again(book, package):
    assert build(book) == {"index": 1, "one": 1, "two": 1}
    assert build(book) == {"index": 1, "one": 1, "two": 1}
    (package / "softmax.py").write_text("def softmax(x): return 2 * x")
    assert build(book) == {"index": 1, "one": 2, "two": 1}
    (package / "plots.py").write_text("STYLE = None")
    assert build(book) == {"index": 1, "one": 2, "two": 1}
    assert len(get_cache(book / "_build/.jupyter_cache").list_cache_records()) == 3


def test_a_chapter_that_fails_runs_again_even_if_nothing_changes_afterwards(book, package):
    build(book)
    page = book / "one.md"
    good = page.read_text()
    page.write_text(good.replace("x');", "x'); assert not open('fail').read()"))
    (book / "fail").write_text("yes")
    with pytest.raises(Exception, match=r"one\.md"):
        build(book)
    (book / "fail").write_text("")
    assert build(book)["one"] == 3
