"""How does what a reader wrote in one chapter come into the next? In a file of the reader's own.

``keep`` writes a function that passes its check into ``my_transformer.py``, which lies beside the
learner's notebooks, with the imports that it needs. The file is the reader's: it is made once and
never again, ``keep`` touches nothing but the function that it is given, and what stood in its place
goes to ``my_transformer_older.py`` first.
"""

import ast
import builtins
import importlib.util
import inspect
import linecache
import os
import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor

from incontext.source import names

from .checking import FunctionCheck, Mistake, Verdict, in_words
from .multi_head_attention import check_multi_head
from .positional_encoding import check_sinusoids
from .real_models import MISTAKES, RIGHT
from .relative_positions import check_rotate
from .softmax_temperature import check_softmax
from .training import (
    check_answer_loss,
    check_every_word_loss,
    check_sampler,
    check_training_step,
)
from .transformer_block import check_block

FILE = Path("my_transformer.py")
OLDER = Path("my_transformer_older.py")
NEW_FILE = '''\
"""My transformer, written while reading the book *In Context*.

It grows by one part a chapter: exercises.keep(my_attend) writes my_attend down here as attend, once
it passes its check, and later chapters import it with "from my_transformer import attend".

The file is yours, and you may change it by hand. The book never writes over it. Where you keep a
part for the second time, the first moves to my_transformer_older.py.
"""


def __getattr__(part):
    """Asked for a part that is not here yet, this says which chapter makes it."""
    if part.startswith("_"):
        raise AttributeError(part)
    from incontext.exercises import not_kept_yet

    raise not_kept_yet(part)
'''


def _heads(seed: int, T: int, S: int, masked: bool) -> tuple[Tensor, ...]:
    """query [2, 3, T, 5], key and value [2, 3, S, 5] and, where masked, a causal mask [T, S]."""
    generator = torch.Generator().manual_seed(seed)
    given = tuple(2 * torch.randn(2, 3, n, 5, generator=generator) for n in (T, S, S))
    return (*given, torch.ones(T, S).tril(S - T).bool()) if masked else given


CHECK_ATTEND = FunctionCheck(
    "keep",
    reference=RIGHT,
    cases=[
        partial(_heads, 1, 7, 7, masked=False),
        partial(_heads, 2, 7, 7, masked=True),
        partial(_heads, 3, 1, 7, masked=True),
    ],
    mistakes=[
        Mistake(name, replace(RIGHT, **wrong), message[:1].upper() + message[1:])
        for name, (wrong, message) in MISTAKES.items()
    ],
    tolerance=1e-5,
)


@dataclass(frozen=True)
class Part:
    """A part of the reader's transformer: the chapter that makes it, and what it has to pass."""

    chapter: str
    check: Callable[[Any], Verdict]


PARTS = {  # by their names in the file, in the order of the book
    "sinusoids": Part("positional-encoding", check_sinusoids),
    "attend": Part("self-attention", CHECK_ATTEND),
    "softmax": Part("softmax-temperature", check_softmax),
    "multi_head": Part("multi-head-attention", check_multi_head),
    "rotate": Part("relative-positions", check_rotate),
    "block": Part("transformer-block", check_block),
    "answer_loss": Part("training", check_answer_loss),
    "training_step": Part("training", check_training_step),
    "every_word_loss": Part("training", check_every_word_loss),
    "sampler": Part("training", check_sampler),
}


class NotKept(Exception):
    """Why a function cannot stand in the file, in words for the reader."""


def start_my_transformer(folder: Path | str = ".") -> None:
    """Make ``my_transformer.py`` in this folder; where there is one already, nothing happens."""
    try:
        with Path(folder, FILE).open("x", encoding="utf-8") as file:
            file.write(NEW_FILE)
    except FileExistsError:
        pass


def keep(function: Callable) -> Verdict:
    """Write a function of the reader's into ``my_transformer.py``, if it passes its check.

    function: named after its part, as ``my_attend`` is after ``attend``, and written in a cell. It
        may use modules, what can be imported, and other parts that are in the file.

    The verdict says what was done. Nothing is written where the file is not in this folder, or
    where the function does not pass from inside the file too.
    """
    try:
        return _keep(function)
    except NotKept as problem:
        return Verdict(False, f"Not kept. {problem}")


