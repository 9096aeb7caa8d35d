"""The list of sources as a list that assistive technology can read.

docutils gives it the role of a list and its entries a role that a list may not hold, and numbers
them, while the text cites by author and year.
"""

import re

LABELS = re.compile(r'^<span class="(?:label|backrefs)">.*</span>\n', re.MULTILINE)


def as_list(body: str) -> str:
    """The HTML of a page, with its citation lists as lists."""
    if 'class="citation-list"' not in body:
        return body
    return LABELS.sub("", body.replace('role="doc-biblioentry"', 'role="listitem"'))


def rewrite_page(app, pagename, templatename, context, doctree):
    """Listener for html-page-context."""
    if "body" in context:
        context["body"] = as_list(context["body"])


def setup(app):
    app.connect("html-page-context", rewrite_page)
