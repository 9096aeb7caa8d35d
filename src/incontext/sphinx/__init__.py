"""The Sphinx extension of the book: explorables, math without JavaScript, an honest cache.

Beside its three parts it keeps the pages free of what they do not need (the widgets' state, fetches
that a browser refuses under `file://`) and takes the repository's address from the environment.
"""

import importlib.util
import os
from importlib import import_module

from sphinx.application import Sphinx

from . import cache, math

# Under file:// a browser refuses the fetches with which the search page makes its excerpts.
SEARCH_FROM_FOLDER = (
    'if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;'
)


def link_repository(app: Sphinx, config) -> None:
    """Add the repository's buttons where the environment names a repository (GitHub Actions)."""
    repository = os.environ.get("GITHUB_REPOSITORY")
    config.html_baseurl = os.environ.get("BOOK_URL", config.html_baseurl)
    if not repository:
        config.html_theme_options.pop("repository_url", None)
        return
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    config.html_theme_options.update(
        repository_url=f"{server}/{repository}",
        use_repository_button=True,
        use_edit_page_button=True,
        use_issues_button=True,
    )


def drop_widget_state(app: Sphinx, pagename: str, *_) -> None:
    """The page needs no widget state: explorables carry their own, the rest is dead there."""
    page = getattr(app.env, "nb_metadata", {}).get(pagename, {})
    page.get("js_files", {}).pop("ipywidgets_state", None)


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", link_repository)
    app.connect("html-page-context", drop_widget_state, priority=100)
    app.add_js_file(None, body=SEARCH_FROM_FOLDER)
    math.setup(app)
    cache.setup(app)
    if importlib.util.find_spec("incontext.sphinx.explorables"):
        import_module("incontext.sphinx.explorables").setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
