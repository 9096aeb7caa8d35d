"""A chapter in JupyterLab: it opens as a notebook, runs, and slider and trait move each other."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import jupytext
import pytest
import site_under_test as site
from jupyter_client import BlockingKernelClient
from playwright.sync_api import sync_playwright

CHAPTER = "softmax-temperature"
PATIENCE = 180_000  # ms


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a copy of one chapter: (address, token, folder of the kernels' files)."""
    home = tmp_path_factory.mktemp("lab")
    work, runtime = home / "work", home / "runtime"
    (work / "chapters").mkdir(parents=True)
    runtime.mkdir()
    shutil.copy(site.ROOT / "chapters" / f"{CHAPTER}.md", work / "chapters")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            f"--ServerApp.port={port}",
            f"--IdentityProvider.token={token}",
            f"--notebook-dir={work}",
        ],
        env={**os.environ, "JUPYTER_RUNTIME_DIR": str(runtime), "HOME": str(home)},
        stdout=(home / "lab.log").open("w"),
        stderr=subprocess.STDOUT,
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{address}/api/status?token={token}", timeout=2)
            break
        except OSError:
            assert server.poll() is None, (home / "lab.log").read_text()[-2000:]
            time.sleep(0.5)
    yield address, token, runtime
    server.terminate()
    server.wait(timeout=20)


@pytest.fixture
def page():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**site.LAUNCH)
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        opened = context.new_page()
        opened.set_default_timeout(PATIENCE)
        yield opened
        browser.close()


def kernel_of(runtime: Path) -> BlockingKernelClient:
    newest = max(runtime.glob("kernel-*.json"), key=lambda file: file.stat().st_mtime)
    client = BlockingKernelClient(connection_file=str(newest))
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    return client


def evaluate(client: BlockingKernelClient, code: str) -> str:
    printed = []

    def keep(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(code, output_hook=keep, timeout=60, store_history=False)
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(printed).strip()


IDLE = "document.querySelector('#jp-main-statusbar').innerText.includes('| Idle')"

FIND = """
import gc
from incontext.explorables import SoftmaxTemperature
shown = next(o for o in gc.get_objects() if isinstance(o, SoftmaxTemperature))
"""


def test_slider_moves_the_trait_and_the_trait_moves_the_slider(lab, page):
    address, token, runtime = lab
    page.goto(f"{address}/lab/tree/chapters/{CHAPTER}.md?token={token}")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.wait_for_function(IDLE)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    wanted = f"figure.explorable[data-explorable='{CHAPTER}'][data-ready]"
    # JupyterLab keeps only the cells near the view in the document, so go to the top and look; and
    # it follows the running cell, so the reader's hand comes when all have run.
    to_the_top = """wanted => {
      document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0;
      return document.querySelector(wanted);
    }"""
    page.wait_for_function(to_the_top, arg=wanted, polling=500)
    page.wait_for_function(IDLE)
    page.wait_for_function(to_the_top, arg=wanted, polling=500)
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
