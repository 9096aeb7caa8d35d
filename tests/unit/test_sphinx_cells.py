"""Code cells and exercises of a page: what folds, what is veiled, what stands for an output."""

import pytest
from docutils import nodes
from docutils.utils import new_document

from incontext.sphinx import cells, exercises
from incontext.sphinx.html_only import html_only


def cell(*outputs: nodes.Element, source: str | None = "x = 1", tags: tuple[str, ...] = ()):
    made = nodes.container(nb_element="cell_code", classes=["cell", *(f"tag_{t}" for t in tags)])
    if source is not None:
        code = nodes.literal_block(source, source)
        made += nodes.container("", code, nb_element="cell_code_source", classes=["cell_input"])
    if outputs:
        made += nodes.container(
            "", *outputs, nb_element="cell_code_output", classes=["cell_output"]
        )
    return made


def prepared(one: nodes.container) -> nodes.container:
    document = new_document("page")
    document += one
    cells.prepare_cells(None, document, "page")
    return one


def printed(text: str = "1.0") -> nodes.literal_block:
    return nodes.literal_block(text, text)


def live(name: str) -> nodes.raw:
    return nodes.raw("", f'<div data-{name}="x"></div>', format="html")


def buttons(one: nodes.container) -> list[str]:
    return [node["html"] for node in one.findall(html_only)]


def test_what_a_cell_prints_folds_with_its_code():
    one = prepared(cell(printed()))
    assert "foldable" in one["classes"] and "printed" in one[-1]["classes"]
    (button,) = buttons(one)
    assert 'aria-expanded="false"' in button and "Show the code and its output" in button


@pytest.mark.parametrize(
    "shown", [nodes.figure("", nodes.image(uri="a.svg")), live("explorable"), live("prediction")]
)
def test_pictures_and_what_is_live_stay(shown):
    one = prepared(cell(shown, printed()))
    output = one[-1]
    assert "printed" not in output["classes"] and "printed" not in shown.get("classes", [])
    assert "printed" in output[-1]["classes"]


def test_a_cell_without_code_does_not_fold():
    one = prepared(cell(live("prediction"), source=None))
    assert "foldable" not in one["classes"] and not buttons(one)


def test_only_what_is_tagged_is_veiled():
    assert "veil" not in "".join(buttons(prepared(cell(printed()))))
    veiled = prepared(cell(printed(), tags=("veil",)))
    assert veiled[-1][0]["html"] == cells.VEIL


def test_lines_of_code_keep_their_text_and_know_their_indent():
    code = '<span class="k">def</span> f():\n\n    <span class="k">return</span> 1\n'
    made = cells.by_line(code)
    assert made.count('<span class="code-line"') == 3
    assert made.count("--indent:4") == made.count("--indent") == 1
    assert cells.TAG.sub("", made) == cells.TAG.sub("", code)


def test_the_output_of_an_empty_check_says_how_to_run_it():
    document = new_document("page")
    source = "exercises.check_one(x)\nexercises.check_two(y)"
    document += cell(printed("… Not yet: give it your answer"), source=source)
    document += cell(printed("0.5"))
    exercises.say_how_to_run(document, "chapters/scaling.md")
    assert "Not yet" not in document.astext() and "0.5" in document.astext()
    (note,) = buttons(document)
    assert "chapters/scaling.md" in note and note.count("<li>") == 3
    assert "<code>check_one</code> and <code>check_two</code> answer below" in note


def test_the_ids_that_all_exercises_share_go():
    document = new_document("page")
    document += nodes.section(ids=["exercise-content"])
    document += nodes.section(ids=["solution-content"])
    document += nodes.section(ids=["exercises"])
    exercises.drop_shared_ids(document)
    assert [section["ids"] for section in document] == [[], [], ["exercises"]]
