"""Checks that say what is wrong. A chapter's exercises name the mistakes that people make; a check
runs the learner's function beside the reference and beside each mistake, and whoever it agrees with
tells what was done.
"""

import copy
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Verdict:
    """What a check found. True where the exercise is solved; shows its message.

    attentions, tokens, text, model: what a real model gave with the reader's attention, the tokens
        that it read, the text that it wrote, and its name (``real_models.py``).
    """

    passed: bool
    message: str
    mark: str = "✗"
    attentions: tuple[Tensor, ...] | None = field(default=None, compare=False)
    tokens: tuple[str, ...] | None = None
    text: str | None = None
    model: str | None = None

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return textwrap.fill(f"{self.mark} {self.message}", 76, subsequent_indent="  ")


@dataclass(frozen=True)
class Mistake:
    """A wrong solution, its name, and what a learner who made it needs to hear."""

    name: str
    solution: Callable
    message: str

    def __str__(self) -> str:
        return f"{self.name[:1].upper()}{self.name[1:]}. {self.message}"


@dataclass(frozen=True)
class FunctionCheck:
    """Checks a function of the learner's.

    reference: the right function.
    cases: each call gives the arguments of one test call, a tuple, the same ones every time.
    mistakes: in the order in which they are tried.
    """

    name: str
    reference: Callable
    cases: Sequence[Callable[[], tuple]]
    mistakes: Sequence[Mistake] = ()
    praise: str = "It agrees with the package on every case."
    tolerance: float = TOLERANCE

    def __call__(self, solution: Any) -> Verdict:
        if not callable(solution):
            return Verdict(
                False,
                f"{self.name} takes your function itself, without calling it, as in"
                f" {self.name}(my_function). It got {in_words(solution)}.",
            )
        title = getattr(solution, "__name__", "your function")
        outcomes = [_run(solution, case) for case in self.cases]
        if any(one.value is None or one.value is Ellipsis for one in outcomes if not one.error):
            return not_yet(f"{title} returns nothing so far. Your code goes there.")
        expected = [_run(self.reference, case) for case in self.cases]
        if all(map(self._agree, outcomes, expected)):
            changed = next((one.changed for one in outcomes if one.changed is not None), None)
            if changed is not None:
                return Verdict(
                    False,
                    f"The result is right, but {title} changes its argument number {changed + 1} in"
                    " place: whoever calls it would find other numbers in it afterwards. Work on a"
                    " new tensor.",
                )
            return Verdict(True, self.praise, "✓")
        for mistake in self.mistakes:
            made = [_run(mistake.solution, case) for case in self.cases]
            if not all(map(self._agree, made, expected)) and all(map(self._agree, outcomes, made)):
                return Verdict(False, str(mistake))
        for number, (one, right) in enumerate(zip(outcomes, expected, strict=True), start=1):
            if not self._agree(one, right):
                return Verdict(False, self._difference(title, number, one, right))
        raise AssertionError("unreachable: some outcome differs")

    def _agree(self, one: "_Outcome", other: "_Outcome") -> bool:
        if one.error or other.error:
            return type(one.error) is type(other.error)
        ours, theirs = _numbers(one.value), _numbers(other.value)
        if ours is None or theirs is None or len(ours) != len(theirs):
            return False
        return all(
            a.shape == b.shape
            and torch.allclose(a, b, rtol=self.tolerance, atol=self.tolerance, equal_nan=True)
            for a, b in zip(ours, theirs, strict=True)
        )

    def _difference(self, title: str, number: int, one: "_Outcome", right: "_Outcome") -> str:
        where = f"test call {number} of {len(self.cases)}, with {in_words(right.arguments)}"
        if one.error:
            return f"{title} raised {type(one.error).__name__}: {one.error} ({where})"
        got, wanted = _numbers(one.value), _numbers(right.value)
        if got is None:
            return f"{title} returned {in_words(one.value)}, and numbers were expected ({where})"
        if len(got) != len(wanted):
            return f"{title} returned {len(got)} results, and {len(wanted)} were expected ({where})"
        for i, (a, b) in enumerate(zip(got, wanted, strict=True), start=1):
            result = f"result {i} of {title}" if len(wanted) > 1 else f"the result of {title}"
            if a.shape != b.shape:
                return f"{result} has the shape {list(a.shape)}, expected {list(b.shape)} ({where})"
            if a.isnan().any() and not b.isnan().any():
                return f"{result} holds NaN ({where})"
            gap = (a - b).abs().nan_to_num(nan=math.inf)
            if (gap > self.tolerance * (1 + b.abs())).any():
                at = np.unravel_index(int(gap.argmax()), b.shape) if b.ndim else ()
                place = f" at {[int(n) for n in at]}" if at else ""
                return (
                    f"{result} differs{place}: {a[at].item():.6g}, expected {b[at].item():.6g}"
                    f" ({where})"
                )
        raise AssertionError("unreachable: the results agree")


