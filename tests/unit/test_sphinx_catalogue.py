"""Explorables in a small book: each has a number, an id and a place in the list."""

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from incontext import explorables

CONF = """
extensions = ["myst_parser", "incontext.sphinx.catalogue"]
source_suffix = {".md": "markdown"}
root_doc = "index"
"""
INDEX = """# Book

{dilution}

```{{toctree}}
:numbered:
first
second
```

```{{toctree}}
list
```
"""
SECOND = """# Second

{softmax}

{dilution}

{softmax}

See [](#explorable-softmax-temperature-2) and [the first](second.md#explorable-softmax-temperature).
"""


def raw(explorable) -> str:
    return f"````{{raw}} html\n{explorable.to_html()}\n````"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """book(page) is the built page; what was warned of stands in book.warnings."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    shown = {
        "softmax": raw(explorables.SoftmaxTemperature()),
        "dilution": raw(explorables.AttentionDilution()),
    }
    (source / "conf.py").write_text(CONF)
    (source / "index.md").write_text(INDEX.format(**shown))
    (source / "first.md").write_text(
        "# First\n\nTo [another](second.md#explorable-attention-dilution)."
    )
    (source / "second.md").write_text(SECOND.format(**shown))
    (source / "list.md").write_text("# All\n\n```{explorables}\n```\n")
    warnings = (built / "warnings").open("w+")
    with docutils_namespace():  # what one test's Sphinx registers is not another's
        app = Sphinx(
            source, source, built, built / "doctrees", "html", status=None, warning=warnings
        )
        app.build()

    def page(name):
        return BeautifulSoup((built / f"{name}.html").read_text(), "html.parser")

    warnings.seek(0)
    page.warnings, page.folder = warnings.read(), built
    return page


def test_numbers_follow_the_chapter_and_ids_are_alone_on_the_page(book):
    figures = book("second").select("figure.explorable")
    assert [figure["id"] for figure in figures] == [
        "explorable-softmax-temperature",
        "explorable-attention-dilution",
        "explorable-softmax-temperature-2",
    ]
    assert [figure.select_one(".explorable-title").text for figure in figures] == [
        "Explorable 2.1 · Softmax and temperature",
        "Explorable 2.2 · Attention dilution",
        "Explorable 2.3 · Softmax and temperature",
    ]
    for figure in figures:
        assert figure["aria-label"] == figure.select_one(".explorable-title").text


def test_a_page_without_a_number_gives_none(book):
    assert book("index").select_one(".explorable-title").text == "Attention dilution"


def test_links_lead_there(book):
    assert "xref" not in book.warnings and "not found" not in book.warnings, book.warnings
    links = {a.text: a["href"] for a in book("second").select("p a.reference")}
    assert links["Softmax and temperature"] == "#explorable-softmax-temperature-2"
    assert links["the first"].endswith("#explorable-softmax-temperature")
    (away,) = book("first").select("p a.reference")
    assert away["href"] == "second.html#explorable-attention-dilution"


def test_the_list_holds_what_the_pages_hold(book):
    cards = book("list").select(".explorable-card")
    assert [card.a["href"] for card in cards] == [
        f"{name}.html#{figure['id']}"
        for name in ("index", "first", "second")
        for figure in book(name).select("figure.explorable")
    ]
    last = cards[-1]
    assert last.a.text == "Explorable 2.3 · Softmax and temperature"
    assert last.select_one(".explorable-try").text == explorables.SoftmaxTemperature.try_first
    light, dark = last.select("img")
    alt = explorables.SoftmaxTemperature().alt()
    assert light["alt"] == dark["alt"] == alt
    drawn = [(book.folder / image["src"]).read_text() for image in (light, dark)]
    assert drawn[0] == explorables.SoftmaxTemperature().fallback()
    assert "#1b1f24" in drawn[0] and "#1b1f24" not in drawn[1] and "#e6edf3" in drawn[1]


def test_only_chapters_with_explorables_are_headed(book):
    assert [h.text.strip() for h in book("list").select("h2")] == ["Book", "2. Second"]
