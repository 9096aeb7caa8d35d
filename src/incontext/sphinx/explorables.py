"""Puts explorables and predictions into the built book: files once, scripts only where used.

The encoder that reads a sentence of the reader's is packed here too, when the first page with a
field for one is written. It is kept beside the book, so that the next build copies it.
"""

import hashlib
import json
import shutil
from pathlib import Path

from sphinx.util import logging

logger = logging.getLogger(__name__)

FOLDER = "explorables"
STATIC = Path(__file__).parents[1] / FOLDER / "static"  # not imported: that would load torch

PACKAGE = Path(__file__).parents[1]
PACKED = ("attention-lens", "word-in-context")  # have a field for a sentence of the reader's
# What the packed files follow from: how, and which weights (their digest stands in pretrained.py).
MADE_BY = ("packing.py", "pretrained.py", "corpus.py", "contextual.py")


def copy_bundles(app, exception):
    """The front ends go to _static/explorables/, loaded by the host script when needed."""
    if exception is None and app.builder.format == "html":
        shutil.copytree(STATIC, Path(app.outdir, "_static", FOLDER), dirs_exist_ok=True)
        copy_packed(app)


def packed(app) -> Path:
    """The folder of the packed encoder, named for what it was made by; made where it is missing."""
    total = hashlib.sha256(b"".join((PACKAGE / file).read_bytes() for file in MADE_BY))
    folder = Path(app.outdir).parent / "packed" / f"minilm-{total.hexdigest()[:12]}"
    if not folder.is_dir():
        from incontext import packing, pretrained  # they load torch

        logger.info("packing the encoder for the page")
        shutil.rmtree(folder.parent, ignore_errors=True)
        half = folder.with_suffix(".half")
        half.mkdir(parents=True)
        for name, text in packing.pack_encoder(*pretrained.load_encoder()).items():
            (half / name).write_text(text, encoding="utf-8")
        half.rename(folder)
    return folder


def copy_packed(app):
    """Where a page asks for it; what an older build has left goes."""
    wanted = getattr(app, "incontext_packed", None)
    if wanted is None:
        return
    static = Path(app.outdir, "_static")
    for old in static.glob("minilm-*"):
        if old.name != wanted.name:
            shutil.rmtree(old)
    shutil.copytree(wanted, static / wanted.name, dirs_exist_ok=True)


def where_the_model_is(app, context) -> str:
    """A line for a page with such a field: the folder of the parts, the script that loads them, and
    how many bytes they are together."""
    app.incontext_packed = folder = packed(app)
    index = (folder / "index.js").read_text(encoding="utf-8")
    parts = json.loads(index[index.index(",") + 1 : index.rindex(")")])["parts"]
    address = {
        "folder": context["pathto"](f"_static/{folder.name}/", 1),
        "reader": context["pathto"](f"_static/{FOLDER}/reading.js", 1),
        "bytes": sum(part["bytes"] for part in parts.values()),
    }
    return f"incontextModel = {json.dumps(address)}"


def add_host(app, pagename, templatename, context, doctree):
    """Only a page that shows one of them gets the host script, and each its own style."""
    body = context.get("body", "")
    styles = {"theme.css": 'data-explorable="', "prediction.css": 'data-prediction="'}
    used = [style for style, mark in styles.items() if mark in body]
    if used:
        app.add_js_file(f"{FOLDER}/host.js", loading_method="defer")
    if any(f'data-explorable="{name}"' in body for name in PACKED):
        app.add_js_file(None, body=where_the_model_is(app, context))
    for style in used:
        app.add_css_file(f"{FOLDER}/{style}")


def setup(app):
    app.connect("build-finished", copy_bundles)
    app.connect("html-page-context", add_host)
