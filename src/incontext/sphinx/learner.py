"""The learner's edition of a chapter, made from the chapter as the book executed it.

Cells that test the book go. A prediction becomes one line that loads it by name; its question and
its computed answer go to a file beside the notebook, since neither Colab nor VS Code hides the
source of a cell. Solutions go to a second notebook, with the cells of the chapter that they build
on. An exercise has a place for code, the prose is plain Markdown, and there are no outputs.

Predictions are taken from the executed book, and not run again in the reader's notebook: there the
answer would depend on what the reader has changed, and on cells that have gone.
"""

import ast
import json
import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from incontext.source import names

from .plain import (
    Book,
    Directive,
    NoPlainForm,
    anchor,
    block_in_plain,
    blocks,
    exercise_title,
    plain,
)

STATE = re.compile(r'<script type="application/json" class="prediction-state">(.*?)</script>', re.S)
ASKS = re.compile(r"\bpredict\.(number|choice)\(")
FORMULA = re.compile(r"<math.*?</math>", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
LONGEST_NAME = 6  # words of a question
YOUR_CODE = "# your code"


@dataclass
class Edition:
    """What a chapter becomes.

    notebook: for the learner.
    solutions: the second notebook, None where the chapter has no exercises.
    predictions: questions with their answers, by the name under which the notebook loads them.
    expected: the notebook with the outputs of the book, and the tags, for the tests to run again.
    """

    notebook: NotebookNode
    expected: NotebookNode
    solutions: NotebookNode | None
    predictions: dict[str, dict] = field(default_factory=dict)


def learners_edition(page: str, executed: NotebookNode, book: Book, first_cell: str) -> Edition:
    """The edition of one page.

    Args:
        page: its file name without extension.
        executed: the page as the book executed it, or as it is read where nothing is executed.
        book: what the pages say of each other.
        first_cell: the code that installs what a notebook needs.
    """
    made = _Chapter(page, book, has_code=any(c.cell_type == "code" for c in executed.cells))
    if made.has_code:
        made.learner.append(_folded(first_cell))
    for cell in executed.cells:
        made.add_code(cell) if cell.cell_type == "code" else made.add_prose(cell.source)
    solutions = made.solutions and [
        _folded(first_cell),
        new_markdown_cell(
            f"# Solutions: {book.pages[page]}\n\nTo the exercises of"
            f" [{book.pages[page]}]({page}.ipynb). The first cells repeat what they need of the"
            " chapter."
        ),
        *_needed(made.shown, [c for c in made.solutions if c.cell_type == "code"]),
        *made.solutions,
    ]
    return Edition(
        notebook=_notebook(map(_bare, made.learner)),
        expected=_notebook(made.learner),
        solutions=_notebook(map(_bare, solutions)) if solutions else None,
        predictions=made.predictions,
    )


class _Chapter:
    """Deals the cells of a chapter out to its two notebooks."""

    def __init__(self, page: str, book: Book, has_code: bool):
        self.page, self.book, self.has_code = page, book, has_code
        self.learner: list[NotebookNode] = []
        self.solutions: list[NotebookNode] = []
        self.shown: list[NotebookNode] = []  # the chapter's own code
        self.predictions: dict[str, dict] = {}
        self.exercises: dict[str, Directive] = {}
        self.solving = False
        self.place_for_code = True

    def add_prose(self, source: str) -> None:
        pieces = {True: [], False: []}  # in a solution or not
        way = ""
        for block in blocks(source):
            name = block.name if isinstance(block, Directive) else ""
            if name == "solution-start":
                if not self.place_for_code:
                    pieces[False].append(way)
                    self._write(pieces, self.learner, False)
                    self.learner.append(new_code_cell(YOUR_CODE))
                    way = ""
                self.solving = self.place_for_code = True
                pieces[True].append(self._task(self.exercises[block.argument]))
            elif name == "solution-end":
                self.solving = False
            elif name == "exercise":
                self.exercises[block.options["label"]] = block
                self.place_for_code = False
                pieces[False].append(block_in_plain(block, self.book))
                way = self._way_to_solution(block)
            elif name:
                pieces[self.solving].append(block_in_plain(block, self.book))
            else:
                pieces[self.solving].append(plain(block, self.book))
        pieces[False].append(way)
        self._write(pieces, self.solutions, True)
        self._write(pieces, self.learner, False)

    def _write(self, pieces: dict[bool, list[str]], cells: list, solving: bool) -> None:
        text = "\n\n".join(piece for piece in pieces[solving] if piece)
        pieces[solving] = []
        if text:
            cells.append(new_markdown_cell(text))

    def _task(self, exercise: Directive) -> str:
        """The exercise, said again above its solution."""
        task = plain(exercise.body, self.book)
        return f"## {exercise_title(exercise, self.book)}\n\n{task}\n\n**Solution**"

    def _way_to_solution(self, exercise: Directive) -> str:
        place = anchor(exercise_title(exercise, self.book))
        return f"[Solution]({self.page}-solutions.ipynb{place})"

    def add_code(self, cell: NotebookNode) -> None:
        tags = cell.metadata.get("tags", [])
        asked = predictions_in(cell)
        if asked:
            self._add_predictions(asked, cell)
        elif ASKS.search(cell.source):
            raise NoPlainForm(f"a prediction that was not executed: {cell.source[:60]!r}")
        elif "remove-cell" in tags:
            return
        elif self.solving:
            self.solutions.append(new_code_cell(cell.source))
        else:
            shown = _like(cell, cell.source)
            if {"hide-input", "remove-input"} & set(tags):
                shown.metadata["jupyter"] = {"source_hidden": True}
            self.learner.append(shown)
            self._add_caption(cell.metadata.get("mystnb", {}).get("figure", {}))
            is_place = not self.place_for_code
            self.shown.append(new_code_cell(_given(cell.source)) if is_place else shown)
            self.place_for_code = True

    def _add_predictions(self, asked: list[dict], cell: NotebookNode) -> None:
        lines = [] if self.predictions else ["from incontext import predict", ""]
        for spec in asked:
            name = _free_name(spec["question"], self.predictions)
            self.predictions[name] = spec
            load = f'predict.load("{self.page}", "{name}")'
            lines.append(load if len(asked) == 1 else f"display({load})")
        self.learner.append(_like(cell, "\n".join(lines)))

    def _add_caption(self, figure: dict) -> None:
        if "caption" in figure:
            number = self.book.numbers.get(figure.get("name", ""))
            start = f"**Fig. {number}** " if number else ""
            self.learner.append(new_markdown_cell(start + plain(figure["caption"], self.book)))


def _like(cell: NotebookNode, source: str) -> NotebookNode:
    """A cell with this source, and the outputs and tags of `cell`."""
    return new_code_cell(
        source,
        metadata={"tags": cell.metadata.get("tags", [])},
        outputs=deepcopy(cell.outputs),
        execution_count=cell.execution_count,  # nbval compares only what has been run
    )


def _folded(source: str) -> NotebookNode:
    return new_code_cell(source, metadata={"jupyter": {"source_hidden": True}})


def _bare(cell: NotebookNode) -> NotebookNode:
    """The cell without outputs and tags."""
    if cell.cell_type == "markdown":
        return new_markdown_cell(cell.source)
    folded = {key: value for key, value in cell.metadata.items() if key == "jupyter"}
    return new_code_cell(cell.source, metadata=folded)


def predictions_in(cell: NotebookNode) -> list[dict]:
    """The predictions that a cell shows, as the book's page has them."""
    shown = (output.get("data", {}).get("text/html", "") for output in cell.get("outputs", []))
    return [json.loads(state) for html in shown for state in STATE.findall(html)]


def _free_name(question: str, taken: dict) -> str:
    """The first words of a question. It is the same in every build, and new for a new question."""
    words = re.findall(r"[a-z0-9]+", TAG.sub("", FORMULA.sub(" ", question)).lower())
    name = "-".join(words[:LONGEST_NAME])
    count = 1
    while (numbered := name if count == 1 else f"{name}-{count}") in taken:
        count += 1
    return numbered


def _needed(shown: list[NotebookNode], wanting: list[NotebookNode]) -> list[NotebookNode]:
    """The cells of `shown`, folded, that the cells `wanting` stand on, directly or not."""
    wanted = set().union(*(names(cell.source)[1] for cell in wanting))
    needed = []
    for cell in reversed(shown):
        made, used = names(cell.source)
        if made & wanted:
            wanted |= used
            needed.append(_folded(cell.source))
    return needed[::-1]


def _given(code: str) -> str:
    """What an exercise's place holds beside what the reader fills in: imports, data."""
    given, readers = [], set()
    for statement in ast.parse(code).body:
        source = ast.get_source_segment(code, statement)
        made, used = names(source)
        if any(map(_is_empty, ast.walk(statement))) or used & readers:
            readers |= made
        else:
            given.append(source)
    return "\n".join(given)


def _is_empty(node: ast.AST) -> bool:
    """Whether this is `...`, `x = ...` or `check(...)`, and not, for instance, `x[..., 0]`."""
    values = [node.value] if isinstance(node, ast.Expr | ast.Assign) else getattr(node, "args", [])
    return isinstance(values, list) and any(
        isinstance(value, ast.Constant) and value.value is ... for value in values
    )


def _notebook(cells: Iterable[NotebookNode]) -> NotebookNode:
    notebook = new_notebook(
        cells=list(cells),
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    nbformat.validate(notebook)
    return notebook
