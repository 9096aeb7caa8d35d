"""Puts explorables and predictions into the built book: files once, scripts only where used."""

import shutil
from pathlib import Path

FOLDER = "explorables"
STATIC = Path(__file__).parents[1] / FOLDER / "static"  # not imported: that would load torch


def copy_bundles(app, exception):
    """The front ends go to _static/explorables/, loaded by the host script when needed."""
    if exception is None and app.builder.format == "html":
        shutil.copytree(STATIC, Path(app.outdir, "_static", FOLDER), dirs_exist_ok=True)


def add_host(app, pagename, templatename, context, doctree):
    """Only a page that shows one of them gets the host script, and each its own style."""
    body = context.get("body", "")
    styles = {"theme.css": 'data-explorable="', "prediction.css": 'data-prediction="'}
    used = [style for style, mark in styles.items() if mark in body]
    if used:
        app.add_js_file(f"{FOLDER}/host.js", loading_method="defer")
    for style in used:
        app.add_css_file(f"{FOLDER}/{style}")


def setup(app):
    app.connect("build-finished", copy_bundles)
    app.connect("html-page-context", add_host)
