"""A finger on a phone: down the page it scrolls and turns nothing, sideways and by tap it turns."""

import pytest
import site_under_test as site
from explorable_page import seen, settle

PAGES = [chapter for chapter in site.chapters() if site.specs(chapter)]
PHONE = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}


class Finger:
    def __init__(self, page):
        self.page = page
        self.cdp = page.context.new_cdp_session(page)

    def _touch(self, kind: str, *points) -> None:
        at = [{"x": x, "y": y} for x, y in points]
        self.cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    def swipe(self, box: dict, across: float, down: float, start=(0.8, 0.5)) -> None:
        """From a point of the box, in shares of its width and height, so many px further."""
        x, y = box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"]
        self._touch("touchStart", (x, y))
        for i in range(1, 7):
            self._touch("touchMove", (x + across * i / 6, y + down * i / 6))
            self.page.wait_for_timeout(10)
        self._touch("touchEnd")
        self.page.wait_for_timeout(120)

    def tap(self, box: dict, start=(0.8, 0.5)) -> None:
        self.swipe(box, 0, 0, start)


def values(figure) -> list:
    return figure.locator("input, select").evaluate_all(
        "all => all.map(one => one.type === 'checkbox' ? one.checked : one.value)"
    )


def in_the_middle(element) -> dict:
    """Scrolls it there; where it is then."""
    element.evaluate("node => node.scrollIntoView({ block: 'center', behavior: 'instant' })")
    settle(element)
    return element.bounding_box()


def name_of(element) -> str:
    return element.evaluate("node => node.dataset.trait ?? node.ariaLabel ?? node.className")


@pytest.mark.parametrize("chapter", PAGES)
def test_down_the_page_a_swipe_scrolls_and_sideways_a_slider_follows(visit, chapter):
    one = visit(**PHONE)
    one.open(chapter)
    finger, figures = Finger(one.page), one.mount_all()
    check_sideways(finger, figures)
    check_down(one, finger, figures)


def check_down(one, finger: Finger, figures: list) -> None:
    """A swipe down the page scrolls and turns nothing."""
    for figure in figures:
        sliders = figure.locator("input[type=range]").all()[:1]  # all are made by one function
        touched = sliders + figure.locator(".ic-picture svg").all()
        touched += figure.locator(".ic-picture button").all()[:1]
        grips = figure.locator("circle.ic-grip").all()[:1]
        for element in touched + grips:
            if not element.is_visible():
                continue
            box = in_the_middle(element)
            before, said = values(figure), seen(figure)
            top = one.page.evaluate("scrollY")
            finger.swipe(box, 4, -200, start=(0.5, 0.5) if element in grips else (0.8, 0.5))
            assert one.page.evaluate("scrollY") - top > 60, f"no scroll over {name_of(element)}"
            settle(figure)
            assert values(figure) == before, f"turned: {name_of(element)}"
            assert seen(figure) == said


def check_sideways(finger: Finger, figures: list) -> None:
    """A slider follows a finger sideways, and a tap."""
    for figure in figures:
        for slider in figure.locator("input[type=range]").all()[:1]:
            box = in_the_middle(slider)
            finger.tap(box, (0.97, 0.5))
            tapped = slider.input_value()
            finger.swipe(box, -0.6 * box["width"], 8, (0.95, 0.5))
            dragged = slider.input_value()
            assert float(dragged) < float(tapped), name_of(slider)
            finger.tap(box, (0.03, 0.5))
            if dragged != slider.get_attribute("min"):
                assert float(slider.input_value()) < float(dragged), name_of(slider)
            figure.get_by_role("button", name="Reset").click()


@pytest.mark.parametrize(
    ("chapter", "name", "picture"),
    [
        ("chapters/positional-encoding", "positions", "Table of"),
        ("chapters/relative-positions", "rotary", "Key at position"),
        ("chapters/relative-positions", "alibi", "Penalty by distance"),
        ("chapters/softmax-temperature", "softmax-temperature", "Entropy against"),
        ("chapters/scaling", "scaling", "gradient"),
    ],
)
def test_a_picture_follows_a_tap_and_a_finger_sideways(visit, chapter, name, picture):
    one = visit(**PHONE)
    one.open(chapter)
    one.mount_all()
    figure = one.page.locator(f"[data-explorable={name}]").first
    svg = figure.locator(f"svg.ic-draggable[aria-label*='{picture}' i]").first
    finger = Finger(one.page)
    box = in_the_middle(svg)
    start = values(figure)
    finger.tap(box, (0.3, 0.65))
    settle(figure)
    tapped = values(figure)
    assert tapped != start
    finger.swipe(box, 0.5 * box["width"], 12, (0.3, 0.65))
    settle(figure)
    assert values(figure) != tapped
