"""One chapter in seconds: run its code and asserts, translate its formulas, try its explorables.

    python scripts/check_chapter.py softmax-temperature

Every failure is named with the cell it comes from; the exit code is 1 if there was one.
"""

import ast
import builtins
import re
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import jupytext
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from run_tests import BROWSERS

from incontext._mathml import Untranslatable, to_mathml
from incontext.sphinx.learner import names

CHAPTERS = Path("chapters")
STATIC = Path("src/incontext/explorables/static").resolve()
FOLDED = {"hide-input", "remove-input", "remove-cell"}  # a reader does not see their code first
COMPARISONS = ("assert_close", "assert_allclose")
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$]+?)(?<!\\)\$", re.DOTALL)
VERBATIM = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def first_line(source: str) -> str:
    return next((line for line in source.splitlines() if line.strip()), "")[:70]


def count_asserts(source: str) -> int:
    try:
        return sum(
            isinstance(node, ast.Assert)
            or (
                isinstance(node, ast.Attribute) and node.attr in ("assert_close", "assert_allclose")
            )
            for node in ast.walk(ast.parse(source))
        )
    except SyntaxError:
        return 0


def run_code(notebook) -> list[str]:
    """Execute as the book does; what failed."""
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": CHAPTERS}}
    )
    start = time.monotonic()
    try:
        client.execute()
    except CellExecutionError as error:
        cell = next(
            c for c in notebook.cells if any(o.output_type == "error" for o in c.get("outputs", []))
        )
        return [f"cell “{first_line(cell.source)}…”\n    {error.ename}: {error.evalue}"]
    except CellTimeoutError as error:
        return [str(error).splitlines()[0]]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    asserts = sum(count_asserts(cell.source) for cell in code)
    print(f"code: {len(code)} cells, {asserts} asserts, {time.monotonic() - start:.1f} s")
    failures = []
    for cell in code:
        lines = [line for line in cell.source.splitlines() if line.strip()]
        if len(lines) > 15:
            failures.append(f"cell “{first_line(cell.source)}…” has more than 15 lines")
        folded = FOLDED & set(cell.metadata.get("tags", ()))
        widest = max(map(len, lines), default=0)
        if widest > (limit := 100 if folded else 88):
            failures.append(
                f"cell “{first_line(cell.source)}…” has a line of {widest} characters; "
                f"{limit} are shown"
            )
        for output in cell.outputs:
            if output.get("name") == "stderr":
                failures.append(
                    f"cell “{first_line(cell.source)}…” writes to stderr: {output.text[:200]}"
                )
    return failures


def check_formulas(notebook) -> list[str]:
    failures, count = [], 0
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for block, inline in FORMULA.findall(VERBATIM.sub("", cell.source)):
            count += 1
            try:
                to_mathml(block or inline, display=bool(block))
            except Untranslatable as problem:
                failures.append(f"formula {block or inline}: {problem}")
    print(f"formulas: {count}")
    return failures


def check_learners_cells(notebook) -> list[str]:
    """Names that a cell of the learner's notebook would miss there."""
    failures = []
    known = {"display", "get_ipython", *dir(builtins)}
    for cell in notebook.cells:
        hidden = {"remove-cell", "remove-input"} & set(cell.metadata.get("tags", ()))
        if cell.cell_type != "code" or hidden:
            continue
        made, used = names(cell.source)
        if missing := used - known - made:
            failures.append(
                f"cell “{first_line(cell.source)}…” uses {', '.join(sorted(missing))}, made in"
                " no cell that learners get"
            )
        known |= made
    return failures


def try_in_browser(notebook) -> list[str]:
    """Mount every explorable and prediction of the chapter on a bare page; what went wrong."""
    shown = [
        "".join(output.data.get("text/html", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    live = [one for one in shown if "data-explorable=" in one or "data-prediction=" in one]
    if not live:
        print("explorables: none, predictions: none")
        return []
    from playwright.sync_api import Error, sync_playwright

    failures: list[str] = []
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    styles = [f"<link rel=stylesheet href='{file.as_uri()}'>" for file in STATIC.glob("*.css")]
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder, "page.html")
        page_file.write_text(
            f"<!doctype html><meta charset=utf-8>{''.join(styles + live)}"
            f"<script src='{(STATIC / 'host.js').as_uri()}'></script>",
            encoding="utf-8",
        )
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Error:
            return ["explorables not tried: no browser. Install Chromium, or run make test once."]
        page = browser.new_page()
        page.on("pageerror", lambda error: failures.append(f"explorable: {error}"))
        page.on("console", lambda m: failures.append(m.text) if m.type == "error" else None)
        page.goto(page_file.as_uri())
        for one in page.locator("[data-explorable], [data-prediction]").all():
            name = one.get_attribute("data-explorable")
            one.scroll_into_view_if_needed()
            try:
                page.wait_for_function(
                    "f => 'ready' in f.dataset", arg=one.element_handle(), timeout=5000
                )
            except Error:
                failures.append(f"{name or 'a prediction'}: does not start")
                continue
            if name and not one.locator("td[data-value]").count():
                failures.append(f"explorable {name}: its table has no numbers")
            if name and not one.locator("output").inner_text().strip():
                failures.append(f"explorable {name}: says nothing")
        predictions = page.locator("[data-prediction]").count()
        browser.close()
    print(f"explorables: {len(live) - predictions}, predictions: {predictions}")
    return failures


def main() -> int:
    names = [
        str(path.relative_to(CHAPTERS).with_suffix("")) for path in sorted(CHAPTERS.rglob("*.md"))
    ]
    if len(sys.argv) != 2 or sys.argv[1] not in names:
        print(f"usage: make check CHAPTER=name, one of: {', '.join(names)}", file=sys.stderr)
        return 2
    start = time.monotonic()
    notebook = jupytext.read(CHAPTERS / f"{sys.argv[1]}.md")
    failures = check_formulas(notebook) + check_learners_cells(notebook) + run_code(notebook)
    failures += try_in_browser(notebook)
    for failure in failures:
        print(f"✗ {failure}", file=sys.stderr)
    print(f"{'failed' if failures else 'passed'} in {time.monotonic() - start:.1f} s")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
