"""Attention for less memory or less work: equal to attention under the mask that each names."""

import itertools
import math

import pytest
import torch
from naive import normal
from torch.testing import assert_close

from incontext.attention import causal_mask, scaled_dot_product_attention
from incontext.variations import (
    block_sparse_attention,
    block_sparse_mask,
    blockwise_attention,
    peak_memory,
    sliding_window_mask,
    windowed_attention,
)

B, H, T, S, D, V = 2, 3, 11, 17, 5, 7
EXACT = {"rtol": 1e-12, "atol": 1e-12}


def some(n_queries=T, n_keys=S):
    return (
        normal(B, H, n_queries, D, seed=1),
        normal(B, H, n_keys, D, seed=2),
        normal(B, H, n_keys, V, seed=3),
    )


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("block_size", [1, 4, 16, 17, 128])
@pytest.mark.parametrize("scale", [None, 1.3])
def test_blockwise_equals_plain(causal, block_size, scale):
    q, k, v = some()
    mask = causal_mask(T, S) if causal else None
    expected, _ = scaled_dot_product_attention(q, k, v, mask=mask, scale=scale)
    got = blockwise_attention(q, k, v, causal=causal, block_size=block_size, scale=scale)
    assert_close(got, expected, **EXACT)


@pytest.mark.parametrize("causal", [False, True])
def test_blockwise_has_the_same_gradients(causal):
    tensors = [one.requires_grad_() for one in some()]
    mask = causal_mask(T, S) if causal else None
    weight = normal(B, H, T, V, seed=4)
    plain, _ = scaled_dot_product_attention(*tensors, mask=mask)
    expected = torch.autograd.grad((plain * weight).sum(), tensors)
    ours = blockwise_attention(*tensors, causal=causal, block_size=4)
    for got, wanted in zip(
        torch.autograd.grad((ours * weight).sum(), tensors), expected, strict=True
    ):
        assert_close(got, wanted, **EXACT)
    small = [one[0, 0, :4].detach().requires_grad_() for one in tensors]
    torch.autograd.gradcheck(
        lambda q, k, v: blockwise_attention(q, k, v, causal=causal, block_size=3), small
    )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_blockwise_stays_finite_wherever_the_largest_score_stands(order):
    """Scores of ±2000 overflow exp; in each order of the blocks, so the maximum rises or falls."""
    level = torch.tensor([-2000.0, 0.0, 2000.0], dtype=torch.float64)[list(order)]
    q = torch.ones(1, 1, dtype=torch.float64)
    k = (level[:, None] + normal(3, 2)).reshape(6, 1)
    v = normal(6, V, seed=2)
    got = blockwise_attention(q, k, v, block_size=2, scale=1.0)
    assert_close(got, scaled_dot_product_attention(q, k, v, scale=1.0)[0], **EXACT)
    assert got.isfinite().all()


@pytest.mark.parametrize("causal", [False, True])
def test_memory_of_blockwise_and_windowed_is_linear_and_of_plain_quadratic(causal):
    def peaks(attend):
        found = []
        for n in (256, 512):
            q, k, v = (normal(1, 1, n, D, seed=i) for i in range(3))
            found.append(peak_memory(lambda: attend(q, k, v)))  # noqa: B023
        return found

    short, long = peaks(lambda *x: blockwise_attention(*x, causal=causal, block_size=16))
    assert short > 256 * 16 * 8 and long <= 2.05 * short
    short, long = peaks(lambda *x: windowed_attention(*x, window=8, block_size=16))
    assert long <= 2.05 * short
    short, long = peaks(scaled_dot_product_attention)
    assert short >= 2 * 256**2 * 8 and long >= 3.8 * short


def test_peak_memory_counts_what_is_alive_at_once():
    x = torch.zeros(1000, dtype=torch.float64)
    assert peak_memory(lambda: x + 1) == 8000
    assert peak_memory(lambda: (x + 1) + 1) == 16000, "both, while the second is made"
    assert peak_memory(lambda: [x + 1, x + 2, x + 3]) == 24000
    assert peak_memory(lambda: [(x + i).sum() for i in range(9)]) < 8000 + 8000 + 9 * 8
    assert peak_memory(lambda: x[:500].view(5, 100)) == 0, "views are no new memory"
    assert peak_memory(lambda: x.add_(1)) == 0


