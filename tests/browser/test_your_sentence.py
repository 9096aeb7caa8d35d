"""A reader's own sentence, in the built page: the model is loaded when asked for, and reads it."""

import re

import pytest
import site_under_test as site
from explorable_page import check_with_axe, inputs, put, seen, settle, table

from incontext.explorables import AttentionLens, WordInContext

LENS, WORD = "chapters/multi-head-attention", "chapters/contextual-embeddings"
TEXT = "The bat flew out of the <b>cave</b> at night."
CAPTION = "8-bit weights: attention within 0.03 of the full model."
LAST = ".ic-own-said"


class Own:
    """The first explorable with a field on a page, and what the page has asked for since."""

    def __init__(self, visit, chapter: str, kind: str = "http", **options):
        self.visit = visit(kind, **options)
        self.page = self.visit.page
        self.asked = []
        self.page.on("request", self._note)
        self.visit.open(chapter)
        name = "attention-lens" if chapter == LENS else "word-in-context"
        self.figure = self.page.locator(f"[data-explorable={name}]").first
        self.figure.scroll_into_view_if_needed()
        self.page.wait_for_function(
            "figure => 'ready' in figure.dataset", arg=self.figure.element_handle()
        )
        self.field = self.figure.get_by_label("Your sentence", exact=True)
        self.spec = next(s for s in site.specs(chapter) if s["name"] == name)

    def _note(self, request):
        if "/minilm-" in request.url or request.url.endswith("reading.js"):
            self.asked.append(request.url)

    def names(self) -> list[str]:
        return [re.search(r"([\w-]+)\.js$", url)[1] for url in self.asked]

    def button(self, name: str):
        return self.figure.get_by_role("button", name=re.compile(name))

    def send(self, text: str, key: bool = False) -> None:
        self.field.fill(text)
        if key:
            self.field.press("Enter")
        else:
            self.figure.locator(".ic-own [type=submit]").click()

    def wait_until_read(self) -> None:
        self.button("Back to the book").wait_for(timeout=60_000)
        self.page.wait_for_function(
            "figure => figure.querySelector('.ic-own-said').textContent === ''",
            arg=self.figure.element_handle(),
        )
        settle(self.figure)

    def said(self) -> str:
        settle(self.figure)
        return self.figure.locator(LAST).inner_text()


def compare(got: dict, twin, within: float) -> None:
    wanted = twin.numbers()
    assert got["columns"] == wanted.columns and len(got["rows"]) == len(wanted.rows)
    for line, expected in zip(got["rows"], wanted.rows, strict=True):
        for cell, value in zip(line, expected, strict=True):
            if "nearest:" in str(value):
                continue  # of two that are as near, 8 bits may choose the other
            assert cell == (value if isinstance(value, str) else pytest.approx(value, abs=within))


@pytest.mark.parametrize("kind", ["http", "file"])
def test_it_is_loaded_when_asked_for_and_reads_as_python_does(visit, kind):
    own = Own(visit, LENS, kind)
    start = table(own.figure)
    own.field.fill(TEXT)
    button = own.figure.locator(".ic-own [type=submit]")
    assert re.fullmatch(r"Load the model \(1[01](\.\d)? MB, once\)", button.inner_text())
    assert own.asked == [], "nothing before it is asked for"
    button.click()
    own.wait_until_read()
    assert all(url.startswith(own.visit.base) for url in own.asked), "all from the book itself"
    names = own.names()
    assert len(set(names)) == len(names), "each file once"
    assert {"reading", "index", "vocabulary", "embeddings", "layer-6-feed-forward"} <= set(names)
    assert own.figure.locator("figcaption").inner_text().endswith(CAPTION)
    assert own.figure.locator("b").count() == 0, "what is typed is text"
    assert own.figure.locator(".ic-chip").all_inner_texts()[7:11] == ["<", "b", ">", "cave"]

    twin = AttentionLens.from_spec(own.spec)
    twin.your_sentence = TEXT
    for layer, head in ((1, 3), (5, 10), (6, 12)):
        put(own.figure, {"trait": "layer", "kind": "integer"}, layer)
        put(own.figure, {"trait": "head", "kind": "integer"}, head)
        twin.layer, twin.head = layer, head
        compare(table(own.figure), twin, 0.03)
    assert "“the” (position 2)" in seen(own.figure)

    own.asked.clear()
    own.send("The bat flew out of the cave.")
    own.wait_until_read()
    assert own.asked == [], "the model and these words are here already"
    own.button("^Reset$").click()
    assert table(own.figure) == start and own.field.input_value() == ""
    assert CAPTION not in own.figure.locator("figcaption").inner_text()


