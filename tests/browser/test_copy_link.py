"""Copy link: what an explorable shows goes into an address, and comes back where it is opened."""

import pytest
import site_under_test as site
from explorable_page import READ, check_with_axe, seen, settle, table

PAGES = [chapter for chapter in site.chapters() if site.specs(chapter)]
SOFTMAX = "chapters/softmax-temperature"
NAME = "explorable-softmax-temperature"

# A clipboard that every page may write to, and every test read.
CLIPBOARD = """Object.defineProperty(navigator, "clipboard", {
  value: { writeText: async text => { window.copied = text; } },
});"""

# Turns every control of a figure to something else, one after the other, and copies the link.
TURN_AND_COPY = """async figure => {
  const frames = async n => { while (n--) await new Promise(requestAnimationFrame); };
  const turn = {
    range: one => {
      const [min, max] = [Number(one.min), Number(one.max)];
      one.value = min + (2 * one.value > min + max ? 0.3 : 0.7) * (max - min);
    },
    checkbox: one => { one.checked = !one.checked; },
    number: one => { one.value = one.value > 0 ? -1.25 : 2.5; },
    text: one => { one.value = `${one.value} <b>zzz</b> & 100% Ünï = 漢字? #1 it's.`; },
    "select-one": one => { one.selectedIndex = one.selectedIndex ? 0 : 1; },
  };
  const traits = [...figure.querySelectorAll("[data-trait]")].map(one => one.dataset.trait);
  for (const trait of new Set(traits)) {
    const one = figure.querySelector(`[data-trait="${trait}"]`);
    turn[one.type](one);
    one.dispatchEvent(new Event("input", { bubbles: true }));
    one.dispatchEvent(new Event("change", { bubbles: true }));
    await frames(2);
  }
  figure.querySelector(".ic-copy").click();
  await frames(2);
  return window.copied;
}"""

SHOWN = f"""async figure => {{
  const inputs = [...figure.querySelectorAll("[data-trait]")].map(one =>
    [one.dataset.trait, one.type === "checkbox" ? one.checked : one.value, one.ariaValueText]);
  return {{ inputs, sentence: figure.querySelector(".ic-sentence").textContent,
    note: figure.querySelector(".ic-note > p")?.textContent ?? "", ...({READ})(figure) }};
}}"""

# How far a figure is from its place below the header, or from as near to it as the page's end lets.
OFF = """figure => {
  const off = figure.getBoundingClientRect().top
    - parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop);
  const atEnd = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
  return Math.abs(atEnd ? Math.min(off, 0) : off);
}"""


PLACES = """figure => [...figure.querySelectorAll("button, .ic-sentence, .ic-picture")].map(one => {
  const [{ x, y, width, height }, { top }] = [one, figure].map(one => one.getBoundingClientRect());
  return [x, y - top, width, height].map(Math.round);
})"""


def shown(figure) -> dict:
    settle(figure)
    return figure.evaluate(SHOWN)


def open_at(one, address: str):
    """Opens an address. The figure that it names, once it lives."""
    one.page.goto("about:blank")
    one.page.goto(address)
    figure = one.page.locator(f"#{address.split('#')[1].split('?')[0]}[data-ready]")
    figure.wait_for(state="attached")
    return figure


def first(one):
    """The first figure of the page that is open, with its neighbours asleep."""
    one.page.locator(f"#{NAME}").scroll_into_view_if_needed()
    figure = one.page.locator(f"#{NAME}[data-ready]")
    figure.wait_for()
    return figure


def with_clipboard(visit, kind="http", **options):
    one = visit(kind, fresh=True, **options)
    one.page.add_init_script(CLIPBOARD)
    return one


@pytest.mark.parametrize("chapter", PAGES)
def test_every_explorable_is_as_it_was_where_its_link_is_opened(visit, chapter):
    """The last one of a page in a new page, the others one after the other in that."""
    kind = ("http", "file")[PAGES.index(chapter) % 2]
    one = with_clipboard(visit, kind)
    one.open(chapter)
    links = [(figure.evaluate(TURN_AND_COPY), shown(figure)) for figure in one.mount_all()]
    assert one.page.evaluate("history.length") == 2, "the link takes the place of the address"
    assert one.page.url == links[-1][0].replace("/./", "/")
    figure = open_at(one, links[-1][0])
    assert shown(figure) == links[-1][1], links[-1][0]
    one.page.wait_for_function(f"figure => ({OFF})(figure) < 20", arg=figure.element_handle())
    assert one.page.evaluate("document.activeElement === document.body"), "the focus is nobody's"
    for link, was in links[:-1]:
        fragment = link.split("#")[1]
        one.page.evaluate("fragment => { location.hash = fragment; }", fragment)
        figure = one.page.locator(f"#{fragment.split('?')[0]}[data-ready]")
        assert shown(figure) == was, link
        one.page.wait_for_function(f"figure => ({OFF})(figure) < 20", arg=figure.element_handle())


def test_two_of_a_kind_on_a_page_keep_apart(visit):
    one = with_clipboard(visit)
    page = "chapters/static-embeddings"
    one.open(page)
    first, second = one.mount_all()
    was = shown(first)
    link = second.evaluate(TURN_AND_COPY)
    assert "#explorable-analogy-2?" in link and shown(first) == was
    second = open_at(one, link)
    one.mount_all()
    assert shown(one.page.locator("#explorable-analogy")) == was != shown(second)


