"""BertViz in the built book: offline, from a server and from disk, in both themes, and narrow."""

import pytest

CHAPTER = "chapters/reading-attention"
VIEWS = ["head", "model", "neuron", "head"]  # in the order of the chapter
DRAWN = "() => document.querySelector('#vis svg text') !== null"
# How light the text is, as it is painted: in the dark theme the frame is inverted.
IS_LIGHT = """() => {
  const inverted = getComputedStyle(document.body).filter.includes('invert');
  const ink = getComputedStyle(document.querySelector('#vis svg text')).fill;
  return inverted !== (Number(ink.match(/\\d+/)[0]) > 127);
}"""
# The square behind the plus sign of *it*, which shows where its weights come from.
OPEN = """d3.selectAll('#collapsed #leftText rect')
  .filter((word, i, all) => word === 'it' && all[i].getAttribute('width') === '16')
  .dispatch('click')"""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def frames_of(page) -> list:
    """What stands in each frame, once it is drawn."""
    found = []
    for element in page.locator("figure.bertviz iframe").all():
        element.scroll_into_view_if_needed()
        frame = element.element_handle().content_frame()
        frame.wait_for_function(DRAWN)
        found.append(frame)
    assert len(found) == len(VIEWS)
    return found


def themes(frames) -> set[str]:
    return {frame.evaluate("document.documentElement.dataset.theme") for frame in frames}


@pytest.mark.parametrize("kind", ["http", "file"])
def test_they_are_drawn_and_follow_the_theme(visit, kind):
    opened = visit(kind, color_scheme="dark")
    opened.open(CHAPTER)
    frames = frames_of(opened.page)
    assert themes(frames) == {"dark"} and all(frame.evaluate(IS_LIGHT) for frame in frames)
    opened.page.evaluate("document.documentElement.dataset.theme = 'light'")
    assert themes(frames) == {"light"} and not any(frame.evaluate(IS_LIGHT) for frame in frames)
    for frame in frames:
        assert frame.evaluate(TOO_WIDE) <= (1 if frame is not frames[2] else 400)
    assert frames[0].locator("#layer option").all_inner_texts() == ["3", "4"]
    assert len(frames[1].locator(".attn_background").all()) == 72


def test_on_a_phone_they_stay_in_the_page_and_can_be_used(visit):
    opened = visit("http", width=390, height=844)
    opened.open(CHAPTER)
    head, model, neuron, _ = frames_of(opened.page)
    assert opened.page.evaluate(TOO_WIDE) == 0
    assert head.evaluate(TOO_WIDE) == 0

    head.locator("#left text").get_by_text("it", exact=True).hover(force=True)
    seen = head.locator("#attention line[visibility=visible]")
    assert seen.count() == 12 * 16  # of one query, to every key, in twelve heads
    assert {line.get_attribute("left-token-index") for line in seen.all()[:20]} == {"10"}

    model.locator(".attn_background").first.scroll_into_view_if_needed()
    model.evaluate("d3.selectAll('rect').filter(function () { return this.style.opacity === '0' })"
                   ".dispatch('click')")  # fmt: skip
    assert model.locator("text.detail").first.text_content().startswith("Layer ")

    neuron.locator("#collapsed #leftText text").get_by_text("it", exact=True).hover(force=True)
    neuron.evaluate(OPEN)
    assert neuron.locator("#expanded").get_attribute("visibility") == "visible"
    size = neuron.evaluate("document.querySelector('#expanded #leftText text')"
                           ".getBoundingClientRect().height")  # fmt: skip
    assert size > 10