def test_by_keyboard_alone_and_what_cannot_be_read_is_said(visit):
    own = Own(visit, LENS)
    start = table(own.figure)
    inputs(own.figure, "sentence").focus()
    own.page.keyboard.press("Tab")
    assert own.field.evaluate("node => node === document.activeElement")
    own.page.keyboard.type("Birds sing.")
    own.page.keyboard.press("Enter")
    own.wait_until_read()
    assert own.field.evaluate("node => node === document.activeElement"), "focus was lost"
    assert len(table(own.figure)["columns"]) == 1 + 5
    for text, says in {
        "   ": "Type a sentence first.",
        "\u200b": "There is no word in it",
        "word " * 63: "Your sentence has 65 tokens, and at most 64 are read",
    }.items():
        own.send(text, key=True)
        own.page.wait_for_function(
            "([node, text]) => node.querySelector('.ic-own-said').textContent.startsWith(text)",
            arg=[own.figure.element_handle(), says],
        )
    assert table(own.figure) == start, "what cannot be read leaves the book's"
    own.send("word " * 62, key=True)
    own.wait_until_read()
    assert len(table(own.figure)["columns"]) == 1 + 64
    put(own.figure, {"trait": "position", "kind": "integer"}, 64)
    option = own.spec["controls"][0]["options"][1]["value"]
    put(own.figure, {"trait": "sentence", "kind": "select"}, option)
    assert own.button("Back to the book").count() == 0, "another sentence of the book's is shown"
    assert len(table(own.figure)["columns"]) < 64


def test_cancelled_and_begun_again(visit):
    own = Own(visit, LENS, fresh=True)
    held = []
    own.page.route("**/layer-3-attention.js", lambda route: held.append(route))
    own.send(TEXT)
    own.page.wait_for_function("document.querySelector('.ic-own progress')?.value > 0")
    assert "of 11 MB" in own.figure.locator(".ic-own").inner_text()
    check_with_axe(own.page, "[data-explorable=attention-lens]")
    while not held:
        own.page.wait_for_timeout(50)
    own.button("Cancel").click()
    settle(own.figure)
    assert own.figure.locator("progress").count() == 0
    arrived = own.names()
    held[0].continue_()
    own.page.unroute("**/layer-3-attention.js")
    own.asked.clear()
    own.button("Load the model").click()
    own.wait_until_read()
    again = set(own.names())
    assert "layer-1-attention" in arrived and "layer-1-attention" not in again, "kept"


def test_what_does_not_arrive_is_said_and_tried_again(visit):
    own = Own(visit, LENS, fresh=True)
    own.page.route("**/layer-4-attention.js", lambda route: route.abort())
    own.send(TEXT)
    own.button("Try again").wait_for(timeout=60_000)
    assert "The model did not arrive: layer-4-attention.js" in own.said()
    own.page.unroute("**/layer-4-attention.js")
    own.button("Try again").click()
    own.wait_until_read()
    own.page.route("**/tokens-*.js", lambda route: route.abort())
    own.send("A hippopotamus yawns.")
    own.page.wait_for_function(
        "document.querySelector('.ic-own-said').textContent.includes('did not arrive')"
    )
    own.page.unroute("**/tokens-*.js")
    own.send("A hippopotamus yawns.")
    own.wait_until_read()
    expected = ("net::ERR_FAILED", "Failed to load")
    assert all(any(one in text for one in expected) for text in own.visit.complaints)
    own.visit.complaints.clear()


@pytest.mark.parametrize("kind", ["http", "file"])
def test_a_word_of_yours_joins_the_books_on_a_phone_too(visit, kind):
    own = Own(visit, WORD, kind, width=390, height=844, color_scheme="dark")
    start = table(own.figure)
    text = "A boat lay at the bank of the canal."
    own.send(text)
    own.wait_until_read()
    twin = WordInContext.from_spec(own.spec)
    twin.your_sentence = text
    put(own.figure, {"trait": "layer", "kind": "integer"}, 6)
    twin.layer = 6
    compare(table(own.figure), twin, 0.01)
    assert "your “bank” is nearest to “bank” in the sentence of" in seen(own.figure)
    own.figure.get_by_role("toolbar").get_by_role("button", name="boat").click()
    twin.your_position = 3
    compare(table(own.figure), twin, 0.01)
    over = own.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    picture = own.figure.locator(".ic-picture")
    assert over <= 0 and picture.evaluate("node => node.scrollWidth - node.clientWidth") <= 1
    check_with_axe(own.page, "[data-explorable=word-in-context]")
    put(own.figure, {"trait": "word", "kind": "select"}, "it")
    assert own.button("Back to the book").count() == 0
    own.button("^Reset$").click()
    assert table(own.figure) == start


