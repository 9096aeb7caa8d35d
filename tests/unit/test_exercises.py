"""The exercises' checks: what a learner is told, and that known mistakes are told apart."""

import re

import numpy as np
import pytest
import torch
from test_imports import CHAPTERS, chapters_here
from test_predict import WITHOUT

from incontext import exercises
from incontext.exercises import FunctionCheck, Mistake, ValueCheck
from incontext.pretrained import encoder_to_read, load_encoder

CHECKS = {name: one for name, one in vars(exercises).items() if name.startswith("check_")}
TEACHING = [name for name in chapters_here() if name not in WITHOUT]


@pytest.fixture(scope="module", autouse=True)
def _the_encoder_that_checks_share_stays_as_it_is():
    yield
    fresh = load_encoder()[0].state_dict()
    assert all(torch.equal(w, fresh[name]) for name, w in encoder_to_read()[0].state_dict().items())


double = FunctionCheck(
    "check_double",
    reference=lambda x: 2 * x,
    cases=[lambda: (torch.ones(2, 3),), lambda: (torch.arange(5.0),)],
    mistakes=[
        Mistake("squared", lambda x: x**2, "Two times, and not to the power of two."),
        Mistake("summed", lambda x: x.sum(), "One number for each element."),
    ],
    praise="Doubled.",
)


def test_the_reference_passes_in_any_array():
    assert double(lambda x: x + x)
    assert double(lambda x: 2 * x.numpy())
    assert double(lambda x: (2 * x).tolist())
    assert double(lambda x: np.broadcast_to(2 * x.numpy(), x.shape))
    assert double(lambda x: (2 * x.numpy())[::-1][::-1])
    assert repr(double(lambda x: 2 * x)) == "✓ Doubled."


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (lambda x: x * x, "Squared. Two times"),
        (lambda x: x.sum(), "Summed. One number"),
        (lambda x: None, "Not yet"),
        (lambda x: ..., "Not yet"),
        (lambda x: x * float("nan"), "holds NaN"),
        (lambda x: x[None], r"shape \[1, 2, 3\], expected \[2, 3\] \(test call 1 of 2"),
        (lambda x: 2 * x + (x > 3), r"differs at \[4\]: 9, expected 8 \(test call 2"),
        (lambda x: (2 * x, x), "returned 2 results, and 1"),
        (lambda x: "many", "numbers were expected"),
        (lambda x: 2 * y, "raised NameError"),  # noqa: F821
        (lambda x: x.mul_(2), "changes its argument number 1 in place"),
        (torch.ones(3), "without calling it.*a tensor of shape"),
    ],
)
def test_what_is_wrong_is_said(solution, says):
    verdict = double(solution)
    assert not verdict and re.search(says, verdict.message), verdict.message


def test_a_mistake_is_named_only_where_it_agrees_on_every_case():
    assert "Squared" not in double(lambda x: x**2 + (x > 3)).message


def test_values():
    check = ValueCheck(
        "check_half", lambda: 0.5, within=0.01, mistakes=[Mistake("twice", lambda: 2, "Halve it.")]
    )
    assert check(0.505) and check(torch.tensor(0.5)) and check(np.float32(0.5))
    assert check(2).message == "Twice. Halve it."
    assert "too large" in check(0.7).message and "too small" in check(-0.5).message
    assert "Not yet" in check(...).message and "Not yet" in check(None).message
    assert "a number is expected" in check(object()).message
    assert "2 numbers came, and 1" in check([0.5, 0.5]).message
    several = ValueCheck("check_pair", lambda: (4, 2))
    assert several((4, 2)) and several([4, 2]) and "number 2 of 2" in several((4, 3)).message
    word = ValueCheck("check_word", lambda: "queen")
    assert word(" Queen") and "is not it" in word("king").message


@pytest.mark.parametrize("name", CHECKS)
def test_each_known_mistake_has_its_own_message_and_the_reference_none(name):
    check = CHECKS[name]
    assert check.name == name and name in exercises.__all__
    assert check.mistakes, f"{name} names no mistake"
    right = check.reference if isinstance(check, FunctionCheck) else check.reference()
    assert check(right), check(right).message
    said = set()
    for mistake in check.mistakes:
        wrong = mistake.solution if isinstance(check, FunctionCheck) else mistake.solution()
        verdict = check(wrong)
        assert not verdict and verdict.message == str(mistake), f"{mistake.name}: {verdict.message}"
        said.add(verdict.message)
    assert len(said) == len(check.mistakes)


@pytest.mark.parametrize("name", CHECKS)
def test_an_unsolved_exercise_is_not_yet_wrong(name):
    check = CHECKS[name]
    unsolved = (lambda *_: None) if isinstance(check, FunctionCheck) else ...
    assert check(unsolved).message.startswith("Not yet")


@pytest.mark.parametrize("chapter", TEACHING)
def test_chapter_has_three_to_five_rated_exercises_each_with_hint_solution_and_check(chapter):
    text = (CHAPTERS / f"{chapter}.md").read_text(encoding="utf-8")
    found = re.findall(
        r"^```\{exercise\} [^\n]+\n:label: (ex-[\w-]+)\n\n(.*?)^```", text, re.M | re.S
    )
    assert 3 <= len(found) <= 5
    for label, task in found:
        assert re.match(r"\*Difficulty [123] of 3, about \d+ minutes\.\*", task), label
        after = text.split(f":label: {label}\n", 1)[1].split("```{exercise}", 1)[0]
        assert "dropdown} Hint" in after, f"{label} has no hint"
        assert f"{{solution-start}} {label}\n" in after and "{solution-end}" in after, label
        solution = after.split("{solution-start}", 1)[1].split("{solution-end}", 1)[0]
        cells = re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```", solution, re.M | re.S)
        assert cells and all("source_hidden: true" in cell for cell in cells), (
            f"{label}: in a notebook its solution is not folded"
        )
        used = re.findall(r"exercises\.((?:check|run)_\w+)\(", after)
        assert len(used) >= 2, f"{label}: the starter and the solution call a check"
        assert set(used) <= {*CHECKS, "run_encoder_on", "run_decoder_on"}


def test_every_check_is_used_and_every_label_is_its_own():
    text = "\n".join(
        (CHAPTERS / f"{name}.md").read_text(encoding="utf-8") for name in chapters_here()
    )
    assert {name for name in CHECKS if f"exercises.{name}(" in text} == set(CHECKS)
    labels = re.findall(r"^:label: (ex-[\w-]+)$", text, re.M)
    assert len(labels) == len(set(labels))
