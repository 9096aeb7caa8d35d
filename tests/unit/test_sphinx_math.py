"""LaTeX becomes MathML Core, spaced as TeX does; what does not is reported."""

import io
import re
from xml.etree import ElementTree

import pytest
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from incontext._mathml import Untranslatable, to_mathml
from incontext.sphinx import math_font

NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"


def tree(latex: str, display: bool = False) -> ElementTree.Element:
    root = ElementTree.fromstring(to_mathml(latex, display))
    for element in root.iter():
        element.tag = element.tag.removeprefix(NAMESPACE)
    return root


def inside(latex: str, display: bool = False) -> str:
    """The MathML without the `<math>` around it."""
    return re.sub(r"^<math[^>]*>(<mrow>)?|(</mrow>)?</math>$", "", to_mathml(latex, display))


def find(latex: str, text: str, display: bool = False) -> ElementTree.Element:
    return next(e for e in tree(latex, display).iter() if e.text == text)


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
    assert root.get("display") == ("block" if display else "inline")
    assert root.get("alttext") == latex
    text = "".join(root.itertext())
    assert "\\" not in text and "&" not in text
    gone = {"columnalign", "columnspacing", "rowspacing", "columnlines", "name", "word"}
    for element in root.iter():
        assert not gone & element.attrib.keys()
        variant = element.get("mathvariant")
        assert variant is None or (variant == "normal" and len(element.text) == 1)


@pytest.mark.parametrize(
    ("latex", "left_over"),
    [
        (r"a & b", "&"),
        (r"\foo{x}", "foo"),
        (r"\frac{a}{", "Error"),
        (r"x_1_2", "Error"),
        (r"\begin{x} a", "Error"),
    ],
)
def test_what_cannot_be_translated_is_named(latex, left_over):
    with pytest.raises(Untranslatable, match=left_over):
        to_mathml(latex)


def test_less_than_is_safe_in_html():
    assert "&lt;" in to_mathml("a < b") and "<mo><" not in to_mathml("a < b")


def test_limits_stand_below_in_display_and_beside_in_text():
    for latex in (r"\max_i z_i", r"\lim_{T} z", r"\operatorname*{arg\,max}_i z"):
        assert find(latex, None, display=True) is not None
        assert "<munder>" in inside(latex, display=True)
        assert "<msub>" in inside(latex) and "<munder>" not in inside(latex)
    assert "<munder>" in inside(r"\sum_i z_i", display=True)
    assert "<munder>" in inside(r"\sqrt{\sum_i z_i}", display=True)
    assert "<munder>" not in inside(r"\frac{\max_i z_i}{2}", display=True)


def test_names_are_upright_words_with_thin_spaces():
    assert "<mi>log</mi><mspace" in inside(r"\log n")
    assert "<mi>n</mi><mspace" in inside(r"n \log n")
    assert "<mspace" not in inside(r"\exp(x)") and "<mspace" not in inside(r"= \exp(x)")
    assert "<mi>softmax</mi><mo" in inside(r"\operatorname{softmax}(x)")
    assert find(r"\operatorname{arg\,max} x", "arg\u2009max").tag == "mi"
    assert inside(r"\mathrm{softmax}(x)").startswith("<mi>softmax</mi>")
    assert find(r"\mathrm{d}x", "d").get("mathvariant") == "normal"


def test_signs_know_when_they_stand_before_a_number():
    for latex in (r"-1", r"= -1", r"(-1)", r"a, -1", r"2 \cdot -1"):
        assert find(latex, "−").get("form") == "prefix", latex
    for latex in (r"2 - 1", r"(a) - 1", r"x_i - 1", r"\frac12 - 1"):
        assert find(latex, "−").get("form") is None, latex


def test_no_space_around_operators_in_scripts():
    assert find(r"\sum_{j=1}", "=").attrib == {"lspace": "0", "rspace": "0"}
    assert find(r"a = 1", "=").attrib == {}


def test_symbols_that_are_no_operators():
    for latex, symbol in [(r"\infty", "∞"), (r"x^\top", "⊤"), (r"1, \dots, n", "…")]:
        assert find(latex, symbol).tag == "mi"
    for latex, symbol in [(r"\lfloor x \rfloor", "⌊"), (r"f: A", ":")]:
        assert find(latex, symbol).tag == "mo"


def test_letters_of_other_alphabets():
    assert "".join(tree(r"\mathbb{R}\mathbf{x}\mathcal{N}").itertext()) == "ℝ𝐱𝒩"
    assert "".join(tree(r"\boldsymbol{\alpha}\mathbf{0.5}").itertext()) == "𝜶𝟎.𝟓"


def test_thousands_are_one_number():
    assert [e.text for e in tree(r"50{,}257").iter("mn")] == ["50,257"]


def test_brackets_stretch_only_around_what_they_hold():
    assert find("(x)", "(").get("stretchy") == "false"
    assert find(r"\lVert x \rVert", "‖").get("stretchy") == "false"
    assert find(r"\left(x\right)", "(").get("stretchy") == "true"
    matrix = tree(r"x \begin{bmatrix} 1 \\ 2 \end{bmatrix}")
    holder = next(e for e in matrix.iter("mrow") if e.find("mtable") is not None)
    assert [child.tag for child in holder] == ["mo", "mtable", "mo"]
    assert {child.get("stretchy") for child in holder.findall("mo")} == {"true"}


@pytest.mark.parametrize(
    "latex",
    [
        r"\begin{align*} a &= b \\ c &= d \end{align*}",
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
        r"a &= b \\ c &= d",
    ],
)
def test_lines_are_aligned_by_class(latex):
    table = next(tree(latex, display=True).iter("mtable"))
    assert table.get("class") == "align"
    assert [cell.get("class") for cell in table.iter("mtd")] == ["right", "left"] * 2


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
