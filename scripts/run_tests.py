"""All tests, stage after stage. Every stage runs, whatever fails before it; the summary is last."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

# The first of them that is here; the one without windows takes half the time.
BROWSERS = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome",
    "google-chrome-stable",
)  # fmt: skip
NBVAL = [sys.executable, "-m", "pytest", "-q"]
PYTEST = [*NBVAL, "-p", "no:nbval"]  # it takes a second and a half of each process to import
BOOK = str(Path(sys.executable).with_name("jupyter-book"))
TWO_AT_ONCE = ["-n", "2", "--dist", "loadfile"]
# A browser often waits for a frame or a timer: one more than there are cores. No test needs another
# of its file, and two files are half of the work.
TABS_AT_ONCE = ["-n", str(min(os.cpu_count() or 2, 7) + 1), "--dist", "worksteal"]

# Modules whose public functions say shapes. Their tests once more, with every shape checked; that
# the real models equal their peers, and that the small one learns, was seen without.
SHAPES = [
    "attention", "block", "contextual", "embeddings", "generation", "heads", "positions", "reading",
    "softmax", "training", "transformer",
]  # fmt: skip

STAGES = {
    "lint": [sys.executable, "-m", "ruff", "check", "."],
    "format": [sys.executable, "-m", "ruff", "format", "--check", "."],
    "imports": [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"],
    "unit": [*PYTEST, "tests/unit", *TWO_AT_ONCE],
    "types": [
        *PYTEST, *(f"tests/unit/test_{name}.py" for name in SHAPES), *TWO_AT_ONCE,
        "-m", "not bad_input", "-k", "not (real or learns)",
        "--jaxtyping-packages=incontext,beartype.beartype",
    ],
    "book": [
        BOOK, "build", ".", "--all", "-n", "-W", "--keep-going",
    ],
    "site": [*PYTEST, "tests/book", *TWO_AT_ONCE],
    "notebooks": [
        *NBVAL, "--nbval", "--nbval-sanitize-with", "tests/book/sanitize.cfg",
        "--nbval-cell-timeout", "300", "_build/learner", *TWO_AT_ONCE,
    ],
    "lab": [*PYTEST, "tests/lab"],
    "browser": [*PYTEST, "tests/browser", *TABS_AT_ONCE],
}  # fmt: skip
# What mostly waits for a server or a kernel: it begins with the other stage, and is told in its own
# place. The browser's tests are measured by the clock, and run alone.
BESIDE = {"lab": "site"}


# A kernel can lose a cell and wait for ever (github.com/ipython/ipykernel/issues/1471; seen with
# ipykernel 6.31 and 7.4). Where that ended a stage, and nothing else did, it gets a second try.
LOST = ("CellTimeoutError", "DeadKernelError", "Timeout of ")


def run(command: list[str], say: Callable[[str], None]) -> tuple[int, bool]:
    """Exit code, and whether a kernel was lost. What the command prints is passed on."""
    lost = False
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout:
            say(line)
            lost = lost or any(sign in line for sign in LOST)
    return process.returncode, lost


def run_stage(name: str, browser: bool, say: Callable[[str], None]) -> tuple[str, int, float]:
    """The stage, its exit code and its seconds."""
    say(f"\n=== {name}\n")
    start = time.monotonic()
    if name in ("browser", "lab") and not browser:
        code = 1
    else:
        code, lost = run(STAGES[name], say)
        if code and lost:
            say(f"\n=== {name}, once more: a kernel was lost\n")
            code, _ = run(STAGES[name], say)
    return name, code, time.monotonic() - start


def have_browser() -> bool:
    """A browser of the system, or Playwright's own, fetched here if need be."""
    if any(shutil.which(name) for name in BROWSERS):
        return True
    fetch = [sys.executable, "-m", "playwright", "install", "chromium"]
    if subprocess.run(fetch, capture_output=True, check=False).returncode == 0:
        return True
    print(
        "make: no browser for the tests, and none could be fetched. Install Chromium"
        " (Debian: apt install chromium), or run .venv/bin/playwright install chromium",
        file=sys.stderr,
    )
    return False


def main() -> int:
    unknown = [name for name in sys.argv[1:] if name not in STAGES]
    if unknown:
        print(f"no stage {unknown[0]!r}; there are: {', '.join(STAGES)}", file=sys.stderr)
        return 2
    wanted = [name for name in STAGES if name in sys.argv[1:] or not sys.argv[1:]]
    browser, start = have_browser(), time.monotonic()
    say = partial(print, end="", flush=True)
    results, begun = [], {}
    with ThreadPoolExecutor() as pool:
        for name in wanted:
            for other, first in BESIDE.items():
                if first == name and other in wanted:
                    told = []
                    begun[other] = told, pool.submit(run_stage, other, browser, told.append)
            if name in begun:
                told, stage = begun[name]
                result = stage.result()
                say("".join(told))
            else:
                result = run_stage(name, browser, say)
            results.append(result)
    print("\n=== summary")
    for name, code, seconds in results:
        beside = f", beside {BESIDE[name]} and what follows it" if name in begun else ""
        print(f"{'failed' if code else 'passed':8}{seconds:7.0f} s  {name}{beside}")
    print(f"{time.monotonic() - start:15.0f} s  in all, by the clock")
    return int(any(code for _, code, _ in results))


if __name__ == "__main__":
    sys.exit(main())
