import math

import naive
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from naive import normal
from torch.testing import assert_close

from incontext.attention import attention_scores, causal_mask, scaled_dot_product_attention
from incontext.softmax import softmax

EXACT = {"rtol": 1e-12, "atol": 1e-12}
T, S, D, V = 5, 7, 11, 13  # queries, keys, d_k, width of a value
LEADING = [(), (2,), (2, 3), (2, 3, 1, 2)]

seeds = st.integers(0, 2**32)


def query_key_value(leading=(), seed=0):
    return (
        normal(*leading, T, D, seed=seed),
        normal(*leading, S, D, seed=seed + 1),
        normal(*leading, S, V, seed=seed + 2),
    )


def random_mask(*shape, seed=0):
    """About half True, and every query may attend to key 3."""
    mask = normal(*shape, seed=seed) > 0
    mask[..., 3] = True
    return mask


# Against the loop and against PyTorch


@pytest.mark.parametrize("temperature", [1.0, 0.3, 4])
@pytest.mark.parametrize("with_mask", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("scale", [None, 0.7])
def test_equals_the_loop(temperature, with_mask, with_bias, scale):
    query, key, value = query_key_value()
    mask = random_mask(T, S) if with_mask else None
    bias = normal(T, S, seed=5) if with_bias else None
    options = {"mask": mask, "bias": bias, "temperature": temperature, "scale": scale}
    output, weights = scaled_dot_product_attention(query, key, value, **options)
    expected_output, expected_weights = naive.attention(query, key, value, **options)
    assert_close(weights, expected_weights, **EXACT)
    assert_close(output, expected_output, **EXACT)


@pytest.mark.parametrize("with_mask", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("scale", [None, 0.7])
def test_scores_are_what_goes_into_the_softmax(with_mask, with_bias, scale):
    query, key, value = query_key_value((2, 3))
    mask = random_mask(3, T, S) if with_mask else None
    bias = normal(T, S, seed=5) if with_bias else None
    options = {"mask": mask, "bias": bias, "scale": scale}
    scores = attention_scores(query, key, **options)
    expected = torch.einsum("bhtd,bhsd->bhts", query, key) * (scale or 1 / math.sqrt(D))
    expected = expected if bias is None else expected + bias
    if mask is None:
        assert_close(scores, expected, **EXACT)
    else:
        allowed = mask.expand_as(scores)
        assert_close(scores[allowed], expected[allowed], **EXACT)
        assert (scores[~allowed] == -torch.inf).all()
    _, weights = scaled_dot_product_attention(query, key, value, temperature=0.3, **options)
    assert torch.equal(softmax(scores, 0.3), weights)


def test_worked_example_i_love_ai():
    words = torch.tensor([[0.1, 0.3, 0.5], [0.2, 0.6, 0.9], [0.8, 0.4, 0.7]], dtype=torch.float64)
    output, weights = scaled_dot_product_attention(words, words, words)
    # "I": 0.35, 0.65 and 0.55 over √3, then exp and the shares of 1.2239, 1.4554 and 1.3737
    expected = torch.tensor([0.3020, 0.3591, 0.3389], dtype=torch.float64)
    assert_close(weights[0], expected, rtol=0, atol=5e-5)
    expected = torch.tensor([0.3732, 0.4416, 0.7114], dtype=torch.float64)
    assert_close(output[0], expected, rtol=0, atol=5e-5)


@pytest.mark.parametrize("leading", LEADING)
@pytest.mark.parametrize("masked", ["no mask", "shared mask", "mask for each", "causal", "bias"])
def test_equals_torch(leading, masked):
    query, key, value = query_key_value(leading)
    mask, bias = None, None
    if masked == "shared mask":
        mask = random_mask(T, S)
    if masked == "mask for each":
        mask = random_mask(*leading, T, S)
    if masked == "causal":
        key, value = key[..., :T, :], value[..., :T, :]
        mask = causal_mask(T)
    if masked == "bias":
        bias = normal(*leading, T, S, seed=5)
    output, _ = scaled_dot_product_attention(query, key, value, mask=mask, bias=bias)
    expected = F.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=None if masked == "causal" else (bias if mask is None else mask),
        is_causal=masked == "causal",
    )
    assert_close(output, expected, **EXACT)


OPTIONS = {
    "plain": {},
    "mask": {"mask": random_mask(T, S)},
    "mask with an empty row": {"mask": random_mask(T, S) & (torch.arange(T) != 2)[:, None]},
    "padding": {"mask": torch.tensor([[True] * S, [True] * 4 + [False] * 3])[:, None, None, :]},
    "bias": {"bias": normal(3, T, S, seed=5)},
    "bias of -inf": {"bias": normal(T, S, seed=5).index_fill(0, torch.tensor(1), -torch.inf)},
    "mask and bias": {"mask": random_mask(T, S), "bias": normal(2, 1, T, S, seed=5)},
    "temperature": {"temperature": 0.3},
    "each head its temperature": {
        "temperature": torch.tensor([0.3, 1.0, 4.0], dtype=torch.float64)[:, None, None]
    },
    "scale": {"scale": -0.2},
    "all of it": {
        "mask": random_mask(2, 1, T, S, seed=9) & (torch.arange(T) != 0)[:, None],
        "bias": normal(T, S, seed=5),
        "temperature": 3.0,
        "scale": 0.9,
    },
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_fused_operator_gives_the_same_output_and_gradients(options):
    inputs = [x.requires_grad_() for x in query_key_value((2, 3))]
    output, weights = scaled_dot_product_attention(*inputs, **options)
    fused, nothing = scaled_dot_product_attention(*inputs, **options, need_weights=False)
    assert weights.shape == (2, 3, T, S)
    assert nothing is None
    assert_close(fused, output, **EXACT)

    upstream = normal(*output.shape, seed=8)
    ours = torch.autograd.grad(output, inputs, upstream)
    fuseds = torch.autograd.grad(fused, inputs, upstream)
    for one, other in zip(ours, fuseds, strict=True):
        assert one.isfinite().all()
        assert_close(other, one, **EXACT)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_gradcheck(options):
    leading = (2, 3)
    inputs = (
        normal(*leading, T, 2),
        normal(*leading, S, 2, seed=1),
        normal(*leading, S, 1, seed=2),
    )

    def attend(*qkv):
        return scaled_dot_product_attention(*qkv, **options)

    assert torch.autograd.gradcheck(attend, [x.requires_grad_() for x in inputs], fast_mode=True)


def test_gradients_of_bias_and_temperature():
    query, key, value = query_key_value()
    bias = normal(T, S, seed=5).requires_grad_()
    temperature = (normal(T, 1, seed=6).abs() + 0.5).requires_grad_()

    def attend(bias, temperature, need_weights=True):
        options = {"bias": bias, "temperature": temperature, "need_weights": need_weights}
        return scaled_dot_product_attention(query, key, value, mask=random_mask(T, S), **options)

    assert torch.autograd.gradcheck(attend, (bias, temperature))
    fused = lambda *both: attend(*both, need_weights=False)[0]  # noqa: E731
    assert torch.autograd.gradcheck(fused, (bias, temperature))


# Properties


@given(seed=seeds, temperature=st.floats(0.05, 20))
def test_rows_of_weights_sum_to_one_and_the_output_is_a_mixture(seed, temperature):
    query, key, value = query_key_value((2,), seed)
    output, weights = scaled_dot_product_attention(query, key, value, temperature=temperature)
    assert (weights >= 0).all()
    assert_close(weights.sum(-1), torch.ones(2, T, dtype=torch.float64), **EXACT)
    assert_close(output, torch.einsum("bts,bsv->btv", weights, value), **EXACT)
    low, high = value.amin(-2, keepdim=True), value.amax(-2, keepdim=True)
    assert ((low - 1e-12 <= output) & (output <= high + 1e-12)).all()


@given(seed=seeds)
def test_without_positions_order_means_nothing(seed):
    x = normal(2, S, D, seed=seed)
    order = torch.randperm(S, generator=torch.Generator().manual_seed(seed))
    output, weights = scaled_dot_product_attention(x, x, x)
    shuffled = x[:, order]
    new_output, new_weights = scaled_dot_product_attention(shuffled, shuffled, shuffled)
    assert_close(new_output, output[:, order], **EXACT)
    assert_close(new_weights, weights[:, order][:, :, order], **EXACT)
    unmoved, _ = scaled_dot_product_attention(x, shuffled, shuffled)
    assert_close(unmoved, output, **EXACT)


@given(seed=seeds, now=st.integers(0, S - 1), need_weights=st.booleans())
def test_with_a_causal_mask_the_future_does_not_touch_the_past(seed, now, need_weights):
    options = {"mask": causal_mask(S), "need_weights": need_weights}
    x = normal(2, S, D, seed=seed)
    changed = x.clone()
    changed[:, now + 1 :] = 100 * normal(2, S - now - 1, D, seed=seed + 1)
    output, _ = scaled_dot_product_attention(x, x, x, **options)
    new_output, _ = scaled_dot_product_attention(changed, changed, changed, **options)
    assert_close(new_output[:, : now + 1], output[:, : now + 1], **EXACT)


def test_with_a_causal_mask_the_past_does_touch_the_future():
    x = normal(S, D)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: scaled_dot_product_attention(x, x, x, mask=causal_mask(S))[0].sum(-1), x
    )
    influence = jacobian.abs().sum(-1)  # [output t, input s]
    assert torch.equal(influence > 0, causal_mask(S))


def test_a_key_that_is_masked_may_as_well_not_be_there():
    query, key, value = query_key_value((2, 3))
    keep = [0, 1, 4, 6]
    mask = torch.zeros(S, dtype=torch.bool).index_fill(0, torch.tensor(keep), True)
    output, weights = scaled_dot_product_attention(query, key, value, mask=mask)
    short, short_weights = scaled_dot_product_attention(
        query, key[..., keep, :], value[..., keep, :]
    )
    assert_close(output, short, **EXACT)
    assert_close(weights[..., keep], short_weights, **EXACT)
    assert (weights[..., ~mask] == 0).all()


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("temperature", [1.0, 0.2])
def test_a_query_that_may_attend_to_nothing_gets_zeros(need_weights, dtype, temperature):
    inputs = [x.to(dtype).requires_grad_() for x in query_key_value((2, 3))]
    mask = random_mask(T, S)
    mask[[1, 4]] = False
    output, weights = scaled_dot_product_attention(
        *inputs, mask=mask, temperature=temperature, need_weights=need_weights
    )
    assert (output[..., [1, 4], :] == 0).all()
    assert (output[..., [0, 2, 3], :] != 0).all()
    if need_weights:
        assert (weights[..., [1, 4], :] == 0).all()
        ones = torch.ones(2, 3, 3, dtype=dtype)
        assert_close(weights[..., [0, 2, 3], :].sum(-1), ones)
    gradients = torch.autograd.grad(output.square().sum(), inputs)
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert (gradients[0][..., [1, 4], :] == 0).all()
    assert (gradients[0][..., [0, 2, 3], :] != 0).any()


def test_no_key_at_all_gives_zeros():
    query, key, value = query_key_value()
    for need_weights in (True, False):
        output, _ = scaled_dot_product_attention(
            query, key[:0], value[:0], need_weights=need_weights
        )
        assert torch.equal(output, torch.zeros(T, V, dtype=torch.float64))


def test_limits_of_temperature():
    query, key, value = query_key_value((2,))
    cold, weights = scaled_dot_product_attention(query, key, value, temperature=1e-9)
    best = (query @ key.mT).argmax(-1)
    assert_close(cold, torch.stack([value[b, best[b]] for b in range(2)]), **EXACT)
    assert_close(weights.amax(-1), torch.ones(2, T, dtype=torch.float64), **EXACT)
    hot, _ = scaled_dot_product_attention(query, key, value, temperature=1e15)
    assert_close(hot, value.mean(-2, keepdim=True).expand_as(hot), **EXACT)


def test_scale_and_temperature_are_one_knob():
    query, key, value = query_key_value()
    by_scale = scaled_dot_product_attention(query, key, value, scale=1.0)
    by_temperature = scaled_dot_product_attention(query, key, value, temperature=1 / math.sqrt(D))
    assert_close(by_temperature, by_scale, **EXACT)


def test_dividing_by_the_root_of_d_k_keeps_the_spread_of_scores():
    for d_k in (4, 64, 1024):
        query, key = normal(1, 301, d_k), normal(1, 307, d_k, seed=1)
        _, weights = scaled_dot_product_attention(query, key, key)
        log_weights = weights.log()
        scores = log_weights - log_weights.mean(-1, keepdim=True)
        assert 0.9 < scores.var().item() < 1.1


@pytest.mark.parametrize("need_weights", [True, False])
def test_keys_shared_by_all_heads(need_weights):
    query = normal(2, 3, T, D)
    key, value = normal(2, 1, S, D, seed=1), normal(S, V, seed=2)
    output, _ = scaled_dot_product_attention(query, key, value, need_weights=need_weights)
    expected, _ = scaled_dot_product_attention(
        query, key.expand(2, 3, S, D), value.expand(2, 3, S, V)
    )
    assert_close(output, expected, **EXACT)


@pytest.mark.parametrize("need_weights", [True, False])
def test_inputs_are_left_as_they_were(need_weights):
    query, key, value = query_key_value((2, 3))
    mask, bias = random_mask(T, S), normal(T, S, seed=5)
    before = [x.clone() for x in (query, key, value, mask, bias)]
    scaled_dot_product_attention(
        query, key, value, mask=mask, bias=bias, temperature=0.5, need_weights=need_weights
    )
    for one, other in zip((query, key, value, mask, bias), before, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_a_bias_of_another_precision_does_not_change_the_outputs(need_weights, masked):
    query, key, value = query_key_value((2, 3))
    bias = normal(T, S, seed=5).to(torch.float32)
    options = {"mask": random_mask(T, S) if masked else None, "need_weights": need_weights}
    output, _ = scaled_dot_product_attention(query, key, value, bias=bias, **options)
    expected, _ = scaled_dot_product_attention(query, key, value, bias=bias.double(), **options)
    assert_close(output, expected, **EXACT)
    single = [x.to(torch.float32) for x in (query, key, value)]
    output, _ = scaled_dot_product_attention(*single, bias=bias.double(), **options)
    assert output.dtype == torch.float32


# The causal mask


def test_causal_mask_is_the_lower_triangle():
    expected = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1]], dtype=torch.bool)
    assert torch.equal(causal_mask(3), expected)


