"""How does the book draw numbers? One look for all chapters.

Every function takes arrays (NumPy, PyTorch or nested lists), draws on `ax` and returns it;
without `ax` it opens a figure of a suitable size. Nothing is computed here beyond the layout,
nothing is shown and nothing is saved. Sizes that do not fit raise `ValueError`.

Indices of queries, heads and layers count from 0, as everywhere in code; the numbers printed
beside heads and layers count from 1, as in the prose.

Axes: T queries, S keys, H heads, L layers, N points.
"""

import sys
from collections.abc import Sequence
from math import ceil
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path as Curve
from numpy.typing import ArrayLike

from incontext._lettering import name_ends, name_points, number, on_paper, readable, text_width
from incontext.palette import LIGHT

Number = int | float
Limits = tuple[Number, Number]

CATEGORIES = (*(LIGHT[name] for name in "1234567"), LIGHT["black"])
TEXT = LIGHT["text"]
MUTED = LIGHT["muted"]
HAIRLINE = LIGHT["line"]
FAINT = LIGHT["faint"]  # lines that stand behind the one in question
PAPER = LIGHT["paper"]
INK = LIGHT["ink"]

STYLE = mpl.rc_params_from_file(
    Path(__file__).with_name("incontext.mplstyle"), use_default_template=False
)
STYLE.update(
    {
        "text.color": TEXT,
        "axes.titlecolor": TEXT,
        "axes.labelcolor": MUTED,
        "xtick.labelcolor": TEXT,
        "ytick.labelcolor": TEXT,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "axes.edgecolor": HAIRLINE,
        "grid.color": HAIRLINE,
        "axes.prop_cycle": mpl.cycler(color=CATEGORIES),
    }
)

WEIGHT_CMAP = "incontext-weight"
DIVERGING_CMAP = "incontext-diverging"
for _name, _colors in [
    (WEIGHT_CMAP, [PAPER, INK]),
    (DIVERGING_CMAP, [CATEGORIES[1], PAPER, CATEGORIES[0]]),
]:
    mpl.colormaps.register(LinearSegmentedColormap.from_list(_name, _colors), force=True)


def use_style() -> None:
    """Apply the book's style, and ask a notebook for SVG that has no date in it."""
    plt.style.use(STYLE)
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
        from matplotlib_inline.config import InlineBackend

        # The configuration, for a backend that starts later; the call, for one that runs.
        config = InlineBackend.instance(parent=shell)
        config.figure_formats = {"svg"}
        config.print_figure_kwargs = config.print_figure_kwargs | {"metadata": {"Date": None}}
        set_matplotlib_formats("svg")


# Importing a module should not change how other people's figures look. This one does, on
# purpose: its only users are the book's chapters and explorables, whose figures must all look
# alike, those drawn with Matplotlib alone included, and a set-up line that every chapter must
# carry is one that some chapter forgets. `plt.style.use("default")` undoes it.
use_style()


# ---------------------------------------------------------------- maps of numbers


def weights(
    weights: ArrayLike,
    queries: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    ax: Axes | None = None,
    *,
    numbers: bool | None = None,
    digits: int = 2,
    xlabel: str = "Key",
    ylabel: str = "Query",
    title: str | None = None,
) -> Axes:
    """Attention weights [T, S]: a row for each query, white for 0, full ink for 1.

    `keys` defaults to `queries` where the map is square. `numbers` prints the weights in the
    cells; by default where they fit, and where they do not a scale stands beside the map.
    """
    weights = _within(_array(weights, "weights", 2), "weights", 0, 1)
    if keys is None and weights.shape[0] == weights.shape[1]:
        keys = queries
    return _map(
        ax, weights, "weights", queries, keys, "queries", "keys", WEIGHT_CMAP, (0, 1),
        numbers, digits, xlabel, ylabel, title, "Weight",
    )  # fmt: skip


