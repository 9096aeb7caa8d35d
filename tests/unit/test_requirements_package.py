"""The wheel asks for what the package imports, and for nothing else."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Only to fetch other checkpoints; comes with Jupyter, and is used only there; for the frames of one
# chapter, whose notebook installs it.
NOT_NEEDED = ("huggingface_hub", "matplotlib_inline", "bertviz")
PACKAGE = ROOT / "src" / "incontext"


def imported() -> set[str]:
    """Top-level modules that the package imports; its Sphinx extension is for the book only."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        if "sphinx" in path.relative_to(PACKAGE).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"incontext", *NOT_NEEDED}


def test_every_import_is_asked_for():
    lines = (ROOT / "requirements-package.txt").read_text(encoding="utf-8").splitlines()
    asked = {re.match(r"[\w-]+", line)[0].lower() for line in lines if line[0] != "#"}
    where = packages_distributions()
    needed = {where[module][0].lower().replace("_", "-") for module in imported()}
    assert needed <= asked
    assert asked - needed == {"ipywidgets"}, "ipywidgets is for the chapters' own sliders"
