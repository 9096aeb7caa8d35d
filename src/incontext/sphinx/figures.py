"""Gives every Matplotlib figure of the built book a twin for the dark theme.

The chapters draw for white paper. Such a picture inverted by the browser leaves the numbers on
cells of a middle shade hard to read, so the twin is coloured anew: each colour of the palette by
its partner in the dark theme, each shade of a colour map by the same step of the dark map, and
each number on a cell by what can be read there.
"""

import re
from base64 import b64decode, b64encode
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.image import imread, imsave

from incontext._lettering import most_readable, on_paper
from incontext.palette import DARK, LIGHT

CATEGORIES = "123456"
MAP_ENDS = ("ink", "positive", "negative")  # of the colour maps, which begin at "paper"

FIGURE = re.compile(r'<img ([^>]*?)src="([^"]*?_images/)([0-9a-f]{64})\.svg"([^>]*?)/?>')
SIZE = re.compile(r'<svg [^>]*?width="([\d.]+)pt" height="([\d.]+)pt"')
COLORED = re.compile(
    r'(?P<open><g id="on-(?P<fill>\w{6})[^"]*">\s*<text style=")(?P<style>[^"]*)'  # on a cell
    r'|(?P<image>(?<=data:image/png;base64,)[^"]+)'
    r"|(?P<color>#[0-9a-f]{6})\b"
)


def dark(svg: str) -> str:
    """The same figure in the colours of the dark theme."""
    return COLORED.sub(_recolored, svg)


def _recolored(match: re.Match) -> str:
    if match["open"]:
        style = re.sub(r";? *fill: #\w{6}", "", match["style"])
        cell = to_hex(_shades(np.array(to_rgb(f"#{match['fill']}"))))
        ink = most_readable(cell, [DARK[name] for name in ("text", "on-ink", "white", "black")])
        return f"{match['open']}{style}; fill: {ink}"
    if match["image"]:
        return _image(match["image"])
    if match["color"] in _partners():
        return _partners()[match["color"]]
    return to_hex(_shades(np.array(to_rgb(match["color"]))))


def _image(encoded: str) -> str:
    pixels = imread(BytesIO(b64decode(encoded)), format="png")
    pixels[..., :3] = _shades(pixels[..., :3])
    file = BytesIO()
    imsave(file, pixels, format="png", metadata={"Software": None})
    return b64encode(file.getvalue()).decode()


def _shades(colors: np.ndarray) -> np.ndarray:
    """[..., 3], 0 to 1: the same steps on the dark colour maps; what is on none is inverted."""
    hue_turned = np.array([[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]])
    found = np.clip((0.93 - 0.86 * colors) @ hue_turned.T, 0, 1)
    nearest = np.full(colors.shape[:-1], 0.02)
    for end in MAP_ENDS:
        start, way = _line(LIGHT, end)
        step = np.clip((colors - start) @ way / (way @ way), 0, 1)[..., None]
        off = np.linalg.norm(start + step * way - colors, axis=-1)
        dark_start, dark_way = _line(DARK, end)
        found = np.where((off < nearest)[..., None], dark_start + step * dark_way, found)
        nearest = np.minimum(off, nearest)
    return found


def _line(theme: dict[str, str], end: str) -> tuple[np.ndarray, np.ndarray]:
    start = np.array(to_rgb(theme["paper"]))
    return start, np.array(to_rgb(theme[end])) - start


@cache
def _partners() -> dict[str, str]:
    """The dark theme's colour for each colour of the light one that has a meaning of its own."""
    partners = {to_hex(on_paper(LIGHT[name])): DARK[name] for name in CATEGORIES}
    names = ["paper", "text", "muted", "line", "ink", "soft", *CATEGORIES]
    return partners | {LIGHT[name]: DARK[name] for name in names}


def show_twins(app, pagename, templatename, context, doctree) -> None:
    """Both pictures in the page, of which the theme shows one; their sizes are known ahead."""
    drawn = {name: source for source, name in app.builder.images.items()}

    def twins(match: re.Match) -> str:
        before, folder, name, after = match.groups()
        svg = Path(app.srcdir, drawn[f"{name}.svg"]).read_text()
        width, height = (round(float(points) * 4 / 3) for points in SIZE.search(svg).groups())
        rest = f'{before}width="{width}" height="{height}" loading="lazy"{after}'
        return (
            f'<img class="figure-light" src="{folder}{name}.svg" {rest}/>'
            f'<img class="figure-dark" src="{folder}{name}-dark.svg" {rest}/>'
        )

    context["body"] = FIGURE.sub(twins, context.get("body", ""))


def draw_twins(app, exception) -> None:
    if exception is None and app.builder.format == "html":
        for figure in Path(app.outdir, "_images").glob("[0-9a-f]" * 64 + ".svg"):
            figure.with_stem(f"{figure.stem}-dark").write_text(dark(figure.read_text()))


def setup(app) -> None:
    app.connect("html-page-context", show_twins)
    app.connect("build-finished", draw_twins)