def matrix(
    values: ArrayLike,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    ax: Axes | None = None,
    *,
    limits: Limits | None = None,
    numbers: bool | None = None,
    digits: int = 2,
    label: str = "",
    xlabel: str = "",
    ylabel: str = "",
    title: str | None = None,
) -> Axes:
    """Any matrix [rows, columns]. With negative values the scale diverges, and 0 is white.

    `limits` are the values of the scale's two ends, by default 0 and the largest magnitude. A
    scale with a negative end diverges: it reaches equally far to both sides. `label` names the
    quantity on the scale.
    """
    values = _array(values, "values", 2)
    cmap, limits = _scale(values, limits)
    return _map(
        ax, values, "values", rows, columns, "rows", "columns", cmap, limits,
        numbers, digits, xlabel, ylabel, title, label,
    )  # fmt: skip


def similarity(
    matrix: ArrayLike,
    labels: Sequence[str] | None = None,
    ax: Axes | None = None,
    *,
    numbers: bool | None = None,
    digits: int = 2,
    title: str | None = None,
) -> Axes:
    """Cosine similarities [N, N] between -1 and 1."""
    matrix = _within(_array(matrix, "matrix", 2), "matrix", -1, 1)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"matrix must be square, got shape {matrix.shape}")
    return _map(
        ax, matrix, "matrix", labels, labels, "labels", "labels", DIVERGING_CMAP, (-1, 1),
        numbers, digits, "", "", title, "Cosine similarity",
    )  # fmt: skip


def layer_head(
    values: ArrayLike,
    ax: Axes | None = None,
    *,
    mark: Sequence[tuple[int, int]] = (),
    limits: Limits | None = None,
    numbers: bool | None = False,
    digits: int = 2,
    label: str = "",
    title: str | None = None,
) -> Axes:
    """One number for each head of each layer [L, H]; `mark` rings (layer, head) index pairs."""
    values = _array(values, "values", 2)
    cmap, limits = _scale(values, limits)
    layers, heads = values.shape
    for layer, head in mark:
        _index(layer, layers, "mark")
        _index(head, heads, "mark")
    rows, columns = (list(map(str, range(1, n + 1))) for n in values.shape)
    ax = _map(
        ax, values, "values", rows, columns, "rows", "columns", cmap, limits,
        numbers, digits, "Head", "Layer", title, label,
    )  # fmt: skip
    for layer, head in mark:
        frame = {"fill": False, "edgecolor": TEXT, "lw": 1.8, "clip_on": False, "zorder": 3}
        ax.add_patch(plt.Rectangle((head - 0.5, layer - 0.5), 1, 1, **frame))
    return ax


def heads_grid(
    attentions: ArrayLike,
    tokens: Sequence[str] | None = None,
    ax: Axes | None = None,
    *,
    columns: int | None = None,
    highlight: int | None = None,
) -> Axes:
    """The weights of all heads [H, T, S] as small maps, white for 0 and full ink for 1.

    The maps are `ax.child_axes`, in the order of the heads. Tokens are written along the first
    column and the last row where they fit. `highlight` frames the head of that index.
    """
    attentions = _within(_array(attentions, "attentions", 3), "attentions", 0, 1)
    heads, queries, keys = attentions.shape
    _fits(tokens, "tokens", queries, "attentions")
    _fits(tokens, "tokens", keys, "attentions")
    if highlight is not None:
        _index(highlight, heads, "highlight")
    columns = columns or (heads if heads <= 3 else 3 if heads in (5, 6, 9) else 4)
    rows = ceil(heads / columns)
    ax = _axes(ax, 5, 5 / columns * rows * queries / keys + 0.3)
    ax.set_axis_off()
    gap_x, gap_y = 0.14 / columns, 0.24 / rows
    width, height = (1 - gap_x * (columns - 1)) / columns, (1 - gap_y * rows) / rows
    room = _size(ax)
    cell = room[0] * width / keys
    pitch = min(cell, room[1] * height / queries)
    for head in range(heads):
        row, column = divmod(head, columns)
        panel = ax.inset_axes(
            [column * (width + gap_x), 1 - (row + 1) * (height + gap_y), width, height]
        )
        _image(panel, attentions[head], WEIGHT_CMAP, (0, 1), "equal", pitch)
        chosen = head == highlight
        panel.spines[:].set_color(CATEGORIES[1] if chosen else HAIRLINE)
        panel.spines[:].set_linewidth(1.8 if chosen else 0.8)
        panel.set_title(
            f"Head {head + 1}",
            size=9,
            weight="bold" if chosen else "normal",
            color=CATEGORIES[1] if chosen else TEXT,
            pad=4,
        )
        first, last = column == 0, head + columns >= heads
        if tokens is not None and cell > 11:
            panel.set_yticks(range(queries), tokens, size=8)
            panel.set_xticks(range(keys), tokens, size=8, rotation=90)
            panel.tick_params(labelleft=first, labelbottom=last)
        else:
            panel.set(xticks=[], yticks=[])
            if first and last:
                panel.set_xlabel("Key", size=8.5, labelpad=3)
                panel.set_ylabel("Query", size=8.5, labelpad=3)
    return ax


