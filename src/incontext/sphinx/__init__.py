"""The Sphinx extension of the book: explorables, math, figures, the cache, the editions.

Beside its parts it takes the repository's address from the environment and keeps out of the pages
what they do not need: the widgets' state, Thebe, fetches that a browser refuses under `file://`.
"""

import os

from sphinx.application import Sphinx

from . import (
    cache,
    catalogue,
    cells,
    chapter_links,
    citations,
    editions,
    executions,
    exercises,
    explorables,
    figures,
    frames,
    html_only,
    math,
    rooms,
    search,
    streams,
    styles,
)

# Under file:// a browser refuses the fetches with which the search page makes its excerpts.
SEARCH_FROM_FOLDER = (
    'if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;'
)


def link_repository(app: Sphinx, config) -> None:
    """Add the repository's buttons where the environment names a repository (GitHub Actions)."""
    config.html_baseurl = os.environ.get("BOOK_URL", config.html_baseurl)
    repository = os.environ.get("GITHUB_REPOSITORY")
    if repository:
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        config.html_theme_options.update(
            repository_url=f"{server}/{repository}",
            use_repository_button=True,
            use_edit_page_button=True,
            use_issues_button=True,
        )


def remove_thebe(app: Sphinx, config) -> None:
    """Jupyter Book always loads Thebe, which then puts its scripts on every page, also when off."""
    for name, listeners in app.events.listeners.items():
        app.events.listeners[name] = [
            listener
            for listener in listeners
            if not getattr(listener.handler, "__module__", "").startswith("sphinx_thebe")
        ]
    app.registry.css_files = [item for item in app.registry.css_files if "thebe" not in item[0]]


def drop_widget_state(app: Sphinx, pagename: str, *_) -> None:
    """The page needs no widget state: explorables carry their own, the rest is dead there."""
    page = getattr(app.env, "nb_metadata", {}).get(pagename, {})
    page.get("js_files", {}).pop("ipywidgets_state", None)


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", link_repository)
    app.connect("config-inited", remove_thebe)
    app.connect("html-page-context", drop_widget_state, priority=100)
    app.add_js_file(None, body=SEARCH_FROM_FOLDER)
    parts = (
        math,
        cache,
        catalogue,
        chapter_links,
        citations,
        editions,
        executions,
        explorables,
        exercises,
        figures,
        frames,
        rooms,
        streams,
        styles,
        html_only,
        cells,
        search,
    )
    for part in parts:
        part.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
