"""Plots: artists are inspected, not pixels. Sizes are distinct primes where axes could swap."""

import io
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import FancyBboxPatch, PathPatch

from incontext import plots
from incontext._lettering import apart, luminance, number, on_paper, readable

WORDS = ["the", "chicken", "crossed", "it", "because", "tired", "road"]


def random(*shape):
    return np.random.default_rng(0).normal(size=shape)


def normalized(*shape):
    weights = np.exp(random(*shape))
    return weights / weights.sum(-1, keepdims=True)


EVERY = {
    "weights": lambda ax=None: plots.weights(normalized(5, 5), WORDS[:5], ax=ax),
    "weights without room for numbers": lambda ax=None: plots.weights(normalized(23, 29), ax=ax),
    "matrix": lambda ax=None: plots.matrix(random(3, 5), WORDS[:3], WORDS[:5], ax, label="Score"),
    "matrix, many cells": lambda ax=None: plots.matrix(random(101, 31), ax=ax, label="Value"),
    "similarity": lambda ax=None: plots.similarity(np.corrcoef(random(5, 7)), WORDS[:5], ax),
    "layer_head": lambda ax=None: plots.layer_head(random(6, 12), ax, mark=[(3, 1)]),
    "heads_grid": lambda ax=None: plots.heads_grid(normalized(5, 3, 3), WORDS[:3], ax, highlight=1),
    "bars": lambda ax=None: plots.bars(random(5), WORDS[:5], ax, title="Five"),
    "bars, horizontal": lambda ax=None: plots.bars(random(5), WORDS[:5], ax, horizontal=True),
    "distribution": lambda ax=None: plots.distribution(random(5), normalized(5), WORDS[:5], ax),
    "curve": lambda ax=None: plots.curve(range(1, 8), random(3, 7), list("abc"), "x", "y", ax),
    "curve with a band": lambda ax=None: plots.curve(
        range(1, 8), random(7), "a", ax=ax, band=(random(7) - 1, random(7) + 1), marker="o"
    ),
    "vectors": lambda ax=None: plots.vectors(random(7, 2), WORDS, list("aabbabb"), ax),
    "vectors as arrows": lambda ax=None: plots.vectors(random(5, 2), WORDS[:5], ax=ax, arrows=True),
    "tip to tail": lambda ax=None: plots.tip_to_tail(random(3, 2), WORDS[:3], "sum", ax),
    "tokens": lambda ax=None: plots.tokens(WORDS, normalized(7), ax, title="A sentence"),
    "arcs": lambda ax=None: plots.arcs(normalized(3, 3), WORDS[:3], 1, ax),
    "arcs in a column": lambda ax=None: plots.arcs(normalized(14), WORDS * 2, 3, ax),
}
every = pytest.mark.parametrize("draw", EVERY.values(), ids=EVERY)


@pytest.fixture(autouse=True)
def no_figure_is_left_over():
    plt.close("all")
    yield
    plt.close("all")


def svg(ax):
    file = io.BytesIO()
    ax.figure.savefig(file, format="svg", metadata={"Date": None}, bbox_inches="tight")
    return file.getvalue()


def texts(ax):
    return [text.get_text() for text in ax.texts]


