"""Links to sections land where they lead, and nothing moves under the reader's eyes.

A page is opened anew for each of its contents' links; the figures are printed with `-s`.
"""

import re

import pytest
import site_under_test as site

PAGES = [chapter for chapter in site.chapters() if site.soup(chapter).select(".bd-toc-nav a")]
LIVELY = [chapter for chapter in PAGES if site.specs(chapter)]
SIZES = {"phone": (390, 844), "laptop": (1280, 900)}

# Where the target stands once it has been still for a while and all near the window is mounted:
# the distance from its place, which is below the header, or as near to it as the page's end lets.
DISTANCE = """id => new Promise(done => {
  const target = document.getElementById(id), root = document.documentElement;
  const waiting = () => [...document.querySelectorAll("[data-explorable], [data-prediction]")]
    .some(one => !("ready" in one.dataset) && one.getBoundingClientRect().top < innerHeight + 600
      && one.getBoundingClientRect().bottom > -600);
  let before, still = 0;
  const look = () => {
    const top = target.getBoundingClientRect().top;
    still = !waiting() && top === before ? still + 1 : 0;
    before = top;
    if (still < 8) return requestAnimationFrame(look);
    const off = top - parseFloat(getComputedStyle(root).scrollPaddingTop);
    const atEnd = scrollY + innerHeight >= root.scrollHeight - 2;
    done(atEnd ? Math.min(off, 0) : off);
  };
  look();
})"""


def sections(chapter: str) -> list[str]:
    return [link["href"][1:] for link in site.soup(chapter).select(".bd-toc-nav a[href^='#']")][1:]


def check_landing(page, chapter: str, wanted: list[str], go) -> None:
    off = {}
    for section in wanted:
        go(section)
        off[section] = round(page.evaluate(DISTANCE, section))
    print(chapter, max(map(abs, off.values()), default=0))
    missed = {section: by for section, by in off.items() if abs(by) > 20}
    assert not missed, f"{chapter}: {missed} px off"


def check_addresses(one, chapter: str, wanted: list[str]) -> None:
    def go(section):
        one.page.goto("about:blank")
        one.page.goto(f"{one.base}/{chapter}.html#{section}")

    check_landing(one.page, chapter, wanted, go)


@pytest.mark.parametrize(
    ("kind", "size"), [("http", "phone"), ("http", "laptop"), ("file", "phone")]
)
@pytest.mark.parametrize("chapter", PAGES)
def test_section_opened_as_address(visit, chapter, kind, size):
    """Each on a phone, the first of them as a first visit; on a laptop, where each is clicked too,
    three; from a folder, where other scripts arrive and at other times, two."""
    every = sections(chapter)
    some = {
        ("http", "phone"): every,
        ("http", "laptop"): every[:: -(len(every) // 3 + 1)],
        ("file", "phone"): every[-2:],
    }
    one = visit(kind, *SIZES[size], fresh=(kind, size) == ("http", "phone"))
    check_addresses(one, chapter, some[kind, size])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("chapter", PAGES)
def test_section_clicked_in_contents(visit, chapter, size):
    one = visit("http", *SIZES[size])
    one.open(chapter)
    click = "id => document.querySelector(`.bd-toc-nav a[href='#${id}']`).click()"
    check_landing(one.page, chapter, sections(chapter), lambda id: one.page.evaluate(click, id))


@pytest.mark.parametrize("chapter", LIVELY[:3])
def test_section_lands_without_reserved_room_or_scroll_anchoring(visit, chapter):
    """As with explorables that have not been measured yet, in a browser that anchors nothing."""
    one = visit("http", *SIZES["phone"])

    def without_room(route):
        page = re.sub(r"--(room|picture)-\d+:\d+px;?", "", site.page(chapter).read_text("utf-8"))
        style = "<style>* { overflow-anchor: none }</style></head>"
        route.fulfill(body=page.replace("</head>", style, 1), content_type="text/html")

    one.page.route(f"**/{chapter}.html", without_room)
    check_addresses(one, chapter, sections(chapter))


def test_reader_leaves_the_target_by_wheel_and_by_scroll_bar(visit):
    one = visit("http", *SIZES["phone"])
    chapter = LIVELY[-1]
    section = sections(chapter)[-1]
    for leave in (
        lambda: one.page.mouse.wheel(0, -900),
        lambda: one.page.evaluate("scrollBy({top: -900, behavior: 'instant'})"),
    ):
        one.page.goto("about:blank")
        one.page.goto(f"{one.base}/{chapter}.html#{section}")
        one.page.evaluate(DISTANCE, section)
        leave()
        assert one.page.evaluate(DISTANCE, section) > 400


# The room that is kept for each before it lives, and what it takes.
KEPT = """() => [...document.querySelectorAll("[data-explorable], [data-prediction]")]
  .map(one => parseFloat(getComputedStyle(one).getPropertyValue("--room")) || 0)"""
TAKEN = """async () => {
  const alive = [...document.querySelectorAll("[data-explorable], [data-prediction]")];
  for (const one of alive) {
    if (!("ready" in one.dataset)) one.scrollIntoView();
    while (!("ready" in one.dataset)) await new Promise(requestAnimationFrame);
  }
  return alive.map(one => [one.id || one.innerText.slice(0, 60), one.offsetHeight]);
}"""


def check_rooms(page, kept: list[float]) -> None:
    """Within a few lines, since fonts differ from one machine to the next."""
    off = {
        name: (room, height)
        for room, (name, height) in zip(kept, page.evaluate(TAKEN), strict=True)
        if abs(room - height) > 40 + 0.05 * height
    }
    assert not off, (
        f"reserved and taken, in pixels: {off}. Measure anew and commit rooms.json:"
        " make book && .venv/bin/python scripts/measure_rooms.py && make book"
    )


SHIFTS = """
window.shifts = [];
new PerformanceObserver(list => {
  for (const { value, sources } of list.getEntries()) {
    const what = sources.map(({ node }) => (node?.outerHTML ?? node?.data ?? "").slice(0, 80));
    window.shifts.push({ value, what });
  }
}).observe({ type: "layout-shift", buffered: true });
"""

SCROLL_THROUGH = """async () => {
  const frames = async (n) => { while (n--) await new Promise(requestAnimationFrame); };
  await frames(30);
  for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 2) {
    scrollTo({ top: y, behavior: "instant" });
    await frames(3);
  }
  await frames(30);
  return window.shifts;
}"""


@pytest.mark.parametrize(
    ("chapter", "size"),
    [
        *((chapter, "phone") for chapter in site.chapters()),
        *((chapter, "laptop") for chapter in site.chapters()[::2]),
    ],
)
def test_nothing_shifts_on_arrival_or_on_the_way_down_and_room_is_kept(visit, chapter, size):
    one = visit("http", *SIZES[size], fresh=True)
    one.page.add_init_script(SHIFTS)
    one.open(chapter)
    kept = one.page.evaluate(KEPT)
    shifts = one.page.evaluate(SCROLL_THROUGH)
    total = sum(shift["value"] for shift in shifts)
    print(f"{chapter} {size}: {total:.4f}")
    largest = sorted(shifts, key=lambda shift: -shift["value"])[:3]
    assert total <= 0.02, largest
    check_rooms(one.page, kept)
