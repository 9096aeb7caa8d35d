"""Exercises in the page: solutions that fold, and, in place of an empty check, how to run it.

Solutions fold away in a native `<details>`: by keyboard and without JavaScript. What the check of
an unsolved exercise prints ("Not yet: …") is for the notebook; the page says where to find that,
and what a cell that keeps the answer does there.
"""

import html
import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_exercise.nodes import exercise_enumerable_node, exercise_node, solution_node

from .html_only import html_only

KEEP = re.compile(r"exercises\.keep\(my_(\w+)\)")
UNSOLVED = "… Not yet:"
CHECK = re.compile(r"exercises\.((?:check|run)_\w+)\(")
BROKEN = re.compile(r"exercises\.check_\w+\(my_\w+\)")  # what the reader has to write or to repair
EXERCISES = (exercise_node, exercise_enumerable_node)
HOW_TO_RUN = """<div class="how-to-run"><p>Run it yourself:</p><ol>
<li>In a copy of the book's repository: <code>make lab</code>, then double-click
<code>{file}</code>.</li>
<li>Click this cell, choose <em>Run › Run All Above Selected Cell</em>, write your answer where the
dots <code>...</code> are, and press Shift + Enter.</li>
<li>{checks} below the cell: what is right, or which mistake to look for.</li>
</ol></div>
"""
HOW_TO_KEEP = """<div class="how-to-keep"><p>In your own notebook, this line writes your
function into <code>my_transformer.py</code> once it is right, and later chapters can use it:
<code>from my_transformer import {part}</code>.</p></div>
"""


def visit_solution(self, node: nodes.Element) -> None:
    node["classes"] = [name for name in node["classes"] if name != "dropdown"]
    node.pop(0)  # its title is a link back, and the exercise stands just above
    self.body.append(self.starttag(node, "details", CLASS="solution"))
    self.body.append("<summary>Solution</summary>\n")


def depart_solution(self, node: nodes.Element) -> None:
    self.body.append("</details>\n")


def drop_shared_ids(doctree: nodes.document) -> None:
    """Every exercise of a page would bring the same two ids, which nothing refers to."""
    for section in doctree.findall(nodes.section):
        if section["ids"] in (["exercise-content"], ["solution-content"]):
            section["ids"] = []


def say_how_to_run(doctree: nodes.document, file: str) -> None:
    """Where a cell checks or keeps what the reader has to write, a note in place of its verdict.

    An exercise says it once, under its first check.
    """
    said = False
    for output in list(doctree.findall(nodes.Element)):
        if isinstance(output, EXERCISES):
            said = False
        if output.get("nb_element") != "cell_code_output":
            continue
        source = output.parent.astext()
        if kept := KEEP.search(source):
            output.clear()
            output.append(html_only(html=HOW_TO_KEEP.format(part=kept[1])))
            continue
        broken = BROKEN.search(source) and "def my_" in source
        unsolved = [one for one in output.children if broken or one.astext().startswith(UNSOLVED)]
        if unsolved:
            for one in unsolved:
                output.remove(one)
            if said:
                continue
            said = True
            checks = dict.fromkeys(CHECK.findall(source))
            names = " and ".join(f"<code>{html.escape(name)}</code>" for name in checks)
            verb = "answers" if len(checks) == 1 else "answer"
            output.insert(0, html_only(html=HOW_TO_RUN.format(file=file, checks=f"{names} {verb}")))


def prepare_exercises(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Listener for doctree-resolved."""
    drop_shared_ids(doctree)
    say_how_to_run(doctree, f"{docname.rpartition('/')[2]}.ipynb")


def setup(app: Sphinx) -> None:
    app.setup_extension("sphinx_exercise")
    app.add_node(solution_node, override=True, html=(visit_solution, depart_solution))
    app.connect("doctree-resolved", prepare_exercises)