# ---------------------------------------------------------------- bars and lines


def bars(
    values: ArrayLike,
    labels: Sequence[str] | None = None,
    ax: Axes | None = None,
    *,
    horizontal: bool = False,
    limits: Limits | None = None,
    colors: str | Sequence[str] | None = None,
    digits: int = 2,
    xlabel: str = "",
    ylabel: str = "",
    title: str | None = None,
) -> Axes:
    """A bar for each value [N], with the number at its end instead of a value axis.

    Long labels, such as words, read better with `horizontal=True`, first bar on top.
    """
    values = _array(values, "values", 1)
    _fits(labels, "labels", len(values), "values")
    if colors is not None and not isinstance(colors, str):
        _fits(colors, "colors", len(values), "values")
    n = len(values)
    ax = _axes(ax, *((5, 0.34 * n + 0.6) if horizontal else (min(5, 0.62 * n + 1), 2.6)))
    at, lengths = np.arange(n), np.where(np.isfinite(values), values, 0)
    draw = ax.barh if horizontal else ax.bar
    drawn = draw(at, lengths, 0.68, color=colors or CATEGORIES[0])
    ax.bar_label(drawn, [number(v, digits) for v in values], padding=4, size=9, color=TEXT)
    low, high = limits or (lengths.min(initial=0), lengths.max(initial=0))
    below, above = low < 0, high > 0 or low == 0
    room = 42 if horizontal else 16  # points for a number
    length = max(_size(ax)[0 if horizontal else 1] - room * (below + above), room)
    room *= ((high - low) or 1) / length
    ends = (low - room * below, high + room * above)
    names = labels if labels is not None else [""] * n
    ax.spines[:].set_visible(False)
    if horizontal:
        ax.set(xlim=ends, xticks=[], ylim=(n - 0.4, -0.6))
        ax.set_yticks(at, names)
        ax.axvline(0, color=HAIRLINE, lw=0.8, zorder=0.9)
    else:
        ax.set(ylim=ends, yticks=[])
        ax.set_xticks(at, names)
        ax.axhline(0, color=HAIRLINE, lw=0.8, zorder=0.9)
    return _named(ax, xlabel, ylabel, title)


