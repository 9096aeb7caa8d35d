"""Imports point one way, and every chapter stands on its module. Read from the source, not run."""

import ast
import re
from pathlib import Path

import pytest

import incontext

PACKAGE = Path(incontext.__file__).parent
CHAPTERS = PACKAGE.parents[1] / "chapters"

CORE = ["checks", "softmax", "attention", "heads"]

# module: what it may import from the package. Modules of chapters still to come are named too.
STACK = [*CORE, "positions", "config", "block", "transformer"]
MODELS = [*STACK, "generation", "pretrained"]
MAY_IMPORT = {
    "checks": [],
    "softmax": CORE[:1],
    "attention": CORE[:2],
    "heads": CORE[:3],
    "embeddings": ["checks"],
    "positions": ["checks"],
    "config": ["checks"],
    "corpus": ["checks"],
    "contextual": ["checks"],
    "skip_gram": ["checks"],
    "block": [*CORE, "config"],
    "transformer": [*CORE, "positions", "config", "block"],
    "generation": STACK,
    "tokenization": ["checks"],
    "_bert": ["checks", "config", "tokenization"],
    "_gguf": ["checks", "config", "tokenization"],
    "pretrained": [*STACK, "tokenization", "_bert", "_gguf"],
    "overview": [*MODELS, "tokenization"],
    "reading": MODELS,
    "training": [*MODELS, "corpus"],
    "fine_tuning": [*MODELS, "corpus"],
    "source": [],
    "_lettering": [],
    "_mathml": [],
    "palette": [],
    "plots": ["_lettering", "palette"],
}
ON_TOP = [
    "explorables",
    "predict",
    "exercises",
    "sphinx",
]  # these may import anything, and nothing imports them
ARITHMETIC = [
    name
    for name in MAY_IMPORT
    if name not in ("overview", "source", "_lettering", "_mathml", "palette", "plots")
]
DRAWING = {"matplotlib", "anywidget", "ipywidgets", "traitlets", "IPython", "bertviz", "sphinx"}

MODULES_OF = {
    "learning": ["corpus", "skip_gram"],
    "static-embeddings": ["embeddings"],
    "contextual-embeddings": ["contextual", "pretrained"],
    "positional-encoding": ["positions"],
    "self-attention": ["attention"],
    "softmax-temperature": ["softmax", "generation", "pretrained"],
    "scaling": ["attention"],
    "multi-head-attention": ["heads"],
    "transformer-block": ["config", "block", "transformer"],
    "reading-attention": ["reading", "pretrained"],
    "training": ["corpus", "training"],
}
WITHOUT_OWN_MODULE = ["index", "fine-tuning", "variations"]


def imported(tree: ast.AST, package: str = "") -> set[str]:
    """Full names of what the code imports; ``package`` is where relative imports start."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = ""
            if node.level:
                kept = package.split(".")
                start = ".".join(kept[: len(kept) - node.level + 1])
            base = ".".join(part for part in (start, node.module) if part)
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def from_the_package(names: set[str]) -> set[str]:
    """``incontext.softmax.entropy`` counts as ``softmax``."""
    return {name.split(".")[1] for name in names if name.startswith("incontext.")}


def sources(module: str) -> list[Path]:
    folder = PACKAGE / module
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{module}.py"]


def imports_of_module(module: str) -> set[str]:
    names = set()
    for path in sources(module):
        package = ".".join(["incontext", *path.relative_to(PACKAGE).parts[:-1]])
        names |= imported(ast.parse(path.read_text(encoding="utf-8")), package)
    return names


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


def test_every_module_has_its_place():
    assert set(modules_here()) <= {*MAY_IMPORT, *ON_TOP}


@pytest.mark.parametrize("module", [name for name in modules_here() if name not in ON_TOP])
def test_imports_point_one_way(module):
    assert from_the_package(imports_of_module(module)) <= set(MAY_IMPORT[module])


@pytest.mark.parametrize("module", modules_here())
def test_explorables_are_for_chapters_and_predictions(module):
    may = module in ("explorables", "predict")
    assert may or "explorables" not in from_the_package(imports_of_module(module))


def test_the_table_itself_points_one_way():
    seen = []
    for module, below in MAY_IMPORT.items():
        assert set(below) <= set(seen), module
        assert (
            not {"plots", "palette", "_lettering", "_mathml", *ON_TOP} & set(below)
            or module == "plots"
        )
        seen.append(module)


@pytest.mark.parametrize("module", [name for name in modules_here() if name in ARITHMETIC])
def test_arithmetic_draws_nothing(module):
    assert not DRAWING & {name.split(".")[0] for name in imports_of_module(module)}


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
    helpers = {"checks", "overview", "palette", "plots", "source", "tokenization", *ON_TOP}
    public = {name for name in modules_here() if not name.startswith("_")}
    assert public <= taught | helpers


@pytest.mark.parametrize("chapter", chapters_here())
def test_chapters_import_what_there_is(chapter):
    assert imports_of_chapter(chapter) <= set(modules_here())


@pytest.mark.parametrize(
    ("code", "package", "expected"),
    [
        ("import incontext.plots as p", "incontext", {"plots"}),
        ("from incontext import checks, plots", "incontext", {"checks", "plots"}),
        ("from incontext.softmax import softmax", "incontext", {"softmax"}),
        ("def f():\n    from incontext.plots import bars", "incontext", {"plots"}),
        ("from . import plots", "incontext", {"plots"}),
        ("from .plots import bars", "incontext", {"plots"}),
        ("from .. import plots", "incontext.explorables", {"plots"}),
        ("from ..plots import bars", "incontext.explorables", {"plots"}),
        ("from .base import Explorable", "incontext.explorables", {"explorables"}),
        ("import math, torch.nn", "incontext", set()),
    ],
)
def test_the_reader_of_imports(code, package, expected):
    assert from_the_package(imported(ast.parse(code), package)) == expected
