"""A chapter's source in JupyterLab: it opens as a notebook, runs, and slider and trait move each
other."""

import json
import shutil
import sys

import jupytext
import pytest
import site_under_test as site
from lab_under_test import come_to, evaluate, kernel_of, run_all, running

CHAPTER = "softmax-temperature"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a copy of one chapter: (address, token, folder of the kernels' files)."""
    home = tmp_path_factory.mktemp("lab")
    work = home / "work"
    (work / "chapters").mkdir(parents=True)
    shutil.copy(site.ROOT / "chapters" / f"{CHAPTER}.md", work / "chapters")
    with running([sys.executable, "-m", "jupyterlab"], home, work) as started:
        yield started


FIND = """
import gc
from incontext.explorables import SoftmaxTemperature
shown = next(o for o in gc.get_objects() if isinstance(o, SoftmaxTemperature))
"""


def test_slider_moves_the_trait_and_the_trait_moves_the_slider(lab, page):
    address, token, runtime = lab
    page.goto(f"{address}/lab/tree/chapters/{CHAPTER}.md?token={token}")
    run_all(page)
    wanted = f"figure.explorable[data-explorable='{CHAPTER}'][data-ready]"
    come_to(page, wanted)
    question = page.locator(".prediction[data-ready]").first
    question.get_by_role("button", name="Check").click()
    assert question.locator("output").inner_text().startswith(("Choose one", "Type a number"))

    figure = page.locator(wanted).first
    assert figure.locator(".explorable-title").inner_text() == "Softmax and temperature"
    assert figure.locator(".explorable-try").inner_text().startswith("Drag Temperature")
    slider = figure.locator("[data-trait=temperature]")
    slider.evaluate(
        """input => {
          input.value = 0.7 * input.max;
          input.dispatchEvent(new Event('input', { bubbles: true }));
        }"""
    )
    page.wait_for_function(
        "input => input.getAttribute('aria-valuetext') !== 'T = 1.00'", arg=slider.element_handle()
    )
    shown = float(slider.get_attribute("aria-valuetext").split("=")[-1])
    assert shown > 1

    client = kernel_of(runtime)
    try:
        notebook = jupytext.read(site.ROOT / "chapters" / f"{CHAPTER}.md")
        sources = [c.source for c in notebook.cells if c.cell_type == "code"]
        ran = json.loads(evaluate(client, "import json; print(json.dumps(In[1:]))"))
        assert [source.strip() for source in ran] == [source.strip() for source in sources]

        evaluate(client, FIND)
        assert float(evaluate(client, "print(shown.temperature)")) == shown

        evaluate(client, "shown.temperature = 0.3")
        page.wait_for_function(
            "input => input.getAttribute('aria-valuetext') === 'T = 0.30'",
            arg=slider.element_handle(),
        )
        weight = figure.locator("tbody tr").nth(1).locator("td").last
        wanted = float(evaluate(client, "print(shown.numbers().rows[1][-1])"))
        page.wait_for_function(
            "([cell, wanted]) => Math.abs(Number(cell.dataset.value) - wanted) < 1e-12",
            arg=[weight.element_handle(), wanted],
        )
    finally:
        client.stop_channels()
