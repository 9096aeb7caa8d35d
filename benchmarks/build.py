"""How long the book takes to build: cold, warm, and second by second for each chapter.

    .venv/bin/python benchmarks/build.py

Builds into a temporary folder, so the book you have stays as it is.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jupyter_cache import get_cache
from timing import site, table


def build(folder: str) -> float:
    """The seconds of one build, as `make book` does it."""
    command = [sys.executable, "-m", "jupyter_book", "build", ".", "-n", "--keep-going"]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--path-output", folder], cwd=site.ROOT, capture_output=True, text=True
    )
    seconds = time.perf_counter() - start
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return seconds


def executions(folder: str) -> dict[str, float]:
    """The seconds that the code of each chapter took, its kernel's start included."""
    cache = get_cache(Path(folder, "_build", ".jupyter_cache"))
    records = cache.list_cache_records()
    return {Path(one.uri).stem: one.data["execution_seconds"] for one in records}


def main():
    with tempfile.TemporaryDirectory() as folder:
        cold = build(folder)
        warm = build(folder)
        seconds = executions(folder)
    rest = cold - sum(seconds.values())
    lines = [["cold: nothing cached", f"{cold:.0f}"], ["warm: nothing changed", f"{warm:.1f}"]]
    print(table(["build", "seconds"], lines), end="\n\n")
    names = [name for chapter in site.chapters() if (name := Path(chapter).name) in seconds]
    lines = [[name, f"{seconds[name]:.1f}"] for name in names]
    lines.append(["pages, search index and everything else", f"{rest:.1f}"])
    print(table(["part of the cold build", "seconds"], lines))


if __name__ == "__main__":
    main()
