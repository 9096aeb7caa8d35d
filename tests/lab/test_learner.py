"""The learner's edition in JupyterLab, opened as `make lab` opens it."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import site_under_test as site
from lab_under_test import come_to, evaluate, kernel_of, run_all, running

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

    page.keyboard.press("Control+s")
    own = work / "notebooks" / f"{CHAPTER}.ipynb"
    page.wait_for_function("!document.querySelector('.jp-mod-current.jp-mod-dirty')")
    saved = json.loads(own.read_text())
    code = [cell for cell in saved["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)
    assert not [out for cell in code for out in cell["outputs"] if out["output_type"] == "error"]
    place = next(cell for cell in code if "# your code" in "".join(cell["source"]))
    said = "".join(part for out in place["outputs"] for part in out["data"]["text/plain"])
    assert "Your code goes there" in said
    assert contents(work / "chapters") == before

    written = json.dumps([cell["source"] for cell in saved["cells"]])
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
    link = page.locator(".jp-RenderedMarkdown a", has_text="Softmax").first
    link.scroll_into_view_if_needed()
    link.click()
    page.wait_for_selector(f".lm-DockPanel-tabBar .lm-mod-current:has-text('{CHAPTER}')")
