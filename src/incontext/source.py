"""Which lines of the package do what this page has just built by hand?

A chapter shows the function itself, read from the module that runs, so that page and package cannot
drift apart.
"""

import ast
import inspect
import symtable
import textwrap
from collections.abc import Callable

from IPython.display import Markdown


def lines(thing: Callable | type) -> str:
    """The source of a function, method or class as it stands in its module, without docstrings."""
    try:
        text = textwrap.dedent(inspect.getsource(thing))
    except (TypeError, OSError):
        raise ValueError(
            f"thing must be a function, a method or a class with Python source, got {thing!r}"
        ) from None
    kept = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or not ast.get_docstring(node):
            continue
        docstring = node.body[0]
        end = docstring.end_lineno
        after = end + 1 if end < len(kept) and not kept[end] else end  # with the blank line below
        kept[docstring.lineno - 1 : after] = [None] * (after - docstring.lineno + 1)
    return "\n".join(line for line in kept if line is not None)


def show(thing: Callable | type) -> Markdown:
    """The same as a block of code, highlighted in the page and in a notebook."""
    where = f"# {thing.__module__}.{thing.__qualname__}"
    return Markdown(f"```python\n{where}\n{lines(thing)}\n```")


def names(code: str) -> tuple[set[str], set[str]]:
    """The names that a cell binds, and those it takes from outside: other cells, or Python."""
    whole = symtable.symtable(code, "cell", "exec")
    made = {s.get_name() for s in whole.get_symbols() if s.is_assigned() or s.is_imported()}
    made |= {s.get_name() for s in whole.get_symbols() if s.is_namespace()}
    used = {s.get_name() for s in whole.get_symbols() if s.is_referenced()}
    tables = list(whole.get_children())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        used |= {s.get_name() for s in table.get_symbols() if s.is_global()}
    return made, used