def test_where_workers_are_refused_the_page_itself_reads(visit):
    refuse = "window.Worker = class { constructor() { throw new Error('refused'); } }"
    start = visit("file", fresh=True)
    start.page.add_init_script(refuse)
    own = Own(lambda kind, **_: start, LENS, "file")
    own.send("Birds sing.")
    own.wait_until_read()
    assert not own.page.workers and len(table(own.figure)["columns"]) == 1 + 5


# A front end in Jupyter: the model has send(), and the kernel answers by setting a trait.
MOUNT = """spec => {
  const values = { spec, ...structuredClone(spec.initial), your_sentence: '', your_reading: {} };
  const heard = new Map();
  window.model = {
    get: name => values[name],
    set(name, value) {
      if (JSON.stringify(values[name]) === JSON.stringify(value)) return;
      values[name] = value;
      heard.get(`change:${name}`)?.forEach(listener => listener());
    },
    save_changes() {}, send() {},
    on: (event, one) => heard.set(event, (heard.get(event) ?? new Set()).add(one)),
    off: (event, one) => heard.get(event)?.delete(one),
  };
  const el = document.querySelector('main').appendChild(document.createElement('div'));
  el.id = 'kernel';
  window.clean = globalThis.incontextExplorables[spec.name].render({ model: window.model, el });
  window.left = () => [...heard.values()].reduce((n, all) => n + all.size, 0);
}"""


def test_in_jupyter_the_kernel_reads_at_once(visit):
    own = Own(visit, LENS)
    page, widget = own.page, AttentionLens.from_spec(own.spec)
    page.evaluate(MOUNT, own.spec)
    figure = page.locator("#kernel figure")
    field = figure.get_by_label("Your sentence")
    assert figure.get_by_role("button", name="Read it").count() == 1
    field.fill(TEXT)
    field.press("Enter")
    widget.your_sentence = page.evaluate("model.get('your_sentence')")
    assert widget.your_sentence == TEXT
    page.evaluate(
        "([reading, position]) => { model.set('your_reading', reading);"
        " model.set('position', position); }",
        [widget.your_reading, widget.position],
    )
    compare(table(figure), widget, 1e-9)
    assert "read by the full model" in figure.locator("figcaption").inner_text()
    assert own.asked == [], "the page's own model is not needed"
    page.evaluate("clean()")
    assert page.evaluate("left()") == 0


@pytest.mark.parametrize(
    ("chapter", "kind"), [(LENS, AttentionLens), (WORD, WordInContext)], ids=["lens", "map"]
)
def test_a_link_brings_the_sentence_and_waits_for_the_model(visit, chapter, kind):
    own = Own(visit, chapter, fresh=True)
    twin = kind.from_spec(own.spec)
    twin.layer = 2
    twin.your_sentence = TEXT
    setattr(twin, "position" if kind is AttentionLens else "your_position", 9)
    own.page.goto("about:blank")
    own.page.goto(f"{own.visit.base}/{chapter}.html{twin.link()}")
    own.page.wait_for_function("document.querySelector('.ic-own input')?.value")
    assert own.field.input_value() == TEXT and own.asked == [], "nothing before it is asked for"
    assert own.said().startswith("The link brings a sentence.")
    assert own.figure.locator(".ic-note > p").count() == 0, "nothing of it is ignored"
    own.figure.locator(".ic-own [type=submit]").click()
    own.wait_until_read()
    compare(table(own.figure), twin, 0.03)
    own.page.evaluate(
        """Object.defineProperty(navigator, "clipboard", {
          value: { writeText: async text => { window.copied = text; } } })"""
    )
    own.button("^Copy link$").click()
    settle(own.figure)
    again = kind.from_link(own.page.evaluate("window.copied"))
    assert (again.values(), again.your_sentence) == (twin.values(), TEXT)
    assert getattr(again, "your_position", 0) == getattr(twin, "your_position", 0)
