"""Every explorable on every page, with no kernel and no network: it mounts, moves and is right."""

from functools import lru_cache

import pytest
import site_under_test as site
from explorable_page import (
    SETTLE,
    check_with_axe,
    commit,
    inputs,
    put,
    seen,
    settle,
    some_values,
    state,
    still,
    table,
)

from incontext.explorables.base import Explorable

PAGES = [chapter for chapter in site.chapters() if site.specs(chapter)]


def compare(got: dict, twin) -> None:
    """The page's table against the Python object's: closed forms to rounding. Numbers of a
    model, which ran once for the page and once here in float32, can be rounded to neighbouring
    steps of the page's 16 bits, which a temperature of 0.1 makes ten times as large."""
    wanted = twin.numbers()
    exact = twin.provenance != "learned"
    near = {"rel": 1e-9, "abs": 1e-12} if exact else {"rel": 1e-3, "abs": 5e-5}
    assert got["columns"] == wanted.columns
    assert len(got["rows"]) == len(wanted.rows)
    for line, expected in zip(got["rows"], wanted.rows, strict=True):
        assert len(line) == len(expected)
        for cell, value in zip(line, expected, strict=True):
            if isinstance(value, str):
                assert cell == value
            else:
                assert cell == pytest.approx(value, **near)


@lru_cache(maxsize=1)
def twins(chapter: str) -> list[Explorable]:
    """The Python objects of a page, made once for both of its addresses: some load a model."""
    return [Explorable.from_spec(spec) for spec in site.specs(chapter)]


def follow(twin, values: dict) -> None:
    """Brings the Python object to the page's state; a control may move another, so twice."""
    for _ in range(2):
        for trait, value in values.items():
            setattr(twin, trait, value)


@pytest.mark.parametrize("chapter", PAGES)
def test_every_control_changes_the_numbers_and_they_equal_pythons(mounted, chapter):
    check_controls(mounted(chapter)[1], chapter)


@pytest.mark.parametrize("chapter", PAGES)
def test_from_a_folder_too(visit, chapter):
    """Opened by double-click, where a browser refuses fetches and modules: a control of each."""
    one = visit("file")
    one.open(chapter)
    check_controls(one.mount_all(), chapter, how_many=1)


def check_controls(figures, chapter: str, how_many: int | None = None) -> None:
    specs = site.specs(chapter)
    assert len(figures) == len(specs)
    for figure, spec, twin in zip(figures, specs, twins(chapter), strict=True):
        assert figure.get_attribute("data-explorable") == spec["name"]
        follow(twin, spec["initial"])
        start = table(figure)
        compare(start, twin)
        before, said = start, seen(figure)
        for control in spec["controls"][:how_many]:
            for value in some_values(control, figure)[:how_many]:
                put(figure, control, value)
                after, now = table(figure), seen(figure)
                assert after != before, f"{spec['name']}: {control['label']} changes no number"
                assert now != said or control["kind"] != "slider"
                follow(twin, state(figure, spec))
                compare(after, twin)
                before, said = after, now
        figure.get_by_role("button", name="Reset").click()
        assert table(figure) == start, f"{spec['name']}: Reset does not restore the start"


@pytest.mark.parametrize("chapter", PAGES)
def test_keyboard_alone_reaches_and_moves_every_control(mounted, chapter):
    one, figures = mounted(chapter)
    for figure, spec in zip(figures, site.specs(chapter), strict=True):
        for control in spec["controls"]:
            where = inputs(figure, control["trait"]).first
            before = table(figure)
            tab_to(one.page, where)
            move_with_keys(one.page, where, control)
            settle(figure)
            assert table(figure) != before, f"{spec['name']}: keys do not move {control['label']}"
            assert where.evaluate("node => node === document.activeElement"), "focus was lost"
        tab_to(one.page, figure.get_by_role("button", name="Reset"))
        one.page.keyboard.press("Enter")
        settle(figure)


