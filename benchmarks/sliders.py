"""From a move of a slider to the repainted picture: the built page against `interact`.

    make book && .venv/bin/python benchmarks/sliders.py

In the page, every control of every explorable is moved 40 times and timed inside the browser: the
event's handler, and the work of the next frame, which shows the new picture. Beside it, in the same run, the usual way: `ipywidgets.interact` with a Matplotlib callback
in JupyterLab, from the input event until the new picture is in the document.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright
from timing import percentile, site, table

MOVES = 40

# The display's own clock (up to 16.7 ms of waiting) is nobody's doing, so the work is timed: the
# handler, the redraw in the very next frame, and the style and layout that reading a size forces.
MEASURE = """async ([figure, trait, moves]) => {
  const input = [...figure.querySelectorAll(`[data-trait="${trait}"]`)][0];
  const picture = figure.querySelector('.ic-picture');
  const times = [];
  const values = [];
  if (input.type === 'range') {
    const [low, high, step] = [Number(input.min), Number(input.max), Number(input.step)];
    for (let i = 0; i < moves; i++) {
      values.push(low + Math.round((((i * 0.618) % 1) * (high - low)) / step) * step);
    }
  } else if (input.localName === 'select') {
    const options = [...input.options].map(o => o.value);
    for (let i = 0; i < moves; i++) values.push(options[(i + 1) % options.length]);
  } else for (let i = 0; i < moves; i++) values.push(i % 2 ? 1 : 2);
  const frame = () => new Promise(done => requestAnimationFrame(done));
  for (const value of values) {
    await frame();
    const start = performance.now();
    if (input.type === 'checkbox') input.click();
    else {
      input.value = value;
      const event = input.localName === 'select' ? 'change' : 'input';
      input.dispatchEvent(new Event(event, { bubbles: true }));
    }
    const handled = performance.now();
    const drawn = await new Promise(done => requestAnimationFrame(begin => {
      // our redraw was requested first, so it has run by now, in this same frame
      picture.getBoundingClientRect();
      done(performance.now() - begin);
    }));
    times.push(handled - start + drawn);
    await new Promise(done => setTimeout(done, 20));
  }
  return times;
}"""

INTERACT = """
import ipywidgets, numpy as np, matplotlib.pyplot as plt
from incontext.softmax import softmax
import torch

@ipywidgets.interact(temperature=ipywidgets.FloatLogSlider(value=1, min=-1.3, max=1.3))
def show(temperature):
    weights = softmax(torch.tensor([2.0, 4.0, 1.0]), temperature)
    fig, ax = plt.subplots()
    ax.bar(range(3), weights)
    plt.show()
"""

ROUND_TRIP = """async moves => {
  const slider = document.querySelector('.jp-OutputArea .widget-slider .noUi-handle');
  const output = document.querySelector('.widget-output, .jupyter-widgets-output-area');
  const picture = () => output.querySelector('img, svg')?.outerHTML ?? '';
  const times = [];
  for (let i = 0; i < moves; i++) {
    const before = picture();
    const start = performance.now();
    const key = i % 20 < 10 ? 'ArrowRight' : 'ArrowLeft';
    slider.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    await new Promise((done, fail) => {
      const check = () => {
        const now = picture();
        if (now && now !== before) return done();
        if (performance.now() - start > 10000) return fail(new Error('no new picture in 10 s'));
        requestAnimationFrame(check);
      };
      check();
    });
    times.push(performance.now() - start);
    await new Promise(done => setTimeout(done, 50));
  }
  return times;
}"""


def in_the_page(browser) -> list[list]:
    rows = []
    for chapter in site.chapters():
        if not site.specs(chapter):
            continue
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(site.page(chapter).as_uri())
        for figure, spec in zip(
            page.locator("figure.explorable").all(), site.specs(chapter), strict=True
        ):
            figure.scroll_into_view_if_needed()
            handle = figure.element_handle()
            page.wait_for_function("figure => 'ready' in figure.dataset", arg=handle)
            for control in spec["controls"]:
                times = page.evaluate(MEASURE, [handle, control["trait"], MOVES])
                where = f"{chapter.split('/')[-1]}: {spec['name']}"
                rows.append([where, control["label"], times])
        page.close()
    return rows


def with_interact(browser) -> list[float]:
    with tempfile.TemporaryDirectory() as home:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(INTERACT)])
        nbformat.write(notebook, Path(home) / "interact.ipynb")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        token = secrets.token_hex(8)
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                *(f"--ServerApp.port={port}", f"--IdentityProvider.token={token}"),
                f"--notebook-dir={home}",
            ],
            env={**os.environ, "HOME": home},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(120):
                try:
                    urllib.request.urlopen(f"{address}/api/status?token={token}", timeout=2)
                    break
                except OSError:
                    time.sleep(0.5)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(120_000)
            page.goto(f"{address}/lab/tree/interact.ipynb?token={token}")
            page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
            page.locator(".jp-CodeCell .cm-content").first.click()
            page.keyboard.press("Shift+Enter")
            page.wait_for_selector(".widget-slider .noUi-handle")
            page.wait_for_timeout(3000)
            times = page.evaluate(ROUND_TRIP, MOVES)
            page.close()
            return times
        finally:
            server.terminate()
            server.wait(timeout=20)


def main():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**site.LAUNCH)
        rows = in_the_page(browser)
        usual = with_interact(browser)
        browser.close()
    lines = [
        [where, label, f"{percentile(times, 0.5):.1f}", f"{percentile(times, 0.95):.1f}"]
        for where, label, times in rows
    ]
    everything = [one for _, _, times in rows for one in times]
    lines.append(
        [
            "**all controls**",
            "",
            f"{percentile(everything, 0.5):.1f}",
            f"{percentile(everything, 0.95):.1f}",
        ]
    )
    lines.append(
        [
            "`interact` with Matplotlib",
            "Temperature",
            f"{percentile(usual, 0.5):.1f}",
            f"{percentile(usual, 0.95):.1f}",
        ]
    )
    print(table(["where", "control", "p50 (ms)", "p95 (ms)"], lines))
    late = [line for line in lines[:-2] if float(line[3]) > 16.7]
    print(f"\ncontrols with p95 over one 60 Hz frame (16.7 ms): {json.dumps(late or 'none')}")


if __name__ == "__main__":
    main()
