"""Execute a chapter again when the part of `incontext` that it uses has changed.

jupyter-cache keys an executed notebook on the notebook's code alone. Here each chapter also gets a
digest of the package's files that its code reaches: the modules it imports, followed through their
own imports, and the data files (styles, bundles, tables) that these modules name. When the digest
is not the one of the last execution, the cached execution is dropped and Sphinx reads the chapter
again; the other chapters stay as they are.
"""

import ast
import hashlib
import json
import re
from collections.abc import Iterator
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


class Package:
    """What each module of a package needs, read from the source without importing anything."""

    def __init__(self, root: Path):
        self.root = root
        self.modules = {self._dotted(path): path for path in sorted(root.rglob("*.py"))}
        self.data = sorted(
            path
            for path in root.rglob("*")
            if path.is_file() and path.suffix not in (".py", ".pyc")
        )

    def _dotted(self, path: Path) -> str:
        parts = path.relative_to(self.root.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def files(self, code: str) -> set[Path]:
        """Every file of the package that `code` reaches."""
        seen: set[str] = set()
        found: set[Path] = set()
        queue = list(self._references(code, package=""))
        while queue:
            module, name = self._locate(queue.pop())
            path = self.modules[module]
            source = path.read_text(encoding="utf-8")
            if path.name == "__init__.py" and name is not None:
                # A re-export leads to the module behind it, and not to its siblings.
                behind = [r for r in self._references(source, module) if r.endswith(f".{name}")]
                if behind:
                    queue += [r for r in behind if r != f"{module}.{name}"]
                    continue
            if module in seen:
                continue
            seen.add(module)
            found.add(path)
            quoted = set(re.findall(r"""["']([\w.-]+)["']""", source))
            found.update(p for p in self.data if p.name in quoted or p.stem in quoted)
            queue += self._references(source, module)
        return found

    def _locate(self, reference: str) -> tuple[str, str | None]:
        """The module in a dotted reference, and the name that is taken from it, if any."""
        module, rest = reference, []
        while module not in self.modules:
            module, _, last = module.rpartition(".")
            rest.insert(0, last)
        return module, rest[0] if rest else None

    def _references(self, code: str, package: str) -> set[str]:
        """Dotted names of this package in `code`, such as "incontext.softmax.entropy"."""
        tree = ast.parse(code)
        bound: dict[str, str] = {}
        found: set[str] = set()
        for target, alias in self._imports(tree, package):
            if target == self.root.name or target.startswith(f"{self.root.name}."):
                bound[alias] = target
        attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
        for alias, target in bound.items():
            path = self.modules.get(target)
            taken = {
                f"{target}.{node.attr}"
                for node in attributes
                if isinstance(node.value, ast.Name) and node.value.id == alias
            }
            is_package = path is not None and path.name == "__init__.py"
            found |= taken if is_package and taken else {target}
        return found

    def _imports(self, tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
        path = self.modules.get(package)
        inside = package if path and path.name == "__init__.py" else package.rpartition(".")[0]
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for item in node.names:
                    yield item.name, item.asname or item.name
            elif isinstance(node, ast.ImportFrom):
                base = [node.module] if node.module else []
                if node.level:
                    above = inside.split(".")
                    base = above[: len(above) - node.level + 1] + base
                for item in node.names:
                    yield ".".join([*base, item.name]), item.asname or item.name


def code_of(chapter: str) -> str:
    """The Python in a MyST notebook's code cells, without cell options and magics."""
    cells = (CELL_OPTION.sub("", cell) for cell in CODE_CELL.findall(chapter))
    return MAGIC.sub("pass", "\n".join(cells))


def digest(package: Package, chapter: str) -> str:
    """A digest of every file of the package that the chapter's code reaches."""
    try:
        files = package.files(code_of(chapter))
    except SyntaxError:  # the execution will report it
        files = {*package.modules.values(), *package.data}
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(path.relative_to(package.root).as_posix().encode() + b"\0")
        total.update(path.read_bytes())
    return total.hexdigest()


def drop_stale(app: Sphinx, env, added: set[str], *_) -> set[str]:
    """Drop executions made stale by a change in the package; return the chapters to read again."""
    package = Package(ROOT)
    current = {
        name: digest(package, Path(env.doc2path(name)).read_text(encoding="utf-8"))
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
