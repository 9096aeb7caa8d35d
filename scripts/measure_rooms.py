"""How tall every explorable and prediction of the built book gets, for `incontext/sphinx/rooms.py`.

    make book && .venv/bin/python scripts/measure_rooms.py && make book

Writes `rooms.json`, to be committed. Needs a browser, as the tests do; the build does not.
"""

import json
import math
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from incontext.sphinx.rooms import ROOMS, WIDTHS, key_of_prediction

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import site_under_test as site

# How tall an explorable's picture gets is found out in idle moments after it is mounted; so wait
# until nothing has grown for 600 ms.
MOUNT_ALL = """async () => {
  const alive = [...document.querySelectorAll("[data-explorable], [data-prediction]")];
  for (const one of alive) {
    one.scrollIntoView();
    while (!("ready" in one.dataset)) await new Promise(done => setTimeout(done, 20));
  }
  for (let still = 0, before; still < 6; ) {
    await new Promise(done => setTimeout(done, 100));
    still = document.body.scrollHeight === before ? still + 1 : 0;
    before = document.body.scrollHeight;
  }
  return alive.map(one => [
    one.id,
    one.querySelector(".prediction-state")?.textContent,
    one.getBoundingClientRect().height,
    one.querySelector(".ic-picture")?.getBoundingClientRect().height ?? 0,
  ]);
}"""


def measure(page: Page, chapter: str) -> dict[str, list[int]]:
    """[height, height of the picture or 0] by key, at the page's width."""
    page.goto(site.page(chapter).as_uri())
    page.add_style_tag(content="* { --picture: initial !important; }")  # what it was before
    return {
        key_of_prediction(state) if state else name: [math.ceil(whole), math.ceil(picture)]
        for name, state, whole, picture in page.evaluate(MOUNT_ALL)
    }


def main() -> None:
    rooms: dict[str, dict[str, list]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**site.LAUNCH)
        for chapter in site.chapters():
            for width in WIDTHS:
                page = browser.new_page(viewport={"width": width, "height": 900})
                for key, heights in measure(page, chapter).items():
                    rooms.setdefault(chapter, {}).setdefault(key, []).append(heights)
                page.close()
    lines = [
        f'"{chapter}": {{\n'
        + ",\n".join(f' "{key}": {json.dumps(heights)}' for key, heights in sorted(keys.items()))
        + "\n}"
        for chapter, keys in rooms.items()
    ]
    ROOMS.write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")
    print(f"{sum(map(len, rooms.values()))} rooms, {ROOMS.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
