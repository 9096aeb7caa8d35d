"""How long the book takes to build: cold, warm, and second by second for each chapter.

    .venv/bin/python benchmarks/build.py

Builds into a temporary folder, so the book you have stays as it is.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from timing import table

ROOT = Path(__file__).parents[1]


def build(folder: str) -> tuple[float, str]:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_book", "build", ".", "-n", "--path-output", folder],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return time.perf_counter() - start, done.stdout + done.stderr


def main():
    with tempfile.TemporaryDirectory() as folder:
        cold, said = build(folder)
        warm, _ = build(folder)
        executed = re.findall(r"(?:Executed notebook in|executed in) ([\d.]+) seconds", said)
        notebooks = sorted(Path(folder, "_build", "jupyter_execute").rglob("*.ipynb"))
        cells = {path.stem: len(nbformat.read(path, as_version=4).cells) for path in notebooks}
    print(
        table(
            ["build", "seconds"],
            [["cold (no cache)", f"{cold:.0f}"], ["warm (nothing changed)", f"{warm:.1f}"]],
        )
    )
    print(f"\nchapters executed one after the other, seconds: {', '.join(executed)}")
    print(f"cells: {cells}")


if __name__ == "__main__":
    main()