def not_kept_yet(part: str) -> Exception:
    """What importing a part raises that is not in the file."""
    if part not in PARTS:
        return AttributeError(f"{FILE} has no {part}. The book's parts are {', '.join(PARTS)}.")
    return ImportError(
        f"{part} is not in {FILE} yet. It is made in the exercises of the chapter"
        f" {PARTS[part].chapter}, where exercises.keep(my_{part}) puts it there."
    )


def _keep(function: Callable) -> Verdict:
    name = _part_of(function)
    verdict = PARTS[name].check(function)
    if not verdict:
        problem = verdict.message
        return verdict if problem.startswith("Not yet") else Verdict(False, f"Not kept. {problem}")
    if not FILE.exists():
        raise NotKept(
            f"It is right, but there is no {FILE} in {Path.cwd()}. It lies beside the learner's"
            " notebooks: the first cell of each makes it where it is missing."
        )
    text = FILE.read_text(encoding="utf-8")
    before = _definition(_parsed(text), name)
    after = _with_part(text, name, function)
    if after == text:
        return Verdict(True, f"{name} stands in {FILE} already, just like this.", "✓")
    tried = PARTS[name].check(_run(after)[name])
    if not tried:
        raise NotKept(
            f"Here {function.__name__} is right, but among the other parts of {FILE} it is not; a"
            f" name may mean something else there. {tried.message}"
        )
    if before is not None:
        _add_to_older(name, _lines_of(text, before))
    _write(text=after)
    if before is not None:
        return Verdict(
            True, f"{name} in {FILE} is this one now. The one before is in {OLDER}.", "✓"
        )
    return Verdict(
        True, f"Kept in {FILE} as {name}. From now on: from {FILE.stem} import {name}", "✓"
    )


def _part_of(function: Any) -> str:
    """The part that this function is to be, by its name."""
    if not isinstance(function, FunctionType | type):
        raise NotKept(f"keep takes a function that you wrote. It got {in_words(function)}.")
    if function.__name__ == "<lambda>":
        raise NotKept("A lambda has no name. Write it with def, named after its part: my_attend.")
    name = _own_name(function.__name__)
    if name not in PARTS:
        raise NotKept(
            f"{function.__name__} is no part of {FILE}. The parts are"
            f" {', '.join(f'my_{part}' for part in PARTS)}."
        )
    return name


def _own_name(name: str) -> str:
    """``my_attend`` is called ``attend`` in the file, and so is the book's ``solved_attend``."""
    return re.sub(r"^(my_|solved_|My)", "", name)


def _with_part(text: str, name: str, function: Callable) -> str:
    """The text of the file with this function in it, in place of the one that it had."""
    source = _source(function)
    tree = _parsed(text)
    there = {_name_of(node) for node in tree.body}
    given = _namespace(function)
    imports = []
    for used in sorted(names(source)[1] - set(dir(builtins))):
        own = _own_name(used)
        if used == function.__name__:
            pass
        elif used not in given:
            raise NotKept(f"{function.__name__} uses {used}, which is not defined.")
        elif own in there and getattr(given[used], "__module__", None) in ("__main__", FILE.stem):
            source = _renamed(source, used, own)
        elif line := _import_of(used, given[used]):
            imports.append(line)
        else:
            raise NotKept(
                f"{function.__name__} uses {used}, which is not in {FILE}. Write it inside the"
                " function, or give it as an argument."
            )
    source = _renamed(source, function.__name__, name)
    old = _definition(tree, name)
    if old is None:
        heading = f"# From the chapter {PARTS[name].chapter}"
        text = f"{text.rstrip()}\n\n\n{heading}\n\n\n{source}\n"
    else:
        first, last = _span(text, old)
        lines = text.splitlines()
        text = "\n".join([*lines[:first], source, *lines[last:]]) + "\n"
    return _with_imports(text, imports)


def _with_imports(text: str, imports: list[str]) -> str:
    """The text with those of the imports that it lacks, below its docstring and first imports."""
    body = _parsed(text).body
    there = {ast.unparse(node) for node in body}
    missing = [line for line in imports if line not in there]
    if not missing:
        return text
    start = body[1:] if ast.get_docstring(_parsed(text)) else body
    end = body[0].end_lineno if len(start) < len(body) else 0
    lines = text.splitlines()
    has_imports = False
    for node in start:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            break
        end, has_imports = node.end_lineno, True
    return "\n".join([*lines[:end], *([] if has_imports else [""]), *missing, *lines[end:]]) + "\n"