def distribution(
    scores: ArrayLike,
    weights: ArrayLike,
    labels: Sequence[str] | None = None,
    ax: Axes | None = None,
    *,
    titles: tuple[str, str] = ("Score", "Weight"),
    colors: tuple[str, str] = (MUTED, CATEGORIES[0]),
    digits: int = 2,
) -> Axes:
    """Scores [N] on the left and the weights [N] they become on the right, row by row.

    The two sides are `ax.child_axes`. Weights are drawn on the scale from 0 to 1.
    """
    scores = _array(scores, "scores", 1)
    weights = _within(_array(weights, "weights", 1), "weights", 0, 1)
    if scores.shape != weights.shape:
        raise ValueError(f"weights has {len(weights)} values for {len(scores)} scores")
    _fits(labels, "labels", len(scores), "scores")
    ax = _axes(ax, 5, 0.36 * len(scores) + 0.7)
    ax.set_axis_off()
    left, right = ax.inset_axes([0, 0, 0.44, 1]), ax.inset_axes([0.52, 0, 0.48, 1])
    shared = {"horizontal": True, "digits": digits}
    bars(scores, labels, left, title=titles[0], colors=colors[0], **shared)
    bars(weights, None, right, title=titles[1], colors=colors[1], limits=(0, 1), **shared)
    return ax


def curve(
    x: ArrayLike,
    ys: ArrayLike,
    labels: str | Sequence[str] | None = None,
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
    *,
    band: tuple[ArrayLike, ArrayLike] | None = None,
    xscale: str = "linear",
    yscale: str = "linear",
    colors: Sequence[str] | None = None,
    marker: str | None = None,
    title: str | None = None,
) -> Axes:
    """One line or several, ys [N] or [L, N] over x [N], each named at its right end.

    `band` holds the lower and upper ends of an interval, both shaped like `ys`.
    """
    x = _array(x, "x", 1)
    ys = np.atleast_2d(_array(ys, "ys"))
    if ys.ndim != 2 or ys.shape[1] != len(x):
        raise ValueError(f"ys must be [{len(x)}] or [L, {len(x)}] to fit x, got shape {ys.shape}")
    labels = [labels] if isinstance(labels, str) else labels
    _fits(labels, "labels", len(ys), "ys")
    _fits(colors, "colors", len(ys), "ys")
    if band is not None:
        low, high = (np.atleast_2d(_array(side, "band")) for side in band)
        if low.shape != ys.shape or high.shape != ys.shape:
            raise ValueError(
                f"band must be two arrays shaped like ys {ys.shape}, got {low.shape}, {high.shape}"
            )
    colors = colors or [_LINES[i % len(_LINES)] for i in range(len(ys))]
    ax = _axes(ax, 5, 3)
    ax.set(xscale=xscale, yscale=yscale)
    for y, color in zip(ys, colors, strict=True):
        ax.plot(x, y, color=color, marker=marker, markeredgewidth=0)
    if band is not None:
        for bottom, top, color in zip(low, high, colors, strict=True):
            ax.fill_between(x, bottom, top, color=color, alpha=0.18, lw=0)
    ax.grid(axis="y")
    ax.spines["left"].set_visible(False)
    if labels is not None:
        name_ends(ax, x, ys, labels, colors)
    return _named(ax, xlabel, ylabel, title)


# ---------------------------------------------------------------- points and tokens


