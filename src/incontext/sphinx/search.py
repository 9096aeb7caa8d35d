"""Search that finds what is there: one stemmer on both sides, and explorables by their names.

The index is stemmed in Python when the book is built, the query in JavaScript when it is typed, and
Sphinx 7 does the two with different versions of Porter's stemmer: "analogy" is indexed as "analogi"
and looked up as "analog" (https://github.com/sphinx-doc/sphinx/issues/13535, mended in Sphinx 8.3;
needed until then). Here the JavaScript follows Snowball's "porter", and words of one or two letters
are left alone on both sides.
"""

import html
import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish, js_porter_stemmer

# What Porter published, where Sphinx's JavaScript has his later variants.
AS_PUBLISHED = [
    ("    bli: 'ble',", "    abli: 'able',"),
    ("    biliti: 'ble',\n    logi: 'log'", "    biliti: 'ble'"),
    ("izer|bli|alli", "izer|abli|alli"),
    ("biliti|logi)", "biliti)"),
]

FIGURE = re.compile(r'<figure class="explorable"[^>]*>')


def as_published(stemmer: str) -> str:
    """Sphinx's JavaScript stemmer with the rules of Snowball's "porter"."""
    for theirs, published in AS_PUBLISHED:
        if theirs not in stemmer:
            raise ValueError(f"Sphinx's stemmer has changed: {theirs!r} is not in it any more")
        stemmer = stemmer.replace(theirs, published)
    return stemmer


class SameStems(SearchEnglish):
    """English, stemmed alike when the book is built and when it is searched."""

    js_stemmer_code = as_published(js_porter_stemmer)

    def stem(self, word: str) -> str:
        return word.lower() if len(word) < 3 else super().stem(word)


class explorable_name(nodes.Element):
    """Holds the name of an explorable as a title that search finds and nobody sees."""


def hide(self, node: nodes.Element) -> None:
    raise nodes.SkipNode


def name_explorables(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Listener for doctree-resolved: each explorable that has an id is a title for the search."""
    for raw in list(doctree.findall(nodes.raw)):
        figure = FIGURE.search(raw.astext())
        name = figure and re.search(r' aria-label="([^"]*)"', figure[0])
        place = figure and re.search(r' id="([^"]*)"', figure[0])
        if name and place:
            title = nodes.title("", html.unescape(name[1]).split(" · ")[-1])  # without its number
            raw.parent.insert(raw.parent.index(raw), explorable_name("", title, ids=[place[1]]))


def setup(app: Sphinx) -> None:
    app.add_search_language(SameStems)
    app.add_node(explorable_name, html=(hide, None))
    app.connect("doctree-resolved", name_explorables)
