"""The learner's edition in JupyterLab, opened as `make lab` opens it."""

import json
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import site_under_test as site
from lab_under_test import PATIENCE, come_to, evaluate, kernel_of, run_all, running

CHAPTER = "softmax-temperature"
BUILT = Path("_build", "html", "notebooks")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The lab on a folder like the repository's: (folder, address, token, kernels' files)."""
    home = tmp_path_factory.mktemp("lab")
    work = home / "work"
    (work / BUILT.parent).mkdir(parents=True)
    (work / BUILT).symlink_to(site.SITE / "notebooks")
    shutil.copytree(site.ROOT / "chapters", work / "chapters")  # with the times of their saving
    with running([sys.executable, str(site.ROOT / "scripts" / "open_lab.py")], home, work) as it:
        yield work, *it


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.md")}


def saved_code(page, notebook: Path) -> list[dict]:
    """The code cells in the file, saved by the menu again and again until all have run."""
    code = []
    for _ in range(PATIENCE // 1000):
        page.get_by_role("menuitem", name="File", exact=True).click()
        page.locator(".lm-Menu-itemLabel").get_by_text("Save Notebook", exact=True).click()
        page.wait_for_timeout(1000)
        with suppress(ValueError):  # read while it is being written
            cells = json.loads(notebook.read_text())["cells"]
            code = [cell for cell in cells if cell["cell_type"] == "code"]
            if all(cell["execution_count"] for cell in code):
                break
    return code


def test_a_chapter_runs_and_asks_and_checks_and_is_saved_apart_from_the_source(lab, page):
    work, address, token, runtime = lab
    before = contents(work / "chapters")
    page.goto(f"{address}/lab/tree/{CHAPTER}.ipynb?token={token}")
    run_all(page)
    come_to(page, f"figure.explorable[data-explorable='{CHAPTER}'][data-ready]")

    asked = site.predictions(f"chapters/{CHAPTER}")[0]
    question = page.locator(".prediction[data-ready]").first
    if asked["kind"] == "choice":
        question.get_by_role("radio").nth(asked["right"]).check()
    else:
        question.get_by_role("textbox").fill(str(asked["value"]))
    question.get_by_role("button", name="Check").click()
    assert question.locator("output").inner_text().startswith("Right.")

    code = saved_code(page, work / "notebooks" / f"{CHAPTER}.ipynb")
    assert all(cell["execution_count"] for cell in code)
    assert not [out for cell in code for out in cell["outputs"] if out["output_type"] == "error"]
    place = next(cell for cell in code if "# your code" in "".join(cell["source"]))
    said = "".join(part for out in place["outputs"] for part in out["data"]["text/plain"])
    assert "Your code goes there" in said
    assert contents(work / "chapters") == before

    written = json.dumps([cell["source"] for cell in code])
    for spec in site.predictions(f"chapters/{CHAPTER}"):
        assert spec["answer"][:60] not in written

    client = kernel_of(runtime)
    try:
        solved = "import torch; from incontext import exercises; print(bool("
        assert evaluate(client, f"{solved}exercises.check_softmax(lambda s: s)))") == "False"
        right = "lambda scores, temperature=1: torch.softmax(scores / temperature, dim=-1)"
        assert evaluate(client, f"{solved}exercises.check_softmax({right})))") == "True"
    finally:
        client.stop_channels()


def test_the_first_page_opens_with_links_to_the_chapters(lab, page):
    _, address, token, _ = lab
    page.goto(f"{address}/lab/tree/index.ipynb?token={token}")
    shown = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    link = shown.locator(f"a[href*='{CHAPTER}.ipynb']").first
    link.scroll_into_view_if_needed()
    link.click()
    page.wait_for_selector(f".lm-DockPanel-tabBar .lm-mod-current:has-text('{CHAPTER}')")
