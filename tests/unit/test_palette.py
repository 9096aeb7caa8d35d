"""Colours are named once, in palette.json."""

import json
import re
from pathlib import Path

import pytest

from incontext import palette

ROOT = Path(__file__).parents[2]
HEX = re.compile(r"(?<![&\w])#(?:[0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})\b", re.IGNORECASE)
SUFFIXES = {".py", ".css", ".js", ".mjs", ".mplstyle", ".svg"}
BUILT = ROOT / "src" / "incontext" / "explorables" / "static"  # out of js/, compared in test_js

# Nothing builds these: the browser and Sphinx take them as they stand. They repeat the palette.
AS_THEY_STAND = {
    "_static/book.css": "the theme's own variables, set for the page around figures",
    "_static/logo.svg": "a picture",
    "_static/favicon.svg": "a picture",
    "src/incontext/overview.css": "goes into a picture that is also shown outside of the book",
}


def sources() -> dict[str, str]:
    files = [
        file
        for folder in ("src", "js", "_static")
        for file in sorted((ROOT / folder).rglob("*"))
        if file.suffix in SUFFIXES and not {BUILT, ROOT / "js" / "node_modules"} & {*file.parents}
    ]
    return {file.relative_to(ROOT).as_posix(): file.read_text("utf-8") for file in files}


def test_nothing_else_names_a_colour():
    found = {name: HEX.findall(text) for name, text in sources().items()}
    stray = {name: colors for name, colors in found.items() if colors}
    assert stray.keys() <= AS_THEY_STAND.keys(), f"name it in palette.json: {stray}"


@pytest.mark.parametrize("name", AS_THEY_STAND)
def test_what_stands_beside_the_palette_repeats_it(name):
    colors = {color.lower() for color in HEX.findall(sources()[name])}
    assert colors and colors <= {*palette.LIGHT.values(), *palette.DARK.values()}


def test_both_themes_have_each_colour_that_a_page_uses():
    for style in ("theme.css", "prediction.css"):
        used = set(re.findall(r"palette\(\w+ ([\w-]+)\)", (ROOT / "js" / style).read_text()))
        assert used <= palette.LIGHT.keys() & palette.DARK.keys()


def test_colours_are_written_one_way():
    text = json.dumps([palette.LIGHT, palette.DARK])
    values = [*palette.LIGHT.values(), *palette.DARK.values()]
    assert all(re.fullmatch(r"#[0-9a-f]{6}", value) for value in values), text
    assert palette.DARK.keys() <= palette.LIGHT.keys()
