"""The scaling explorable: its sample, its numbers against a slow version, its words."""

import itertools
import math

import pytest
import torch
from traitlets import TraitError

from incontext.attention import scaled_dot_product_attention
from incontext.explorables import Scaling
from incontext.explorables.scaling import (
    BIN,
    KEYS,
    REACH,
    ROWS,
    SEED,
    SHOWN,
    WIDTHS,
    counts,
    sample,
)


@pytest.fixture(scope="module")
def table():
    return {
        divide: {d_k: Scaling(d_k=d_k, divide=divide).numbers().rows for d_k in (1, 64, 1024)}
        for divide in (False, True)
    }


def test_a_score_is_a_dot_product_of_the_first_components():
    generator = torch.Generator().manual_seed(SEED)
    query = torch.randn(ROWS, 1, 1024, generator=generator, dtype=torch.float64)
    key = torch.randn(ROWS, KEYS, 1024, generator=generator, dtype=torch.float64)
    got, _ = sample()
    for i, d_k in enumerate(WIDTHS):
        by_hand = (query[7, 0, :d_k] * key[7, 11, :d_k]).sum() / math.sqrt(d_k)
        torch.testing.assert_close(got[i, 7, 11], by_hand)


def norm_by_loops(scores):
    exponentials = [math.exp(s - max(scores)) for s in scores]
    w = [e / sum(exponentials) for e in exponentials]
    squares = [
        ((a if i == j else 0) - a * b) ** 2 for i, a in enumerate(w) for j, b in enumerate(w)
    ]
    return max(w), math.sqrt(sum(squares))


@pytest.mark.parametrize("divide", [False, True])
def test_summaries_are_those_of_a_slow_version(table, divide):
    explorable = Scaling()
    for i, d_k in enumerate(WIDTHS):
        factor = 1 if divide else math.sqrt(d_k)
        rows = (explorable._scaled[i] * factor).tolist()
        pairs = [norm_by_loops(row) for row in rows]
        _, width, spread, largest, jacobian, *_ = table[divide][64][1 + i + len(WIDTHS) * divide]
        assert width == d_k
        assert spread == pytest.approx(torch.tensor(rows).std(correction=0).item(), rel=1e-5)
        assert largest == pytest.approx(sum(p[0] for p in pairs) / ROWS, rel=1e-9)
        assert jacobian == pytest.approx(sum(p[1] for p in pairs) / ROWS, rel=1e-9)


@pytest.mark.parametrize("divide", [False, True])
def test_the_gradient_is_the_one_that_autograd_sends_back(table, divide):
    """Attention itself, with its own division: keys and values of the sample, output as loss."""
    generator = torch.Generator().manual_seed(SEED)
    query = torch.randn(ROWS, 1, 1024, generator=generator, dtype=torch.float64)
    key = torch.randn(ROWS, KEYS, 1024, generator=generator, dtype=torch.float64)
    _, value = sample()
    for i, d_k in enumerate(WIDTHS):
        bias = torch.zeros(ROWS, 1, KEYS, dtype=torch.float64, requires_grad=True)
        scale = None if divide else 1.0
        output, _ = scaled_dot_product_attention(
            query[..., :d_k], key[..., :d_k], value[..., None], scale=scale, bias=bias
        )
        output.sum().backward()  # the bias is added to the scores, so its gradient is theirs
        norms = sorted(bias.grad.flatten(1).norm(dim=-1).tolist())
        median = (norms[ROWS // 2 - 1] + norms[ROWS // 2]) / 2
        got = table[divide][64][1 + i + len(WIDTHS) * divide]
        assert got[1] == d_k
        assert got[5] == pytest.approx(median, rel=0.02, abs=2e-7)  # of numbers in 16 bits


def test_the_division_keeps_what_the_width_would_change(table):
    rows = table[False][64]
    plain, divided = rows[1 : 1 + len(WIDTHS)], rows[1 + len(WIDTHS) : 1 + 2 * len(WIDTHS)]
    assert plain[0][2:6] == divided[0][2:6]  # √1 = 1
    for one, other in zip(plain, divided, strict=True):
        assert one[2] == pytest.approx(other[2] * math.sqrt(one[1]), rel=1e-12)
        assert 0.9 < other[2] < 1.1 and 0.28 < other[4] < 0.31 and 0.25 < other[5] < 0.3
    assert plain[-1][3] > 0.95 and plain[-1][4] < 0.05 and plain[-1][5] < 1e-5


@pytest.mark.parametrize("d_k", [1, 64, 1024])
def test_one_row_and_histogram_are_of_the_present_state(table, d_k):
    for divide in (False, True):
        rows = table[divide][d_k]
        keys = [row for row in rows if row[0].startswith("one row")]
        bins = [row for row in rows if row[0] == "histogram"]
        assert len(keys) == KEYS and sum(row[3] for row in keys) == pytest.approx(1, rel=1e-12)
        assert len(bins) == 2 * REACH + 1 and sum(row[6] for row in bins) == ROWS * KEYS
        assert rows[0][1:] == next(row for row in rows[1 + 11 * divide :] if row[1] == d_k)[1:]


def test_bins_have_their_middle_at_multiples_and_the_last_take_the_rest():
    scores = torch.tensor([0.0, 1.49, 1.51, -1.5, -1.51, 1e6, -1e6], dtype=torch.float64)
    got = counts(scores)
    assert {BIN * (i - REACH): n for i, n in enumerate(got) if n} == {
        0: 3, 3: 1, -3: 1, BIN * REACH: 1, -BIN * REACH: 1,
    }  # fmt: skip


def test_the_row_shown_gets_harder_as_most_do():
    weights = [Scaling()._at(d_k, False)["weights"][SHOWN].max().item() for d_k in WIDTHS]
    rising = [a <= b + 0.01 for a, b in itertools.pairwise(weights)]
    assert all(rising) and weights[0] < 0.2 and weights[-1] > 0.99


@pytest.mark.parametrize("bad", [{"d_k": 100}, {"d_k": 2048}, {"divide": "perhaps"}])
def test_values_outside_the_range_are_refused(bad):
    with pytest.raises(TraitError):
        Scaling(**bad)


def test_alt_text_has_the_present_numbers():
    alt = Scaling().alt()
    for words in ("d_k = 64", "undivided", "8.16", "0.86 on average", "3.1e-06", "0.29"):
        assert words in alt
    assert "divided by √d_k" in Scaling(divide=True).alt()
