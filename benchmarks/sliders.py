"""From a move of a slider to the repainted picture: the built page against `interact`.

    make book && .venv/bin/python benchmarks/sliders.py [moves of each control, 60 where not given]

In the page, every control of every explorable is moved with the mouse or the keyboard, as a reader
would, and each move is timed on the page's main thread:

    work      processor time of the tasks that dispatch the event and make the frame with the new
              picture: handlers, redraw, style, layout, paint and commit. To keep up with a 60 Hz
              screen it must stay under 16.7 ms. It is read from Chromium's trace, which counts what
              the thread itself ran, so other programs on the machine do not add to it.
    clock     the same span by the clock: the handlers, then the frame, with the time in which the
              thread was ready and others ran. On a busy machine it says more about the machine.
    latency   by the clock from the event to the end of the frame, with the wait for the next tick.

The work is measured once with the table of numbers closed, as it comes, and once with it open. (The
table is filled after that frame, in a task of its own that is not in these figures.)

Beside it, in the same run, the usual way: `ipywidgets.interact` with a Matplotlib callback in
JupyterLab, from the key that moves the slider until the new picture is in the document.
"""

import itertools
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, ElementHandle, Page, sync_playwright
from timing import percentile, site, table

FRAME = 1000 / 60  # ms
INTERACT_MOVES = 40
TRACED = ["toplevel", "devtools.timeline"]
TRACED_AT_ONCE = 16  # moves: the trace's buffer is finite

# A capturing listener starts the clock, a bubbling one takes the time when all handlers have run.
# The capturing listener asks for a frame before the explorable does, so it sees the frame begin; a
# message posted from there is delivered when the page has painted and handed the frame on.
WATCH = """() => {
  window.moves = [];
  let move = null;
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    const end = performance.now();
    moves.push([move.handled - move.start + end - move.frame, end - move.start]);
    move = null;
  };
  for (const type of ['input', 'change']) {
    window.addEventListener(type, () => {
      if (move) return;
      move = { start: performance.now() };
      requestAnimationFrame(() => {
        move.frame = performance.now();
        channel.port2.postMessage(null);
      });
    }, { capture: true });
    window.addEventListener(type, () => {
      if (move && !move.frame) move.handled = performance.now();
    });
  }
}"""

# Resolves when a move has been timed, or when 100 ms show that the value did not change.
SETTLED = """before => new Promise(done => {
  const end = performance.now() + 100;
  const over = () => moves.length > before || performance.now() > end;
  const look = () => (over() ? done() : setTimeout(look, 5));
  look();
})"""

INTERACT = """
import ipywidgets, matplotlib.pyplot as plt, torch
from incontext.softmax import softmax

@ipywidgets.interact(temperature=ipywidgets.FloatLogSlider(value=1, min=-1.3, max=1.3))
def show(temperature):
    weights = softmax(torch.tensor([2.0, 4.0, 1.0]), temperature)
    fig, ax = plt.subplots()
    ax.bar(range(3), weights)
    plt.show()
"""

WATCH_INTERACT = """() => {
  const output = document.querySelector('.jp-OutputArea .widget-interact .jp-OutputArea');
  const picture = () => output.querySelector('img')?.src ?? '';
  window.picture = picture;
  window.moves = [];
  window.addEventListener('keydown', () => {
    const [start, before] = [performance.now(), picture()];
    const look = () => {
      const now = picture();
      if (now && now !== before) moves.push(performance.now() - start);
      else requestAnimationFrame(look);
    };
    look();
  }, { capture: true });
}"""


def move(page: Page, control: ElementHandle, i: int) -> None:
    """Moves a native control once more: a slider with the mouse, the others with a key."""
    kind = control.evaluate("node => node.localName === 'select' ? 'select' : node.type")
    if kind == "range":
        box = control.bounding_box()
        share = 0.02 + 0.96 * (i * 0.618034 % 1)  # far apart, and never the same twice
        page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
    elif kind == "select":
        at, last = control.evaluate("node => [node.selectedIndex, node.options.length - 1]")
        down = at == 0 or (at < last and i % 20 < 10)
        control.press("ArrowDown" if down else "ArrowUp")
    elif kind == "checkbox":
        control.press("Space")
    else:
        control.press("ArrowUp" if i % 10 < 5 else "ArrowDown")


def processor_times(trace: bytes) -> list[float]:
    """Milliseconds that the main thread ran for each move: the tasks of its event and its frame."""
    events = [event for event in json.loads(trace)["traceEvents"] if event["ph"] == "X"]
    frames = Counter((e["pid"], e["tid"]) for e in events if e["name"] == "FireAnimationFrame")
    main = frames.most_common(1)[0][0]
    events = sorted((e for e in events if (e["pid"], e["tid"]) == main), key=lambda e: e["ts"])
    tasks = [event for event in events if event["name"] == "ThreadControllerImpl::RunTask"]
    inside = iter([e for e in events if e["name"] in ("EventDispatch", "FireAnimationFrame")])
    times, running, event = [], None, next(inside, None)
    for task in tasks:
        kinds = set()
        while event and event["ts"] <= task["ts"] + task["dur"]:
            kinds.add(event.get("args", {}).get("data", {}).get("type", event["name"]))
            event = next(inside, None)
        moved, drawn = kinds & {"input", "change"}, "FireAnimationFrame" in kinds
        if moved or (drawn and running is not None):
            running = (running or 0) + task["tdur"] / 1000
        if drawn and running is not None:
            times.append(running)
            running = None
    return times