def test_a_link_of_another_version_says_what_it_ignores(visit):
    one = visit("file", width=390, height=844)
    address = f"{one.base}/{SOFTMAX}.html#{NAME}?hue=%3Cb%3E3&temperature=0.3&scores=1,2&x=%"
    figure = open_at(one, address)
    slider = figure.get_by_role("slider", name="Temperature")
    assert slider.get_attribute("aria-valuetext") == "T = 0.30"
    note = "Ignored from the link, since there is no such control or value here: hue = <b>3;"
    said = figure.locator(".ic-note > p").inner_text()
    assert said == f"{note} Score = 1,2; x = %." and "T = 0.3" in seen(figure)
    spoken = figure.get_by_role("status").filter(has_text=note)
    spoken.wait_for(state="attached")
    assert figure.locator("output").text_content() == seen(figure)
    one.page.evaluate("scrollTo({ top: 0 })")
    check_with_axe(one.page, f"#{NAME}")
    assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    figure.get_by_role("button", name="Reset").click()
    settle(figure)
    assert slider.get_attribute("aria-valuetext") == "T = 1.00"
    assert one.page.url.endswith(f"#{NAME}") and not figure.locator(".ic-note > p").count()


def test_the_button_copies_by_keyboard_says_so_and_nothing_moves(visit):
    one = visit(fresh=True)
    origin = "/".join(one.base.split("/")[:3])
    one.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=origin)
    one.page.goto(f"{one.base}/{SOFTMAX}.html?from=mail")
    figure = first(one)
    slider = figure.get_by_role("slider", name="Temperature")
    slider.focus()
    one.page.keyboard.press("ArrowLeft")
    button = figure.get_by_role("button", name="Copy link")
    figure.get_by_role("button", name="Reset").focus()
    one.page.keyboard.press("Shift+Tab")
    places = figure.evaluate(PLACES)
    assert button.bounding_box()["height"] >= 32 and button.inner_text() == "Copy link"
    one.page.keyboard.press("Enter")
    figure.locator(".ic-copy[data-copied]").wait_for()
    assert button.inner_text() == "Link copied" and figure.evaluate(PLACES) == places
    figure.get_by_role("status").filter(has_text="Link copied.").wait_for(state="attached")
    copied = one.page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{one.base}/{SOFTMAX}.html#{NAME}?temperature=0.98"
    assert one.page.url == copied.replace("#", "?from=mail#")
    figure.locator(".ic-copy:not([data-copied])").wait_for()


def test_a_refused_clipboard_leaves_the_link_to_copy(visit):
    one = visit(fresh=True, width=390, height=844)
    one.page.add_init_script('Object.defineProperty(navigator, "clipboard", { value: undefined })')
    one.open(SOFTMAX)
    figure = first(one)
    figure.get_by_role("button", name="Copy link").click()
    field = figure.get_by_label("Link to copy")
    link = field.input_value()
    assert link == one.page.url == f"{one.base}/{SOFTMAX}.html#{NAME}?example=worked"
    chosen = "one => one === document.activeElement && one.selectionEnd - one.selectionStart"
    assert field.evaluate(chosen) == len(link) and not field.is_editable()
    check_with_axe(one.page, f"#{NAME}")
    one.page.emulate_media(media="print")
    assert not field.is_visible()
    one.page.emulate_media(media="screen")
    one.page.keyboard.press("Shift+Tab")
    figure.get_by_role("slider", name="Temperature").focus()
    one.page.keyboard.press("ArrowLeft")
    settle(figure)
    assert not field.count(), "it would be an old link"


def test_paper_and_concepts_only_do_without_the_button(visit):
    one = visit()
    one.open(SOFTMAX)
    button = first(one).get_by_role("button", name="Copy link")
    assert button.is_visible()
    one.page.get_by_role("button", name="Concepts only").click()
    assert not button.is_visible()
    one.page.get_by_role("button", name="Concepts only").click()
    one.page.emulate_media(media="print")
    assert not button.is_visible()


def test_in_jupyter_the_text_is_for_from_link(visit):
    """A widget is mounted into an element of its own, without an id."""
    one = with_clipboard(visit)
    one.open(SOFTMAX)
    first(one)
    address = one.page.url
    one.page.evaluate(
        """spec => {
          const values = { spec, ...spec.initial, temperature: 0.3 };
          const model = { get: k => values[k], set() {}, save_changes() {}, on() {}, off() {} };
          const el = document.querySelector("main").appendChild(document.createElement("div"));
          el.id = "cell";
          globalThis.incontextExplorables[spec.name].render({ model, el });
        }""",
        site.specs(SOFTMAX)[0],
    )
    cell = one.page.locator("#cell")
    cell.get_by_role("button", name="Copy link").click()
    link = f"#{NAME}?temperature=0.3"
    note = f'A notebook opens it with Explorable.from_link("{link}").'
    cell.get_by_text(note).first.wait_for()
    assert one.page.evaluate("copied") == link and one.page.url == address
    assert table(cell)["rows"]
