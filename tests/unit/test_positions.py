import math
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from incontext.attention import causal_mask, scaled_dot_product_attention
from incontext.positions import (
    LearnedPositions,
    alibi_bias,
    alibi_slopes,
    angular_frequencies,
    rotate,
    shift_matrix,
    sinusoidal_positions,
)

even_widths = st.integers(1, 9).map(lambda half: 2 * half)
bases = st.floats(1.5, 1e6)
seeds = st.integers(0, 2**32)


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


sinusoids = partial(sinusoidal_positions, dtype=torch.float64)
shift = partial(shift_matrix, dtype=torch.float64)


# Sinusoids


@given(width=even_widths, base=bases)
def test_sinusoids_equal_the_formula(width, base):
    table = sinusoids(7, width, base)
    for p in range(7):
        for i in range(width // 2):
            angle = p / base ** (2 * i / width)
            assert_close(table[p, 2 * i].item(), math.sin(angle))
            assert_close(table[p, 2 * i + 1].item(), math.cos(angle))


def test_sinusoids_published_values():
    table = sinusoids(2, 512)
    assert table[0, :4].tolist() == [0, 1, 0, 1]
    assert_close(table[1, 0].item(), math.sin(1.0))
    assert_close(table[1, 510].item(), math.sin(10_000 ** (-510 / 512)))


def test_frequencies_fall_from_one_towards_one_over_base():
    frequencies = angular_frequencies(384)
    assert frequencies.shape == (192,)
    assert frequencies[0] == 1.0
    assert_close(frequencies[-1].item(), 10_000 ** (-382 / 384))
    assert (frequencies.diff() < 0).all()


@given(width=even_widths, base=bases, offset=st.integers(-50, 50))
def test_a_shift_is_one_matrix_for_every_position(width, base, offset):
    table = sinusoids(120, width, base)
    matrix = shift(offset, width, base)
    for p in (50, 51, 57, 69):
        assert_close(matrix @ table[p], table[p + offset], atol=1e-12, rtol=0)


def test_shift_residual_at_full_width():
    table, matrix = sinusoids(512, 384), shift(7, 384)
    assert (table[7:] - table[:-7] @ matrix.T).abs().max() < 1e-12


@given(width=even_widths, first=st.floats(-99, 99), second=st.floats(-99, 99))
def test_shifts_are_rotations_that_add(width, first, second):
    matrix = shift(first, width)
    assert_close(matrix @ matrix.T, torch.eye(width, dtype=torch.float64))
    assert_close(matrix.T, shift(-first, width))
    assert_close(matrix @ shift(second, width), shift(first + second, width), atol=1e-11, rtol=0)


def test_no_shift_is_the_identity():
    assert torch.equal(shift_matrix(0, 6), torch.eye(6))


@given(width=even_widths, p=st.integers(0, 60), q=st.integers(0, 60), step=st.integers(0, 60))
def test_dot_product_of_sinusoids_depends_on_the_offset(width, p, q, step):
    table = sinusoids(121, width)
    assert_close(table[p] @ table[q], table[p + step] @ table[q + step])


def test_sinusoids_have_the_same_length_everywhere():
    assert_close(sinusoids(999, 8).norm(dim=-1), torch.full((999,), 2.0, dtype=torch.float64))


def test_far_positions_stay_exact_in_float32():
    far = sinusoidal_positions(100_001, 2)[-1]
    assert_close(far, torch.tensor([math.sin(100_000), math.cos(100_000)]))


# A learned table


@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 7), (5, 5, 7), (2, 3, 5, 7)])
def test_learned_positions_go_by_position_not_by_batch(shape):
    layer = LearnedPositions(11, 7, generator=torch.Generator().manual_seed(0))
    x = normal(*shape).float()
    added = layer(x) - x
    for sentence in added.reshape(-1, 5, 7):
        assert_close(sentence, layer.weight[:5], atol=1e-6, rtol=0)


def test_learned_positions_are_trained():
    layer = LearnedPositions(5, 2)
    layer(torch.zeros(3, 4, 2)).sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [3, 3, 3, 3, 0]


