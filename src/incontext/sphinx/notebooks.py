"""The notebook behind the download button: a chapter to run, without outputs and without tests.

The cells tagged `remove-cell` assert the numbers of the prose. A learner does not need them, except
where a later cell uses a name that one of them defines.
"""

import ast
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode
from sphinx.application import Sphinx

BEFORE = (
    "*From the course book In Context.* This notebook runs where the book's package `incontext` is"
    " installed: `make lab` in a copy of the book's repository sees to it."
)


def defined_and_used(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell defines, and those that it uses before it has defined them itself."""
    first: dict[str, int] = {}
    used: set[str] = set()
    own: set[str] = set()  # of comprehensions and lambdas
    tree = ast.parse(source)
    for node in ast.walk(tree):
        found = []
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found = [node.id]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found = [(alias.asname or alias.name).split(".")[0] for alias in node.names]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found = [node.name]
        elif isinstance(node, ast.comprehension):
            own |= {one.id for one in ast.walk(node.target) if isinstance(one, ast.Name)}
        elif isinstance(node, ast.arg):
            own.add(node.arg)
        for name in found:
            first[name] = min(first.get(name, node.lineno), node.lineno)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            known = node.lineno > first.get(node.id, 10**6) or node.id in own
            if not known:
                used.add(node.id)
    return set(first), used


def for_learners(notebook: NotebookNode) -> NotebookNode:
    """The same notebook with the test cells left out that nothing needs, and a word before it."""
    kept, needed = [], set()
    for cell in reversed(notebook.cells):
        if cell.cell_type == "code":
            defined, used = defined_and_used(cell.source)
            if "remove-cell" in cell.metadata.get("tags", []) and not defined & needed:
                continue
            needed = (needed - defined) | used
        kept.append(cell)
    notebook.cells = [nbformat.v4.new_markdown_cell(BEFORE, id="before"), *reversed(kept)]
    notebook.metadata.pop("jupytext", None)
    return notebook


def offer_notebook(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Listener for html-page-context, before the theme makes its buttons of what it finds."""
    source = Path(app.srcdir, f"{pagename}.md")
    if source.exists() and "code-cell" in source.read_text(encoding="utf-8"):
        target = Path(app.outdir, "_sources", f"{pagename}.ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(for_learners(jupytext.read(source)), target)
        context["ipynb_source"] = f"{pagename}.ipynb"


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", offer_notebook, priority=100)
