"""Open JupyterLab: with the learner's own notebooks, or, given --edit, with the book's sources.

The learner's notebooks stand in `notebooks/`. They come from the built book, which is built first
where its sources have changed, since the answers to the predictions are computed there.
"""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

from incontext.sphinx.copies import renew

BUILT = Path("_build/html/notebooks")
OWN = Path("notebooks")
# The notebooks are plain Markdown, and jupyterlab-myst shows no formula inside a folded hint.
WITHOUT_MYST = Path(__file__).resolve().with_name("learner_lab")
SOURCES = (
    "chapters", "src/incontext", "_config.yml", "_toc.yml", "references.bib", "pyproject.toml",
    "requirements-package.txt", "requirements-models.txt",
)  # fmt: skip


def newest(roots) -> float:
    """When the latest of the files was saved; 0 where there is none."""
    files = (
        p for root in map(Path, roots) for p in ([root] if root.is_file() else root.rglob("*"))
    )
    kept = (p for p in files if p.is_file() and "__pycache__" not in p.parts)
    return max((path.stat().st_mtime for path in kept), default=0)


def build_if_needed() -> None:
    """Build the book where a source is younger than the notebooks."""
    made = BUILT / "index.ipynb"
    if made.exists() and made.stat().st_mtime > newest(SOURCES):
        return
    print("Building the book, from which the notebooks come (minutes the first time)", flush=True)
    book = Path(sys.executable).with_name("jupyter-book")
    done = subprocess.run(
        [book, "build", ".", "-n", "--keep-going", "-q"], check=False, stdout=subprocess.DEVNULL
    )
    if done.returncode and not made.exists():
        sys.exit("make: the book could not be built; run make book to see why.")
    if done.returncode:
        print("make: the book could not be built anew, so the notebooks are those of before.")


def main() -> None:
    start = [sys.executable, "-m", "jupyterlab"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        start.append("--allow-root")
    if sys.argv[1:] == ["--edit"]:
        start += ["--notebook-dir=.", "chapters/index.md"]
    else:
        build_if_needed()
        for line in renew(BUILT, OWN, date.today()):
            print(line)
        others = os.environ.get("JUPYTER_CONFIG_PATH")
        os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(
            filter(None, [str(WITHOUT_MYST), others])
        )
        print(f"Your notebooks are in {OWN}/. Nothing that you write there is overwritten.")
        start += [f"--notebook-dir={OWN}", str(OWN / "index.ipynb")]
    sys.stdout.flush()
    os.execv(sys.executable, start)  # so that Ctrl+C reaches it alone


if __name__ == "__main__":
    main()
