"""Links that a cell makes to other chapters: to their notebooks, and in the book to their pages."""

import re

LINK = re.compile(r'(<a class="chapter-link" href="[\w/-]+)\.ipynb([#"])')


def to_pages(body: str) -> str:
    """The HTML of a page, its cells' links to chapters turned into links to their pages."""
    return LINK.sub(r"\1.html\2", body)


def mend_page(app, pagename, templatename, context, doctree):
    """Listener for html-page-context."""
    if "body" in context:
        context["body"] = to_pages(context["body"])


def setup(app):
    app.connect("html-page-context", mend_page)
