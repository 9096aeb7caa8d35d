"""The dark twin of a figure: the explorables' colours, and every number readable on its cell."""

import io
import re
from base64 import b64decode
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from incontext import plots
from incontext._lettering import contrast
from incontext.palette import DARK, LIGHT
from incontext.sphinx import figures

CELL_TEXT = re.compile(r'<g id="on-\w{6}-[^"]*">\s*<text style="([^"]*)"')


def svg(ax) -> str:
    file = io.StringIO()
    ax.figure.savefig(file, format="svg")
    plt.close(ax.figure)
    return file.getvalue()


def pixels(picture: str) -> np.ndarray:
    """The colours of the first raster in it, as hexadecimal."""
    encoded = re.search(r'data:image/png;base64,([^"]+)"', picture)[1]
    colors = plt.imread(io.BytesIO(b64decode(encoded)), format="png")[..., :3]
    return np.array([to_hex(color) for color in colors.reshape(-1, 3)])


@pytest.mark.parametrize("low, ends", [(0, ("ink", "ink")), (-1, ("negative", "positive"))])
def test_shades_keep_their_steps_and_numbers_can_be_read_on_them(low, ends):
    values = np.linspace(low, 1, 40).reshape(10, 4)
    drawn = svg(plots.matrix(values, limits=(low, 1), numbers=True))
    twin = figures.dark(drawn)

    cells = pixels(twin)
    paper = [DARK["paper"], DARK[ends[0]]][low < 0]
    close = np.array([0.02] * 3)
    for cell, wanted in ((cells[0], paper), (cells[-1], DARK[ends[1]])):
        assert (np.abs(rgb(cell) - rgb(wanted)) < close).all()
    assert len(set(cells)) == len(set(pixels(drawn))), "no two shades become one"

    texts = CELL_TEXT.findall(twin)
    assert len(texts) == values.size
    for style, cell in zip(texts, cells, strict=True):
        [ink] = re.findall(r"fill: (#\w{6})", style)
        assert contrast(ink, cell) >= 4.5, (ink, cell)


def rgb(color: str) -> np.ndarray:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def test_colours_with_a_meaning_become_those_of_the_dark_theme():
    curves = np.random.default_rng(0).normal(size=(6, 7))
    drawn = svg(plots.curve(range(7), curves, list("abcdef"), "Layer", "Cosine"))
    twin = figures.dark(drawn)
    for name in ("text", "muted", "line", *"123456"):
        assert LIGHT[name] in drawn
        assert DARK[name] in twin
    assert not set(re.findall(r"#\w{6}\b", twin)) & set(LIGHT.values()) - set(DARK.values())
    assert re.sub(r"#\w{6}", "", twin) == re.sub(r"#\w{6}", "", drawn), "only colours differ"


def test_names_and_lines_stand_out_from_the_dark_page():
    for name in ("text", "muted", *"123456"):
        assert contrast(DARK[name], DARK["paper"]) >= 4.5, name


def test_both_are_in_the_page_with_their_size_and_words(tmp_path):
    name = "0123456789abcdef" * 4
    drawn = svg(plots.bars([1, 2], ["a", "b"]))
    (tmp_path / "drawn.svg").write_text(drawn)
    (tmp_path / "_images").mkdir()
    (tmp_path / "_images" / f"{name}.svg").write_text(drawn)
    builder = SimpleNamespace(images={"drawn.svg": f"{name}.svg"}, format="html")
    app = SimpleNamespace(srcdir=tmp_path, outdir=tmp_path, builder=builder)
    other = '<img alt="A logo" src="../_static/logo.svg" />'
    context = {"body": f'<p>{other}<img alt="Two bars" src="../_images/{name}.svg" /></p>'}

    figures.show_twins(app, "page", "page.html", context, None)
    light, dark = re.findall(r'<img class="figure-(?:light|dark)"[^>]*>', context["body"])
    assert other in context["body"]
    assert f'src="../_images/{name}.svg"' in light
    assert f'src="../_images/{name}-dark.svg"' in dark
    for tag in (light, dark):
        assert 'alt="Two bars"' in tag
        assert re.search(r'width="\d{3}" height="\d{3}"', tag)

    for _ in range(2):  # the second time the twin lies there already
        figures.draw_twins(app, None)
        files = sorted(file.name for file in (tmp_path / "_images").iterdir())
        assert files == [f"{name}-dark.svg", f"{name}.svg"]
    assert (tmp_path / "_images" / f"{name}-dark.svg").read_text() == figures.dark(drawn)
