"""The transformer that trains in the page: how soon it has learned, and how fast its steps are.

    .venv/bin/python benchmarks/training_page.py            # some minutes on one core
    .venv/bin/python benchmarks/training_page.py browser    # and a run in Chromium

Processor seconds until 0.95 of the held-out sentences of each family are answered rightly, for five
seeds, both readings, two families and all four, by the page's engine in Node, looks included. Then
its steps per second and those of the Python loop (PyTorch, one thread) on the same model, in turns.
In Chromium a whole run by the clock, in its worker, with the longest task of the main thread.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
import torch
from record_training_page import train_in_node
from timing import site, table

from incontext import training
from incontext.config import TransformerConfig
from incontext.corpus import READINGS
from incontext.explorables import Training
from incontext.explorables import training as explorable
from incontext.explorables.base import STATIC

SEEDS = (1, 2, 3, 4, 5)
ROUNDS, STEPS = 5, 150


def learning() -> list[list]:
    """Seconds to 0.95 by seed, and the median."""
    rows = []
    for reading in READINGS:
        for families in ("two", "all"):
            seconds, steps = [], []
            for seed in SEEDS:
                choices = {
                    **explorable.DEFAULTS,
                    "reading": reading,
                    "families": families,
                    "seed": seed,
                }
                last = train_in_node(choices, until=0.95)[-1]
                learned = min(last["accuracy"].values()) >= 0.95
                seconds.append(last["seconds"] if learned else float("inf"))
                steps.append(f"{last['step'] if learned else 'not'}")
            rows.append(
                [
                    explorable.READS[reading],
                    families,
                    ", ".join(f"{one:.1f}" for one in seconds),
                    f"{statistics.median(seconds):.1f}",
                    ", ".join(steps),
                ]
            )
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def python_loop(reading: str) -> float:
    """Steps in a processor second, looks included."""
    config = TransformerConfig(
        len(training.Vocabulary()), **explorable.SIZES, n_heads=4, n_layers=2, activation="relu"
    )
    recipe = training.Recipe(**{**explorable.RECIPE, "n_steps": STEPS}, stop_at=None)
    run = training.new_run(config, reading=reading, recipe=recipe)
    start = time.process_time()
    training.fit(run, progress=False)
    return STEPS / (time.process_time() - start)


def page_loop(reading: str) -> float:
    choices = {**explorable.DEFAULTS, "families": "all", "reading": reading}
    return STEPS / train_in_node(choices, steps=STEPS)[-1]["seconds"]


def speed() -> list[list]:
    rows = []
    for reading in READINGS:
        rounds = [(page_loop(reading), python_loop(reading)) for _ in range(ROUNDS)]
        rows.append(
            [
                explorable.READS[reading],
                f"{statistics.median(page for page, _ in rounds):.0f}",
                f"{statistics.median(loop for _, loop in rounds):.0f}",
                f"{statistics.median(page / loop for page, loop in rounds):.2f}",
            ]
        )
    return rows


WATCH = """() => {
  window.longest = 0;
  new PerformanceObserver(list => list.getEntries().forEach(({ duration }) => {
    longest = Math.max(longest, duration);
  })).observe({ type: 'longtask' });
}"""


def browser() -> list:
    """What the page says of a whole run, and the longest task of its main thread."""
    from playwright.sync_api import sync_playwright

    widget = Training()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder, "page.html")
        file.write_text(
            f"<!doctype html><meta charset=utf-8><link rel=stylesheet href="
            f"'{(STATIC / 'theme.css').as_uri()}'>{widget.to_html()}"
            f"<script src='{(STATIC / 'host.js').as_uri()}'></script>"
        )
        chromium = playwright.chromium.launch(**site.LAUNCH)
        page = chromium.new_page()
        page.goto(file.as_uri())
        page.wait_for_selector("[data-ready]", state="attached")
        page.wait_for_timeout(2000)
        page.evaluate(WATCH)
        page.get_by_role("button", name="Train", exact=True).click()
        page.wait_for_function("document.querySelector('progress').value === 2500", timeout=600_000)
        page.wait_for_timeout(500)
        said = page.locator("progress + span").inner_text()
        longest = page.evaluate("longest")
        chromium.close()
    return [said, f"{longest:.0f}" if longest else "below 50"]


def main() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
    print(table(["reading", "page (steps/s)", "Python loop (steps/s)", "ratio"], speed()))
    print()
    if "browser" in sys.argv[1:]:
        print(table(["whole run in Chromium", "longest main-thread task (ms)"], [browser()]))
        print()
    header = ["reading", "families", "seconds, seeds 1 to 5", "median", "steps"]
    print(table(header, learning()))


if __name__ == "__main__":
    main()
