"""The built pages: every link leads somewhere, every picture has words, nothing comes from afar."""

import gzip
import json
import re
from functools import cache
from itertools import pairwise
from urllib.parse import unquote, urlsplit

import pytest
import site_under_test as site
from bs4 import BeautifulSoup

CHAPTERS = site.chapters()

SCRIPT_LIMIT = 60_000  # bytes of explorables' script for one page, gzipped
DATA_LIMIT = 300_000  # bytes of explorables' data for one page, gzipped
PAGE_LIMIT = 700_000  # bytes of the page itself with all in it, gzipped
FRAMES_LIMIT = 1_200_000  # bytes of a page with frames of BertViz and all scripts, gzipped


@cache
def ids(chapter: str) -> set[str]:
    return {node["id"] for node in site.soup(chapter).select("[id]")}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_internal_links_lead_somewhere(chapter):
    page = site.page(chapter)
    checked = 0
    for link in site.soup(chapter).select("a[href]"):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc or link["href"] == "#":
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        assert target.exists(), f"{chapter}: {link['href']} leads nowhere"
        if parts.fragment and target.suffix == ".html":
            name = target.relative_to(site.SITE.resolve()).with_suffix("").as_posix()
            if name in CHAPTERS:
                assert unquote(parts.fragment) in ids(name), f"{chapter}: {link['href']}"
        checked += 1
    assert checked > 5


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_pictures_are_there_and_have_words(chapter):
    for image in site.soup(chapter).select("img"):
        assert image.has_attr("alt"), f"{chapter}: {image.get('src', '')[:80]} has no alt"
        if image.find_parent("article"):
            assert len(image["alt"].strip()) > 15, (
                f"{chapter}: alt {image['alt']!r} says too little"
            )
            assert not image["alt"].startswith(("../", "_build", "/"))
        source = image["src"]
        if not source.startswith("data:"):
            assert (site.page(chapter).parent / unquote(source.split("?")[0])).exists(), source


def test_every_drawn_figure_has_a_dark_twin():
    drawn = 0
    for chapter in CHAPTERS:
        pictures = site.soup(chapter).select("article .cell_output img:not(.explorable-fallback)")
        for light, dark in zip(pictures[::2], pictures[1::2], strict=True):
            assert (light["class"], dark["class"]) == (["figure-light"], ["figure-dark"])
            assert dark["src"] == light["src"].replace(".svg", "-dark.svg")
            assert dark["alt"] == light["alt"]
        drawn += len(pictures) // 2
    assert drawn > 20


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_one_heading_of_the_first_level(chapter):
    assert len(site.soup(chapter).select("h1")) == 1


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_headings_do_not_skip_levels(chapter):
    levels = [int(node.name[1]) for node in site.soup(chapter).select("article :is(h1,h2,h3,h4)")]
    steps = [b - a for a, b in pairwise(levels)]
    assert max(steps, default=0) <= 1


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_nothing_is_loaded_from_elsewhere(chapter):
    page = site.soup(chapter)
    loaded = [
        node.get("src") or node.get("href")
        for node in page.select("script[src], img[src], iframe[src], source[src], video[src]")
        + page.select('link[rel~="stylesheet"], link[rel~="preload"], link[rel~="icon"]')
    ]
    away = [url for url in loaded if urlsplit(url).netloc]
    assert not away, f"{chapter} loads {away}"
    assert not page.select('script[type*="widget-state"]')
    for word in ("require.js", "thebe", "mathjax", "html-manager"):
        assert not any(word in (url or "").lower() for url in loaded), word


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_equations_are_mathml(chapter):
    article = site.soup(chapter).find("article")
    text = article.get_text()
    assert "\\(" not in text and "\\frac" not in text and "$$" not in text
    source = (site.ROOT / f"{chapter}.md").read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", source, flags=re.DOTALL)
    if re.search(r"\$[^$]+\$", prose):
        assert article.select("math")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_scripts_are_loaded_only_where_used_and_keep_to_their_weight(chapter):
    page, specs, predictions = site.soup(chapter), site.specs(chapter), site.predictions(chapter)
    links = {
        f"{name}.{kind}": len(page.select(f'{selector}*="explorables/{name}.{kind}"]'))
        for name, kind, selector in (
            ("host", "js", "script[src"),
            ("theme", "css", "link[href"),
            ("prediction", "css", "link[href"),
        )
    }
    assert links == {
        "host.js": int(bool(specs or predictions)),
        "theme.css": int(bool(specs)),
        "prediction.css": int(bool(predictions)),
    }
    folder = site.SITE / "_static" / "explorables"
    names = {spec["name"] for spec in specs} | ({"core"} if specs else set())
    names |= {"prediction"} if predictions else set()
    scripts = [folder / f"{name}.js" for name in ["host", *sorted(names)] if names]
    script = sum(len(gzip.compress(file.read_bytes())) for file in scripts)
    data = sum(len(gzip.compress(json.dumps(spec).encode())) for spec in [*specs, *predictions])
    whole = len(gzip.compress(site.page(chapter).read_bytes()))
    print(f"{chapter}: script {script:,} B, data {data:,} B, page {whole:,} B, gzipped")
    assert script < SCRIPT_LIMIT and data < DATA_LIMIT and whole < PAGE_LIMIT


