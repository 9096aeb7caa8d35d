"""Execute a chapter again when the part of `incontext` that it uses has changed.

jupyter-cache keys an executed notebook on the notebook's code alone. Here each chapter also gets a
digest of the modules that its code reaches through imports, and of the package's data files. When
the digest is not the one of the last execution, the cached execution is dropped and Sphinx reads
the chapter again; the other chapters stay as they are.

The front end is no part of it: a page loads the bundles, and no output of a cell holds them.
"""

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from jupyter_cache import get_cache
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

CODE_CELL = re.compile(r"^```\{code-cell\}.*?\n(.*?)^```\s*$", re.DOTALL | re.MULTILINE)
CELL_OPTION = re.compile(r"\A(---\n.*?\n---\n|(:[^\n]*\n)+)", re.DOTALL)
MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)
DIGESTS = "incontext-digests.json"
ROOT = Path(__file__).parents[1]
NO_OUTPUT = ("static", "sphinx")  # folders of data that the page loads, not the cells


def python_files(root: Path, code: str) -> set[Path]:
    """The files of the package in `root` that `code` imports, and those that they import."""
    found: set[Path] = set()
    queue = [(code, root)]
    while queue:
        code, folder = queue.pop()
        for path, _ in imports(root, code, folder):
            new = exporters(root, path, code) - found
            found |= new
            queue += [(file.read_text(encoding="utf-8"), file.parent) for file in new]
    return found


def imports(root: Path, code: str, folder: Path) -> Iterator[tuple[Path, str]]:
    """Each file of the package that `code`, which stands in `folder`, imports from; the name."""
    for node in import_statements(code):
        if isinstance(node, ast.Import):
            wanted = [(root.parent, item.name) for item in node.names]
        else:
            base = (root.parent, folder, *folder.parents)[node.level]
            wanted = [(base, f"{node.module or ''}.{item.name}") for item in node.names]
        for base, dotted in wanted:
            parts = dotted.strip(".").split(".")
            if file := file_of(root, base.joinpath(*parts)):
                yield file, parts[-1]


@cache  # many chapters reach the same modules
def import_statements(code: str) -> tuple[ast.Import | ast.ImportFrom, ...]:
    nodes = ast.walk(ast.parse(code))
    return tuple(node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def file_of(root: Path, path: Path) -> Path | None:
    """The module at `path`, or the one that a name at `path` is taken from."""
    while path.is_relative_to(root):
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
        path = path.parent
    return None


def exporters(root: Path, path: Path, code: str) -> set[Path]:
    """The files behind the names that `code` takes from a package, or else the module itself."""
    if path.name != "__init__.py":
        return {path}
    words = set(re.findall(r"\w+", code))
    exported = imports(root, path.read_text(encoding="utf-8"), path.parent)
    return {file for file, name in exported if name in words} or {path}


def code_of(chapter: str) -> str:
    """The Python in a MyST notebook's code cells, without cell options and magics."""
    cells = (CELL_OPTION.sub("", cell) for cell in CODE_CELL.findall(chapter))
    return MAGIC.sub("pass", "\n".join(cells))


def digest(root: Path, chapter: str) -> str:
    """A digest of every file of the package in `root` that the chapter's outputs depend on."""
    try:
        files = python_files(root, code_of(chapter))
    except SyntaxError:  # the execution will report it
        files = set(root.rglob("*.py"))
    if files:
        data = (path for path in root.rglob("*") if path.is_file() and ".py" not in path.suffix)
        files |= {path for path in data if path.parent.name not in NO_OUTPUT}
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(path.relative_to(root).as_posix().encode() + b"\0")
        total.update(path.read_bytes())
    return total.hexdigest()


def drop_stale(app: Sphinx, env, added: set[str], *_) -> set[str]:
    """Drop executions made stale by a change in the package; return the chapters to read again."""
    current = {
        name: digest(ROOT, Path(env.doc2path(name)).read_text(encoding="utf-8"))
        for name in env.found_docs
    }
    folder = Path(env.mystnb_config.execution_cache_path)
    record = folder / DIGESTS
    executed = json.loads(record.read_text()) if record.exists() else {}
    stale = {name for name in current if executed.get(name) != current[name]}
    if stale:
        cache = get_cache(folder)
        for entry in cache.list_cache_records():
            where = Path(entry.uri).with_suffix("").as_posix()
            if any(where.endswith(f"/{name}") for name in stale):
                logger.info("incontext changed: dropped the execution of %s", entry.uri)
                cache.remove_cache(entry.pk)
        record.write_text(json.dumps({**executed, **current}, indent=1))
    read = getattr(env, "incontext_digests", {})
    env.incontext_digests_now = current
    return {name for name in current if read.get(name) != current[name]} - added


def remember(app: Sphinx, env) -> None:
    """Reached only when every chapter has been read without an error."""
    env.incontext_digests = env.incontext_digests_now


def setup(app: Sphinx) -> None:
    app.connect("env-get-outdated", drop_stale)
    app.connect("env-updated", remember)
