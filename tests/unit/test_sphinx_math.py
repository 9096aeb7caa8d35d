"""LaTeX becomes MathML Core; what does not is reported."""

import io
import re

import pytest
from bs4 import BeautifulSoup, Tag
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from incontext._mathml import Untranslatable, to_mathml
from incontext.sphinx import math_font

# Elements and attributes of MathML Core (www.w3.org/TR/mathml-core), as far as formulas use them.
ELEMENTS = {
    "math", "mfrac", "mi", "mn", "mo", "mover", "mrow", "mspace", "msqrt", "msub", "msubsup",
    "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover",
}  # fmt: skip
ATTRIBUTES = {
    "accent", "alttext", "display", "displaystyle", "form", "linethickness", "lspace",
    "mathvariant", "maxsize", "minsize", "rspace", "scriptlevel", "stretchy", "style",
    "symmetric", "width",
}  # fmt: skip


def tree(latex: str, display: bool = False) -> Tag:
    return BeautifulSoup(to_mathml(latex, display), "html.parser").math


# What the book's chapters are made of.
FORMULAS = [
    r"\operatorname{softmax}(z / T)_i = \frac{\exp(z_i / T)}{\sum_{j=1}^{n} \exp(z_j / T)}",
    r"A(Q, K) = \operatorname{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_k}}\right)",
    r"\begin{align*} s &= q_i \cdot k_j \\ w_{ij} &= \frac{e^{s_{ij}}}{\sum_m s} \end{align*}",
    r"M_k = \begin{bmatrix} \cos \omega & \sin \omega \\ -\sin \omega & \cos \omega \end{bmatrix}",
    r"f(x) = \begin{cases} 0 & \text{if } x < 0 \\ x & \text{otherwise} \end{cases}",
    r"\cos(a, b) = \frac{a \cdot b}{\lVert a \rVert \, \lVert b \rVert}",
    r"W_Q^{(h)} \in \mathbb{R}^{d_{\text{model}} \times d_k}",
    r"H(w) = -\sum_{i=1}^{n} w_i \log w_i \le \log n",
    r"\hat{w} = \operatorname*{arg\,max}_i w_i, \quad \lim_{T \to \infty} w_i = \tfrac{1}{n}",
    r"J_{ij} = \frac{\partial w_i}{\partial z_j} = \frac{1}{T} w_i (\delta_{ij} - w_j)",
    r"\operatorname{Var}[q \cdot k] = d_k, \qquad \mathbf{x}_t' \ne \mathbf{x}_t",
    r"\text{king} - \text{man} + \text{woman} \approx \text{queen}",
]  # fmt: skip


@pytest.mark.parametrize("latex", FORMULAS)
@pytest.mark.parametrize("display", [False, True])
def test_the_books_formulas_keep_to_mathml_core(latex, display):
    root = tree(latex, display)
    assert root.get("display") == ("block" if display else None)
    assert root.get("alttext") == latex
    assert "\\" not in root.text and "&" not in root.text
    for element in [root, *root.find_all()]:
        assert element.name in ELEMENTS
        assert element.attrs.keys() <= ATTRIBUTES
        assert element.get("mathvariant", "normal") == "normal"


@pytest.mark.parametrize(
    ("latex", "says"),
    [
        (r"a & b", "&"),
        (r"\foo{x}", "foo"),
        (r"\frac{a}{", "end of input"),
        (r"x_1_2", "subscript"),
        (r"\begin{x} a", "environment"),
    ],
)
def test_what_cannot_be_translated_is_named(latex, says):
    with pytest.raises(Untranslatable, match=says):
        to_mathml(latex)


def test_less_than_and_quotes_are_safe_in_html():
    made = to_mathml('a < b \\text{"}')
    assert "<mo>&lt;</mo>" in made and 'alttext="a &lt; b \\text{&quot;}"' in made


