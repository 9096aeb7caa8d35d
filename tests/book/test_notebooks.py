"""The chapters as notebooks: they survive the round trip, keep their cells short, assert."""

import re

import jupytext
import nbformat
import pytest
import site_under_test as site

NOTEBOOKS = [
    chapter
    for chapter in site.chapters()
    if "kernelspec" in (site.ROOT / f"{chapter}.md").read_text(encoding="utf-8")[:400]
]
CONCEPTS = [chapter for chapter in NOTEBOOKS if not chapter.endswith("index")]


def read(chapter: str):
    return jupytext.read(site.ROOT / f"{chapter}.md")


def code_cells(chapter: str) -> list:
    return [cell for cell in read(chapter).cells if cell.cell_type == "code"]


def tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


@pytest.mark.parametrize("chapter", NOTEBOOKS)
def test_round_trip_keeps_every_cell(chapter):
    first = read(chapter)
    through = jupytext.reads(jupytext.writes(first, fmt="ipynb"), fmt="ipynb")
    again = jupytext.reads(jupytext.writes(through, fmt="md:myst"), fmt="md:myst")
    assert [(c.cell_type, c.source, dict(c.metadata)) for c in first.cells] == [
        (c.cell_type, c.source, dict(c.metadata)) for c in again.cells
    ]


@pytest.mark.parametrize("chapter", NOTEBOOKS)
def test_cells_are_short_enough_to_read(chapter):
    for cell in code_cells(chapter):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 15, f"{len(lines)} lines: {cell.source[:80]}"
        folded = {"hide-input", "remove-input", "remove-cell"} & set(tags(cell))
        assert all(len(line) <= (100 if folded else 88) for line in lines), max(lines, key=len)


# What is no prose: code, formulas, roles, links.
VERBATIM = re.compile(
    r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$]*\$|\{[a-z:]+\}`[^`]*`|https?://\S+", re.DOTALL
)
DECIMAL = re.compile(r"(?<![\w.,])\d+\.(\d+)(?![\w.]*\d)(%?)")
QUOTED = {"22.7"}  # million parameters, as the encoder's own page states them


def asserted(chapter: str) -> set[float]:
    """The numbers in the cells that assert."""
    cells = [cell.source for cell in code_cells(chapter)]
    source = "\n".join(cell for cell in cells if re.search(r"^\s*assert |assert_", cell, re.M))
    return {float(number) for number in re.findall(r"(?<![\w.])\d[\d_]*(?:\.\d+)?", source)}


def is_asserted(shown: re.Match, numbers: set[float]) -> bool:
    """Rounded as shown; a percentage also as a share, a small number in thousandths or from 1."""
    value, digits = float(shown[0].rstrip("%")), len(shown[1])
    ways = [lambda number: number]
    if shown[2]:
        ways.append(lambda number: 100 * number)
    elif digits > 2:
        ways += [lambda number: number / 1000, lambda number: 1 - number]
    return any(round(way(number), digits) == value for number in numbers for way in ways)


@pytest.mark.parametrize("chapter", NOTEBOOKS)
def test_decimals_in_the_prose_are_asserted(chapter):
    numbers = asserted(chapter)
    for cell in read(chapter).cells:
        if cell.cell_type != "markdown":
            continue
        prose = VERBATIM.sub(" ", cell.source)
        for shown in DECIMAL.finditer(prose):
            if shown[0] not in QUOTED:
                around = prose[max(0, shown.start() - 60) : shown.end() + 20]
                assert is_asserted(shown, numbers), f"{shown[0]} in “{around}”"


@pytest.mark.parametrize("chapter", CONCEPTS)
def test_ends_with_a_slider_for_your_own_notebook(chapter):
    cells = [cell for cell in code_cells(chapter) if "interact" in cell.source]
    assert cells, "no cell builds the chapter's slider with ipywidgets"
    for cell in cells:
        assert "remove-output" in tags(cell), "a dead slider would be shown"


@pytest.mark.parametrize("chapter", NOTEBOOKS)
def test_was_executed_without_error_and_says_what_its_pictures_show(chapter):
    executed = nbformat.read(site.EXECUTED / f"{chapter}.ipynb", as_version=4)
    cells = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells] == [cell.source for cell in code_cells(chapter)]
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text[:300]
            if "image/svg+xml" in output.get("data", {}) and "remove-output" not in tags(cell):
                settings = cell.metadata.get("mystnb", {})
                assert settings.get("image", {}).get("alt"), f"no alt text: {cell.source[:80]}"
                assert settings.get("figure", {}).get("caption"), f"no caption: {cell.source[:80]}"


def test_no_outputs_in_git():
    assert not list((site.ROOT / "chapters").glob("*.ipynb"))
