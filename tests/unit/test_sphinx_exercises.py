"""What stands in the page under a cell that keeps the reader's function."""

import pytest
from docutils import nodes
from docutils.utils import new_document

from incontext.sphinx.exercises import say_how_to_run


def page(source, printed):
    document = new_document("chapter")
    cell = nodes.container("", nodes.literal_block(source, source))
    output = nodes.container(
        "", nodes.literal_block(printed, printed), nb_element="cell_code_output"
    )
    document += cell
    cell += output
    say_how_to_run(document, "chapter.ipynb")
    return [one["html"] if "html" in one else one.astext() for one in output.children]


@pytest.mark.parametrize(
    "printed", ["… Not yet: my_softmax returns nothing", "✗ Not kept. A mistake."]
)
def test_a_cell_that_keeps_says_where_the_function_goes(printed):
    (note,) = page("exercises.keep(my_softmax)  # once it is right", printed)
    assert "from my_transformer import softmax" in note and "Not" not in note


def test_an_unsolved_check_says_how_to_run_it():
    (note,) = page("exercises.check_softmax(my_softmax)", "… Not yet: my_softmax returns nothing")
    assert "<code>check_softmax</code> answers below the cell" in note


def test_what_a_solution_prints_stays():
    assert page("exercises.check_softmax(solved)", "✓ Right.") == ["✓ Right."]