@pytest.mark.parametrize("latex", [r"\max_i z_i", r"\lim_{T} z", r"\operatorname*{arg\,max}_i z"])
def test_limits_stand_below_in_display_and_beside_in_text(latex):
    assert tree(latex, display=True).munder
    assert tree(latex).msub and not tree(latex).munder


@pytest.mark.parametrize(
    "latex",
    [
        r"\begin{align*} a &= b \\ c &= d \end{align*}",
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
        r"a &= b \\ c &= d",
    ],
)
def test_lines_are_aligned_at_the_mark(latex):
    cells = tree(latex, display=True).mtable.find_all("mtd")
    sides = [re.search(r"text-align: (\w+)", cell["style"])[1] for cell in cells]
    assert sides == ["right", "left"] * 2
    assert not tree(latex, display=True).mtable.has_attr("style")  # no column for numbers


# The font


def test_font_holds_what_is_asked_and_draws_the_same_each_time():
    text = "xα√⊤′" + math_font.italic("x") + math_font.italic("α")
    first = math_font.cut_font(text)
    assert first == math_font.cut_font(text)
    assert len(first) < 60_000
    font = TTFont(io.BytesIO(first))
    assert set(map(ord, text)) <= font.getBestCmap().keys()
    prime = font["glyf"][font.getBestCmap()[ord("′")]]
    assert prime.yMin < 150  # the one that a superscript raises, not the one that is up already
    assert "MATH" in font


def test_roots_of_every_size_have_one_width():
    font = TTFont(io.BytesIO(math_font.cut_font("√x")))
    variants = font["MATH"].table.MathVariants
    sizes = variants.VertGlyphConstruction[
        variants.VertGlyphCoverage.glyphs.index(font.getBestCmap()[ord("√")])
    ]
    names = [record.VariantGlyph for record in sizes.MathGlyphVariantRecord]
    assert len({font["hmtx"][name][0] for name in names}) == 1 and len(names) > 3


def test_italics():
    assert math_font.italic("x") == "𝑥" and math_font.italic("h") == "ℎ"
    assert math_font.italic("θ") == "𝜃" and math_font.italic("+") == ""


# In Sphinx

PAGE = r"""
Title
=====

Inline :math:`d_k`, numbered:

.. math:: a = b
   :label: eq-one

Seen in :eq:`eq-one`.
"""


def build(folder, page: str) -> tuple[str, str]:
    (folder / "index.rst").write_text(page)
    (folder / "other.rst").write_text(":orphan:\n\nOther\n=====\n\nNo formula.\n")
    (folder / "conf.py").write_text("")
    warnings = io.StringIO()
    with docutils_namespace():
        app = Sphinx(
            folder, folder, folder / "html", folder / "doctrees", "html",
            confoverrides={
                "extensions": ["incontext.sphinx.math"], "html_math_renderer": "incontext_mathml",
            },
            status=io.StringIO(), warning=warnings,
        )  # fmt: skip
        app.build()
    return (folder / "html" / "index.html").read_text(), warnings.getvalue()


def test_a_page_has_mathml_numbers_and_its_font_but_no_script(tmp_path):
    page, warnings = build(tmp_path, PAGE)
    assert not warnings
    assert page.count("<math ") == 2 and "mathjax" not in page.lower()
    assert re.search(r'id="equation-eq-one".*<span class="eqno">\(1\)', page, re.DOTALL)
    assert 'href="#equation-eq-one"' in page
    assert "_static/math.css" in page
    assert "_static/math.css" not in (tmp_path / "html" / "other.html").read_text()
    style = (tmp_path / "html" / "_static" / "math.css").read_text()
    assert "data:font/woff2;base64," in style and ".math-block" in style


def test_a_formula_that_fails_is_a_warning_at_its_place(tmp_path):
    page, warnings = build(tmp_path, PAGE.replace("d_k", r"\foo{x}"))
    assert "index.rst:5: WARNING: formula" in warnings and "foo" in warnings
    assert r"<code>\foo{x}</code>" in page
