"""Formulas as MathML, made when the book is built: no script, no request, nothing that moves."""

import html
from xml.etree.ElementTree import tostring

from docutils import nodes
from latex2mathml.converter import convert_to_element
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)


def to_mathml(latex: str, display: bool) -> str:
    root = convert_to_element(latex, display="block" if display else "inline")
    for element in root.iter():
        element.text = html.unescape(element.text) if element.text else element.text
    root.set("alttext", latex)
    return tostring(root, encoding="unicode")


def visit_inline(self, node: nodes.math) -> None:
    self.body.append(to_mathml(node.astext(), display=False))
    raise nodes.SkipNode


def visit_block(self, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math-block"))
    self.body.append(to_mathml(node.astext(), display=True))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("incontext_mathml", (visit_inline, None), (visit_block, None))
