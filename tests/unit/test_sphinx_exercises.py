"""What stands in the page under a cell that keeps the reader's function."""

import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx_exercise.nodes import exercise_node

from incontext.sphinx.exercises import say_how_to_run


def outputs(*parts):
    """What stands below each cell of (source, printed); a None is where an exercise begins."""
    document, below = new_document("chapter"), []
    for part in parts:
        if part is None:
            document += exercise_node()
            continue
        source, printed = part
        below.append(
            nodes.container(
                "", nodes.literal_block(printed, printed), nb_element="cell_code_output"
            )
        )
        document += nodes.container("", nodes.literal_block(source, source), below[-1])
    say_how_to_run(document, "chapter.ipynb")
    return [[one.get("html") or one.astext() for one in output.children] for output in below]


def page(source, printed):
    return outputs((source, printed))[0]


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


def test_an_exercise_says_it_once_and_the_next_one_again():
    unsolved = "… Not yet: my_attend returns nothing"
    one = ("exercises.run_encoder_on(my_attend, text)", unsolved)
    other = ("exercises.run_decoder_on(my_attend, text)", unsolved)
    assert list(map(len, outputs(None, one, other, None, other))) == [1, 0, 1]