def vectors(
    points: ArrayLike,
    labels: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    ax: Axes | None = None,
    *,
    arrows: bool = False,
    xlabel: str = "",
    ylabel: str = "",
    title: str | None = None,
) -> Axes:
    """Points [N, 2] of a plane, each labelled beside itself, one colour for each group.

    `arrows` draws each as an arrow from the origin. Both directions have the same unit.
    """
    points = _array(points, "points", 2)
    if points.shape[1] != 2:
        raise ValueError(f"points must be [N, 2], got shape {points.shape}")
    _fits(labels, "labels", len(points), "points")
    _fits(groups, "groups", len(points), "points")
    group_of = list(groups) if groups is not None else [""] * len(points)
    names = list(dict.fromkeys(group_of))
    color_of = {name: _LINES[i % len(_LINES)] for i, name in enumerate(names)}
    colors = [color_of[name] for name in group_of]
    ax = _axes(ax, 5, 3.8)
    for name, color in color_of.items():
        mine = [i for i, group in enumerate(group_of) if group == name]
        ax.scatter(*points[mine].T, s=36, color=color, lw=0, label=name, zorder=3)
    if arrows:
        ax.scatter(0, 0, s=10, color=MUTED, lw=0)
        for point, color in zip(points, colors, strict=True):
            style = {"arrowstyle": "-", "color": color, "lw": 1.8, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", point, (0, 0), arrowprops=style)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.18, 0.12)
    if groups is not None:
        ax.legend(
            loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, ncols=len(names),
            columnspacing=1.2, handletextpad=0.1,
            labelcolor=[on_paper(color) for color in color_of.values()],
        )  # fmt: skip
    if labels is not None:
        name_points(ax, points, labels, colors, arrows)
    return _named(ax, xlabel, ylabel, title)


def tip_to_tail(
    steps: ArrayLike,
    labels: Sequence[str] | None = None,
    total: str = "",
    ax: Axes | None = None,
    *,
    xlabel: str = "",
    ylabel: str = "",
    title: str | None = None,
) -> Axes:
    """Arrows [N, 2], each laid where the one before it ends, and their sum as one dark arrow.

    `labels` name the arrows and `total` their sum. Both directions have the same unit.
    """
    steps = _array(steps, "steps", 2)
    if steps.shape[1] != 2:
        raise ValueError(f"steps must be [N, 2], got shape {steps.shape}")
    _fits(labels, "labels", len(steps), "steps")
    ends = steps.cumsum(axis=0)
    colors = [_LINES[i % len(_LINES)] for i in range(len(steps))]
    whole = ends[-1]
    sides = np.sign([whole[0] * y - whole[1] * x for x, y in ends - steps / 2])  # 1: left of it
    ax = _axes(ax, 5, 3.4)
    for start, end, name, color, side in [
        *zip(ends - steps, ends, labels or [""] * len(steps), colors, sides, strict=True),
        ([0, 0], whole, total, TEXT, -sides.sum() or 1),
    ]:
        style = {"arrowstyle": "-|>", "color": color, "lw": 1.8, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", end, start, arrowprops=style)
        along = np.subtract(end, start)
        out = np.sign(side) * np.array([-along[1], along[0]]) / (np.hypot(*along) or 1)
        ax.annotate(
            name, np.add(start, end) / 2, 9 * out, textcoords="offset points", size=9.5,
            color=color if color == TEXT else on_paper(color), va="center_baseline",
            ha="center" if abs(out[0]) < 0.4 else "left" if out[0] > 0 else "right",
        )  # fmt: skip
    ax.update_datalim([[0, 0], *ends])
    ax.autoscale_view()
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.18, 0.18)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(mpl.ticker.MaxNLocator(4, integer=True))
    ax.grid()
    return _named(ax, xlabel, ylabel, title)


def tokens(
    tokens: Sequence[str],
    values: ArrayLike | None = None,
    ax: Axes | None = None,
    *,
    limits: Limits | None = None,
    colors: Sequence[str] | None = None,
    numbers: bool = True,
    digits: int = 2,
    title: str | None = None,
) -> Axes:
    """A sentence as chips, flowing like text; each filled by its value, which stands below it.

    Without `values` the chips are plain, or filled with `colors`.
    """
    fills = list(colors) if colors is not None else [PAPER] * len(tokens)
    _fits(fills, "colors", len(tokens), "tokens")
    captions = [""] * len(tokens)
    if values is not None:
        values = _array(values, "values", 1)
        _fits(tokens, "tokens", len(values), "values")
        cmap, limits = _scale(values, limits)
        fills = _fills(values, cmap, limits)
        captions = [number(v, digits) for v in values] if numbers else captions
    width = _size(ax)[0] if ax else 5 * 72
    line = 42 if any(captions) else 30
    places, x, y = [], 0.0, 0.0
    for token, caption in zip(tokens, captions, strict=True):
        size = max(_chip_width(token), text_width(caption, 8))
        if x and x + size > width:
            x, y = 0.0, y + line
        places.append((x + size / 2, y))
        x += size + _GAP
    height = y + line
    ax = _canvas(ax, width, height)
    for token, fill, caption, (x, y) in zip(tokens, fills, captions, places, strict=True):
        _chip(ax, x, y + 14, token, fill)
        if caption:
            ax.text(x, y + 33, caption, size=8, color=MUTED, ha="center", va="center")
    return _named(ax, "", "", title)


def arcs(
    weights: ArrayLike,
    tokens: Sequence[str],
    query: int,
    ax: Axes | None = None,
    *,
    smallest: Number = 0.005,
    digits: int = 2,
    title: str | None = None,
) -> Axes:
    """Where one token looks: arcs from the query to its keys, as thick as their weights.

    `weights` is the query's row [S] or the whole map [T, S] with T = S. The tokens stand in a
    line where the line is short enough, else in a column. Weights below `smallest` get no arc.
    """
    weights = _array(weights, "weights")
    if weights.ndim == 2:
        _fits(tokens, "tokens", weights.shape[0], "weights")
        _index(query, len(tokens), "query")
        weights = weights[query]
    weights = _within(_array(weights, "weights", 1), "weights", 0, 1)
    _fits(tokens, "tokens", len(weights), "weights")
    _index(query, len(tokens), "query")
    sizes = np.array([_chip_width(token) for token in tokens])
    room = (_size(ax)[0] if ax else 5 * 72) - sizes.sum()
    gap = min(room / max(len(tokens) - 1, 1), 24)
    upright = gap < _GAP
    if upright:
        edge, reach, span = sizes.max() + 36, 130, 25.0 * len(tokens)
        at = np.stack([np.full(len(tokens), edge), 13 + 25.0 * np.arange(len(tokens))], axis=1)
        ax, out = _canvas(ax, edge + reach, span), np.array([1, 0])
    else:
        span = sizes.sum() + gap * (len(tokens) - 1)
        reach = 44 + 0.2 * span
        ends = np.cumsum(sizes + gap) - gap
        at = np.stack([ends - sizes / 2, np.full(len(tokens), reach)], axis=1)
        ax, out = _canvas(ax, span, reach + 40), np.array([0, -1])
    for key in np.argsort(weights):
        if weights[key] < smallest:
            continue
        a, b = at[query], at[key]
        if key == query:
            along = np.array([-out[1], out[0]])
            a, b = a - 4 * along, b + 4 * along
            path = [a, a - 14 * along + 36 * out, b + 14 * along + 36 * out, b]
        else:
            bulge = out * reach * (0.35 + 0.85 * np.abs(b - a).sum() / span)
            path = [a, a + bulge, b + bulge, b]
        ax.add_patch(
            PathPatch(
                Curve(path, [Curve.MOVETO] + 3 * [Curve.CURVE4]),
                fill=False, color=CATEGORIES[0], lw=0.6 + 6 * weights[key],
                alpha=0.35 + 0.5 * weights[key], capstyle="butt",
            )
        )  # fmt: skip
    fills = _fills(weights, WEIGHT_CMAP, (0, 1))
    for i, (token, (x, y)) in enumerate(zip(tokens, at, strict=True)):
        x, y = (x - sizes[i] / 2, y) if upright else (x, y + 12)
        _chip(ax, x, y, token, fills[i], edge=CATEGORIES[1] if i == query else HAIRLINE)
        where = (26, y) if upright else (x, y + 20)
        ax.text(*where, number(weights[i], digits), size=8, color=MUTED, va="center",
                ha="right" if upright else "center")  # fmt: skip
    return _named(ax, "", "", title)


# ---------------------------------------------------------------- what the functions share

_LINES = (*CATEGORIES[:6], CATEGORIES[7])  # yellow is too pale for a line or a word
_CHIP, _GAP = 20, 7  # points: the height of a chip, and the least gap between two
_TEXT_SIZE = 10
_NO_NUMBER = LIGHT["no-number"]  # cells that hold none, such as a masked score of minus infinity


def _array(values: ArrayLike, name: str, ndim: int | None = None) -> np.ndarray:
    if hasattr(values, "detach"):
        values = values.detach().cpu().double()
    values = np.asarray(values, dtype=float)
    if ndim is not None and values.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} axes, got shape {values.shape}")
    return values


