"""The built pages as readers meet them: ids, names, exercises, veils."""

import re
from collections import Counter

import pytest
import site_under_test as site

CHAPTERS = site.chapters()
PAGES = [*CHAPTERS, "search", "genindex"]


@pytest.mark.parametrize("page", PAGES)
def test_every_id_is_there_once(page):
    ids = Counter(node["id"] for node in site.soup(page).select("[id]"))
    assert not [name for name, times in ids.items() if times > 1]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_unfolds_is_named_as_it_reads(chapter):
    summaries = site.soup(chapter).select("article summary")
    for summary in summaries:
        assert not summary.has_attr("aria-label"), summary
        assert summary.get_text().strip()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_an_exercise_says_where_and_how_to_run_it(chapter):
    page = site.soup(chapter)
    assert "Not yet" not in page.find("article").get_text()
    notes = page.select(".how-to-run")
    assert len(notes) == len(page.select("div.exercise"))
    for note in notes:
        where, how, check = (" ".join(line.get_text().split()) for line in note.select("li"))
        assert "make lab" in where and f"{chapter.rpartition('/')[2]}.ipynb" in where
        assert "Shift + Enter" in how
        assert re.match(r"(check|run)_\w+ (and check_\w+ answer|answers) below the cell", check)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_cell_that_keeps_an_answer_says_where_it_goes_and_nothing_of_the_answer(chapter):
    page = site.soup(chapter)
    cells = [c for c in page.select(".cell") if "exercises.keep(my_" in c.get_text()]
    for cell in cells:
        note = " ".join(cell.select_one(".cell_output").get_text().split())
        assert re.fullmatch(
            r"In your own notebook, this line writes your function into my_transformer.py once it"
            r" is right, and later chapters can use it: from my_transformer import \w+\.",
            note,
        )


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_veil_follows_its_prediction_in_the_same_section(chapter):
    for cell in site.soup(chapter).select(".cell.tag_veil"):
        (output,) = cell.select(":scope > .cell_output")
        assert output.select(":scope > .veil > button")
        prediction = cell.find_previous(attrs={"data-prediction": True})
        assert prediction, "a veil without a prediction"
        assert prediction.find_parent("section") == cell.find_parent("section")


def test_titles_show_no_underscore():
    for chapter in CHAPTERS:
        page = site.soup(chapter)
        headings = page.select("title, h1, h2, h3, .bd-links a, .page-toc a")
        assert not [one.get_text() for one in headings if "_" in one.get_text()], chapter
