"""Every chapter stands on its module, and every module has its chapter. Read, not run.

Which module may import which is the contract in pyproject.toml (`make lint`).
"""

import ast
import re
from pathlib import Path

import pytest

import incontext

PACKAGE = Path(incontext.__file__).parent
CHAPTERS = PACKAGE.parents[1] / "chapters"

MODULES_OF = {
    "learning": ["corpus", "skip_gram"],
    "static-embeddings": ["embeddings"],
    "contextual-embeddings": ["contextual", "pretrained"],
    "positional-encoding": ["positions"],
    "self-attention": ["attention"],
    "softmax-temperature": ["softmax", "generation", "pretrained"],
    "scaling": ["attention"],
    "multi-head-attention": ["heads"],
    "relative-positions": ["positions", "heads", "pretrained"],
    "transformer-block": ["config", "block", "transformer"],
    "reading-attention": ["reading", "effects", "pretrained"],
    "what-heads-do": ["reading", "relations", "pretrained"],
    "training": ["corpus", "training"],
    "clinic": ["clinic", "training"],
    "fine-tuning": ["fine_tuning", "which_bank", "pretrained"],
    "variations": ["variations", "pretrained"],
}
WITHOUT_OWN_MODULE = ["index"]


def imported(tree: ast.AST) -> set[str]:
    """Full names of what the code imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def from_the_package(names: set[str]) -> set[str]:
    """``incontext.softmax.entropy`` counts as ``softmax``."""
    return {name.split(".")[1] for name in names if name.startswith("incontext.")}


def modules_here() -> list[str]:
    files = [path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__"]
    return sorted([*files, *(path.parent.name for path in PACKAGE.glob("*/__init__.py"))])


def chapters_here() -> list[str]:
    return sorted(path.stem for path in CHAPTERS.glob("*.md"))


def code_of_chapter(chapter: str) -> list[ast.Module]:
    text = (CHAPTERS / f"{chapter}.md").read_text(encoding="utf-8")
    cells = re.findall(r"^(`{3,})\{code-cell\}[^\n]*\n(.*?)^\1\s*$", text, re.M | re.S)
    trees = []
    for _, cell in cells:
        cell = re.sub(r"\A(---\n.*?^---\n|(:[\w-]+:[^\n]*\n)+)", "", cell, flags=re.M | re.S)
        trees.append(ast.parse(re.sub(r"^[%!].*$", "", cell, flags=re.M)))
    return trees


def imports_of_chapter(chapter: str) -> set[str]:
    return from_the_package(set().union(*map(imported, code_of_chapter(chapter))))


def test_importing_the_package_imports_nothing():
    assert not imported(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")))


@pytest.mark.parametrize("chapter", [name for name in chapters_here() if name in MODULES_OF])
def test_a_chapter_uses_the_module_that_it_teaches(chapter):
    assert set(MODULES_OF[chapter]) <= imports_of_chapter(chapter)


def test_every_chapter_that_computes_has_its_module():
    computing = {name for name in chapters_here() if code_of_chapter(name)}
    assert computing <= {*MODULES_OF, *WITHOUT_OWN_MODULE}


def test_every_module_has_its_chapter():
    taught = {module for modules in MODULES_OF.values() for module in modules}
    helpers = {"checks", "overview", "packing", "palette", "plots", "source", "tokenization"}
    helpers |= {"explorables", "predict", "exercises", "sphinx"}
    public = {name for name in modules_here() if not name.startswith("_")}
    assert public <= taught | helpers


@pytest.mark.parametrize("chapter", chapters_here())
def test_chapters_import_what_there_is(chapter):
    assert imports_of_chapter(chapter) <= set(modules_here())


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import incontext.plots as p", {"plots"}),
        ("from incontext import checks, plots", {"checks", "plots"}),
        ("from incontext.softmax import softmax", {"softmax"}),
        ("def f():\n    from incontext.plots import bars", {"plots"}),
        ("import math, torch.nn", set()),
    ],
)
def test_the_reader_of_imports(code, expected):
    assert from_the_package(imported(ast.parse(code))) == expected
