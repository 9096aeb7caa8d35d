"""Keeps the room that explorables and predictions take once they live, so that nothing moves.

Before it is mounted, an explorable is a picture and a caption, and shorter than with its controls.
`rooms.json` has the heights that a browser gave the mounted ones at some widths of the window, and
that of their pictures; here each element of a page gets them as custom properties, of which
`layout.css` takes the ones for the reader's window. What has not been measured yet, or has changed,
gets no room and works all the same. `python scripts/measure_rooms.py` measures the built book anew.
"""

import hashlib
import json
import re
from pathlib import Path

from sphinx.application import Sphinx

ROOMS = Path(__file__).with_name("rooms.json")
WIDTHS = (360, 390, 430, 600, 1280)  # of the window, in pixels; layout.css says which is for whom

EXPLORABLE = re.compile(r'<figure class="explorable"[^>]*\bid="([^"]+)"')
PREDICTION = re.compile(
    r'<div class="prediction"(?=[^>]*>\s*<script[^>]*class="prediction-state"[^>]*>(.*?)</script>)',
    re.DOTALL,
)


def key_of_prediction(state: str) -> str:
    """What names a prediction, given its state as JSON: a digest of its question."""
    question = json.loads(state)["question"]
    return f"prediction-{hashlib.sha256(question.encode()).hexdigest()[:8]}"


def style(heights: list[list[int]]) -> str:
    """The style attribute for [height, height of the picture or 0] at each of WIDTHS."""
    names = []
    for width, (whole, picture) in zip(WIDTHS, heights, strict=True):
        names.append(f"--room-{width}:{whole}px")
        if picture:
            names.append(f"--picture-{width}:{picture}px")
    return f' style="{";".join(names)}"'


def keep_rooms(body: str, rooms: dict[str, list[list[int]]]) -> str:
    """The HTML of a page with the room of each explorable and prediction that was measured."""

    def with_room(found: re.Match, key: str) -> str:
        return found[0] + (style(rooms[key]) if key in rooms else "")

    body = EXPLORABLE.sub(lambda found: with_room(found, found[1]), body)
    return PREDICTION.sub(lambda found: with_room(found, key_of_prediction(found[1])), body)


def keep_rooms_of_page(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Listener for html-page-context."""
    if "body" in context:
        context["body"] = keep_rooms(context["body"], measured().get(pagename, {}))


def measured() -> dict[str, dict[str, list[list[int]]]]:
    """By page and key, [height, height of the picture or 0] at each of WIDTHS."""
    return json.loads(ROOMS.read_text(encoding="utf-8"))


def setup(app: Sphinx) -> None:
    # As a setting of the pages: they are written again when the heights change.
    digest = hashlib.sha256(ROOMS.read_bytes()).hexdigest()
    app.add_config_value("incontext_rooms", digest, "html")
    app.connect("html-page-context", keep_rooms_of_page)
