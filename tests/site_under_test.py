"""The built book as the tests see it: where it is, its pages, and what they show."""

import json
import os
import shutil
from functools import cache
from pathlib import Path

import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[1]
SITE = Path(os.environ.get("INCONTEXT_SITE", ROOT / "_build" / "html"))
EXECUTED = SITE.parent / "jupyter_execute"


def chapters() -> list[str]:
    """Every page of the contents, in order, as paths without extension."""
    toc = yaml.safe_load(Path(os.environ.get("INCONTEXT_TOC", ROOT / "_toc.yml")).read_text())
    return [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]


def page(chapter: str) -> Path:
    path = SITE / f"{chapter}.html"
    assert path.exists(), f"{path} is not built; run `make book` first"
    return path


@cache
def soup(chapter: str) -> BeautifulSoup:
    return BeautifulSoup(page(chapter).read_text(encoding="utf-8"), "html.parser")


def specs(chapter: str) -> list[dict]:
    """The state of every explorable on a page, in order."""
    scripts = soup(chapter).select("figure.explorable script.explorable-state")
    return [json.loads(script.text) for script in scripts]


def predictions(chapter: str) -> list[dict]:
    """The state of every prediction on a page, in order."""
    scripts = soup(chapter).select("[data-prediction] script.prediction-state")
    return [json.loads(script.text) for script in scripts]


def browser_path() -> str | None:
    """The system's Chromium or Chrome, the one without windows if there is a choice, since it opens
    tabs and pages in less time, or None for the one that Playwright installed."""
    names = (
        "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome",
        "google-chrome-stable",
    )  # fmt: skip
    return next((found for name in names if (found := shutil.which(name))), None)


LAUNCH = {
    "executable_path": browser_path(),
    "args": [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ],
}
