"""The learner's edition: no tests, no answers, solutions apart, a place for code."""

import json

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from incontext.sphinx.learner import _given, learners_edition, names
from incontext.sphinx.plain import Book, NoPlainForm

BOOK = Book(pages={"scaling": "Scaling"}, numbers={"ex-double": "6.1", "fig-spread": "6.2"})


def code(source, *tags, outputs=(), **metadata):
    return new_code_cell(source, metadata={"tags": list(tags), **metadata}, outputs=list(outputs))


def prediction(question, answer="<strong>8.</strong>"):
    spec = {"kind": "number", "question": question, "answer": answer, "value": 8}
    html = (
        f'<div><script type="application/json" class="prediction-state">{json.dumps(spec)}</script>'
    )
    output = new_output("display_data", {"text/html": html})
    return code("predict.number('?', answer=secret)", "remove-input", outputs=[output])


EXERCISE = """\
## Exercises

```{exercise} Double
:label: ex-double

Write `double`.
```

:::{dropdown} Hint
Twice.
:::"""
STUB = """\
from incontext import exercises

data = [4]


def double(x):
    ...  # your code


exercises.check(double)"""
SOLUTION = [
    new_markdown_cell("```{solution-start} ex-double\n:class: dropdown\n```\n\nBecause."),
    code("def solved(x):\n    return factor * x + 0 * len(data)\n\n\nexercises.check(solved)"),
    new_markdown_cell("So it is.\n\n```{solution-end}\n```\n\n## After"),
]


def edition(*cells):
    return learners_edition("scaling", new_notebook(cells=list(cells)), BOOK, "first = True")


def sources(notebook):
    return [cell.source for cell in notebook.cells]


def test_starts_with_the_cell_that_installs():
    made = edition(new_markdown_cell("# Scaling"), code("x = 1"))
    assert sources(made.notebook) == ["first = True", "# Scaling", "x = 1"]


def test_a_page_without_code_needs_no_such_cell():
    assert sources(edition(new_markdown_cell("# Scaling")).notebook) == ["# Scaling"]


def test_cells_that_test_the_book_are_gone():
    made = edition(code("x = 1"), code("assert x == 1", "remove-cell"))
    assert sources(made.notebook)[1:] == ["x = 1"]


def test_cells_that_only_draw_stay_folded():
    made = edition(code("plot(x)", "hide-input"), code("x"))
    assert [c.metadata.get("jupyter") for c in made.notebook.cells[1:]] == [
        {"source_hidden": True},
        None,
    ]


def test_no_cell_has_outputs():
    ran = code("1 + 1", outputs=[new_output("stream", text="2")])
    assert edition(ran).notebook.cells[1].outputs == []


def test_what_the_tests_expect_has_the_outputs_and_tags_of_the_book():
    ran = code("1 + 1", "nbval-ignore-output", outputs=[new_output("stream", text="2")])
    ran.execution_count = 3
    made = edition(ran, prediction("Why?"))
    assert sources(made.expected) == sources(made.notebook)
    assert made.expected.cells[1].execution_count == 3
    assert made.notebook.cells[1].execution_count is None
    _, plain, asked = made.expected.cells
    assert plain.outputs[0].text == "2" and plain.metadata["tags"] == ["nbval-ignore-output"]
    assert "prediction-state" in asked.outputs[0].data["text/html"]
    assert not any("tags" in cell.metadata for cell in made.notebook.cells)


def test_a_prediction_is_loaded_by_name_and_its_answer_stands_beside():
    asked = "How far from zero will <em>you</em> be, <math><mi>x</mi></math>, at night?"
    made = edition(prediction(asked), prediction("And then?"))
    assert sources(made.notebook)[1:] == [
        'from incontext import predict\n\npredict.load("scaling", "how-far-from-zero-will-you")',
        'predict.load("scaling", "and-then")',
    ]
    assert [spec["question"] for spec in made.predictions.values()] == [asked, "And then?"]
    assert "secret" not in str(made.notebook) and "8" not in sources(made.notebook)[1]


