"""The descent explorable: its steps against a loop, its slopes against nudges, its words."""

import math

import pytest
from traitlets import TraitError

from incontext.explorables import Descent
from incontext.explorables.descent import CURVE, LOSSES, N_STEPS, descend


def squared(w):
    return (w * 2 - 3) ** 2


def guess(w):
    """−log p of a word that follows three times in four, when it is given σ(w)."""
    p = 1 / (1 + math.exp(-w))
    return -(3 * math.log(p) + math.log(1 - p)) / 4


BY_HAND = {"squared": squared, "log": guess}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("w", [-2.0, -0.7, 0.0, 1.5, 4.9])
def test_losses_and_slopes_are_those_of_the_formulas(name, w):
    loss, nudge = BY_HAND[name], 1e-6
    assert LOSSES[name].of(w) == pytest.approx(loss(w), rel=1e-12)
    by_nudging = (loss(w + nudge) - loss(w - nudge)) / (2 * nudge)
    assert LOSSES[name].slope(w) == pytest.approx(by_nudging, abs=1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_the_best_value_has_no_slope_and_no_lower_neighbour(name):
    loss = LOSSES[name]
    assert loss.slope(loss.best) == pytest.approx(0, abs=1e-15)
    assert loss.of(loss.best) < min(loss.of(loss.best - 0.01), loss.of(loss.best + 0.01))
    assert all(loss.of(w) <= loss.top for w in CURVE[1:-1])


def test_three_steps_by_hand():
    rows = Descent(step=3).numbers().rows
    assert [row[0] for row in rows[:5]] == ["step 0", "step 1", "step 2", "step 3", "minimum"]
    assert [row[1] for row in rows[:4]] == pytest.approx([0, 1.2, 1.44, 1.488])
    assert [row[2] for row in rows[:4]] == pytest.approx([9, 0.36, 0.0144, 0.000576])
    assert [row[3] for row in rows[:4]] == pytest.approx([-12, -2.4, -0.48, -0.096])
    assert [row[4] for row in rows[:4]] == pytest.approx([1.2, 0.24, 0.048, 0.0096])


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.125, 0.2, 0.25, 0.3, 8.0])
@pytest.mark.parametrize("start", [-2.0, 0.0, 1.5, 5.0])
def test_squared_error_shrinks_by_one_factor_each_step(rate, start):
    path = descend(LOSSES["squared"], start, rate, N_STEPS)
    closed = [1.5 + (1 - 8 * rate) ** t * (start - 1.5) for t in range(N_STEPS + 1)]
    assert path == pytest.approx(closed, rel=1e-9, abs=1e-9)


def test_what_the_controls_can_show():
    """Creeping, arriving, swinging, exploding; and a loss that never explodes but ends above 0."""

    def off(**values):
        loss = Descent(step=N_STEPS, **values)
        w = [row[1] for row in loss.numbers().rows[: N_STEPS + 1]]
        return [abs(one - LOSSES[loss.loss].best) for one in w]

    assert 0.2 < off(learning_rate=0.01)[-1] < 0.3
    assert off(learning_rate=0.125)[1] == pytest.approx(0)
    assert off(learning_rate=0.25) == pytest.approx([1.5] * (N_STEPS + 1))
    assert off(learning_rate=0.3)[-1] > 1000
    assert (
        off(loss="log", learning_rate=0.1)[-1] > 0.6 and off(loss="log", learning_rate=4)[5] < 0.01
    )
    assert all(off(loss="log", learning_rate=8.0, start=s)[-1] < 1e-3 for s in (-1, 0, 4))
    assert LOSSES["log"].of(math.log(3)) == pytest.approx(0.5623, abs=5e-5)


@pytest.mark.parametrize(
    "bad", [{"learning_rate": 0.0}, {"learning_rate": 9.0}, {"start": 4.1}, {"step": 21}]
)
def test_values_outside_the_range_are_refused(bad):
    with pytest.raises(TraitError):
        Descent(**bad)


def test_alt_text_has_the_present_numbers():
    alt = Descent(step=1).alt()
    for words in ("w = 0,", "loss is 9", "w = 1.2", "0.36", "slope -2.4", "w = 1.50"):
        assert words in alt