def contrast(one, other):
    low, high = sorted(luminance(color) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


# ---------------------------------------------------------------- all functions


@every
def test_the_given_axes_are_used_and_returned(draw):
    figure, ax = plt.subplots(figsize=(5, 4))
    assert draw(ax) is ax
    assert plt.get_fignums() == [figure.number]
    assert ax.figure is figure


@every
def test_without_axes_one_figure_of_fitting_size_is_opened(draw):
    ax = draw()
    assert plt.get_fignums() == [ax.figure.number]
    assert ax.figure.get_figwidth() <= 5.3


@every
def test_nothing_is_shown_and_nothing_is_saved(draw, monkeypatch, tmp_path):
    def never(*args, **kwargs):
        raise AssertionError("a plot showed or saved itself")

    for owner, name in [(plt, "show"), (plt, "savefig"), (mpl.figure.Figure, "savefig")]:
        monkeypatch.setattr(owner, name, never)
    monkeypatch.chdir(tmp_path)
    draw()
    assert not list(tmp_path.iterdir())


@every
def test_the_same_figure_gives_the_same_bytes(draw):
    first, second = svg(draw()), svg(draw())
    assert first == second
    assert b"<dc:date>" not in first


@every
def test_text_stays_text_on_a_transparent_ground(draw):
    page = svg(draw()).decode()
    assert "<text" in page
    background = page.split('id="patch_1"')[1].split("</g>")[0]
    assert "fill: none" in background or "opacity: 0" in background


@every
def test_the_random_state_is_left_alone(draw):
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    draw()
    assert (np.random.get_state()[1] == before[0]).all()
    assert torch.equal(torch.get_rng_state(), before[1])


def test_tensors_arrays_and_lists_give_the_same_picture():
    values = normalized(3, 5)
    ways = [values, values.tolist(), torch.tensor(values, requires_grad=True)]
    assert len({svg(plots.weights(way)) for way in ways}) == 1


def test_the_input_is_not_changed():
    values = random(5, 7)
    kept = values.copy()
    plots.matrix(values)
    assert np.array_equal(values, kept)


# ---------------------------------------------------------------- one visual language


def test_categories_are_the_styles():
    assert plots.CATEGORIES[:2] == ("#0072b2", "#d55e00")
    assert tuple(mpl.rcParams["axes.prop_cycle"].by_key()["color"]) == plots.CATEGORIES
    assert len(set(plots.CATEGORIES)) == 8


def test_scales_are_registered_with_matplotlib():
    weight, diverging = (mpl.colormaps[n] for n in (plots.WEIGHT_CMAP, plots.DIVERGING_CMAP))
    assert (to_hex(weight(0.0)), to_hex(weight(1.0))) == ("#ffffff", plots.INK)
    assert to_hex(diverging(0.0)) == plots.CATEGORIES[1]
    assert to_hex(diverging(1.0)) == plots.CATEGORIES[0]
    assert min(to_rgb(diverging(0.5))) > 0.99


def test_words_on_paper_are_readable():
    assert contrast(plots.TEXT, plots.PAPER) > 7
    assert contrast(plots.MUTED, plots.PAPER) > 4.5


@pytest.mark.parametrize("color", plots.CATEGORIES)
def test_words_in_a_category_colour_are_readable_and_keep_its_hue(color):
    rgb, word = np.array(to_rgb(color)), np.array(on_paper(color))
    assert contrast(word, plots.PAPER) >= 4.5
    assert np.allclose(word * rgb.max(), rgb * word.max())


@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_text_is_readable_on_any_fill(fill):
    assert contrast(readable(fill), fill) >= 4.5


def test_printed_numbers_are_readable_in_every_cell():
    values = np.linspace(-1, 1, 49).reshape(7, 7)
    ax = plots.matrix(values, limits=(-1, 1), numbers=True)
    shades = ax.images[0].cmap(ax.images[0].norm(values)).reshape(-1, 4)
    assert len(ax.texts) == len(shades)
    for text, shade in zip(ax.texts, shades, strict=True):
        assert contrast(text.get_color(), shade) >= 4.5


def test_a_notebook_draws_svg():
    code = (
        "from IPython.core.interactiveshell import InteractiveShell as S; shell = S.instance();"
        "from incontext import plots; import matplotlib.figure as f;"
        "kinds = shell.display_formatter.formatters;"
        "print([k for k in ('image/svg+xml', 'image/png') if f.Figure in kinds[k].type_printers])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "['image/svg+xml']"


# ---------------------------------------------------------------- maps


def test_weights_run_from_white_to_full_ink_with_queries_down_and_keys_along():
    values = normalized(3, 5)
    ax = plots.weights(values, WORDS[:3], WORDS[2:])
    image = ax.images[0]
    assert np.allclose(image.get_array(), values)
    assert image.get_clim() == (0, 1)
    assert image.cmap.name == plots.WEIGHT_CMAP
    assert [label.get_text() for label in ax.get_yticklabels()] == WORDS[:3]
    assert [label.get_text() for label in ax.get_xticklabels()] == WORDS[2:]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Key", "Query")
    assert ax.yaxis_inverted(), "the first query is on top"


def test_a_square_map_uses_the_queries_tokens_for_its_keys():
    ax = plots.weights(normalized(3, 3), WORDS[:3])
    assert [label.get_text() for label in ax.get_xticklabels()] == WORDS[:3]


def test_numbers_stand_in_their_cells():
    values = normalized(2, 3)
    ax = plots.weights(values)
    where = {text.get_position(): text.get_text() for text in ax.texts}
    assert where == {(s, t): f"{values[t, s]:.2f}" for t in range(2) for s in range(3)}
    assert len(ax.figure.axes) == 1, "with numbers there is no scale"


def test_a_map_without_room_for_numbers_has_a_scale():
    ax = plots.weights(normalized(31, 31))
    assert not ax.texts
    scale = ax.figure.axes[1]
    assert scale.get_ylabel() == "Weight"
    assert [label.get_text() for label in scale.get_yticklabels()] == ["0", "0.5", "1"]


def test_numbers_may_be_asked_for_and_refused():
    assert not plots.weights(normalized(2, 3), numbers=False).texts
    assert len(plots.weights(normalized(11, 11), numbers=True, digits=1).texts) == 121


def test_a_matrix_with_negative_values_has_its_zero_in_the_middle():
    image = plots.matrix([[-0.5, 2.0]]).images[0]
    assert image.get_clim() == (-2, 2)
    assert image.cmap.name == plots.DIVERGING_CMAP
    image = plots.matrix([[0.5, 2.0]]).images[0]
    assert image.get_clim() == (0, 2)
    assert image.cmap.name == plots.WEIGHT_CMAP
    image = plots.matrix([[0.5, 2.0]], limits=(-1, 3)).images[0]
    assert image.get_clim() == (-3, 3)
    assert image.cmap.name == plots.DIVERGING_CMAP


def test_masked_scores_are_said_and_kept_out_of_the_scale():
    ax = plots.matrix([[1.0, -np.inf], [0.5, 0.0]])
    assert texts(ax) == ["1.00", "−∞", "0.50", "0"]
    assert ax.images[0].get_clim() == (0, 1)
    assert ax.images[0].get_array().mask.tolist() == [[False, True], [False, False]]


def test_similarity_spans_minus_one_to_one():
    ax = plots.similarity(np.eye(3), WORDS[:3])
    assert ax.images[0].get_clim() == (-1, 1)
    for axis in (ax.xaxis, ax.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == WORDS[:3]


def test_layers_and_heads_are_numbered_from_one():
    ax = plots.layer_head(random(3, 5), mark=[(2, 4)])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "2", "3"]
    assert [label.get_text() for label in ax.get_xticklabels()] == list("12345")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Head", "Layer")
    (ring,) = ax.patches
    assert (ring.get_x(), ring.get_y()) == (3.5, 1.5)


def test_a_small_map_leaves_heads_numbers_out_and_slants_words():
    _, (left, right) = plt.subplots(1, 2, figsize=(5, 2))
    plots.layer_head(random(6, 12), left)
    numbers = [int(label.get_text()) for label in left.get_xticklabels()]
    assert 1 < numbers[1] - numbers[0] == numbers[-1] - numbers[-2]
    assert list(left.get_xticks()) == [number - 1 for number in numbers]
    plots.weights(normalized(7, 7), WORDS, ax=right)
    assert [label.get_text() for label in right.get_xticklabels()] == WORDS
    assert {label.get_rotation() for label in right.get_xticklabels()} == {45}


def test_every_head_has_its_own_map():
    values = normalized(7, 3, 3)
    ax = plots.heads_grid(values, WORDS[:3], highlight=2)
    assert [panel.get_title(loc="left") for panel in ax.child_axes] == [
        f"Head {h}" for h in range(1, 8)
    ]
    for panel, head in zip(ax.child_axes, values, strict=True):
        assert np.allclose(panel.images[0].get_array(), head)
        assert panel.images[0].get_clim() == (0, 1)
    frames = [to_hex(p.spines["left"].get_edgecolor()) for p in ax.child_axes]
    assert frames[2] == plots.CATEGORIES[1]
    assert frames.count(frames[2]) == 1


# ---------------------------------------------------------------- bars and lines


@pytest.mark.parametrize("horizontal", [False, True])
def test_bars_have_the_values_lengths_and_numbers(horizontal):
    values = [0.114, 0.844, -0.042]
    ax = plots.bars(values, WORDS[:3], horizontal=horizontal, digits=3)
    lengths = [bar.get_width() if horizontal else bar.get_height() for bar in ax.patches]
    assert lengths == pytest.approx(values)
    assert texts(ax) == ["0.114", "0.844", "−0.042"]
    axis = ax.yaxis if horizontal else ax.xaxis
    assert [label.get_text() for label in axis.get_ticklabels()] == WORDS[:3]
    assert ax.yaxis_inverted() == horizontal, "the first of the horizontal bars is on top"


def test_bars_leave_room_for_their_numbers():
    ax = plots.bars([-1.55, 0.61, 0.3], WORDS[:3], horizontal=True)
    ax.figure.draw_without_rendering()
    frame = ax.get_window_extent()
    for text in ax.texts:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1


def test_bars_take_a_colour_each_and_say_minus_infinity():
    ax = plots.bars([1.0, -np.inf], colors=plots.CATEGORIES[:2])
    assert [to_hex(bar.get_facecolor()) for bar in ax.patches] == list(plots.CATEGORIES[:2])
    assert texts(ax) == ["1.00", "−∞"]
    assert np.isfinite(ax.get_ylim()).all()


def test_a_distribution_pairs_scores_with_weights():
    ax = plots.distribution([2, 4, 1], [0.114, 0.844, 0.042], WORDS[:3])
    left, right = ax.child_axes
    assert [bar.get_width() for bar in left.patches] == [2, 4, 1]
    assert [bar.get_width() for bar in right.patches] == pytest.approx([0.114, 0.844, 0.042])
    assert left.get_ylim() == right.get_ylim()
    assert (left.get_title(loc="left"), right.get_title(loc="left")) == ("Score", "Weight")
    assert [label.get_text() for label in left.get_yticklabels()] == WORDS[:3]


def test_lines_are_named_at_their_ends_in_their_colours():
    x, ys = np.arange(5), random(3, 5)
    ax = plots.curve(x, ys, list("abc"), "Temperature T", "Entropy (nats)")
    for line, y in zip(ax.lines, ys, strict=True):
        assert np.array_equal(line.get_xdata(), x) and np.array_equal(line.get_ydata(), y)
    assert texts(ax) == list("abc")
    assert [t.get_color() for t in ax.texts] == [on_paper(line.get_color()) for line in ax.lines]
    assert [text.xy for text in ax.texts] == [(4, y[-1]) for y in ys]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Temperature T", "Entropy (nats)")
    assert ax.get_legend() is None


def test_names_of_lines_with_one_end_do_not_overlap():
    ax = plots.curve([0, 1], [[0, 1], [0.2, 1], [0.4, 1.001], [1, 0]], ["a", "b", "c", "d"])
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=11))
def test_labels_moved_apart_keep_order_distance_and_centre(heights):
    heights = np.array(heights)
    moved = apart(heights, 13)
    order = np.argsort(heights, kind="stable")
    assert (np.diff(moved[order]) >= 13 - 1e-9).all()
    assert moved.mean() == pytest.approx(heights.mean(), abs=1e-9)
    assert apart(moved, 13) == pytest.approx(moved)