def _source(thing: Callable) -> str:
    """The source of a function or class that was written in a cell or a file."""
    code = thing.__code__ if isinstance(thing, FunctionType) else _code_of_a_method(thing)
    if code.co_freevars and isinstance(thing, FunctionType):
        around = ", ".join(code.co_freevars)
        raise NotKept(
            f"{thing.__name__} uses {around} of the function around it. Write it by itself."
        )
    try:
        if isinstance(thing, FunctionType):
            return textwrap.dedent(inspect.getsource(thing)).rstrip()
        cell = "".join(linecache.getlines(code.co_filename))
        return _lines_of(cell, _definition(ast.parse(cell), thing.__name__))
    except (OSError, TypeError, AttributeError):
        raise NotKept(
            f"The source of {thing.__name__} is not at hand. Run the cell that defines it again."
        ) from None


def _code_of_a_method(thing: type):
    methods = [one for one in vars(thing).values() if isinstance(one, FunctionType)]
    if not methods:
        raise NotKept(f"{thing.__name__} has no method of its own.")
    return methods[0].__code__


def _namespace(thing: Callable) -> Mapping[str, Any]:
    """The names that a function finds outside itself."""
    if isinstance(thing, FunctionType):
        return thing.__globals__
    return next(one for one in vars(thing).values() if isinstance(one, FunctionType)).__globals__


def _import_of(name: str, value: Any) -> str | None:
    """The import that gives this name this value, if there is one."""
    if isinstance(value, ModuleType):
        return f"import {value.__name__}" + (f" as {name}" if name != value.__name__ else "")
    home, own = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if home in (None, "__main__") or getattr(sys.modules.get(home), own or "", None) is not value:
        return None
    return f"from {home} import {own}" + (f" as {name}" if name != own else "")


def _renamed(source: str, old: str, new: str) -> str:
    return re.sub(rf"(?<![\w.]){re.escape(old)}\b", new, source)


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise NotKept(
            f"{FILE} cannot be read: line {error.lineno}, {error.msg}. Fix it first; nothing in it"
            " was changed."
        ) from None


def _run(text: str) -> dict[str, Any]:
    """The names that the file makes."""
    module = ModuleType(FILE.stem)
    try:
        exec(compile(text, str(FILE), "exec"), module.__dict__)
    except Exception as error:
        raise NotKept(
            f"{FILE} does not run: {type(error).__name__}: {error}. Nothing in it was changed."
        ) from error
    return module.__dict__


def _name_of(node: ast.stmt) -> str | None:
    """What a function, a class or an assignment at the top of a file is called."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node
    return getattr(target, "name", getattr(target, "id", None))


def _definition(tree: ast.Module, name: str) -> ast.stmt | None:
    """The last one of this name, which is the one that counts."""
    return next((node for node in reversed(tree.body) if _name_of(node) == name), None)


def _lines_of(text: str, node: ast.stmt) -> str:
    first, last = _span(text, node)
    return "\n".join(text.splitlines()[first:last])


def _span(text: str, node: ast.stmt) -> tuple[int, int]:
    """Where it stands: from its first decorator to the last comment that is still indented."""
    lines = text.splitlines()
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
    last = node.end_lineno
    for number, line in enumerate(lines[last:], start=last + 1):
        if line and not line[0].isspace():
            break
        last = number if line.strip() else last
    return first - 1, last


def _add_to_older(name: str, source: str) -> None:
    with OLDER.open("a", encoding="utf-8") as file:
        file.write(f"# {name}, until {datetime.now():%Y-%m-%d %H:%M}\n\n\n{source}\n\n\n")
        file.flush()
        os.fsync(file.fileno())


def _write(text: str) -> None:
    """Whole or not at all; whoever imports the file from now on gets what it says now."""
    part = FILE.with_name(f".{FILE.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, FILE)
    Path(importlib.util.cache_from_source(str(FILE.absolute()))).unlink(missing_ok=True)
    importlib.invalidate_caches()
    sys.modules.pop(FILE.stem, None)
