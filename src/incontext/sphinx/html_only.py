"""A piece of HTML that is for the page alone: search does not index its words."""

from docutils import nodes


class html_only(nodes.General, nodes.Element):
    """`html_only(html="…")` is written as it stands."""


def visit(self, node: html_only) -> None:
    self.body.append(node["html"])


def depart(self, node: html_only) -> None:
    pass


def setup(app) -> None:
    app.add_node(html_only, html=(visit, depart))
