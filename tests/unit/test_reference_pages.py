"""The back matter: its numbers are the real model's, its lists are in order."""

import re
from pathlib import Path

import pytest
from pybtex.database import parse_file

from incontext.pretrained import decoder_to_read, load_encoder

ROOT = Path(__file__).parents[2]
NOTATION = (ROOT / "chapters/notation.md").read_text(encoding="utf-8")
GLOSSARY = (ROOT / "chapters/glossary.md").read_text(encoding="utf-8")
SOURCES = parse_file(str(ROOT / "references.bib"), bib_format="bibtex").entries


def sizes(column):
    """A column of the table "Letters that count", by the name that code gives the row."""
    rows = [
        line.strip().strip("|").split("|") for line in NOTATION.splitlines() if line.startswith("|")
    ]
    found = {}
    for row in rows:
        name = re.search(r"`(n_\w+|d_\w+|vocab_size)`", row[2]) if len(row) == 5 else None
        if name:
            found[name[1]] = int(row[column].strip().replace(",", ""))
    return found


def terms():
    """The entries of the glossary, each with its other names."""
    body = GLOSSARY.split("```{glossary}\n")[1].split("\n```")[0]
    return [
        [line for line in entry.splitlines() if not line.startswith(" ")]
        for entry in body.split("\n\n")
    ]


@pytest.mark.parametrize(("load", "column"), [(load_encoder, 3), (decoder_to_read, 4)])
def test_the_sizes_in_the_notation_are_the_real_models(load, column):
    config = load()[0].config
    written = sizes(column)
    assert written.pop("n_kv_heads") == (config.n_kv_heads or config.n_heads)
    assert written == {name: getattr(config, name) for name in written}
    assert len(written) == 7


def test_the_glossary_is_in_order_and_defines_each_term_once():
    first = [entry[0].lower() for entry in terms()]
    assert first == sorted(first, key=lambda term: term.replace("-", " ").replace("_", " "))
    names = [name.lower() for entry in terms() for name in entry]
    assert len(names) == len(set(names)) >= 40


@pytest.mark.parametrize("key", SOURCES)
def test_a_source_can_be_found(key):
    entry = SOURCES[key]
    assert {"title", "year"} <= set(entry.fields) and entry.persons["author"]
    assert set(entry.fields) & {"doi", "eprint", "url", "publisher", "institution", "booktitle"}
    last = entry.persons["author"][0].last_names[-1]
    assert re.fullmatch(r"[a-z]+\d{4}[a-z0-9]+", key), last
