"""Solutions to exercises fold away in a native `<details>`: by keyboard and without JavaScript."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_exercise.nodes import solution_node


def visit_solution(self, node: nodes.Element) -> None:
    node["classes"] = [name for name in node["classes"] if name != "dropdown"]
    node.pop(0)  # its title is a link back, and the exercise stands just above
    self.body.append(self.starttag(node, "details", CLASS="solution"))
    self.body.append("<summary>Solution</summary>\n")


def depart_solution(self, node: nodes.Element) -> None:
    self.body.append("</details>\n")


def setup(app: Sphinx) -> None:
    app.setup_extension("sphinx_exercise")
    app.add_node(solution_node, override=True, html=(visit_solution, depart_solution))