def _within(values: np.ndarray, name: str, low: Number, high: Number) -> np.ndarray:
    """The same values; rounding may carry them past the ends, nothing else may."""
    for value in (values.min(initial=low), values.max(initial=high)):
        if value < low - 1e-4 or value > high + 1e-4:
            raise ValueError(f"{name} must lie between {low} and {high}, got {value:.4g}")
    return values


def _fits(labels: Sequence | None, name: str, n: int, what: str) -> None:
    if labels is not None and len(labels) != n:
        raise ValueError(f"{name} has {len(labels)} entries, {what} needs {n}")


def _index(index: int, n: int, name: str) -> None:
    if not 0 <= index < n:
        raise ValueError(f"{name}={index} is not an index from 0 to {n - 1}")


def _axes(ax: Axes | None, width: Number, height: Number) -> Axes:
    return ax or plt.subplots(figsize=(width, height))[1]


def _size(ax: Axes) -> tuple[float, float]:
    """Width and height of the Axes in points, as its figure lays it out so far."""
    engine = ax.figure.get_layout_engine()
    if engine is not None:
        engine.execute(ax.figure)
    box = ax.get_window_extent()
    return box.width * 72 / ax.figure.dpi, box.height * 72 / ax.figure.dpi


def _canvas(ax: Axes | None, width: Number, height: Number) -> Axes:
    """An empty Axes whose unit is the point, y downwards; what is drawn stands in its middle."""
    ax = _axes(ax, width / 72, height / 72)
    free = np.maximum(np.subtract(_size(ax), (width, height)), 0) / 2
    ax.set(xlim=(-free[0], width + free[0]), ylim=(height + free[1], -free[1]))
    ax.set_axis_off()
    return ax


