"""Frames of BertViz in the built book: d3 and jQuery stand beside the pages, once for all frames.

In a notebook each frame carries the two libraries, since it cannot know what else is on the page.
"""

import re
import shutil
from pathlib import Path

from incontext._bertviz import LIBRARIES, library

FOLDER = "_static/bertviz"
CARRIED = re.compile(
    r"&lt;script data-library=&quot;(\w+)&quot;&gt;.*?&lt;/script&gt;", re.DOTALL
)  # in an attribute, so escaped


def share_libraries(app, pagename, templatename, context, doctree):
    """In the page's frames, a link to each library in place of the library itself."""

    def link(found: re.Match) -> str:
        address = context["pathto"](f"{FOLDER}/{found[1]}.js", 1)
        return f"&lt;script src=&quot;{address}&quot;&gt;&lt;/script&gt;"

    if "data-library=" in context.get("body", ""):
        context["body"] = CARRIED.sub(link, context["body"])


def copy_libraries(app, exception):
    if exception is None and app.builder.format == "html":
        folder = Path(app.outdir, FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        for name in LIBRARIES:
            shutil.copy(library(name), folder / f"{name}.js")


def setup(app):
    app.connect("html-page-context", share_libraries)
    app.connect("build-finished", copy_libraries)