def test_a_band_is_filled_between_its_ends():
    ax = plots.curve([1, 10], [2, 20], band=([1, 15], [3, 30]), xscale="log", yscale="log")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    corners = ax.collections[0].get_paths()[0].vertices
    assert {(1, 1), (1, 3), (10, 15), (10, 30)} <= {tuple(c) for c in corners}


# ---------------------------------------------------------------- points and tokens


def test_points_are_drawn_at_their_place_in_their_groups_colour():
    points, groups = random(5, 2), ["money", "river", "money", "river", "river"]
    ax = plots.vectors(points, WORDS[:5], groups)
    money, river = ax.collections
    assert np.allclose(money.get_offsets(), points[[0, 2]])
    assert np.allclose(river.get_offsets(), points[[1, 3, 4]])
    assert texts(ax) == WORDS[:5]
    assert [label.get_text() for label in ax.get_legend().get_texts()] == ["money", "river"]
    assert ax.get_aspect() == 1
    assert ax.texts[1].get_color() == on_paper(plots.CATEGORIES[1])


def test_more_groups_than_colours_keep_their_points_apart():
    ax = plots.vectors(random(11, 2), groups=list("abcdefghijk"))
    assert [len(group.get_offsets()) for group in ax.collections] == [1] * 11


def test_labels_of_close_points_do_not_overlap():
    points = [[0, 0], [0.01, 0], [0, 0.01], [0.01, 0.02], [1, 1], [-1, 1]]
    ax = plots.vectors(points, WORDS[:6])
    ax.figure.draw_without_rendering()
    boxes = [mpl.text.Text.get_window_extent(text) for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_arrows_start_at_the_origin():
    points = random(3, 2)
    arrows = [t for t in plots.vectors(points, arrows=True).texts if t.arrow_patch is not None]
    assert np.allclose([arrow.xy for arrow in arrows], points)
    assert all(arrow.get_position() == (0, 0) for arrow in arrows)


def test_each_arrow_begins_where_the_one_before_it_ends_and_the_dark_one_is_their_sum():
    steps = np.array([[2.0, 0.0], [0.2, 1.0], [-0.5, 0.3]])
    ax = plots.tip_to_tail(steps, ["cat", "sat", "mat"], "sum")
    arrows = [text for text in ax.texts if text.arrow_patch is not None]
    starts, ends = (
        [f(one) for one in arrows] for f in (lambda a: a.get_position(), lambda a: a.xy)
    )
    assert np.allclose(starts, [[0, 0], [2, 0], [2.2, 1.0], [0, 0]])
    assert np.allclose(ends, [[2, 0], [2.2, 1.0], [1.7, 1.3], [1.7, 1.3]])
    assert [text for text in texts(ax) if text] == ["cat", "sat", "mat", "sum"]
    assert ax.texts[-1].get_color() == plots.TEXT
    assert ax.get_aspect() == 1


def test_names_of_arrows_stand_outside_of_what_they_enclose():
    """The sum's on the one side of it, the others' on the other; turned over, the other way."""
    for turn in (1, -1):
        ax = plots.tip_to_tail([[2, 0], [0, turn]], ["cat", "sat"], "sum")
        cat, sat, whole = (text for text in ax.texts if text.get_text())
        assert np.sign(cat.get_position()[1]) == -turn
        assert sat.get_position()[0] > 0 and sat.get_ha() == "left"
        assert np.sign(whole.get_position()[1]) == turn


def test_tokens_are_chips_in_reading_order_filled_by_value():
    weights = normalized(14)
    ax = plots.tokens(WORDS * 2, weights, limits=(0, 1))
    chips = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    ramp = mpl.colormaps[plots.WEIGHT_CMAP]
    assert [to_hex(chip.get_facecolor()) for chip in chips] == [to_hex(ramp(w)) for w in weights]
    words = [text for text in ax.texts if text.get_text() in WORDS]
    assert [word.get_text() for word in words] == WORDS * 2
    lines = [word.get_position()[1] for word in words]
    assert lines == sorted(lines) and len(set(lines)) > 1, "a long sentence is broken into lines"
    assert [t for t in texts(ax) if t not in WORDS] == [f"{w:.2f}" for w in weights]


@pytest.mark.parametrize("words", [WORDS[:3], WORDS * 2], ids=["line", "column"])
def test_chips_do_not_touch(words):
    for ax in (plots.tokens(words), plots.arcs(np.full(len(words), 1 / len(words)), words, 0)):
        ax.figure.draw_without_rendering()
        chips = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
        assert len(chips) == len(words)
        boxes = [chip.get_window_extent() for chip in chips]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
        for box, word in zip(boxes, (t for t in ax.texts if t.get_text() in WORDS), strict=True):
            inside = word.get_window_extent()
            assert box.x0 < inside.x0 and inside.x1 < box.x1


@pytest.mark.parametrize("words", [WORDS[:3], WORDS * 2], ids=["line", "column"])
def test_arcs_are_as_thick_as_their_weights(words):
    weights = normalized(len(words))
    weights[0] = 0.0
    ax = plots.arcs(weights, words, 1)
    arcs = [patch for patch in ax.patches if isinstance(patch, PathPatch)]
    assert len(arcs) == len(words) - 1, "a weight of zero has no arc"
    widths = [arc.get_linewidth() for arc in arcs]
    assert widths == sorted(widths), "the strongest is drawn last, on top"
    assert widths == pytest.approx(0.6 + 6 * np.sort(weights)[1:])
    assert [t for t in texts(ax) if t not in WORDS] == [number(w, 2) for w in weights]
    chips = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    framed = [to_hex(c.get_edgecolor()) == plots.CATEGORIES[1] for c in chips]
    assert framed == [i == 1 for i in range(len(words))]


def test_arcs_take_the_querys_row_of_a_map():
    weights = normalized(5, 5)
    assert svg(plots.arcs(weights, WORDS[:5], 3)) == svg(plots.arcs(weights[3], WORDS[:5], 3))


# ---------------------------------------------------------------- bad input

BAD = {
    "weights must have 2 axes, got shape (3,)": lambda: plots.weights(np.zeros(3)),
    "queries has 2 entries, weights needs 3": lambda: plots.weights(normalized(3, 5), WORDS[:2]),
    "keys has 3 entries, weights needs 5": lambda: plots.weights(
        normalized(3, 5), WORDS[:3], WORDS[:3]
    ),
    "weights must lie between 0 and 1, got 3": lambda: plots.weights([[0.5, 3.0]]),
    "rows has 2 entries, values needs 3": lambda: plots.matrix(random(3, 5), WORDS[:2]),
    "columns has 3 entries, values needs 5": lambda: plots.matrix(
        random(3, 5), WORDS[:3], WORDS[:3]
    ),
    "limits must rise, got (1.0, 0.0)": lambda: plots.matrix(random(3, 5), limits=(1.0, 0.0)),
    "matrix must be square, got shape (3, 5)": lambda: plots.similarity(normalized(3, 5)),
    "labels has 2 entries, matrix needs 3": lambda: plots.similarity(np.eye(3), WORDS[:2]),
    "mark=3 is not an index from 0 to 2": lambda: plots.layer_head(random(3, 5), mark=[(3, 1)]),
    "attentions must have 3 axes, got shape (3, 5)": lambda: plots.heads_grid(normalized(3, 5)),
    "tokens has 2 entries, attentions needs 3": lambda: plots.heads_grid(
        normalized(5, 3, 3), WORDS[:2]
    ),
    "highlight=5 is not an index from 0 to 4": lambda: plots.heads_grid(
        normalized(5, 3, 3), highlight=5
    ),
    "labels has 3 entries, values needs 5": lambda: plots.bars(random(5), WORDS[:3]),
    "colors has 2 entries, values needs 5": lambda: plots.bars(random(5), colors=["red", "blue"]),
    "weights has 2 values for 3 scores": lambda: plots.distribution(random(3), normalized(2)),
    "ys must be [5] or [L, 5] to fit x, got shape (1, 3)": lambda: plots.curve(range(5), random(3)),
    "labels has 1 entries, ys needs 3": lambda: plots.curve(range(5), random(3, 5), "one"),
    "band must be two arrays shaped like ys (1, 5), got (1, 3), (1, 5)": lambda: plots.curve(
        range(5), random(5), band=(random(3), random(5))
    ),
    "points must be [N, 2], got shape (5, 3)": lambda: plots.vectors(random(5, 3)),
    "steps must be [N, 2], got shape (5, 3)": lambda: plots.tip_to_tail(random(5, 3)),
    "labels has 2 entries, steps needs 5": lambda: plots.tip_to_tail(random(5, 2), ["a", "b"]),
    "groups has 2 entries, points needs 5": lambda: plots.vectors(random(5, 2), None, ["a", "b"]),
    "tokens has 3 entries, values needs 5": lambda: plots.tokens(WORDS[:3], random(5)),
    "colors has 1 entries, tokens needs 3": lambda: plots.tokens(WORDS[:3], colors=["red"]),
    "tokens has 3 entries, weights needs 5": lambda: plots.arcs(normalized(5), WORDS[:3], 0),
    "query=5 is not an index from 0 to 4": lambda: plots.arcs(normalized(5), WORDS[:5], 5),
}


@pytest.mark.bad_input
@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_named(message):
    with pytest.raises(ValueError) as error:
        BAD[message]()
    assert str(error.value) == message
    assert not plt.get_fignums(), "the check comes before the figure"