def tab_to(page, where) -> None:
    """Tab from just before the element must land on it."""
    where.evaluate(
        """node => { const all = [...document.querySelectorAll(
             'a[href], button:not(:disabled), input, select, summary, [tabindex="0"]')]
             .filter(n => n.tabIndex >= 0 && (n.checkVisibility() || n === node));
           const before = all[all.indexOf(node) - 1]; before.focus(); }"""
    )
    for _ in range(3):
        page.keyboard.press("Tab")
        if where.evaluate("node => node === document.activeElement"):
            return
    raise AssertionError("Tab does not reach " + where.evaluate("node => node.outerHTML"))


def move_with_keys(page, where, control: dict) -> None:
    kind = control["kind"]
    if kind == "toggle":
        page.keyboard.press("Space")
    elif kind == "number-list":
        page.keyboard.press("ArrowUp")
    elif kind == "text":
        page.keyboard.press("End")
        page.keyboard.press("Backspace")
    elif kind == "select":
        at = where.evaluate("node => node.selectedIndex")
        page.keyboard.press("ArrowDown" if at == 0 else "ArrowUp")
    else:
        at_end = where.evaluate("node => Number(node.value) >= Number(node.max)")
        key = "ArrowLeft" if at_end else "ArrowRight"
        for _ in range(3):
            page.keyboard.press(key)


# What is spoken, and how long after the last change.
HEARD = """figure => {
  window.heard = [];
  let last = 0;
  const spoken = figure.querySelector('output[aria-live=polite]');
  new MutationObserver(() => heard.push([performance.now() - last, spoken.textContent]))
    .observe(spoken, { childList: true, characterData: true, subtree: true });
  addEventListener('input', () => { last = performance.now(); }, true);
}"""


@pytest.mark.parametrize("chapter", PAGES)
def test_the_sentence_is_seen_at_once_and_spoken_after_the_last_change(mounted, chapter):
    one, figures = mounted(chapter)
    one.page.wait_for_timeout(600)
    for figure, spec in zip(figures, site.specs(chapter), strict=True):
        slider = figure.locator("input[type=range]").first
        spoken = figure.locator("output[aria-live=polite]")
        if not slider.count():
            continue
        assert spoken.text_content() == seen(figure), "said from the start, for who comes to read"
        figure.evaluate(HEARD)
        before = seen(figure)
        slider.focus()
        upper_half = slider.evaluate("node => 2 * node.value > Number(node.min) + Number(node.max)")
        for _ in range(3):
            one.page.keyboard.press("ArrowLeft" if upper_half else "ArrowRight")
            settle(figure)
        now = seen(figure)
        assert now != before
        one.page.wait_for_function("text => heard.at(-1)?.[1] === text", arg=now)
        waits = one.page.evaluate("heard.map(([wait]) => wait)")
        assert min(waits) >= 500, spec["name"]


# All at once, since the page may be scrolling.
EDGES = """figure => ['.explorable-body > .ic-controls', '.ic-sentence', 'output', '.ic-picture',
  '.ic-controls input[type=range]'].map(name => [...figure.querySelectorAll(name)].map(node => {
    const { top, bottom } = node.getBoundingClientRect();
    return { top, bottom };
  }))"""


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("chapter", PAGES)
def test_the_sentence_stands_beside_the_controls_and_above_the_picture(mounted, chapter, width):
    for figure in mounted(chapter, width)[1]:
        (controls,), (sentence,), (spoken,), (picture,), sliders = figure.evaluate(EDGES)
        assert spoken == sentence
        assert 0 <= sentence["top"] - controls["bottom"] < 30
        assert sentence["bottom"] <= picture["top"] < sentence["bottom"] + 30
        assert all(sentence["bottom"] - slider["top"] < 400 for slider in sliders)


# By how much the picture's place below the controls changes while the slider goes from end to end.
MOVED = """async slider => {
  const figure = slider.closest('figure'), places = [];
  const top = name => figure.querySelector(name).getBoundingClientRect().top;
  for (let i = 0; i <= 8; i++) {
    slider.value = Number(slider.min) + (i / 8) * (slider.max - slider.min);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    for (let n = 0; n < 2; n++) await new Promise(requestAnimationFrame);
    places.push(top('.ic-picture') - top('.explorable-body > .ic-controls'));
  }
  return Math.max(...places) - Math.min(...places);
}"""


