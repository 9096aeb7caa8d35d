"""Every prediction on every page, with no kernel and no network: committed and answered."""

import pytest
import site_under_test as site

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
    check_keyboard(page, predictions)


def check_keyboard(page, predictions: list) -> None:
    """The keyboard alone answers the first of each kind once more; until then nothing is said."""
    first_of = {spec["kind"]: (block, spec) for block, spec in reversed(predictions)}
    for block, spec in first_of.values():
        first = block.locator("input").first
        first.focus()
        if spec["kind"] == "choice":
            page.keyboard.press("Space")
            page.keyboard.press("ArrowDown")
            assert block.locator("input").nth(1).is_checked()
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.textContent") == "Check"
        else:
            page.keyboard.press("Control+A")
            page.keyboard.type("12345678")
        assert said(block) == ""
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