def _named(ax: Axes, xlabel: str, ylabel: str, title: str | None) -> Axes:
    if xlabel:
        ax.set_xlabel(xlabel)
    if ylabel:
        ax.set_ylabel(ylabel)
    if title:
        ax.set_title(title)
    return ax


def _chip_width(token: str) -> float:
    return max(text_width(token, _TEXT_SIZE) + 14, 1.0 * _CHIP)


def _chip(ax: Axes, x: Number, y: Number, token: str, fill, edge: str = HAIRLINE) -> None:
    width = _chip_width(token)
    ax.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - _CHIP / 2), width, _CHIP,
            boxstyle="round,pad=0,rounding_size=6",
            facecolor=fill, edgecolor=edge, lw=0.8 if edge == HAIRLINE else 1.8, zorder=2,
        )
    )  # fmt: skip
    ax.text(x, y, token, size=_TEXT_SIZE, color=readable(fill),
            ha="center", va="center_baseline", zorder=3, gid=_on(ax, fill))  # fmt: skip


def _on(ax: Axes, fill) -> str:
    """The name, in an SVG, of a text on this colour: the dark theme's figures read it there."""
    return f"on-{to_hex(fill)[1:]}-{ax.figure.axes.index(ax)}-{len(ax.texts)}"


def _fills(values: np.ndarray, cmap: str, limits: Limits) -> list:
    low, high = limits
    shades = mpl.colormaps[cmap]((values - low) / (high - low))
    return [s if f else _NO_NUMBER for s, f in zip(shades, np.isfinite(values), strict=True)]


def _scale(values: np.ndarray, limits: Limits | None) -> tuple[str, Limits]:
    if limits is None:
        finite = values[np.isfinite(values)]
        largest = float(np.abs(finite).max(initial=0)) or 1.0
        limits = (-largest if finite.min(initial=0) < 0 else 0, largest)
    if not limits[0] < limits[1]:
        raise ValueError(f"limits must rise, got {limits}")
    if limits[0] >= 0:
        return WEIGHT_CMAP, limits
    far = max(-limits[0], limits[1])
    return DIVERGING_CMAP, (-far, far)


