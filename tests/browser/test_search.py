"""The search of the built book finds its terms and its explorables, also from a folder."""

from urllib.parse import unquote

import pytest
import site_under_test as site

RESULTS = """queries => queries.map(query => {
  const parsed = Search._parseQuery(query);
  return Search._performSearch(...parsed).map(([page, , anchor]) => page + anchor);
})"""


@pytest.fixture
def search(visit):
    """search(["analogy", …]) gives the addresses found for each, the last the best."""

    def run(queries: list[str], kind: str = "http") -> list[list[str]]:
        one = visit(kind)
        one.page.goto(f"{one.base}/search.html")
        one.page.wait_for_function("typeof Search !== 'undefined' && Search.hasIndex()")
        return one.page.evaluate(RESULTS, queries)

    return run


def terms() -> dict[str, set[str]]:
    """For each term of the glossary the chapters that link to it."""
    places = {
        node["id"]: node.find(string=True, recursive=False).strip()
        for node in site.soup("chapters/glossary").select("dl.glossary dt[id]")
    }
    used: dict[str, set[str]] = {name: set() for name in places.values()}
    for chapter in site.chapters():
        for link in site.soup(chapter).select('article a[href*="glossary.html#"]'):
            used[places[unquote(link["href"].partition("#")[2])]].add(chapter)
    return used


@pytest.mark.parametrize("kind", ["http", "file"])
def test_analogies_are_found_where_they_are_explained(search, kind):
    queries = ["analogy", "analogies", "Analogy", "tokenizer", "softmax"]
    found = dict(zip(queries, search(queries, kind), strict=True))
    for query in ("analogy", "analogies", "Analogy"):
        assert "chapters/static-embeddings" in found[query], query
    assert all(found.values()), found


def test_every_term_of_the_glossary_finds_a_chapter_that_uses_it(search):
    used = terms()
    assert len(used) > 40
    for (term, chapters), found in zip(used.items(), search(list(used)), strict=True):
        pages = {address.partition("#")[0] for address in found}
        assert "chapters/glossary" in pages, term
        assert not chapters or chapters & pages, f"{term} finds {pages}, and not {chapters}"


def explorables() -> list[tuple[str, str, str]]:
    """(title, page, id) of every explorable."""
    found = []
    for chapter in site.chapters():
        for figure, spec in zip(
            site.soup(chapter).select("figure.explorable"), site.specs(chapter), strict=True
        ):
            found.append((spec["title"], chapter, figure["id"]))
    return found


def test_every_explorable_is_found_by_name(search):
    listed = explorables()
    results = search([title.lower() for title, _, _ in listed])
    for (title, page, anchor), found in zip(listed, results, strict=True):
        assert f"{page}#{anchor}" in found, f"{title}: {found}"


@pytest.mark.parametrize("kind", ["http", "file"])
def test_a_result_leads_to_the_explorable_and_its_marks_can_be_hidden(visit, kind):
    one = visit(kind)
    title, page, anchor = next(e for e in explorables() if e[2] == "explorable-attention-dilution")
    one.page.goto(f"{one.base}/search.html?q={title.lower().replace(' ', '+')}")
    one.page.locator(f"ul.search a[href*='#{anchor}']").first.click()
    one.page.wait_for_url(f"**/{page}.html#{anchor}")
    marks = one.page.locator("span.highlighted")
    marks.first.wait_for(state="attached")
    hide = one.page.get_by_role("link", name="Hide Search Matches")
    glyph = hide.evaluate("node => getComputedStyle(node, '::before').display")
    assert glyph == "none", "the icon is of a font that the book does not have"
    hide.click()
    marks.first.wait_for(state="detached")  # a link of JavaScript runs after the click
