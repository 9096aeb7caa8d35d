"""Every prediction on every page, with no kernel and no network: committed and answered."""

import pytest
import site_under_test as site
from explorable_page import check_with_axe, still

PAGES = [chapter for chapter in site.chapters() if site.predictions(chapter)]


def mounted(visit, chapter: str, **options):
    one = visit(**options)
    one.open(chapter)
    blocks = one.page.locator("[data-prediction]").all()
    for block in blocks:
        block.scroll_into_view_if_needed()
        one.page.wait_for_function("el => 'ready' in el.dataset", arg=block.element_handle())
    return one.page, list(zip(blocks, site.predictions(chapter), strict=True))


def said(block) -> str:
    return block.locator("output").evaluate("node => node.textContent").strip()


def commit(block, spec: dict, answer) -> None:
    if spec["kind"] == "choice":
        block.locator("input[type=radio]").nth(answer).check()
    else:
        block.locator("input").fill(repr(answer))
    block.get_by_role("button", name="Check").click()


# Commits each answer in turn, then asks for the answer, then commits the right one. What is said
# after each, and whether the answer can be asked for.
ANSWER = """(block, [given, right]) => {
  const choice = block.querySelector('input[type=radio]');
  const button = name => [...block.querySelectorAll('button')].find(b => b.textContent === name);
  const now = () => [block.querySelector('output').textContent.trim(),
    button('Show the answer')?.checkVisibility() ?? false];
  const commit = answer => {
    if (choice) block.querySelectorAll('input')[answer].click();
    else block.querySelector('input').value = answer;
    button('Check').click();
    return now();
  };
  button('Check').click();
  const none = now(), wrong = given.map(commit);
  button('Show the answer').click();
  return [none, wrong, now(), commit(right)];
}"""

PLAIN = """all => all.map(html => {
  const p = document.createElement('p');
  p.innerHTML = html;
  return p.textContent.trim();
})"""


@pytest.mark.parametrize(
    ("chapter", "kind"), [*((chapter, "http") for chapter in PAGES), (PAGES[0], "file")]
)
def test_wrong_names_the_misconception_right_explains(visit, chapter, kind):
    page, predictions = mounted(visit, chapter, kind=kind)
    for block, spec in predictions:
        if spec["kind"] == "choice":
            wrong = [(i, o["reply"]) for i, o in enumerate(spec["options"]) if i != spec["right"]]
            right = spec["right"]
        else:
            wrong = [(repr(one["value"]), one["reply"]) for one in spec["misconceptions"]]
            right = repr(spec["value"])
        given = [answer for answer, _ in wrong]
        *replies, answer = page.evaluate(PLAIN, [*(reply for _, reply in wrong), spec["answer"]])
        (nothing, shown), at_wrong, told, at_right = block.evaluate(ANSWER, [given, right])
        assert nothing and not shown, "nothing was committed yet"
        assert at_wrong == [[f"Not quite. {reply}", True] for reply in replies]
        assert told[0] == f"The answer: {answer}"
        assert at_right == [f"Right. {answer}", False]


@pytest.mark.parametrize("chapter", PAGES)
def test_keyboard_alone_answers_and_is_told(visit, chapter):
    page, predictions = mounted(visit, chapter)
    for block, spec in predictions:
        first = block.locator("input").first
        first.focus()
        if spec["kind"] == "choice":
            page.keyboard.press("Space")
            page.keyboard.press("ArrowDown")
            assert block.locator("input").nth(1).is_checked()
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.textContent") == "Check"
        else:
            page.keyboard.type("12345678")
        page.keyboard.press("Enter")
        assert said(block).startswith(("Right.", "Not quite."))
        assert block.locator("output[aria-live=polite]").count() == 1
        for control in block.locator("input").all():
            assert control.evaluate("node => node.labels[0].innerText").strip()


@pytest.mark.parametrize("chapter", PAGES)
def test_without_javascript_the_answer_unfolds(visit, chapter):
    one = visit(java_script_enabled=False)
    one.open(chapter)
    blocks = one.page.locator("[data-prediction]").all()
    assert len(blocks) == len(site.predictions(chapter))
    for block in blocks:
        assert block.locator(".prediction-static").is_visible()
        block.locator("summary").click()
        assert block.locator("details > p").is_visible()


@pytest.mark.parametrize(
    ("chapter", "scheme"), [*((chapter, "dark") for chapter in PAGES), (PAGES[0], "light")]
)
def test_axe_finds_nothing_in_answered_questions(visit, chapter, scheme):
    page, predictions = mounted(visit, chapter, color_scheme=scheme, width=360)
    for i, (block, spec) in enumerate(predictions):
        right = spec["right"] if spec["kind"] == "choice" else spec["value"]
        if i % 2 and spec["kind"] == "choice":
            right = (right + 1) % len(spec["options"])
        commit(block, spec, right)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    still(page)  # what unfolds fades in
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    check_with_axe(page, within="[data-prediction]")
