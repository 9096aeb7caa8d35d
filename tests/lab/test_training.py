"""The training widget in JupyterLab: the kernel trains, and the page shows what it hears."""

import json
import sys

import jupytext
import nbformat
import pytest
import site_under_test as site
from lab_under_test import come_to, evaluate, kernel_of, run_all, running

N_STEPS = 100
SHORT = f"""
from incontext.explorables import training as page
page.RECIPE |= {{"n_steps": {N_STEPS}, "validate_every": 50}}
"""
ASK = """
from incontext import predict
predict.choice("Which is the larger?", [("2", 2 > 3, "No."), ("3", 3 > 2, "Yes.")])
"""
FIND = """
import gc
shown = next(one for one in gc.get_objects() if isinstance(one, page.Training))
"""
FIGURE = "figure.explorable[data-explorable='training'][data-ready]"
PROGRESS = f"{FIGURE} progress + span"  # beside the buttons: how far the run is
ROWS = """figure => [...figure.querySelectorAll('tbody tr')].map(
  row => [...row.children].map(cell => cell.dataset.value ?? cell.textContent))"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on the chapter's cell, its runs cut short: (address, token, kernels' files)."""
    home = tmp_path_factory.mktemp("lab")
    work = home / "work"
    work.mkdir()
    chapter = jupytext.read(site.ROOT / "chapters" / "training.md")
    shown = next(cell.source for cell in chapter.cells if "explorables.Training()" in cell.source)
    cells = [nbformat.v4.new_code_cell(source) for source in (SHORT, shown, ASK)]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=chapter.metadata)
    nbformat.write(notebook, work / "training.ipynb")
    with running([sys.executable, "-m", "jupyterlab"], home, work) as started:
        yield started


def numbers(figure) -> dict:
    return {(first, of): value for first, of, value in figure.evaluate(ROWS)}


def wait_for(page, words: str) -> None:
    page.wait_for_function(
        "([where, words]) => document.querySelector(where).textContent.includes(words)",
        arg=[PROGRESS, words],
    )


def test_it_keeps_its_keys_and_the_kernel_trains_and_stops_whoever_asks(lab, page):
    address, token, runtime = lab
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/lab/tree/training.ipynb?token={token}")
    run_all(page)
    come_to(page, FIGURE)
    figure = page.locator(FIGURE)
    wait_for(page, "Nothing runs yet.")

    # JupyterLab would go to another cell.
    seed = figure.locator("[data-trait=seed]")
    seed.press("ArrowRight")
    assert seed.get_attribute("aria-valuetext") == "4"
    options = page.locator(".prediction[data-ready] input[type=radio]")
    options.first.press(" ")
    options.first.press("ArrowDown")
    assert options.last.is_checked()

    client = kernel_of(runtime)
    try:
        evaluate(client, FIND)

        def press(name):
            figure.get_by_role("button", name=name, exact=True).click()

        def ask(code):
            return json.loads(evaluate(client, f"import json; print(json.dumps({code}))"))

        def until(code, value):
            """Ask until the kernel has heard of it."""
            for _ in range(100):
                if ask(code) == value:
                    return
                page.wait_for_timeout(100)
            assert ask(code) == value

        press("Train")
        wait_for(page, f"Step {N_STEPS} of {N_STEPS}, ")
        until("[len(shown.run.losses), shown.run.seed, shown.step]", [N_STEPS, 4, N_STEPS])
        looks = {step: i for i, step in enumerate(ask("shown._beside.history.steps"))}
        assert list(looks) == [0, 50, 100], "the history has arrived"
        losses = ask("shown._beside.history.loss['who']")

        slider = figure.locator("[data-trait=step]")
        for move, step in (("ArrowLeft", 50), ("ArrowLeft", 0), ("ArrowRight", 50)):
            slider.press(move)
            page.wait_for_function(
                "([figure, step]) => figure.querySelector('tbody tr td:last-child').dataset.value"
                " === step",
                arg=[figure.element_handle(), str(step)],
            )
            found = numbers(figure)
            until("shown.step", step)
            assert float(found[f"loss, step {step}", "who ate whom"]) == losses[looks[step]]
        weights = ask("shown._beside.history.maps[0][1][1, 0].tolist()")  # step 50, layer 2, head 1
        assert float(found["weight from “dog” (2)", "to “the” (1)"]) == weights[1][0]

        evaluate(client, "page.RECIPE['n_steps'] = 2500")  # none that ends by itself meanwhile
        press("Train")
        wait_for(page, "Step 0 of ")
        press("Stop")
        wait_for(page, ", stopped")
        assert not ask("shown._beside._thread.is_alive()") and ask("len(shown.run.losses)") < 2500

        evaluate(client, "shown.train(); shown.pause()")
        wait_for(page, ", paused")
        figure.get_by_role("button", name="Go on", exact=True).wait_for()
        evaluate(client, "shown.forget()")
        wait_for(page, "Nothing runs yet.")
        assert "recorded run" in figure.locator(".ic-sentence").inner_text()
    finally:
        client.stop_channels()
    assert not complaints
