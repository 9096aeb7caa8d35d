"""Writing with the small model on a bare page: by typing, by tapping, by keyboard alone."""

import pytest
from explorable_page import SET, check_with_axe, inputs, put, seen, settle, state, table

from incontext import explorables
from incontext.explorables.base import STATIC

STYLE = "body { margin: 0 auto; padding: 12px; max-width: 760px; font-family: sans-serif }"
WRITTEN = """figure => ['span.ic-written', 'button.ic-written'].map(kind =>
  [...figure.querySelectorAll(kind)].map(one => one.firstChild.textContent))"""


@pytest.fixture(scope="module")
def twin():
    return explorables.Sampling()


@pytest.fixture
def opened(browser, tmp_path, twin):
    """opened(width=…) gives the figure on a page of its own, without a network."""
    contexts, complaints = [], []
    for name, value in twin.spec["initial"].items():
        setattr(twin, name, value)

    def start(width: int = 1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_offline(True)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        file = tmp_path / "page.html"
        file.write_text(
            "<!doctype html><html lang=en><meta charset=utf-8><title>A model that writes</title>"
            "<meta name=viewport content='width=device-width'>"
            f"<style>{STYLE}{(STATIC / 'theme.css').read_text(encoding='utf-8')}</style>"
            f"<main><h1>Writing</h1>{twin.to_html()}<p id=below>below</p></main>"
            f"<script src='{(STATIC / 'host.js').as_uri()}'></script>",
            encoding="utf-8",
        )
        page.goto(file.as_uri())
        page.wait_for_selector("figure[data-ready]")
        return page.locator("figure.explorable")

    yield start
    for context in contexts:
        context.close()
    assert not complaints


def press(figure, name: str) -> None:
    figure.get_by_role("button", name=name, exact=True).click()
    settle(figure)


def type_in(figure, text: str) -> None:
    figure.get_by_label("Beginning").fill(text)
    settle(figure)


def given_and_drawn(figure) -> tuple[list[str], list[str]]:
    return tuple(figure.evaluate(WRITTEN))


def follow(figure, twin) -> None:
    """The page's table is the Python object's, at the page's state."""
    values = state(figure, twin.spec)
    for _ in range(2):
        for name, value in values.items():
            setattr(twin, name, value)
    given, drawn = given_and_drawn(figure)
    assert tuple(given + drawn) == twin.written().words
    found, wanted = table(figure), twin.numbers()
    assert found["columns"] == wanted.columns
    for row, expected in zip(found["rows"], wanted.rows, strict=True):
        assert row == [
            cell if isinstance(cell, str) else pytest.approx(cell, abs=1e-9) for cell in expected
        ]


def test_a_text_is_written_word_by_word_and_to_its_end(opened, twin):
    figure = opened()
    given, drawn = given_and_drawn(figure)
    assert " ".join(given) == twin.beginning and not drawn
    press(figure, "Next word")
    _, first = given_and_drawn(figure)
    assert len(first) == 1
    follow(figure, twin)
    press(figure, "Write on")
    now_given, drawn = given_and_drawn(figure)
    assert now_given == given and drawn[:1] == first and drawn[-1] == "."
    assert "the sentence is finished" in seen(figure)
    follow(figure, twin)
    press(figure, "Undo")
    assert given_and_drawn(figure) == (given, drawn[:-1])
    for _ in drawn:
        press(figure, "Undo")
    assert given_and_drawn(figure) == (given[:-1], []), "then the last word of the beginning"
    follow(figure, twin)
    press(figure, "Reset")
    assert given_and_drawn(figure) == (given, [])


def test_another_seed_writes_another_text_and_the_same_seed_the_same(opened, twin):
    figure = opened()
    type_in(figure, "the")
    texts = []
    for _ in range(4):
        press(figure, "Another")
        texts.append(given_and_drawn(figure))
        follow(figure, twin)
    assert len({str(one) for one in texts}) == 4
    [seed] = [one for one in twin.spec["controls"] if one["trait"] == "seed"]
    put(figure, seed, 2)
    assert given_and_drawn(figure) == texts[0]


def test_the_text_follows_temperature(opened, twin):
    figure = opened()
    type_in(figure, "the")
    press(figure, "Write on")
    [temperature] = [one for one in twin.spec["controls"] if one["trait"] == "temperature"]
    texts = set()
    for value in (0.1, 1.0, 3.0):
        put(figure, temperature, value)
        texts.add(str(given_and_drawn(figure)))
        follow(figure, twin)
    assert len(texts) > 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("the cat ate the pizza", "“ate”, “pizza” are not words that the model knows"),
        ("the cat ca", "“ca” is no word that the model knows (cash, cat?). It reads “the cat”."),
        ("the cat saw the dog . the", "ends with the full stop, so “the” is not read"),
        ("the " * 25, "The model has 24 positions"),
        ("pizza", "There is nothing to read yet"),
        ("", "There is nothing to read yet"),
    ],
)
def test_what_cannot_be_read_is_named_and_nothing_is_lost(opened, twin, text, says):
    figure = opened()
    type_in(figure, text)
    assert says in seen(figure)
    assert figure.get_by_label("Beginning").input_value() == text
    follow(figure, twin)