def test_learned_positions_start_from_the_generator():
    first, second = (
        LearnedPositions(301, 101, generator=torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(first.weight, second.weight)
    assert 0.0195 < first.weight.std() < 0.0205


# RoPE


@given(seed=seeds, width=even_widths, base=bases)
def test_rotate_turns_neighbouring_pairs(seed, width, base):
    x, positions = normal(3, 5, width, seed=seed), torch.tensor([0, 1, 4, 2, 90])
    turned = rotate(x, positions, base)
    for b in range(3):
        for t in range(5):
            for i in range(width // 2):
                angle = positions[t].item() * base ** (-2 * i / width)
                u, v = x[b, t, 2 * i].item(), x[b, t, 2 * i + 1].item()
                expected = complex(u, v) * complex(math.cos(angle), math.sin(angle))
                assert_close(turned[b, t, 2 * i].item(), expected.real)
                assert_close(turned[b, t, 2 * i + 1].item(), expected.imag)


@given(seed=seeds, width=even_widths, m=st.integers(0, 99), n=st.integers(0, 99))
def test_rotated_score_depends_on_the_distance(seed, width, m, n):
    q, k = normal(2, 1, width, seed=seed)

    def score(at_query, at_key):
        turned = rotate(q, torch.tensor([at_query])), rotate(k, torch.tensor([at_key]))
        return (turned[0] * turned[1]).sum()

    assert_close(score(m, n), score(m + 31, n + 31), atol=1e-10, rtol=0)
    assert_close(score(m, n), score(m - n, 0), atol=1e-10, rtol=0)


def test_rotated_score_does_depend_on_the_distance():
    q = k = torch.ones(1, 4)
    scores = [(rotate(q, torch.tensor([d])) * k).sum().item() for d in range(3)]
    assert scores[0] > scores[1] + 0.1 > scores[2] + 0.2


@given(seed=seeds, width=even_widths, position=st.floats(-1e6, 1e6))
def test_rotate_keeps_norms(seed, width, position):
    x = normal(3, 1, width, seed=seed)
    turned = rotate(x, torch.tensor([position]))
    assert_close(turned.norm(dim=-1), x.norm(dim=-1))


@pytest.mark.parametrize("shape", [(3, 5, 6), (5, 5, 6), (2, 3, 5, 6), (2, 5, 5, 6)])
def test_rotate_goes_by_position_not_by_batch_or_head(shape):
    x, positions = normal(*shape), torch.arange(5)
    turned = rotate(x, positions)
    for before, after in zip(x.reshape(-1, 5, 6), turned.reshape(-1, 5, 6), strict=True):
        for t in range(5):
            assert_close(after[t : t + 1], rotate(before[t : t + 1], positions[t : t + 1]))


def test_rotate_with_positions_of_each_sentence():
    x = normal(2, 3, 5, 6)
    positions = torch.stack([torch.arange(5), torch.arange(5) + 40])
    turned = rotate(x, positions[:, None])
    for b in range(2):
        assert_close(turned[b], rotate(x[b], positions[b]))


def test_rotate_is_the_shift_matrix_transposed():
    x = normal(4, 6)
    assert_close(rotate(x, torch.full((4,), 9)), x @ shift(9, 6))


def test_rotate_at_zero_and_back():
    x, positions = normal(5, 6), torch.arange(5)
    assert torch.equal(rotate(x, torch.zeros(5)), x)
    assert_close(rotate(rotate(x, positions), -positions), x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_rotate_keeps_the_dtype_and_far_angles(dtype):
    x = torch.tensor([[1.0, 0.0]], dtype=dtype)
    turned = rotate(x, torch.tensor([100_003]))
    expected = torch.tensor([[math.cos(100_003), math.sin(100_003)]]).to(dtype)
    assert turned.dtype == dtype
    assert_close(turned, expected)


def test_rotate_gradient():
    x = normal(2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: rotate(x, torch.arange(3)), x)


# ALiBi


def test_slopes_of_eight_heads_as_published():
    assert alibi_slopes(8).tolist() == [
        1 / 2,
        1 / 4,
        1 / 8,
        1 / 16,
        1 / 32,
        1 / 64,
        1 / 128,
        1 / 256,
    ]


def test_slopes_of_sixteen_heads_as_published():
    expected = [2 ** (-0.5 * (head + 1)) for head in range(16)]
    assert_close(alibi_slopes(16, dtype=torch.float64).tolist(), expected)


@given(n_heads=st.integers(1, 130))
def test_slopes_follow_the_authors_rule(n_heads):
    def authors(n):
        if math.log2(n).is_integer():
            start = 2 ** (-(2 ** -(math.log2(n) - 3)))
            return [start * start**i for i in range(n)]
        closest = 2 ** math.floor(math.log2(n))
        return authors(closest) + authors(2 * closest)[0::2][: n - closest]

    slopes = alibi_slopes(n_heads, dtype=torch.float64)
    assert_close(slopes.tolist(), authors(n_heads))
    assert len(set(slopes.tolist())) == n_heads


@given(n_heads=st.integers(1, 7), n_queries=st.integers(1, 7), more=st.integers(0, 5))
def test_alibi_bias_equals_a_loop(n_heads, n_queries, more):
    n_keys = n_queries + more
    bias = alibi_bias(n_heads, n_queries, n_keys, dtype=torch.float64)
    slopes = alibi_slopes(n_heads, dtype=torch.float64)
    assert bias.shape == (n_heads, n_queries, n_keys)
    for h in range(n_heads):
        for t in range(n_queries):
            for s in range(n_keys):
                assert bias[h, t, s] == -slopes[h] * abs((t + more) - s)


def test_alibi_queries_are_where_the_causal_mask_has_them():
    nearest_allowed = alibi_bias(3, 4, 7).masked_fill(~causal_mask(4, 7), -torch.inf).argmax(-1)
    assert nearest_allowed.tolist() == [[3, 4, 5, 6]] * 3


def test_alibi_of_the_last_queries_is_the_end_of_the_whole():
    assert torch.equal(alibi_bias(3, 2, 7), alibi_bias(3, 7, 7)[:, 5:])


# All of them in attention


def attend(x, scheme):
    n_tokens, width = x.shape[-2:]
    if scheme == "sinusoidal":
        x = x + sinusoids(n_tokens, width)
    q = k = x
    if scheme == "rotary":
        q = k = rotate(x, torch.arange(n_tokens))
    bias = alibi_bias(1, n_tokens, n_tokens, dtype=x.dtype) if scheme == "alibi" else None
    return scaled_dot_product_attention(q, k, x, bias=bias)[0]


@pytest.mark.parametrize("scheme", [None, "sinusoidal", "rotary", "alibi"])
def test_only_a_position_scheme_tells_orders_apart(scheme):
    x, order = normal(1, 5, 6), torch.tensor([2, 0, 3, 1, 4])
    reordered = attend(x[:, order], scheme)
    same = torch.allclose(reordered, attend(x, scheme)[:, order])
    assert same == (scheme is None)


# Bad input


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: angular_frequencies(7), "d_model=7 must be even"),
        (lambda: angular_frequencies(8, base=0.0), "base must be > 0 and finite, got 0.0"),
        (lambda: sinusoidal_positions(5, 7), "d_model=7 must be even"),
        (lambda: sinusoidal_positions(5, 0), "d_model=0 must be at least 1"),
        (lambda: sinusoidal_positions(0, 8), "n_positions=0 must be at least 1"),
        (lambda: sinusoidal_positions(2.0, 8), "n_positions must be an integer, got 2.0"),
        (lambda: sinusoidal_positions(5, 8, base=-1.0), "base must be > 0 and finite, got -1.0"),
        (lambda: sinusoidal_positions(5, 8, base=math.inf), "base must be > 0 and finite, got inf"),
        (lambda: shift_matrix(1, 7), "d_model=7 must be even"),
        (lambda: shift_matrix(math.nan, 8), "offset must be finite, got nan"),
        (lambda: shift_matrix("1", 8), "offset must be a number, got '1'"),
        (lambda: LearnedPositions(0, 8), "n_positions=0 must be at least 1"),
        (lambda: LearnedPositions(8, -1), "d_model=-1 must be at least 1"),
        (
            lambda: LearnedPositions(5, 8)(torch.zeros(2, 6, 8)),
            "x must have at most n_positions=5 tokens, got 6",
        ),
        (
            lambda: LearnedPositions(5, 8)(torch.zeros(2, 5, 7)),
            "x must have d_model=8 along axis -1",
        ),
        (lambda: LearnedPositions(5, 8)(torch.zeros(8)), "x must have axes [..., T, C]"),
        (lambda: rotate(torch.zeros(5, 7), torch.arange(5)), "d_k=7 must be even"),
        (lambda: rotate(torch.zeros(5, 8), torch.arange(4)), "positions must have n_tokens=5"),
        (lambda: rotate(torch.zeros(8), torch.tensor(1)), "x must have axes [..., T, D]"),
        (lambda: rotate(torch.zeros(5, 8).long(), torch.arange(5)), "x must hold floating-point"),
        (lambda: rotate(torch.zeros(5, 8), [0, 1, 2, 3, 4]), "positions must be a torch.Tensor"),
        (lambda: rotate(torch.zeros(5, 8), torch.ones(5) > 0), "positions must hold numbers"),
        (
            lambda: rotate(torch.zeros(2, 2, 5, 8), torch.zeros(2, 5)),
            "positions must have 1 axis or 3, those of x before the last, got shape (2, 5)",
        ),
        (
            lambda: rotate(torch.zeros(2, 3, 5, 8), torch.zeros(3, 1, 5)),
            "positions must broadcast to [..., T] = (2, 3, 5), got shape (3, 1, 5)",
        ),
        (lambda: rotate(torch.zeros(5, 8), torch.arange(5), base=0), "base must be > 0"),
        (lambda: alibi_slopes(0), "n_heads=0 must be at least 1"),
        (lambda: alibi_slopes(2.0), "n_heads must be an integer, got 2.0"),
        (lambda: alibi_bias(0, 3, 5), "n_heads=0 must be at least 1"),
        (lambda: alibi_bias(2, 0, 5), "n_queries=0 must be at least 1"),
        (lambda: alibi_bias(2, 5, 3), "n_keys=3 must be at least n_queries=5"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as raised:
        call()
    assert message in str(raised.value)