def time_control(
    page: Page, figure: ElementHandle, trait: str, n_moves: int
) -> tuple[list[float], list[list[float]]]:
    """The work of every move, and [clock, latency] of every move."""
    control = figure.query_selector(f"[data-trait='{trait}']")
    control.scroll_into_view_if_needed()
    if control.get_attribute("type") == "range":
        box = control.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
    page.wait_for_timeout(100)
    work, times, tries = [], [], itertools.count()
    while len(times) < n_moves:
        some = min(TRACED_AT_ONCE, n_moves - len(times))
        page.evaluate("moves.length = 0")
        page.context.browser.start_tracing(page=page, categories=TRACED)
        for i in itertools.islice(tries, 4 * some):
            before = page.evaluate("moves.length")
            if before == some:
                break
            move(page, control, i)
            page.evaluate(SETTLED, before)
        traced = processor_times(page.context.browser.stop_tracing())
        timed = page.evaluate("moves")
        assert timed and abs(len(traced) - len(timed)) <= 1, f"{len(traced)}, {len(timed)} moves"
        work, times = work + traced, times + timed
    page.mouse.up()
    return work, times


def in_the_page(browser: Browser, n_moves: int) -> Iterator[tuple[str, str, str, tuple]]:
    for chapter in site.chapters():
        specs = site.specs(chapter)
        if not specs:
            continue
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(site.page(chapter).as_uri())
        page.evaluate(WATCH)
        figures = page.query_selector_all("figure.explorable")
        for figure, spec in zip(figures, specs, strict=True):
            figure.scroll_into_view_if_needed()
            page.wait_for_function("figure => 'ready' in figure.dataset", arg=figure)
            for numbers in ("closed", "open"):
                if numbers == "open":
                    figure.query_selector("summary").click()
                figure.query_selector(".ic-reset").click()
                for control in spec["controls"]:
                    times = time_control(page, figure, control["trait"], n_moves)
                    assert len(times[0]) >= n_moves // 2, f"{spec['name']}: {control['label']}"
                    yield f"{spec['name']} ({Path(chapter).name})", control["label"], numbers, times
        page.close()


@contextmanager
def lab(code: str) -> Iterator[str]:
    """JupyterLab with one notebook of one cell: its address."""
    with tempfile.TemporaryDirectory() as home:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
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
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(240):
                try:
                    urllib.request.urlopen(f"{address}/api/status?token={token}", timeout=2)
                    break
                except OSError:
                    time.sleep(0.5)
            yield f"{address}/lab/tree/interact.ipynb?token={token}"
        finally:
            server.terminate()
            server.wait(timeout=20)


def with_interact(browser: Browser, n_moves: int) -> list[float]:
    with lab(INTERACT) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(180_000)
        page.goto(address)
        page.wait_for_function(
            "document.querySelector('#jp-main-statusbar')?.innerText.includes('| Idle')"
        )
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        handle = page.wait_for_selector(".widget-slider .noUi-handle")
        page.wait_for_selector(".widget-interact img")
        page.wait_for_timeout(3000)
        page.evaluate(WATCH_INTERACT)
        handle.focus()
        for i in range(n_moves):
            page.keyboard.press("ArrowRight" if i % 20 < 10 else "ArrowLeft")
            page.wait_for_function("n => moves.length > n", arg=i)
            page.wait_for_timeout(50)
        times = page.evaluate("moves")
        page.close()
        return times


def both(values: list[float]) -> list[str]:
    return [f"{percentile(values, 0.5):.1f}", f"{percentile(values, 0.95):.1f}"]


def main():
    n_moves = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**site.LAUNCH)
        rows = list(in_the_page(browser, n_moves))
        usual = with_interact(browser, INTERACT_MOVES)
        browser.close()
    times = {(where, label, numbers): taken for where, label, numbers, taken in rows}
    lines, late, every = [], [], {"work": [], "clock": [], "latency": []}
    for (where, label, numbers), (work, by_the_clock) in times.items():
        if percentile(work, 0.95) > FRAME:
            late.append(f"{where}: {label}, numbers {numbers}")
        if numbers == "closed":
            clock, latency = zip(*by_the_clock, strict=True)
            opened, _ = times[where, label, "open"]
            lines.append([where, label, *both(work), *both(opened), *both(clock), *both(latency)])
            for what, values in (("work", work), ("clock", clock), ("latency", latency)):
                every[what] += values
    header = ["explorable (page)", "control"]
    for what in ("work", "work, numbers open", "clock", "latency"):
        header += [f"{what} p50", "p95"]
    print(table(header, lines))
    for what, values in every.items():
        print(f"\nall controls, {what}: p50 {both(values)[0]} ms, p95 {both(values)[1]} ms", end="")
    print(f"\n`interact` with Matplotlib: p50 {both(usual)[0]} ms, p95 {both(usual)[1]} ms")
    print(f"\none frame at 60 Hz: {FRAME:.1f} ms; work p95 above it: {'; '.join(late) or 'none'}")


if __name__ == "__main__":
    main()