@pytest.mark.parametrize(
    ("chapter", "width"),
    [*((chapter, 390) for chapter in PAGES), *((chapter, 1280) for chapter in PAGES[::2])],
)
def test_a_slider_on_its_way_does_not_move_the_picture(mounted, chapter, width):
    one, figures = mounted(chapter, width)
    still(one.page)  # how tall the longest sentence is gets measured in idle moments
    for figure, spec in zip(figures, site.specs(chapter), strict=True):
        for slider in figure.locator(".ic-controls input[type=range]").all():
            moved = slider.evaluate(MOVED)
            most = 0.5 if width > 390 else 24  # on a phone the sentence may need one more line
            assert moved <= most, f"{spec['name']}: {slider.get_attribute('data-trait')}: {moved}"
            figure.get_by_role("button", name="Reset").click()
            settle(figure)


@pytest.mark.parametrize("chapter", PAGES)
def test_every_key_of_a_slider_changes_the_value(mounted, chapter):
    for figure in mounted(chapter)[1]:
        for slider in figure.locator("input[type=range]").all():
            slider.focus()
            first = after("Home", slider)
            steps = slider.evaluate("node => Math.round((node.max - node.min) / node.step)")
            some = min(steps, 4)  # from either end, where a scale is finest and coarsest
            shown = [first, *(after("ArrowRight", slider) for _ in range(some))]
            assert len(set(shown)) == len(shown), shown
            last = [after("End", slider), *(after("ArrowLeft", slider) for _ in range(some))]
            assert len(set(last)) == len(last), last
            assert last[0] != first
            assert after("Home", slider) == first
            assert after("PageUp", slider) not in (shown[:2] if steps >= 20 else [first])
            figure.get_by_role("button", name="Reset").click()


def after(key: str, slider) -> str:
    """The value that a key press leads to."""
    slider.page.keyboard.press(key)
    return slider.evaluate(f"async node => {{ await ({SETTLE})(); return node.ariaValueText; }}")


def test_chips_are_one_tab_stop_and_only_a_press_or_click_chooses(visit):
    one = visit()
    one.open(next(p for p in PAGES if any(s["name"] == "attention-lens" for s in site.specs(p))))
    one.mount_all()
    figure = one.page.locator("[data-explorable=attention-lens]").first
    chips = figure.get_by_role("toolbar").get_by_role("button")
    press = one.page.keyboard.press

    def stops():
        return chips.evaluate_all("all => all.flatMap((chip, i) => chip.tabIndex < 0 ? [] : [i])")

    def chosen():
        settle(figure)
        pressed = "all => all.findIndex(chip => chip.ariaPressed === 'true')"
        return chips.evaluate_all(pressed)

    def focused():
        return chips.evaluate_all("all => all.indexOf(document.activeElement)")

    start = chosen()
    assert stops() == [start]
    tab_to(one.page, chips.nth(start))
    press("ArrowLeft")
    press("ArrowUp")
    assert focused() == start - 2 and stops() == [start - 2]
    press("End")
    press("ArrowRight")
    assert focused() == chips.count() - 1
    press("Home")
    assert focused() == 0 and chosen() == start, "focus alone chooses nothing"
    press("ArrowRight")
    press("Enter")
    assert chosen() == 1 == focused() and stops() == [1]
    press("ArrowRight")
    press("Space")
    assert chosen() == 2 == focused()
    press("Tab")
    assert focused() == -1, "one Tab leaves the chips"
    press("Shift+Tab")
    assert focused() == 2
    chips.nth(4).hover()
    assert chosen() == 2, "pointing chooses nothing"
    chips.nth(4).click()
    assert chosen() == 4


