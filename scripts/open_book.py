"""Say where the built book is, and open it where there is a display and somebody to look."""

import os
import sys
import webbrowser
from pathlib import Path

page = Path("_build/html/chapters/index.html").resolve()
print(f"\nThe book is here: {page}\nOpen it in a browser: {page.as_uri()}")

display = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
if display and sys.stdout.isatty() and not os.environ.get("CI"):
    webbrowser.open(page.as_uri())
