"""The build packs the encoder once, beside the book, where a page has a field for it."""

import json
import types

import pytest

from incontext import packing, pretrained
from incontext.sphinx import explorables as extension


@pytest.fixture
def app(tmp_path):
    added = []
    return types.SimpleNamespace(
        outdir=tmp_path / "_build" / "html",
        builder=types.SimpleNamespace(format="html"),
        added=added,
        add_js_file=lambda name, **options: added.append((name, options)),
        add_css_file=lambda name: None,
    )


@pytest.fixture
def packings(monkeypatch):
    """How often something was packed; the packing itself is short."""
    calls = []

    def pack_encoder(*model):
        calls.append(model)
        parts = {"embeddings": {"bytes": 1000}, "vocabulary": {"bytes": 24}}
        return {"index.js": packing._script("index", {"parts": parts}), "vocabulary.js": "ä"}

    monkeypatch.setattr(packing, "pack_encoder", pack_encoder)
    monkeypatch.setattr(pretrained, "load_encoder", lambda: ("encoder", "tokenizer"))
    return calls


def show(app, page: str, name: str) -> list[str]:
    """The lines of script that a page with this explorable gets."""
    up = "../" * page.count("/")
    context = {
        "body": f'<figure data-explorable="{name}">',
        "pathto": lambda path, resource: up + path,
    }
    app.added.clear()
    extension.add_host(app, page, "page.html", context, None)
    return [options["body"] for _, options in app.added if "body" in options]


def test_a_page_with_the_field_says_where_the_model_is(app, packings):
    [line] = show(app, "chapters/one", "attention-lens")
    told = json.loads(line.removeprefix("incontextModel = "))
    folder = app.outdir.parent / "packed"
    [packed] = folder.iterdir()
    assert told == {
        "folder": f"../_static/{packed.name}/",
        "reader": "../_static/explorables/reading.js",
        "bytes": 1024,
    }
    assert show(app, "chapters/two", "word-in-context") == [line]
    assert len(packings) == 1, "packed once"

    old = app.outdir / "_static" / "minilm-old"
    old.mkdir(parents=True)
    extension.copy_bundles(app, None)
    copied = app.outdir / "_static" / packed.name
    assert (copied / "vocabulary.js").read_text(encoding="utf-8") == "ä" and not old.exists()


def test_other_pages_and_books_get_nothing(app, packings):
    assert show(app, "chapters/one", "scaling") == [] and packings == []
    extension.copy_bundles(app, None)
    assert not list((app.outdir / "_static").glob("minilm-*"))


def test_another_way_of_packing_packs_anew(app, packings, monkeypatch, tmp_path):
    first = extension.packed(app)
    for file in extension.MADE_BY:
        (tmp_path / file).write_text("changed")
    monkeypatch.setattr(extension, "PACKAGE", tmp_path)
    second = extension.packed(app)
    assert first.name != second.name and not first.exists() and len(packings) == 2
