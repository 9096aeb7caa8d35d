"""Code cells as a reader wants them: code that wraps, code that folds, results behind a veil.

* Each line of code is a block of its own, so that on a phone it wraps with a hanging indent.
* The switch *Concepts only* (`_static/book.js`) folds code and its printed output. Each cell has
  the button that unfolds it. Pictures, predictions and explorables stay.
* The result of a cell tagged `veil` stays veiled until the prediction before it is answered.

Without JavaScript everything is shown.
"""

import re

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode, depart_HideCellInput
from sphinx.application import Sphinx

from .html_only import html_only

# Runs in the head, so that nothing that is folded or veiled is painted first.
BEFORE_THE_FIRST_PAINT = """(() => {
  const root = document.documentElement;
  root.dataset.js = "";
  let kept = null;
  try { kept = localStorage.getItem("concepts"); } catch { /* storage may be forbidden */ }
  if (kept === "only" || new URLSearchParams(location.search).has("concepts")) {
    root.dataset.concepts = "only";
  }
})();"""

VEIL = (
    '<div class="veil"><p>Your prediction first.</p>'
    '<button type="button">Show the result without guessing</button></div>\n'
)
UNFOLD = (
    '<button type="button" class="cell-unfold" aria-expanded="false">'
    '<span class="when-folded">Show the {what}</span>'
    '<span class="when-open">Hide the {what}</span></button>\n'
)
LIVE = re.compile(r'data-(explorable|prediction)="|class="ic-way\b')
CODE = re.compile(
    r'(<div class="highlight-(?:ipython3|python|py) notranslate"><div class="highlight"><pre>)'
    r"(?:<span></span>)?(.*?)(</pre>)",
    re.DOTALL,
)
TAG = re.compile(r"<[^>]*>")


def visit_hidden(self, node: HideCodeCellNode) -> None:
    """MyST-NB's, except that its name is what it shows, "Show the code"."""
    self.body.append(f'<details class="admonition hide {" ".join(node["classes"])}">\n<summary>\n')
    for state, prompt in (("collapsed", "prompt_show"), ("expanded", "prompt_hide")):
        self.body.append(f'<p class="{state} admonition-title">{self.encode(node[prompt])}</p>\n')
    self.body.append("</summary>\n")


def is_shown(output: nodes.Element) -> bool:
    """Whether an output is a picture, a prediction or an explorable, which are never folded."""
    return any(
        isinstance(node, nodes.image)
        or (isinstance(node, nodes.raw) and LIVE.search(node.astext()))
        for node in output.findall()
    )


def parts(cell: nodes.Element) -> dict[str, nodes.Element]:
    """A code cell's "source" and "output", as far as the page shows them."""
    found = {}
    for node in cell.findall(nodes.container):
        kind = str(node.get("nb_element", ""))
        if kind.startswith("cell_code_"):
            found[kind.removeprefix("cell_code_")] = node
    return found


def prepare_cells(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Listener for doctree-resolved."""
    for cell in list(doctree.findall(nodes.container)):
        if cell.get("nb_element") == "cell_code":
            prepare(cell)


def prepare(cell: nodes.Element) -> None:
    found = parts(cell)
    output = found.get("output")
    printed = [] if output is None else [one for one in output.children if not is_shown(one)]
    if output is not None and len(printed) == len(output.children):
        output["classes"].append("printed")
    else:
        for one in printed:
            one["classes"].append("printed")
    if "source" in found:
        what = "code and its output" if printed else "code"
        cell["classes"].append("foldable")
        cell.insert(0, html_only(html=UNFOLD.format(what=what)))
    if output is not None and "tag_veil" in cell["classes"]:
        output.insert(0, html_only(html=VEIL))


def by_line(code: str) -> str:
    """Highlighted code with each line in a block that knows how far it is indented."""
    lines = []
    for line in code.removesuffix("\n").split("\n"):
        text = TAG.sub("", line)
        indent = len(text) - len(text.lstrip(" "))
        style = f' style="--indent:{indent}"' if indent else ""
        lines.append(f'<span class="code-line"{style}>{line}\n</span>')
    return "".join(lines)


def show_lines(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Listener for html-page-context; tells the templates too whether there is code to fold."""
    body = context.get("body", "")
    context["body"] = CODE.sub(lambda m: m[1] + by_line(m[2]) + m[3], body)
    context["has_code"] = 'class="cell-unfold"' in body


def setup(app: Sphinx) -> None:
    app.add_js_file(None, body=BEFORE_THE_FIRST_PAINT, priority=1)
    app.add_node(HideCodeCellNode, override=True, html=(visit_hidden, depart_HideCellInput))
    app.connect("doctree-resolved", prepare_cells, priority=600)  # after the exercises
    app.connect("html-page-context", show_lines)