def test_every_prediction_of_one_cell_is_shown():
    both = prediction("Map A?")
    both.outputs += prediction("Map B?").outputs
    assert sources(edition(both).notebook)[1:] == [
        "from incontext import predict\n\n"
        'display(predict.load("scaling", "map-a"))\n'
        'display(predict.load("scaling", "map-b"))'
    ]


def test_a_prediction_whose_answer_is_not_known_is_refused():
    with pytest.raises(NoPlainForm, match="not executed"):
        edition(code("predict.number('?', answer=secret)", "remove-input"))


def test_two_questions_that_begin_alike_have_two_names():
    made = edition(prediction("Is it so?", "yes"), prediction("Is it so?", "no"))
    assert list(made.predictions) == ["is-it-so", "is-it-so-2"]
    assert [spec["answer"] for spec in made.predictions.values()] == ["yes", "no"]


def test_solutions_stand_in_the_second_notebook_and_run_by_themselves():
    made = edition(
        code("factor = 2\nunused = 3"),
        code("other = 5"),
        new_markdown_cell(EXERCISE),
        code(STUB),
        *SOLUTION,
    )
    learner = "\n".join(sources(made.notebook))
    assert "solved" not in learner and "Because" not in learner and "So it is" not in learner
    assert "[Solution](scaling-solutions.ipynb#Exercise-6.1%3A-Double)" in learner
    assert "## After" in learner
    assert learner.index("Write `double`") < learner.index("Twice.") < learner.index("[Solution]")

    first, title, *rest = sources(made.solutions)
    assert first == "first = True" and title.startswith("# Solutions: Scaling")
    assert "(scaling.ipynb)" in title
    assert rest[:2] == ["factor = 2\nunused = 3", "from incontext import exercises\ndata = [4]"]
    task, solution, after = rest[2:]
    assert "## Exercise 6.1: Double" in task and "Write `double`." in task and "Because." in task
    assert solution.startswith("def solved") and after == "So it is."
    shown = {"data": [4], "exercises": type("E", (), {"check": staticmethod(print)})}
    exec("\n".join(c for c in rest if c.startswith(("factor", "data", "def"))), shown)
    assert shown["solved"](4) == 8


def test_an_exercise_has_a_place_for_code():
    with_stub = edition(new_markdown_cell(EXERCISE), code(STUB), *SOLUTION)
    assert sources(with_stub.notebook)[2:] == [STUB, "## After"]
    without = edition(new_markdown_cell(EXERCISE), *SOLUTION)
    assert sources(without.notebook)[2:] == ["# your code", "## After"]


def test_a_drawn_figure_has_its_caption_below():
    figure = {"figure": {"caption": "Weights. *Exact*.", "name": "fig-spread"}}
    made = edition(code("plot()", "hide-input", mystnb=figure))
    assert sources(made.notebook)[1:] == ["plot()", "**Fig. 6.2** Weights. *Exact*."]


def test_the_same_chapter_gives_the_same_notebook():
    cells = [new_markdown_cell("# Scaling"), code("x = 1"), prediction("Why?")]
    assert edition(*cells).notebook == edition(*cells).notebook


@pytest.mark.parametrize(
    ("source", "made", "used"),
    [
        ("x = y + 1", {"x"}, {"y"}),
        ("import numpy as np\nnp.ones(n)", {"np"}, {"np", "n"}),
        ("def f(a):\n    b = a\n    return b + c", {"f"}, {"c"}),
        ("z = [i for i in rows if i > low]", {"z"}, {"rows", "low"}),
        ("class A(B):\n    def go(self):\n        return helper", {"A"}, {"B", "helper"}),
        ("x += 1", {"x"}, set()),
        ("for one in many:\n    print(one)", {"one"}, {"one", "many", "print"}),
    ],
)
def test_names_that_a_cell_makes_and_uses(source, made, used):
    found_made, found_used = names(source)
    assert found_made == made and used <= found_used <= used | made


@pytest.mark.parametrize(
    ("place", "given"),
    [
        ("import a\n\nmine = ...\n\ncheck(mine)", "import a"),
        ("data = x[..., 0]\ncheck(...)", "data = x[..., 0]"),
        ("def mine(x):\n    ...  # your code\n\n\ncheck(mine)", ""),
    ],
)
def test_what_is_given_with_an_exercise(place, given):
    assert _given(place) == given