def _image(ax: Axes, values: np.ndarray, cmap: str, limits: Limits, aspect: str, pitch: Number):
    """Each number as one cell; white gaps between cells that are large enough to have them.

    pitch: from one cell to the next, in points.
    """
    image = ax.imshow(
        np.ma.masked_invalid(values), cmap=mpl.colormaps[cmap].with_extremes(bad=_NO_NUMBER),
        vmin=limits[0], vmax=limits[1], interpolation="none", aspect=aspect,
    )  # fmt: skip
    rows, columns = values.shape
    if pitch > 9:
        ax.set_xticks(np.arange(columns - 1) + 0.5, minor=True)
        ax.set_yticks(np.arange(rows - 1) + 0.5, minor=True)
        ax.grid(which="minor", color=PAPER, lw=1)
    ax.spines[:].set_visible(True)
    return image


def _map(
    ax, values, name, rows, columns, rows_name, columns_name, cmap, limits,
    numbers, digits, xlabel, ylabel, title, label,
) -> Axes:  # fmt: skip
    """The one heatmap behind `weights`, `matrix`, `similarity` and `layer_head`."""
    n_rows, n_columns = values.shape
    _fits(rows, rows_name, n_rows, name)
    _fits(columns, columns_name, n_columns, name)
    square = 1 / 3 <= n_rows / n_columns <= 3 or max(n_rows, n_columns) <= 24
    cell = min(0.5, 4 / n_columns, 6 / n_rows) if square else 0
    size = (n_columns * cell + 1.2, n_rows * cell + 0.9) if square else (5, 0.2 * n_rows + 0.9)
    ax = _axes(ax, size[0], min(size[1], 6.9 if square else 3.4))
    width, height = _size(ax)
    pitch = min(width / n_columns, height / n_rows, 72 * cell or np.inf)
    image = _image(ax, values, cmap, limits, "equal" if square else "auto", pitch)

    if numbers is None:
        finite = values[np.isfinite(values)]
        ends = (finite.min(initial=0), finite.max(initial=0))
        longest = max((number(v, digits) for v in ends), key=len)
        numbers = text_width(longest, 8.5) + 5 < pitch
    if numbers:
        for (row, column), fill in zip(
            np.ndindex(values.shape), _fills(values.ravel(), cmap, limits), strict=True
        ):
            text = number(values[row, column], digits)
            ax.text(column, row, text, size=8.5, color=readable(fill),
                    ha="center", va="center_baseline", gid=_on(ax, fill))  # fmt: skip
    else:
        bar = ax.figure.colorbar(image, ax=ax, aspect=24, shrink=0.7, pad=0.03, label=label)
        bar.outline.set_visible(False)
        low, high = limits
        ticks = [low, 0 if low < 0 < high else (low + high) / 2, high]
        bar.set_ticks(ticks, labels=[f"{t:.3g}".replace("-", "\N{MINUS SIGN}") for t in ticks])

    if columns is not None:
        crowd = max(text_width(str(c), 9) + 3 for c in columns) / pitch
        counted = all(str(c).isdigit() for c in columns)  # then some may be left out
        at = range(0, n_columns, ceil(crowd) if counted else 1)
        slanted = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"}
        turn = {} if counted or crowd <= 1 else slanted
        ax.xaxis.tick_top()
        ax.xaxis.set_label_position("top")
        ax.set_xticks(at, [columns[i] for i in at], **turn)
    else:
        ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(6, integer=True))
    if rows is not None:
        ax.set_yticks(range(n_rows), rows)
    else:
        ax.yaxis.set_major_locator(mpl.ticker.MaxNLocator(6, integer=True))
    return _named(ax, xlabel, ylabel, title)