@pytest.mark.parametrize("chapter", PAGES)
def test_labels_sentence_fallback_and_numbers_are_in_the_page(mounted, chapter):
    for figure in mounted(chapter)[1]:
        assert figure.locator("output[aria-live=polite]").count() == 1
        assert figure.locator("details.ic-numbers > summary").inner_text() == "Numbers"
        assert not figure.locator("img.explorable-fallback").is_visible()
        controls = figure.locator("input, select").all()
        assert controls
        for control in controls:
            name = control.evaluate("node => node.labels[0]?.innerText ?? ''")
            assert name.strip(), control.evaluate("node => node.outerHTML")


@pytest.mark.parametrize("chapter", PAGES)
def test_without_javascript_the_picture_shows(visit, chapter):
    one = visit(java_script_enabled=False)
    one.open(chapter)
    figures = one.page.locator("figure.explorable").all()
    assert len(figures) == len(site.specs(chapter))
    for figure in figures:
        assert figure.locator("img.explorable-fallback").is_visible()
        assert figure.locator("figcaption").is_visible()
        assert figure.locator(".explorable-title").is_visible()
        assert not figure.locator(".explorable-try").is_visible(), "there is nothing to try"


@pytest.mark.parametrize(
    ("chapter", "scheme"), [*((chapter, "dark") for chapter in PAGES), (PAGES[0], "light")]
)
def test_print_shows_the_present_state_or_else_the_picture(visit, chapter, scheme):
    one = visit(color_scheme=scheme)
    one.open(chapter)
    figures = one.page.locator("figure.explorable").all()
    assert len(figures) == len(site.specs(chapter))
    figures[0].scroll_into_view_if_needed()
    one.page.wait_for_function(
        "figure => 'ready' in figure.dataset", arg=figures[0].element_handle()
    )
    one.page.emulate_media(media="print")
    for figure in figures:
        mounted = figure.get_attribute("data-ready") is not None
        assert mounted or figure != figures[0]
        assert figure.locator("img.explorable-fallback").is_visible() != mounted
        assert figure.locator(".explorable-title").is_visible()
        if mounted:
            assert figure.locator(".ic-picture").is_visible()
            assert figure.locator(".ic-sentence").is_visible()
            assert not figure.locator(".ic-ends").is_visible()
            paper = "node => getComputedStyle(node).backgroundColor"
            assert figure.evaluate(paper) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_shows_its_own_figures_and_paper_the_light_ones(visit, scheme):
    one = visit(color_scheme=scheme)
    one.open("chapters/scaling")
    one.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    shown = {t: one.page.locator(f"img.figure-{t}").all() for t in ("light", "dark")}
    assert len(shown["light"]) == len(shown["dark"]) > 0
    for theme, images in shown.items():
        assert all(image.is_visible() == (theme == scheme) for image in images)
    for image in shown[scheme]:
        box = image.bounding_box()
        image.scroll_into_view_if_needed()
        one.page.wait_for_function(
            "image => image.complete && image.naturalWidth", arg=image.element_handle()
        )
        after = image.bounding_box()
        assert (after["width"], after["height"]) == pytest.approx(
            (box["width"], box["height"]), abs=1
        )
    one.page.emulate_media(media="print")
    for theme, images in shown.items():
        assert all(image.is_visible() == (theme == "light") for image in images)


# What the same page can break in another theme or width; names, roles and order stay as they are.
OF_COLOUR_AND_WIDTH = [
    "color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable",
    "aria-hidden-focus", "label-content-name-mismatch", "nested-interactive",
]  # fmt: skip


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (320, "dark")])
@pytest.mark.parametrize("chapter", site.chapters())
def test_axe_finds_nothing(mounted, chapter, width, scheme):
    """Everything unfolded, on a wide window in the light and on a phone in the dark. The last
    question of a page is answered in the light, and the others are in the dark: so each is seen
    both ways, and the results behind them veiled and not."""
    one, _ = mounted(chapter, width)
    one.spoiled = True
    questions = one.page.locator("[data-prediction]").all()
    asked = list(zip(questions, site.predictions(chapter), strict=True))
    for i, (block, spec) in enumerate(asked[-1:] if scheme == "light" else asked[:-1]):
        block.scroll_into_view_if_needed()
        one.page.wait_for_function("el => 'ready' in el.dataset", arg=block.element_handle())
        right = spec["right"] if spec["kind"] == "choice" else spec["value"]
        if i % 2 and spec["kind"] == "choice":
            right = (right + 1) % len(spec["options"])
        commit(block, spec, right)
    one.unfold()
    one.page.evaluate("window.scrollTo({ top: 0, behavior: 'instant' })")
    still(one.page)  # what unfolds fades in
    assert one.page.locator("html").get_attribute("data-theme") == scheme
    check_with_axe(one.page, rules=None if scheme == "light" else OF_COLOUR_AND_WIDTH)
    assert one.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


