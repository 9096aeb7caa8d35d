"""BertViz in JupyterLab with every other address out of reach, in its light and its dark theme."""

import sys

import nbformat
import pytest
from lab_under_test import come_to, run_all, running

CODE = """
import torch
from incontext import reading
from incontext.config import TransformerConfig
from incontext.transformer import Encoder

model = Encoder(TransformerConfig(37, 11, 8, 2, 29, 2))
ids = torch.arange(5)[None]
weights = model(ids).attentions
queries, keys = reading.queries_and_keys(model, ids)
for view in ("head", "model", "neuron"):
    display(reading.bertviz_frame(view, weights, list("abcde"), queries=queries, keys=keys))
"""
DRAWN = "() => document.querySelector('#vis svg text') !== null"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    home = tmp_path_factory.mktemp("lab")
    work = home / "work"
    work.mkdir()
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(CODE)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, work / "views.ipynb")
    with running([sys.executable, "-m", "jupyterlab"], home, work) as started:
        yield started


def test_all_three_views_are_drawn_and_ask_nobody(lab, page):
    address, token, _ = lab
    asked, complaints = [], []

    def only_here(route):
        if route.request.url.startswith((address, address.replace("http", "ws"))):
            return route.continue_()
        asked.append(route.request.url)
        return route.abort()

    page.route("**/*", only_here)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/lab/tree/views.ipynb?token={token}")
    run_all(page)
    come_to(page, "figure.bertviz iframe")
    before = len(asked)  # JupyterLab may ask for its own news
    elements = page.locator("figure.bertviz iframe").all()
    assert len(elements) == 3
    for element in elements:
        element.scroll_into_view_if_needed()
        frame = element.element_handle().content_frame()
        frame.wait_for_function(DRAWN)
        assert frame.evaluate("document.documentElement.dataset.theme") == "light"
        page.evaluate("document.body.dataset.jpThemeLight = 'false'")
        frame.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    assert len(asked) == before and not complaints
