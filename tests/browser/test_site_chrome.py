"""What stands around the text: buttons that show focus, drawers, code that fits, forced colours."""

from io import BytesIO

import numpy as np
import pytest
import site_under_test as site
from explorable_page import still
from matplotlib.image import imread

WIDE, PHONE = {"width": 1280}, {"width": 390, "height": 844, "has_touch": True}
CHAPTER = "chapters/softmax-temperature"


def pixels(locator) -> np.ndarray:
    """What is seen of an element, [height, width, 3] between 0 and 1."""
    return imread(BytesIO(locator.screenshot()), format="png")[..., :3]


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_every_button_of_the_header_shows_focus(visit, size):
    one = visit(**size)
    one.open(CHAPTER)
    buttons = one.page.locator(".bd-header-article button:visible")
    assert buttons.count() >= 4
    one.page.locator(".bd-header-article").click(position={"x": 200, "y": 5})
    for button in buttons.all():
        button.focus()
        one.page.keyboard.press("Shift+Tab")
        one.page.keyboard.press("Tab")
        assert button.evaluate("node => node.matches(':focus-visible')")
        outline = button.evaluate(
            "node => (({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])"
            "(getComputedStyle(node))"
        )
        assert outline == ["solid", "2px"], button.evaluate("node => node.outerHTML")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_icons_are_seen_in_forced_colours(visit, size, scheme):
    one = visit(forced_colors="active", color_scheme=scheme, **size)
    one.open(CHAPTER)
    icons = one.page.locator(".bd-header-article [class*='fa-']:visible")
    assert icons.count() >= 3
    for icon in icons.all():
        seen = pixels(icon)
        assert np.ptp(seen.mean(-1)) > 0.5, icon.evaluate("node => node.outerHTML")


def test_chips_keep_shade_and_ring_in_forced_colours(visit):
    one = visit(forced_colors="active", color_scheme="light")
    one.open("chapters/multi-head-attention")
    for figure in one.mount_all():
        if figure.get_attribute("data-explorable") == "attention-lens":
            break
    styles = figure.locator(".ic-chip").evaluate_all(
        "nodes => nodes.map(node => (({backgroundColor, boxShadow}) =>"
        " [node.style.getPropertyValue('--weight'), backgroundColor, boxShadow])"
        "(getComputedStyle(node)))"
    )
    shades = {weight: color for weight, color, _ in styles}
    assert len(shades) > 1 and len(set(shades.values())) == len(shades)
    assert any(ring != "none" for *_, ring in styles)


@pytest.mark.parametrize("link", ["#exercises", "page"])
def test_a_drawer_closes_when_a_link_in_it_is_followed(visit, link):
    one = visit(**PHONE)
    one.open(CHAPTER)
    page = one.page
    side = "secondary" if link.startswith("#") else "primary"
    drawer = page.locator(f".bd-sidebar-{side}")
    page.locator(f".{side}-toggle:visible").click()
    page.wait_for_timeout(500)
    assert drawer.evaluate("node => node.getBoundingClientRect().left") == 0 or side == "secondary"
    assert page.locator(f"#pst-{side}-sidebar-checkbox").is_checked()
    selector = f"a[href='{link}']" if side == "secondary" else "li.current > a[href='#']"
    drawer.locator(selector).first.click()
    page.wait_for_timeout(500)
    assert not page.locator(f"#pst-{side}-sidebar-checkbox").is_checked()
    box = drawer.bounding_box()
    assert not drawer.is_visible() or box["x"] >= 390 or box["x"] + box["width"] <= 0
    if side == "secondary":
        assert page.url.endswith(link)


def test_escape_closes_a_drawer(visit):
    one = visit(**PHONE)
    one.open(CHAPTER)
    one.page.locator(".secondary-toggle:visible").click()
    one.page.keyboard.press("Escape")
    assert not one.page.locator("#pst-secondary-sidebar-checkbox").is_checked()


@pytest.mark.parametrize("width", [390])
@pytest.mark.parametrize("chapter", site.chapters())
def test_code_fits_a_phone(mounted, chapter, width):
    one, _ = mounted(chapter, width)
    one.unfold()
    wide = one.page.locator(".cell_input pre").evaluate_all(
        "nodes => nodes.filter(node => node.scrollWidth > node.clientWidth)"
        ".map(node => node.textContent.slice(0, 200))"
    )
    assert not wide, wide


def test_code_that_wraps_hangs_and_copies_as_it_was(visit):
    one = visit(**PHONE)
    one.open("chapters/static-embeddings")
    line = one.page.locator(".code-line", has_text="assert wordpiece(word, tokenizer)").first
    lefts = line.evaluate(
        """node => {
          const range = document.createRange();
          range.selectNodeContents(node);
          const lines = Map.groupBy(range.getClientRects(), box => Math.round(box.top / 8));
          return [...lines.values()].map(boxes => Math.min(...boxes.map(box => box.left)));
        }"""
    )
    assert len(lefts) > 1 and min(lefts[1:]) > lefts[0] + 10
    code = one.page.locator(".cell_input pre", has_text="assert wordpiece").first
    text = code.evaluate("node => node.textContent")
    assert "    while start < len(word):\n        mark, end" in text and "\n\n\nfor word" in text


@pytest.mark.parametrize("kind", ["http", "file"])
def test_the_search_page_fits_320_pixels(visit, kind):
    one = visit(kind, width=320)
    for query in ("", "softmax", "WordInContext", "explorables", "permutation+equivariance"):
        one.page.goto(f"{one.base}/search.html?q={query}")
        one.page.wait_for_load_state("networkidle")  # half a second after the last summary came
        assert sideways(one.page) <= 0, query


@pytest.mark.parametrize("width", [320])
@pytest.mark.parametrize("chapter", [*site.chapters(), "genindex"])
def test_no_page_scrolls_sideways_at_320_pixels(mounted, chapter, width):
    one, _ = mounted(chapter, width)
    one.unfold()
    still(one.page)
    assert sideways(one.page) <= 0


def sideways(page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")