def test_typing_in_the_middle_keeps_the_caret(opened):
    figure = opened()
    field = figure.get_by_label("Beginning")
    type_in(figure, "the saw the dog")
    field.evaluate("node => node.setSelectionRange(4, 4)")
    field.press_sequentially("cat ", delay=30)
    settle(figure)
    assert field.input_value() == "the cat saw the dog"
    assert field.evaluate("node => node.selectionStart") == 8


def test_on_a_phone_a_sentence_is_written_by_tapping_words(opened, twin):
    figure = opened(width=390, has_touch=True, is_mobile=True)
    type_in(figure, "")
    figure.get_by_role("button", name="anna", exact=True).tap()
    words = figure.get_by_role("toolbar", name="Likeliest words")
    for _ in range(20):
        settle(figure)
        words.get_by_role("button").first.tap()
        settle(figure)
        if given_and_drawn(figure)[0][-1] == ".":
            break
    assert "It is a sentence of the grammar" in seen(figure)
    assert all(box["height"] >= 32 for box in map_boxes(words.get_by_role("button")))
    follow(figure, twin)


def map_boxes(buttons) -> list[dict]:
    return [one.bounding_box() for one in buttons.all()]


def test_a_chosen_word_takes_the_place_of_one_that_cannot_be_read(opened):
    figure = opened()
    field = figure.get_by_label("Beginning")
    for typed, chosen, left in [
        ("the cat ate the dog", "saw", "the cat saw the dog "),
        ("the cat cha", "chased", "the cat chased "),
        ("the cat", "did", "the cat did "),
    ]:
        type_in(figure, typed)
        words = figure.get_by_role("toolbar", name="Likeliest words")
        words.get_by_role("button", name=chosen).click()
        settle(figure)
        assert field.input_value() == left
    press(figure, "Next word")
    words.get_by_role("button").first.click()
    settle(figure)
    given, drawn = given_and_drawn(figure)
    assert len(given) == 5 and not drawn, "what was drawn is kept with the chosen word"


def test_a_drawn_word_leads_back_to_its_draw_and_on_again(opened, twin):
    figure = opened()
    type_in(figure, "the")
    press(figure, "Write on")
    whole = given_and_drawn(figure)
    figure.locator("button.ic-written").nth(3).click()
    settle(figure)
    assert given_and_drawn(figure)[1] == whole[1][:3]
    assert f"after “{whole[1][2]}”" in seen(figure)
    follow(figure, twin)
    press(figure, "Write on")
    assert given_and_drawn(figure) == whole


def test_by_keyboard_alone_and_the_focus_stays(opened):
    figure = opened()
    keyboard = figure.page.keyboard
    for name, drawn in [("Next word", 1), ("Write on", 5), ("Undo", 4)]:
        button = figure.get_by_role("button", name=name, exact=True)
        button.focus()
        keyboard.press("Enter")
        settle(figure)
        assert len(given_and_drawn(figure)[1]) == drawn
        assert button.evaluate("node => node === document.activeElement"), name
    figure.get_by_role("toolbar", name="Likeliest words").get_by_role("button").first.focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        keyboard.press(key)
    settle(figure)
    given, drawn = given_and_drawn(figure)
    assert len(given) == 16 and not drawn


@pytest.mark.parametrize("width", [360, 1280])
def test_a_slider_on_its_way_does_not_move_the_picture(opened, twin, width):
    """With a text written to its end, which changes at every step."""
    figure = opened(width=width)
    for beginning in ("the", "the cat did not cross the road because it was too", "anna took"):
        type_in(figure, beginning)
        press(figure, "Write on")
        figure.page.wait_for_timeout(300)
        for slider in figure.locator("input[type=range]").all():
            if slider.get_attribute("data-trait") == "n_new":
                continue
            least, most = (float(slider.get_attribute(end)) for end in ("min", "max"))
            step = float(slider.get_attribute("step"))
            start, tops = slider.input_value(), set()
            for i in range(13):
                position = least + step * round(i / 12 * (most - least) / step)
                slider.evaluate(SET, position)
                settle(figure)
                tops.add(figure.locator(".ic-picture").bounding_box()["y"])
            assert max(tops) - min(tops) <= 0.5, slider.get_attribute("data-trait")
            slider.evaluate(SET, start)
            settle(figure)
    wide = figure.locator(".ic-picture").evaluate("node => node.scrollWidth - node.clientWidth")
    over = figure.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 1 and over <= 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(opened, theme):
    figure = opened()
    figure.page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    figure.locator("summary").evaluate_all("all => all.forEach(one => one.click())")
    check_with_axe(figure.page)
    inputs(figure, "top_k").evaluate(SET, 1)
    press(figure, "Write on")
    check_with_axe(figure.page)
    for text in ("the cat ate", ""):
        type_in(figure, text)
        check_with_axe(figure.page)
