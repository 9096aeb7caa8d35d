"""What is written on a figure, in which colour, and where, so that it can be read?"""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.textpath import TextPath

# Lengths are in points. Sizes of texts are measured in DejaVu Sans, which comes with Matplotlib
# and is wider than the fonts of most browsers, so what fits here fits there.


def number(value: int | float, digits: int) -> str:
    """A number as the book prints it: a true minus, a bare 0 only where it is exact, – for none."""
    if value == 0:
        return "0"
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "∞" if value > 0 else "\N{MINUS SIGN}∞"
    return f"{value:z.{digits}f}".replace("-", "\N{MINUS SIGN}")


def text_width(text: str, size: int | float) -> float:
    """Width in points."""
    return TextPath((0, 0), text, size=size).get_extents().width if text.strip() else 0.0


def luminance(color) -> float:
    """Relative luminance as WCAG defines it."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other) -> float:
    """The ratio of two colours' luminances as WCAG defines it, from 1 to 21."""
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def most_readable(background, colors: Sequence):
    """The first colour with a contrast of 4.5 or more on the background, or else the best one."""
    enough = (color for color in colors if contrast(color, background) >= 4.5)
    return next(enough, max(colors, key=lambda color: contrast(color, background)))


def readable(background) -> str:
    """The colour of the book's figures in which text on this background can be read."""
    return most_readable(background, (mpl.rcParams["text.color"], "white", "black"))


def on_paper(color) -> tuple[float, float, float]:
    """The colour, darkened as far as words in it need to be readable on white paper."""
    rgb = np.array(to_rgb(color))
    shade = next(s for s in np.linspace(1, 0, 41) if contrast(rgb * s, "white") >= 4.5)
    return tuple(map(float, rgb * shade))


def name_ends(ax: Axes, x: np.ndarray, ys: np.ndarray, labels: Sequence[str], colors) -> None:
    """Each line's name at its right end, moved up or down until no two overlap."""
    ax.figure.draw_without_rendering()
    points_per_pixel = 72 / ax.figure.dpi
    ends = [(x[np.isfinite(y)][-1], y[np.isfinite(y)][-1]) for y in ys]
    heights = ax.transData.transform(ends)[:, 1] * points_per_pixel
    shifts = apart(heights, 13) - heights
    for end, shift, label, color in zip(ends, shifts, labels, colors, strict=True):
        ax.annotate(
            label, end, (8, shift), textcoords="offset points", color=on_paper(color),
            size=9.5, va="center_baseline", annotation_clip=False,
        )  # fmt: skip


def apart(heights: np.ndarray, gap: int | float) -> np.ndarray:
    """The nearest heights, in the least-squares sense, that are `gap` apart in the same order."""
    order = np.argsort(heights, kind="stable")
    blocks = []  # pool adjacent violators: [mean, size]
    for rank, height in enumerate(heights[order]):
        blocks.append([height - rank * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, n), (b, m) = blocks[-2:]
            blocks[-2:] = [[(a * n + b * m) / (n + m), n + m]]
    moved = np.empty(len(heights))
    means = np.repeat([mean for mean, _ in blocks], [size for _, size in blocks])
    moved[order] = means + gap * np.arange(len(heights))
    return moved


def name_points(ax: Axes, points: np.ndarray, labels: Sequence[str], colors, arrows) -> None:
    """Each point's name on the side, and at the distance, where it covers least."""
    ax.figure.draw_without_rendering()
    at = ax.transData.transform(points) * 72 / ax.figure.dpi
    frame = np.array(ax.get_window_extent().extents) * 72 / ax.figure.dpi
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in at]
    if arrows:
        origin = ax.transData.transform((0, 0)) * 72 / ax.figure.dpi
        along = origin + np.linspace(0, 1, 40)[:, None, None] * (at - origin)
        taken += [(x - 2, y - 2, x + 2, y + 2) for x, y in along.reshape(-1, 2)]
    for (x, y), point, label, color in zip(at, points, labels, colors, strict=True):
        half_w, half_h = text_width(label, 9.5) / 2 + 1, 6.0
        best = None
        for distance in (5, 14, 26):
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)):
                cx, cy = dx * (half_w + distance), dy * (half_h + distance)
                box = (x + cx - half_w, y + cy - half_h, x + cx + half_w, y + cy + half_h)
                cost = sum(overlap(box, other) for other in taken) + distance / 5
                cost += 2 * half_w * 2 * half_h - overlap(box, tuple(frame))
                if best is None or cost < best[0]:
                    best = (cost, cx, cy, box, distance)
        _, cx, cy, box, distance = best
        taken.append(box)
        line = {"arrowstyle": "-", "color": mpl.rcParams["grid.color"], "shrinkA": 0, "shrinkB": 4}
        ax.annotate(
            label, point, (cx, cy), textcoords="offset points", color=on_paper(color), size=9.5,
            ha="center", va="center_baseline", arrowprops=line if distance > 5 else None,
        )  # fmt: skip


def overlap(a: tuple, b: tuple) -> float:
    """The area that two boxes (left, bottom, right, top) share."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)
