"""A result that answers a prediction stays veiled until the reader has committed an answer."""

import json

import pytest
import site_under_test as site

PAGES = [chapter for chapter in site.chapters() if site.soup(chapter).select(".cell.tag_veil")]
SKIP = "Show the result without guessing"


def pairs(one) -> list[tuple]:
    """Each prediction that has veiled results, mounted, its state, and the results."""
    found = one.page.evaluate(
        """() => {
          const boxes = [...document.querySelectorAll('[data-prediction]')];
          return [...document.querySelectorAll('.tag_veil > .cell_output')].map(output =>
            boxes.findLastIndex(box => box.compareDocumentPosition(output) & 4));
        }"""
    )
    blocks = one.page.locator("[data-prediction]").all()
    outputs = one.page.locator(".tag_veil > .cell_output").all()
    grouped: dict[int, list] = {}
    for i, output in zip(found, outputs, strict=True):
        assert i >= 0, "a veil without a prediction"
        grouped.setdefault(i, []).append(output)
    return [(blocks[i], i, some) for i, some in grouped.items()]


def mount(one, block) -> None:
    block.scroll_into_view_if_needed()
    one.page.wait_for_function("el => 'ready' in el.dataset", arg=block.element_handle())


def is_veiled(output) -> bool:
    seen = set(
        output.locator(":scope > :not(.veil)").evaluate_all(
            "parts => parts.map(node => getComputedStyle(node).visibility)"
        )
    )
    assert len(seen) == 1, seen
    return seen == {"hidden"}


def commit(block, spec: dict, right: bool) -> None:
    if spec["kind"] == "choice":
        at = spec["right"] if right else (spec["right"] + 1) % len(spec["options"])
        block.locator("input[type=radio]").nth(at).check()
    else:
        block.locator("input").fill(repr(spec["value"] if right else spec["value"] + 1e6))
    block.get_by_role("button", name="Check").click()


@pytest.mark.parametrize(
    ("chapter", "width"),
    [*((chapter, 390) for chapter in PAGES), *((chapter, 1280) for chapter in PAGES[::4])],
)
def test_an_answer_lifts_its_veil_and_nothing_moves(visit, chapter, width):
    one = visit(width=width)
    one.open(chapter)
    states = site.predictions(chapter)
    for n, (block, i, outputs) in enumerate(pairs(one)):
        mount(one, block)
        assert all(map(is_veiled, outputs))
        before = [output.bounding_box() for output in outputs]
        block.get_by_role("button", name="Check").click()
        assert all(map(is_veiled, outputs)), "nothing was answered yet"
        commit(block, states[i], right=bool(n % 2))
        assert not any(map(is_veiled, outputs))
        for output, box in zip(outputs, before, strict=True):
            now = output.bounding_box()
            assert now["width"] == pytest.approx(box["width"], abs=1)
            assert now["height"] == pytest.approx(box["height"], abs=1)
            assert not output.get_by_role("button", name=SKIP).is_visible()


@pytest.mark.parametrize("chapter", PAGES[::2])
def test_the_veil_can_be_lifted_by_keyboard_without_an_answer(visit, chapter):
    one = visit()
    one.open(chapter)
    for _, _, outputs in pairs(one):
        outputs[0].scroll_into_view_if_needed()
        outputs[0].get_by_role("button", name=SKIP).focus()
        one.page.keyboard.press("Enter")
        assert not any(map(is_veiled, outputs))
        assert outputs[0].evaluate("node => node === document.activeElement")


@pytest.mark.parametrize("chapter", PAGES)
def test_nothing_is_veiled_without_javascript_or_on_paper(visit, chapter):
    plain = visit(java_script_enabled=False)
    plain.open(chapter)
    printed = visit()
    printed.open(chapter)
    printed.page.emulate_media(media="print")
    for one in (plain, printed):
        for output in one.page.locator(".tag_veil > .cell_output").all():
            assert not output.locator(":scope > .veil").is_visible()
            assert output.locator(":scope > :not(.veil)").first.is_visible()


def test_the_words_of_the_veil_are_not_searched():
    text = (site.SITE / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    found = index["terms"].get("guess", [])
    assert len(found if isinstance(found, list) else [found]) < len(PAGES)


@pytest.mark.parametrize("chapter", PAGES[:2])
def test_not_quite_goes_when_another_answer_is_chosen(visit, chapter):
    one = visit()
    one.open(chapter)
    for block, spec in zip(
        one.page.locator("[data-prediction]").all(), site.predictions(chapter), strict=True
    ):
        mount(one, block)
        commit(block, spec, right=False)
        output = block.locator("output")
        assert output.inner_text().startswith("Not quite.")
        height = block.bounding_box()["height"]
        if spec["kind"] == "choice":
            block.locator("input[type=radio]").nth(spec["right"]).check()
        else:
            block.locator("input").press_sequentially("7")
        assert output.inner_text() == ""
        assert block.bounding_box()["height"] == height
        block.get_by_role("button", name="Check").click()
        assert output.inner_text() != ""


def test_a_box_that_is_not_mounted_yet_hides_its_answer(visit):
    one = visit()
    one.page.route("**/prediction.js*", lambda route: route.abort())
    one.open(PAGES[0])
    one.page.wait_for_timeout(300)
    for block in one.page.locator("[data-prediction]").all():
        assert not block.locator("summary").is_visible()
    one.complaints.clear()  # the script that was kept away on purpose


def test_who_goes_from_field_to_field_finds_every_prediction(visit):
    one = visit()
    one.open(PAGES[0])
    one.page.wait_for_function(
        "[...document.querySelectorAll('[data-prediction]')].every(box => 'ready' in box.dataset)"
    )
    assert one.page.evaluate("scrollY") == 0