def test_the_window_ends_with_the_query():
    assert sliding_window_mask(4, 2).tolist() == [
        [True, False, False, False],
        [True, True, False, False],
        [False, True, True, False],
        [False, False, True, True],
    ]
    assert torch.equal(sliding_window_mask(T, T), causal_mask(T))
    assert torch.equal(sliding_window_mask(T, 1), torch.eye(T, dtype=torch.bool))


@pytest.mark.parametrize("window", [1, 3, 11, 40])
@pytest.mark.parametrize("block_size", [1, 4, 11, 64])
def test_windowed_equals_attention_under_its_mask(window, block_size):
    q, k, v = some(T, T)
    expected, _ = scaled_dot_product_attention(q, k, v, mask=sliding_window_mask(T, window))
    assert_close(
        windowed_attention(q, k, v, window=window, block_size=block_size), expected, **EXACT
    )


def test_block_sparse_equals_attention_under_its_mask():
    q, k, v = some(T, T)
    pattern = torch.tensor([[1, 0, 0], [0, 0, 1], [1, 0, 1]], dtype=torch.bool)
    mask = block_sparse_mask(pattern, 4, T)
    assert mask[8:11, :4].all() and not mask[8:, 4:8].any() and not mask[4:8].any()
    assert not mask[8, 9] and mask[9, 8]
    expected, weights = scaled_dot_product_attention(q, k, v, mask=mask)
    got = block_sparse_attention(q, k, v, pattern=pattern, block_size=4)
    assert_close(got, expected, **EXACT)
    assert (got[..., 4:8, :] == 0).all() and weights[..., 4:8, :].sum() == 0


def test_a_full_pattern_is_the_causal_mask():
    q, k, v = some(T, T)
    pattern = torch.ones(6, 6, dtype=torch.bool)
    assert torch.equal(block_sparse_mask(pattern, 2, T), causal_mask(T))
    expected, _ = scaled_dot_product_attention(q, k, v, mask=causal_mask(T))
    assert_close(block_sparse_attention(q, k, v, pattern=pattern, block_size=2), expected, **EXACT)


@pytest.mark.bad_input
def test_bad_input_is_named():
    q, k, v = some(T, T)
    with pytest.raises(ValueError, match="block_size=0 must be at least 1"):
        blockwise_attention(q, k, v, block_size=0)
    with pytest.raises(ValueError, match=r"n_keys=3 must be at least n_queries=11 where causal"):
        blockwise_attention(q, k[..., :3, :], v[..., :3, :], causal=True)
    with pytest.raises(ValueError, match="n_keys=0 must be at least 1"):
        blockwise_attention(q, k[..., :0, :], v[..., :0, :])
    with pytest.raises(ValueError, match="value must have n_keys=11"):
        blockwise_attention(q, k, v[..., :3, :])
    with pytest.raises(ValueError, match="key must have d_k=5"):
        blockwise_attention(q, k[..., :3], v)
    with pytest.raises(ValueError, match="query must hold floating-point numbers"):
        blockwise_attention(q.long(), k, v)
    with pytest.raises(ValueError, match="window=0 must be at least 1"):
        windowed_attention(q, k, v, window=0)
    with pytest.raises(ValueError, match="window must be an integer"):
        sliding_window_mask(T, 2.5)
    with pytest.raises(ValueError, match="key must have n_queries=11"):
        windowed_attention(q, k[..., :5, :], v[..., :5, :], window=2)
    with pytest.raises(ValueError, match="pattern must be boolean"):
        block_sparse_mask(torch.ones(3, 3), 4, T)
    with pytest.raises(ValueError, match="pattern must have n_blocks=3 along axis 1"):
        block_sparse_mask(torch.ones(3, 2, dtype=torch.bool), 4, T)


def test_one_key_and_one_query():
    q, k, v = some(1, 1)
    assert_close(blockwise_attention(q, k, v), v, **EXACT)
    assert math.isclose(float(windowed_attention(q, k, v, window=1).sum()), float(v.sum()))