def test_frames_of_bertviz_share_their_libraries_and_the_page_keeps_to_its_weight():
    found = {chapter: site.soup(chapter).select("figure.bertviz iframe") for chapter in CHAPTERS}
    found = {chapter: frames for chapter, frames in found.items() if frames}
    assert list(found) == ["chapters/reading-attention"]
    libraries = sorted((site.SITE / "_static" / "bertviz").glob("*.js"))
    assert [file.name for file in libraries] == ["d3.js", "jquery.js"]
    for chapter, frames in found.items():
        assert len(frames) == 4
        for frame in frames:
            inner = BeautifulSoup(frame["srcdoc"], "html.parser")
            sources = [script["src"] for script in inner.select("script[src]")]
            assert sources == [f"../_static/bertviz/{file.name}" for file in libraries]
            assert frame["title"] and frame.find_parent("figure").select("details table tbody tr")
        scripts = [*libraries, *(site.SITE / "_static" / "explorables").glob("*.js")]
        weight = sum(
            len(gzip.compress(file.read_bytes())) for file in (site.page(chapter), *scripts)
        )
        print(f"{chapter}: {weight:,} B with d3, jQuery and every explorable's script, gzipped")
        assert weight < FRAMES_LIMIT


def test_every_explorable_is_in_the_book():
    from incontext import explorables

    shown = {spec["name"] for chapter in CHAPTERS for spec in site.specs(chapter)}
    assert shown == {getattr(explorables, name).name for name in explorables.__all__}


def test_explorables_are_numbered_by_chapter_and_listed_where_they_stand():
    wanted = []
    for chapter in CHAPTERS:
        heading = site.soup(chapter).select_one("h1 .section-number")
        for i, figure in enumerate(site.soup(chapter).select("figure.explorable"), start=1):
            spec = json.loads(figure.select_one("script.explorable-state").text)
            number = f"Explorable {heading.text.strip()}{i} · " if heading else ""
            title = f"{number}{spec['title']}"
            assert figure.select_one(".explorable-title").text == figure["aria-label"] == title
            wanted.append((f"{chapter.split('/')[-1]}.html#{figure['id']}", title))
    cards = site.soup("chapters/explorables").select(".explorable-card")
    assert [(card.a["href"], card.a.text) for card in cards] == wanted
    assert len({place for place, _ in wanted}) == len(wanted) > 11


def test_first_page_has_something_to_move():
    assert site.specs(CHAPTERS[0])


REFERENCE = {"notation", "glossary", "bibliography", "explorables"}


@pytest.mark.parametrize("chapter", CHAPTERS[1:])
def test_every_chapter_asks_and_sets_exercises(chapter):
    if chapter.split("/")[-1] in REFERENCE:
        return
    page = site.soup(chapter)
    assert len(site.predictions(chapter)) >= 3
    assert 3 <= len(page.select("div.exercise")) <= 5
    assert len(page.select("details.solution")) == len(page.select("div.exercise"))
