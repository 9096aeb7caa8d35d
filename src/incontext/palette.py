"""The book's colours: palette.json, which the styles of the pages are built from too.

`LIGHT` is for white paper, `DARK` has the partner of each colour in the dark theme. "1" to "7" are
the categories, Okabe-Ito in the book's order, safe for colour-blind readers.
"""

import json
from pathlib import Path

_themes = json.loads(Path(__file__).with_name("palette.json").read_text(encoding="utf-8"))

LIGHT: dict[str, str] = _themes["light"]
DARK: dict[str, str] = _themes["dark"]
