"""Chapters to come, not in the contents yet: each runs from its first cell to its last."""

import jupytext
import pytest
import site_under_test as site
from nbclient import NotebookClient

FOLDER = site.ROOT / "chapters" / "drafts"


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_a_draft_runs_and_its_asserts_hold(path):
    notebook = jupytext.read(path)
    assert "assert" in "\n".join(cell.source for cell in code_cells(notebook))
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": FOLDER}}
    ).execute()
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.get("name") != "stderr", output.text[:300]


def test_drafts_are_not_in_the_contents():
    assert not [chapter for chapter in site.chapters() if "drafts/" in chapter]
