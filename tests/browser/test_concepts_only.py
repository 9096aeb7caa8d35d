"""The switch that folds code and what it prints, and leaves pictures, predictions, explorables."""

import re

import pytest
import site_under_test as site

WITH_CODE = [c for c in site.chapters() if site.soup(c).select(".cell.foldable")]
STATE = """() => {
  const seen = selector => [...document.querySelectorAll(selector)]
    .filter(node => node.checkVisibility()).length;
  return {
    code: seen('article .cell_input'),
    printed: seen('article .output.stream, article .output.text_plain'),
    pictures: seen('article .cell_output img.figure-light'),
    live: seen('article .explorable, article .prediction'),
  };
}"""


# The first paragraph or heading that is in view, its words and its place; and where it is later.
FIRST_IN_VIEW = """() => {
  const all = [...document.querySelectorAll('.bd-article :is(h2, h3, section > p)')];
  const node = all.find(node => node.getBoundingClientRect().top > 60);
  return [node.textContent, node.getBoundingClientRect().top];
}"""
TOP_OF = """text => [...document.querySelectorAll('.bd-article :is(h2, h3, section > p)')]
  .find(node => node.textContent === text).getBoundingClientRect().top"""


def first_in_view(page) -> tuple[str, float]:
    return page.evaluate(FIRST_IN_VIEW)


def turned_on(page) -> bool:
    return page.evaluate("document.documentElement.dataset.concepts === 'only'")


@pytest.mark.parametrize(
    ("chapter", "width"),
    [*((chapter, 390) for chapter in WITH_CODE), *((chapter, 1280) for chapter in WITH_CODE[::4])],
)
def test_it_folds_code_and_leaves_pictures(mounted, chapter, width):
    one, _ = mounted(chapter, width)
    before = one.page.evaluate(STATE)
    height = one.page.evaluate("document.documentElement.scrollHeight")
    switch = one.page.get_by_role("button", name="Concepts only")
    assert switch.get_attribute("aria-pressed") == "false"
    switch.focus()
    one.page.keyboard.press("Enter")
    assert switch.get_attribute("aria-pressed") == "true"
    assert "folded" in one.page.get_by_role("status").first.inner_text()
    after = one.page.evaluate(STATE)
    assert after["code"] == after["printed"] == 0
    assert after["pictures"] == before["pictures"] and after["live"] == before["live"]
    if before["code"]:
        assert one.page.evaluate("document.documentElement.scrollHeight") < height
    switch.click()
    assert one.page.evaluate(STATE) == before


def test_one_cell_unfolds_by_keyboard(visit):
    one = visit()
    one.open("chapters/scaling")
    one.page.get_by_role("button", name="Concepts only").click()
    cell = one.page.locator(".cell.foldable", has_text="Show the code and its output").first
    cell.get_by_role("button", name="Show the code and its output").focus()
    one.page.keyboard.press("Enter")
    opened = cell.get_by_role("button", name="Hide the code and its output")
    assert opened.get_attribute("aria-expanded") == "true"
    assert cell.locator(".cell_input").is_visible()
    assert cell.locator(".output").first.is_visible()
    one.page.keyboard.press("Enter")
    assert not cell.locator(".cell_input").is_visible()


@pytest.mark.parametrize("kind", ["http", "file"])
def test_it_is_kept_between_pages_and_there_at_the_first_paint(visit, kind):
    one = visit(kind, fresh=True)
    one.open("chapters/scaling")
    one.page.get_by_role("button", name="Concepts only").click()
    one.page.add_init_script(
        """new MutationObserver(() => {
          if (document.body && !window.atFirst) {
            window.atFirst = document.documentElement.dataset.concepts ?? "off";
          }
        }).observe(document, { childList: true, subtree: true });"""
    )
    one.open("chapters/self-attention")
    assert one.page.evaluate("window.atFirst") == "only"
    assert one.page.evaluate(STATE)["code"] == 0
    one.page.get_by_role("button", name="Concepts only").click()
    one.open("chapters/scaling")
    assert not turned_on(one.page)


def test_without_storage_links_carry_it(visit):
    one = visit(fresh=True)
    one.page.add_init_script(
        """for (const name of ["getItem", "setItem", "removeItem"]) {
          const usual = Storage.prototype[name];
          Storage.prototype[name] = function (key, ...rest) {
            if (key === "concepts") throw new DOMException("forbidden", "SecurityError");
            return usual.call(this, key, ...rest);
          };
        }"""
    )
    one.open("chapters/index")
    one.page.get_by_role("link", name="Concepts only").click()
    assert turned_on(one.page)
    one.page.locator("article a[href='scaling.html']").first.click()
    # The theme writes the address anew when the page is there, with an equals sign.
    one.page.wait_for_url(re.compile(r"/scaling\.html\?concepts=?$"))
    assert turned_on(one.page)
    one.page.get_by_role("button", name="Concepts only").click()
    assert not turned_on(one.page) and "concepts" not in one.page.url


@pytest.mark.parametrize("kind", ["http", "file"])
def test_the_one_hour_route_turns_it_on(visit, kind):
    one = visit(kind)
    one.open("chapters/index")
    link = one.page.get_by_role("link", name="Concepts only")
    link.evaluate("node => node.scrollIntoView({behavior: 'instant', block: 'center'})")
    link.focus()
    one.page.wait_for_timeout(300)
    before = link.bounding_box()["y"]
    one.page.keyboard.press("Enter")
    assert turned_on(one.page)
    assert link.bounding_box()["y"] == pytest.approx(before, abs=2), "the place was lost"
    one.open("chapters/contextual-embeddings")
    assert turned_on(one.page)


def test_an_address_can_ask_for_it_and_a_section_still_lands(visit):
    one = visit()
    one.page.goto(f"{one.base}/chapters/scaling.html?concepts#exercises")
    assert turned_on(one.page)
    one.page.wait_for_timeout(1500)
    margin = one.page.evaluate(
        "parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop)"
    )
    top = one.page.evaluate("document.getElementById('exercises').getBoundingClientRect().top")
    assert top == pytest.approx(margin, abs=20)


@pytest.mark.parametrize("width", [390, 1280])
def test_what_is_read_stays_in_its_place(visit, width):
    one = visit(width=width)
    one.open("chapters/scaling")
    one.mount_all()
    heading = one.page.locator("#twelve-heads-of-32 > h2")
    heading.evaluate("node => node.scrollIntoView({behavior: 'instant', block: 'center'})")
    one.page.wait_for_timeout(300)
    for _ in range(2):
        before = first_in_view(one.page)
        box = one.page.get_by_role("button", name="Concepts only").bounding_box()
        one.page.mouse.click(box["x"] + 5, box["y"] + 5)
        one.page.wait_for_timeout(300)
        text, top = before
        assert one.page.evaluate(TOP_OF, text) == pytest.approx(top, abs=5)


def test_without_javascript_there_is_code_and_no_switch(visit):
    one = visit(java_script_enabled=False)
    one.open("chapters/scaling")
    assert one.page.locator(".cell > .cell_input").first.is_visible()
    assert not one.page.locator(".concepts-switch").is_visible()
    assert not one.page.locator(".cell-unfold").first.is_visible()
