"""Puts the explorables into the built book: their files once, their script only where used."""

import shutil
from pathlib import Path

FOLDER = "explorables"
STATIC = Path(__file__).parents[1] / FOLDER / "static"  # not imported: that would load torch


def copy_bundles(app, exception):
    """The front ends go to _static/explorables/, loaded by the host script when needed."""
    if exception is None and app.builder.format == "html":
        shutil.copytree(STATIC, Path(app.outdir, "_static", FOLDER), dirs_exist_ok=True)


def add_host(app, pagename, templatename, context, doctree):
    """Only a page that shows an explorable gets the host script and the theme."""
    if 'data-explorable="' in context.get("body", ""):
        app.add_js_file(f"{FOLDER}/host.js", loading_method="defer")
        app.add_css_file(f"{FOLDER}/theme.css")


def setup(app):
    app.connect("build-finished", copy_bundles)
    app.connect("html-page-context", add_host)