@given(n_queries=st.integers(1, 11), more=st.integers(0, 11))
def test_causal_mask_with_more_keys_is_the_last_rows(n_queries, more):
    mask = causal_mask(n_queries, n_queries + more)
    assert mask.dtype == torch.bool
    assert torch.equal(mask, causal_mask(n_queries + more)[more:])
    for t in range(n_queries):
        for s in range(n_queries + more):
            assert mask[t, s] == (s <= t + more)


@given(seed=seeds, n_queries=st.integers(1, S))
def test_last_queries_over_cached_keys_equal_the_whole(seed, n_queries):
    x = normal(2, S, D, seed=seed)
    whole, _ = scaled_dot_product_attention(x, x, x, mask=causal_mask(S))
    last, _ = scaled_dot_product_attention(x[:, -n_queries:], x, x, mask=causal_mask(n_queries, S))
    assert_close(last, whole[:, -n_queries:], **EXACT)


# Bad input


def attend(query=(T, D), key=(S, D), value=(S, V), **options):
    return scaled_dot_product_attention(*map(torch.zeros, (query, key, value)), **options)


REFUSED = [
    (lambda: attend(query=(D,)), r"query must have axes \[..., T, D\], got shape \(11,\)"),
    (lambda: attend(key=(D,)), r"key must have axes \[..., S, D\], got shape \(11,\)"),
    (lambda: attend(value=(V,)), r"value must have axes \[..., S, V\], got shape \(13,\)"),
    (lambda: attend(key=(S, 17)), "key must have d_k=11 along axis -1, got 17"),
    (lambda: attend(value=(17, V)), "value must have n_keys=7 along axis -2, got 17"),
    (
        lambda: attend(query=(2, T, D), key=(3, S, D)),
        r"must agree in the axes before the last two, got \(2,\), \(3,\) and \(\)",
    ),
    (
        lambda: scaled_dot_product_attention([[1.0]], torch.zeros(1, 1), torch.zeros(1, 1)),
        "query must be a torch.Tensor, got list",
    ),
    (
        lambda: scaled_dot_product_attention(*[torch.ones(3, 3, dtype=int)] * 3),
        "query must hold floating-point numbers, got torch.int64",
    ),
    (
        lambda: attend(mask=torch.ones(T, S)),
        r"mask must be boolean \(True = may attend\), got torch.float32",
    ),
    (
        lambda: attend(mask=torch.ones(S, T, dtype=torch.bool)),
        r"mask must broadcast to \[..., T, S\] = \(5, 7\), got shape \(7, 5\)",
    ),
    (
        lambda: attend(mask=torch.ones(3, T, S, dtype=torch.bool)),
        r"mask must broadcast to \[..., T, S\] = \(5, 7\), got shape \(3, 5, 7\)",
    ),
    (
        lambda: attend(bias=torch.zeros(T, 2)),
        r"bias must broadcast to \[..., T, S\] = \(5, 7\), got shape \(5, 2\)",
    ),
    (lambda: attend(bias=torch.zeros(T, S, dtype=int)), "bias must hold floating-point numbers"),
    (lambda: attend(temperature=0), "temperature must be > 0 and finite, got 0"),
    (lambda: attend(temperature=torch.zeros(T, 1)), "temperature must be > 0 and finite, got"),
    (
        lambda: attend(temperature=torch.ones(S)),
        r"temperature must broadcast to \[..., 1\] = \(5, 1\), got shape \(7,\)",
    ),
    (lambda: attend(temperature=0, need_weights=False), "temperature must be > 0 and finite"),
    (
        lambda: attend(temperature=torch.ones(S), need_weights=False),
        r"temperature must broadcast to \[..., T, 1\] = \(5, 1\), got shape \(7,\)",
    ),
    (
        lambda: attention_scores(torch.zeros(T, D), torch.zeros(S, 3)),
        "key must have d_k=11 along axis -1, got 3",
    ),
    (lambda: attend(scale=math.nan), "scale must be finite, got nan"),
    (lambda: causal_mask(0), "n_queries=0 must be at least 1"),
    (lambda: causal_mask(5, 0), "n_keys=0 must be at least 1"),
    (lambda: causal_mask(5, 3), "n_keys=3 must be at least n_queries=5"),
    (lambda: causal_mask(5.0), "n_queries must be an integer, got 5.0"),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