@dataclass(frozen=True)
class ValueCheck:
    """Checks an answer: a number, several, or a word.

    reference: gives the right answer when called, so that nothing is computed on import.
    within: the largest error of a number that counts as right.
    """

    name: str
    reference: Callable[[], Any]
    within: float = 0.0
    mistakes: Sequence[Mistake] = ()
    praise: str = "That is it."

    def __call__(self, answer: Any) -> Verdict:
        if answer is None or answer is Ellipsis:
            dots = "None" if answer is None else "the dots"
            return not_yet(f"give {self.name} your answer in place of {dots}.")
        expected = self.reference()
        if self._same(answer, expected):
            return Verdict(True, self.praise, "✓")
        for mistake in self.mistakes:
            if self._same(answer, mistake.solution()):
                return Verdict(False, str(mistake))
        return Verdict(False, self._difference(answer, expected))

    def _same(self, one: Any, other: Any) -> bool:
        if isinstance(one, str) or isinstance(other, str):
            return str(one).strip().casefold() == str(other).strip().casefold()
        ours, theirs = _answer(one), _answer(other)
        if ours is None or theirs is None or ours.shape != theirs.shape:
            return False
        return bool(torch.allclose(ours, theirs, rtol=1e-9, atol=self.within))

    def _difference(self, answer: Any, expected: Any) -> str:
        if isinstance(expected, str) or isinstance(answer, str):
            return f"{answer!r} is not it."
        got, wanted = _answer(answer), _answer(expected)
        if got is None:
            return f"{self.name} got {in_words(answer)}, and a number is expected."
        if got.shape != wanted.shape:
            return f"{got.numel()} numbers came, and {wanted.numel()} are expected."
        if got.ndim == 0:
            return f"{got.item():g} is too {'large' if got > wanted else 'small'}."
        off = [i for i, gap in enumerate((got - wanted).abs().flatten()) if gap > self.within]
        which = ", ".join(str(i + 1) for i in off)
        return f"Not all right yet. Look again at number {which} of {wanted.numel()}."


@dataclass(frozen=True)
class _Outcome:
    arguments: tuple
    value: Any = None
    error: Exception | None = None
    changed: int | None = None  # the argument that was changed in place


def _run(function: Callable, case: Callable[[], tuple]) -> _Outcome:
    arguments = case()
    before = copy.deepcopy(arguments)
    try:
        value = function(*arguments)
    except Exception as error:
        return _Outcome(before, error=error)
    changed = [
        i
        for i, (old, new) in enumerate(zip(before, arguments, strict=True))
        if isinstance(old, Tensor) and not torch.equal(old, new)
    ]
    return _Outcome(before, value, changed=changed[0] if changed else None)


def _numbers(value: Any) -> list[Tensor] | None:
    """The result as tensors in float64: one, or those of a tuple or list of arrays."""
    if isinstance(value, tuple | list) and value and all(hasattr(v, "shape") for v in value):
        parts = list(value)
    else:
        parts = [value]
    found = [_answer(part) for part in parts]
    return None if any(one is None for one in found) else found


def _answer(value: Any) -> Tensor | None:
    try:
        if isinstance(value, tuple | list):
            value = [float(one) if isinstance(one, Tensor) else one for one in value]
        if isinstance(value, np.ndarray):
            value = value.copy()  # some are read-only, some run backwards
        tensor = torch.as_tensor(value).detach()
        return None if tensor.is_complex() else tensor.to(torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return None


def not_yet(message: str) -> Verdict:
    return Verdict(False, f"Not yet: {message}", "…")


def are_two_texts(given: Any) -> bool:
    """Two texts in one tuple or list, neither of them empty."""
    return (
        isinstance(given, tuple | list)
        and len(given) == 2
        and all(isinstance(one, str) and one.strip() for one in given)
    )


def in_words(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(in_words, value))
    if isinstance(value, Tensor | np.ndarray):
        return f"a tensor of shape {list(value.shape)}"
    if isinstance(value, float | int | str | bool) or value is None:
        return repr(value)
    return type(value).__name__
