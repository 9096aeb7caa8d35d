"""Side by side in one run: candidates take turns, and medians and their ratio are reported."""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import site_under_test as site  # noqa: F401  (the built book, as the tests see it)


def side_by_side(
    ours: Callable,
    theirs: Callable,
    seconds: float = 2.0,
    clock: Callable[[], float] = time.perf_counter,
    least: int = 10,
) -> tuple[float, float, float]:
    """Median milliseconds of each and the median of their ratios, round by round.

    Both run in every round, first the one and then the other first, for about `seconds` in all,
    so what else the machine does falls on both alike; `least` rounds, however long they take. A
    turn is some 10 ms of calls.
    """
    candidates = [ours, theirs]
    calls = [max(1, round(10 / milliseconds(run, 2, time.perf_counter))) for run in candidates]
    rounds = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(rounds) < least:
        order = (0, 1) if len(rounds) % 2 else (1, 0)
        taken = [0.0, 0.0]
        for i in order:
            taken[i] = milliseconds(candidates[i], calls[i], clock)
        rounds.append(taken)
    return (
        statistics.median(one for one, _ in rounds),
        statistics.median(other for _, other in rounds),
        statistics.median(one / other for one, other in rounds),
    )


def milliseconds(run: Callable, calls: int, clock: Callable[[], float]) -> float:
    """What one call takes on average."""
    start = clock()
    for _ in range(calls):
        run()
    return 1e3 * (clock() - start) / calls


def table(header: list[str], rows: list[list]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def percentile(values: list[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