OVER = """() => [document.documentElement.scrollWidth - innerWidth,
  [...document.querySelectorAll('figure.explorable')]
    .filter(figure => [...figure.querySelectorAll('.ic-picture')]
      .some(node => node.scrollWidth - node.clientWidth > 1))
    .map(figure => figure.dataset.explorable)]"""


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("chapter", site.chapters())
def test_nothing_overflows(mounted, chapter, width):
    one, figures = mounted(chapter, width)
    assert one.page.locator("figure.explorable .ic-picture").count() >= len(figures)
    still(one.page)
    for now in {320: (360, 320)}.get(width, (width,)):
        one.page.set_viewport_size({"width": now, "height": 900})
        one.page.evaluate(SETTLE)
        over, pictures = one.page.evaluate(OVER)
        assert over <= 0, f"{chapter} is {over} px too wide at {now} px"
        assert not pictures or now < 360, f"{pictures} at {now} px"


# How tall the picture is at first, and by how much each choice makes the figure taller.
GROWN = """async select => {
  const figure = select.closest('figure');
  const height = node => node.getBoundingClientRect().height;
  const picture = height(figure.querySelector('.ic-picture')), grown = [];
  for (const { value } of select.options) {
    const before = height(figure);
    select.value = value;
    select.dispatchEvent(new Event('change', { bubbles: true }));
    for (let n = 0; n < 2; n++) await new Promise(requestAnimationFrame);
    grown.push(height(figure) - before);
  }
  return [picture, grown];
}"""


def selects(spec: dict) -> list[dict]:
    return [c for c in spec["controls"] if c["kind"] == "select" and len(c["options"]) <= 24]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("chapter", [p for p in PAGES if any(map(selects, site.specs(p)))])
def test_a_choice_does_not_move_the_page_below(mounted, chapter, width):
    """Unless the picture grows by a good part of its height, as with five more scores."""
    one, figures = mounted(chapter, width)
    for figure, spec in zip(figures, site.specs(chapter), strict=True):
        figure.scroll_into_view_if_needed()
        still(one.page)
        for control in selects(spec):
            picture, grown = inputs(figure, control["trait"]).evaluate(GROWN)
            big = [by for by in grown if abs(by) > 0.5]
            assert all(by > 0.14 * picture for by in big), f"{spec['name']}: {control['label']}"
            figure.get_by_role("button", name="Reset").click()
            still(one.page)


@pytest.mark.parametrize("chapter", PAGES[:1])
def test_removed_figure_leaves_nothing_behind(visit, chapter):
    one = visit()
    one.open(chapter)
    figure = one.mount_all()[0]
    spec = site.specs(chapter)[0]
    left = one.page.evaluate(
        """async spec => {
          const listeners = new Set();
          const get = k => k === 'spec' ? spec : spec.initial[k];
          const model = { get, set() {}, save_changes() {},
            on: e => listeners.add(e), off: e => listeners.delete(e) };
          const el = document.body.appendChild(document.createElement('div'));
          const cleanup = globalThis.incontextExplorables[spec.name].render({ model, el });
          const had = listeners.size;
          cleanup();
          return { had, listeners: listeners.size, children: el.children.length };
        }""",
        spec,
    )
    assert left["had"] >= len(spec["controls"])
    assert left["listeners"] == 0 and left["children"] == 0
    assert figure.is_visible()
