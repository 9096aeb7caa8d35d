"""Links that a cell makes to other chapters: in a notebook to the file, in the book to the page."""

import re

LINK = re.compile(r'(<a class="chapter-link" href="[\w/-]+)\.md([#"])')


def to_pages(body: str) -> str:
    """The HTML of a page, its cells' links to chapters turned into links to their pages."""
    return LINK.sub(r"\1.html\2", body)


def mend_page(app, pagename, templatename, context, doctree):
    """Listener for html-page-context."""
    if "body" in context:
        context["body"] = to_pages(context["body"])


def setup(app):
    app.connect("html-page-context", mend_page)
