"""Side by side in one run: candidates take turns, and medians and their ratio are reported."""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import site_under_test as site  # noqa: F401  (the built book, as the tests see it)


def side_by_side(candidates: dict[str, Callable], seconds: float = 2.0) -> dict[str, float]:
    """Median milliseconds of each, measured in alternation for about `seconds` in all."""
    for run in candidates.values():  # warm up
        run()
        run()
    taken = {name: [] for name in candidates}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(map(len, taken.values())) < 7:
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            taken[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(times) for name, times in taken.items()}


def table(header: list[str], rows: list[list]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def percentile(values: list[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
