"""Formulas as MathML, made when the book is built: no script, no request, nothing that moves.

A formula that cannot be translated is a Sphinx warning and shows as its LaTeX.
"""

import html
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

from .._mathml import Untranslatable, to_mathml
from .math_font import write_stylesheet

logger = logging.getLogger(__name__)

STYLESHEET = "math.css"
MARKS = re.compile(r"[)\].,;:?!’”…]+")


def formula(node: nodes.Element) -> str:
    """The MathML of a math node, or its LaTeX as code where that fails."""
    latex = node.astext()
    try:
        return to_mathml(latex, isinstance(node, nodes.math_block))
    except Untranslatable:
        return f"<code>{html.escape(latex)}</code>"


def visit_inline(self, node: nodes.math) -> None:
    self.body.append(formula(node))
    raise nodes.SkipNode


def visit_block(self, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math-block"))
    self.body.append(f'<div class="math-scroll">{formula(node)}</div>')
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def check_formulas(app: Sphinx, doctree: nodes.document) -> None:
    """Warn of what cannot be translated, and remember the characters for the font."""
    characters: set[str] = set()
    for node in doctree.findall(lambda n: isinstance(n, nodes.math | nodes.math_block)):
        try:
            mathml = to_mathml(node.astext(), isinstance(node, nodes.math_block))
        except Untranslatable as problem:
            logger.warning("formula %r: %s", node.astext(), problem, location=node)
            continue
        characters.update(_characters_in(mathml))
    for node in doctree.findall(nodes.raw):  # predictions bring their formulas ready made
        if node.get("format") == "html":
            for mathml in re.findall(r"<math.*?</math>", node.astext(), re.DOTALL):
                characters.update(_characters_in(mathml))
    _characters(app.env)[app.env.docname] = characters


def keep_marks(app: Sphinx, doctree: nodes.document) -> None:
    """A mark after a formula stays on its line; browsers break there, as between two words."""
    for node in list(doctree.findall(nodes.math)):
        at = node.parent.index(node)
        after = node.parent[at + 1] if at + 1 < len(node.parent) else None
        marks = isinstance(after, nodes.Text) and MARKS.match(after)
        if not marks:
            continue
        together = nodes.inline("", "", classes=["math-and-mark"])
        node.parent[at : at + 2] = [together, nodes.Text(after[marks.end() :])]
        together += [node, nodes.Text(marks[0])]


def _characters_in(mathml: str) -> set[str]:
    return set(html.unescape(re.sub(r"<[^>]*>", "", mathml)))


def _characters(env) -> dict[str, set[str]]:
    if not hasattr(env, "incontext_math"):
        env.incontext_math = {}
    return env.incontext_math


def forget(app: Sphinx, env, docname: str) -> None:
    _characters(env).pop(docname, None)


def merge(app: Sphinx, env, docnames: list[str], other) -> None:
    _characters(env).update({name: _characters(other)[name] for name in docnames})


def make_stylesheet(app: Sphinx, env) -> None:
    if app.builder.format == "html":
        characters = set().union(*_characters(env).values())
        write_stylesheet(Path(app.outdir) / "_static" / STYLESHEET, characters)


def add_stylesheet(app: Sphinx, pagename: str, *_) -> None:
    """Only pages with formulas load the font."""
    if _characters(app.env).get(pagename):
        app.add_css_file(STYLESHEET)


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("incontext_mathml", (visit_inline, None), (visit_block, None))
    app.connect("doctree-read", check_formulas)
    app.connect("doctree-read", keep_marks)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", make_stylesheet)
    app.connect("html-page-context", add_stylesheet)
