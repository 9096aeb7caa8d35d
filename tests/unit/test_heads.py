import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from naive import normal
from torch import nn
from torch.testing import assert_close

from incontext.attention import causal_mask, scaled_dot_product_attention
from incontext.heads import KeyValueCache, MultiHeadAttention, merge_heads, split_heads
from incontext.positions import alibi_bias, rotate

EXACT = {"rtol": 1e-12, "atol": 1e-12}
B, T, S, H, D = 2, 5, 7, 3, 11
C = H * D

seeds = st.integers(0, 2**32)


def multi_head_attention(d_model=C, n_heads=H, bias=True, seed=0, n_kv_heads=None):
    attention = MultiHeadAttention(d_model, n_heads, bias, n_kv_heads).double()
    for index, parameter in enumerate(attention.parameters()):
        values = normal(*parameter.shape, seed=seed + index)
        parameter.data = values / math.sqrt(d_model)
    return attention


def torch_twin(attention):
    """PyTorch's module with the same numbers in it."""
    twin = nn.MultiheadAttention(
        attention.d_model,
        attention.n_heads,
        bias=attention.q_proj.bias is not None,
        batch_first=True,
        dtype=torch.float64,
    )
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    twin.in_proj_weight.data = torch.cat([one.weight.data for one in projections])
    twin.out_proj.weight.data = attention.out_proj.weight.data.clone()
    if attention.q_proj.bias is not None:
        twin.in_proj_bias.data = torch.cat([one.bias.data for one in projections])
        twin.out_proj.bias.data = attention.out_proj.bias.data.clone()
    return partial(twin, average_attn_weights=False)


# Split and merge


@given(
    n_heads=st.integers(1, 7),
    d_k=st.integers(1, 7),
    leading=st.lists(st.integers(1, 3), max_size=3),
)
def test_merge_is_the_inverse_of_split(n_heads, d_k, leading):
    x = normal(*leading, T, n_heads * d_k)
    heads = split_heads(x, n_heads)
    assert heads.shape == (*leading, n_heads, T, d_k)
    assert torch.equal(merge_heads(heads), x)
    assert torch.equal(split_heads(merge_heads(heads), n_heads), heads)


def test_each_head_gets_its_own_columns():
    x = normal(B, T, C)
    heads = split_heads(x, H)
    for h in range(H):
        assert torch.equal(heads[:, h], x[..., h * D : (h + 1) * D])


# Against a loop over single heads and against PyTorch


@pytest.mark.parametrize("n_heads", [1, 3, 11, 33])
@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_equals_a_loop_over_single_heads(n_heads, temperature):
    attention = multi_head_attention(n_heads=n_heads)
    query, key, value = normal(B, T, C), normal(B, S, C, seed=1), normal(B, S, C, seed=2)
    output, weights = attention(query, key, value, temperature=temperature)
    assert weights.shape == (B, n_heads, T, S)

    d_k = C // n_heads
    mixed = []
    for h in range(n_heads):
        rows = slice(h * d_k, (h + 1) * d_k)
        q, k, v = (
            x @ projection.weight[rows].T + projection.bias[rows]
            for x, projection in (
                (query, attention.q_proj),
                (key, attention.k_proj),
                (value, attention.v_proj),
            )
        )
        scores = torch.einsum("btd,bsd->bts", q, k) / math.sqrt(d_k) / temperature
        shares = scores.exp() / scores.exp().sum(-1, keepdim=True)
        assert_close(weights[:, h], shares, **EXACT)
        mixed.append(torch.einsum("bts,bsd->btd", shares, v))
    joined = torch.cat(mixed, dim=-1)
    expected = joined @ attention.out_proj.weight.T + attention.out_proj.bias
    assert_close(output, expected, **EXACT)


@pytest.mark.parametrize("bias", [True, False])
def test_equals_torch_on_one_sequence(bias):
    attention = multi_head_attention(bias=bias)
    x = normal(B, T, C)
    output, weights = attention(x)
    expected, expected_weights = torch_twin(attention)(x, x, x)
    assert_close(weights, expected_weights, **EXACT)
    assert_close(output, expected, **EXACT)


def test_equals_torch_across_two_sequences():
    attention = multi_head_attention()
    query, key, value = normal(B, T, C), normal(B, S, C, seed=1), normal(B, S, C, seed=2)
    output, weights = attention(query, key, value)
    expected, expected_weights = torch_twin(attention)(query, key, value)
    assert_close(weights, expected_weights, **EXACT)
    assert_close(output, expected, **EXACT)
    assert torch.equal(attention(query, key)[0], attention(query, key, key)[0])


def test_equals_torch_with_masks_which_it_reads_the_other_way_round():
    attention = multi_head_attention()
    twin = torch_twin(attention)
    x = normal(B, S, C)

    output, weights = attention(x, mask=causal_mask(S))
    expected, expected_weights = twin(x, x, x, attn_mask=~causal_mask(S))
    assert_close(weights, expected_weights, **EXACT)
    assert_close(output, expected, **EXACT)

    is_word = torch.tensor([[True] * S, [True] * 4 + [False] * 3])
    output, weights = attention(x, mask=is_word[:, None, None, :])
    expected, expected_weights = twin(x, x, x, key_padding_mask=~is_word)
    assert_close(weights, expected_weights, **EXACT)
    assert_close(output, expected, **EXACT)


def test_equals_torch_with_a_bias():
    attention = multi_head_attention()
    x, bias = normal(B, S, C), normal(B, H, S, S, seed=3)
    output, weights = attention(x, bias=bias)
    expected, expected_weights = torch_twin(attention)(x, x, x, attn_mask=bias.flatten(0, 1))
    assert_close(weights, expected_weights, **EXACT)
    assert_close(output, expected, **EXACT)


def test_gradients_equal_torchs():
    attention = multi_head_attention()
    twin = torch_twin(attention)
    x = normal(B, T, C).requires_grad_()
    upstream, upstream_weights = normal(B, T, C, seed=4), normal(B, H, T, T, seed=5)

    def gradients(outputs, parameters):
        return torch.autograd.grad(outputs, [x, *parameters], (upstream, upstream_weights))

    ours = gradients(attention(x), attention.parameters())
    theirs = gradients(twin(x, x, x), twin.func.parameters())
    named = dict(zip((name for name, _ in attention.named_parameters()), ours[1:], strict=True))
    packed = [
        torch.cat([named[f"{one}_proj.{kind}"] for one in "qkv"]) for kind in ("weight", "bias")
    ]
    out = [named["out_proj.weight"], named["out_proj.bias"]]
    for one, other in zip([ours[0], *packed, *out], theirs, strict=True):
        assert_close(one, other, **EXACT)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mask": causal_mask(T)},
        {"bias": normal(H, T, T, seed=3)},
        {"temperature": 0.4},
        {"head_mask": torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64)},
        {"rotate": lambda x: rotate(x, torch.arange(x.shape[-2]))},
    ],
    ids=["plain", "mask", "bias", "temperature", "head_mask", "rotate"],
)
def test_without_weights_the_output_is_the_same(options):
    attention = multi_head_attention(d_model=H * 12)
    x = normal(B, T, H * 12)
    output, _ = attention(x, **options)
    fused, nothing = attention(x, **options, need_weights=False)
    assert nothing is None
    assert_close(fused, output, **EXACT)


def test_gradcheck():
    attention = multi_head_attention(d_model=6, n_heads=3)
    x = normal(2, 3, 6).requires_grad_()
    mask = causal_mask(3).index_fill(0, torch.tensor(1), False)

    def attend(x, *parameters):
        names = [name for name, _ in attention.named_parameters()]
        return torch.func.functional_call(
            attention, dict(zip(names, parameters, strict=True)), (x,), {"mask": mask}
        )

    assert torch.autograd.gradcheck(attend, (x, *attention.parameters()))


# Properties


@pytest.mark.parametrize("bias", [True, False])
def test_parameter_count_does_not_depend_on_the_number_of_heads(bias):
    counts = {
        sum(one.numel() for one in MultiHeadAttention(60, n_heads, bias).parameters())
        for n_heads in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)
    }
    assert counts == {4 * 60**2 + (4 * 60 if bias else 0)}


def test_parameters_have_their_fixed_names():
    attention = MultiHeadAttention(C, H)
    assert [name for name, _ in attention.named_children()] == [
        "q_proj",
        "k_proj",
        "v_proj",
        "out_proj",
    ]
    assert all(isinstance(child, nn.Linear) for child in attention.children())


@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_any_leading_axes(leading):
    attention = multi_head_attention()
    x = normal(*leading, T, C)
    output, weights = attention(x)
    assert weights.shape == (*leading, H, T, T)
    for index in torch.cartesian_prod(*map(torch.arange, leading)) if leading else []:
        place = tuple(index.reshape(-1).tolist())
        one_output, one_weights = attention(x[place])
        assert_close(output[place], one_output, **EXACT)
        assert_close(weights[place], one_weights, **EXACT)


@given(seed=seeds)
def test_without_positions_order_means_nothing(seed):
    attention = multi_head_attention()
    x = normal(B, T, C, seed=seed)
    order = torch.randperm(T, generator=torch.Generator().manual_seed(seed))
    output, weights = attention(x)
    shuffled, shuffled_weights = attention(x[:, order])
    assert_close(shuffled, output[:, order], **EXACT)
    assert_close(shuffled_weights, weights[..., order, :][..., order], **EXACT)


@given(seed=seeds, now=st.integers(0, T - 1))
def test_with_a_causal_mask_the_future_does_not_touch_the_past(seed, now):
    attention = multi_head_attention()
    x = normal(B, T, C, seed=seed)
    changed = x.clone()
    changed[:, now + 1 :] += 10
    output, _ = attention(x, mask=causal_mask(T))
    new_output, _ = attention(changed, mask=causal_mask(T))
    assert_close(new_output[:, : now + 1], output[:, : now + 1], **EXACT)
    if now < T - 1:
        assert not torch.allclose(new_output[:, now + 1 :], output[:, now + 1 :])


def test_temperature_sharpens_and_flattens_every_head():
    attention = multi_head_attention()
    x = normal(B, T, C)
    _, cold = attention(x, temperature=1e-9)
    _, hot = attention(x, temperature=1e15)
    assert_close(cold.amax(-1), torch.ones(B, H, T, dtype=torch.float64), **EXACT)
    assert_close(hot, torch.full((B, H, T, T), 1 / T, dtype=torch.float64), **EXACT)


def test_each_head_its_own_temperature():
    attention = multi_head_attention()
    x = normal(B, T, C)
    temperatures = torch.tensor([0.2, 1.0, 5.0], dtype=torch.float64)
    _, weights = attention(x, temperature=temperatures[:, None, None])
    for head, temperature in enumerate(temperatures.tolist()):
        assert_close(weights[:, head], attention(x, temperature=temperature)[1][:, head], **EXACT)


@given(seed=seeds, off=st.integers(0, H - 1))
def test_a_head_that_is_off_adds_nothing(seed, off):
    attention = multi_head_attention()
    x = normal(B, T, C, seed=seed)
    head_mask = torch.ones(H, dtype=torch.float64)
    head_mask[off] = 0
    _, whole_weights = attention(x)
    output, weights = attention(x, head_mask=head_mask)

    without = multi_head_attention()
    without.out_proj.weight.data[:, off * D : (off + 1) * D] = 0
    assert_close(output, without(x)[0], **EXACT)
    assert_close(weights, whole_weights, **EXACT)


def test_the_output_is_the_sum_of_what_single_heads_add():
    attention = multi_head_attention()
    x = normal(B, T, C)
    output, _ = attention(x)
    constant = attention.out_proj.bias
    parts = [attention(x, head_mask=torch.eye(H)[h].double())[0] - constant for h in range(H)]
    assert_close(sum(parts) + constant, output, **EXACT)
    assert_close(attention(x, head_mask=torch.ones(H, dtype=torch.bool))[0], output, **EXACT)
    silent, _ = attention(x, head_mask=torch.zeros(H, dtype=torch.long))
    assert_close(silent, constant.expand_as(silent), **EXACT)


def test_rotate_turns_queries_and_keys_and_nothing_else():
    attention = multi_head_attention()
    query, key, value = normal(B, T, C), normal(B, S, C, seed=1), normal(B, S, C, seed=2)
    shapes = []

    def twice(x):
        shapes.append(x.shape)
        return 2 * x

    output, weights = attention(query, key, value, rotate=twice)
    assert shapes == [(B, H, T, D), (B, H, S, D)]
    q, k, v = (
        split_heads(projection(x), H)
        for projection, x in (
            (attention.q_proj, query),
            (attention.k_proj, key),
            (attention.v_proj, value),
        )
    )
    mixed, expected = scaled_dot_product_attention(2 * q, 2 * k, v)
    assert_close(weights, expected, **EXACT)
    assert_close(output, attention.out_proj(merge_heads(mixed)), **EXACT)


@given(seed=seeds, offset=st.integers(0, 1000))
def test_with_rotation_only_distances_count(seed, offset):
    attention = multi_head_attention(d_model=H * 12)
    x = normal(B, T, H * 12, seed=seed)
    _, weights = attention(x, rotate=lambda x: rotate(x, torch.arange(T)))
    _, moved = attention(x, rotate=lambda x: rotate(x, torch.arange(T) + offset))
    assert_close(moved, weights, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(attention(x)[1], weights)


def test_a_bias_by_distance_tells_positions_apart():
    attention = multi_head_attention(d_model=4 * 11, n_heads=4)
    x = normal(1, 4 * 11).expand(T, -1)  # the same word at every position
    _, even = attention(x)
    assert_close(even, torch.full((4, T, T), 1 / T, dtype=torch.float64), **EXACT)
    _, near = attention(x, bias=alibi_bias(4, T, T).double())
    assert (near.argmax(-1) == torch.arange(T)).all()


def test_a_query_that_may_attend_to_nothing_gets_the_bias_of_the_projection():
    attention = multi_head_attention()
    x = normal(B, T, C)
    is_word = torch.tensor([[True] * T, [False] * T])
    for need_weights in (True, False):
        output, _ = attention(x, mask=is_word[:, None, None, :], need_weights=need_weights)
        assert_close(output[1], attention.out_proj.bias.expand(T, C), **EXACT)


# Heads that share keys and values


@pytest.mark.parametrize("n_kv_heads", [1, 2, 3])
@pytest.mark.parametrize("causal", [False, True])
def test_grouped_heads_equal_torchs(n_kv_heads, causal):
    attention = multi_head_attention(24, 6, n_kv_heads=n_kv_heads)
    x = normal(B, T, 24)
    output, weights = attention(x, mask=causal_mask(T) if causal else None)
    q = split_heads(attention.q_proj(x), 6)
    k, v = (split_heads(one(x), n_kv_heads) for one in (attention.k_proj, attention.v_proj))
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=True)
    assert_close(output, attention.out_proj(merge_heads(mixed)), **EXACT)
    assert weights.shape == (B, 6, T, T)


def test_query_heads_in_a_row_share_one_head_of_keys():
    attention = multi_head_attention(24, 6, n_kv_heads=2)
    twin = multi_head_attention(24, 6)
    for name in ("q_proj", "out_proj"):
        getattr(twin, name).load_state_dict(getattr(attention, name).state_dict())
    for name in ("k_proj", "v_proj"):
        few, all_six = getattr(attention, name), getattr(twin, name)
        for head in range(6):
            to, of = slice(4 * head, 4 * head + 4), slice(4 * (head // 3), 4 * (head // 3) + 4)
            all_six.weight.data[to], all_six.bias.data[to] = few.weight[of], few.bias[of]
    x = normal(B, T, 24)
    for one, other in zip(attention(x), twin(x), strict=True):
        assert_close(one, other, **EXACT)


# The cache


@pytest.mark.parametrize("n_kv_heads", [None, 1])
def test_the_cache_holds_rotated_keys_of_the_heads_that_there_are(n_kv_heads):
    attention = multi_head_attention(24, 6, n_kv_heads=n_kv_heads)
    x = normal(B, T, 24)
    cache = KeyValueCache()
    assert (len(cache), cache.n_bytes) == (0, 0)
    attention(x, cache=cache, rotate=lambda x: rotate(x, torch.arange(T)))
    n_heads = n_kv_heads or 6
    keys = rotate(split_heads(attention.k_proj(x), n_heads), torch.arange(T))
    assert_close(cache.keys, keys, **EXACT)
    assert_close(cache.values, split_heads(attention.v_proj(x), n_heads), **EXACT)
    assert len(cache) == T
    assert cache.n_bytes == 2 * B * T * n_heads * 4 * 8


def test_new_queries_see_the_keys_in_the_cache():
    attention = multi_head_attention()
    x = normal(B, T, C)
    whole, all_weights = attention(x, mask=causal_mask(T))
    cache = KeyValueCache()
    for t in range(T):
        output, weights = attention(x[:, t : t + 1], cache=cache)
        assert_close(output[:, 0], whole[:, t], **EXACT)
        assert_close(weights[:, :, 0], all_weights[:, :, t, : t + 1], **EXACT)


# The function that attends


def test_attend_is_the_one_hook_and_gets_what_was_given():
    attention = multi_head_attention(24, 6, n_kv_heads=1)
    x, mask = normal(B, T, 24), causal_mask(T)
    seen = {}

    def mine(query, key, value, mask=None, **rest):
        seen.update(rest, shapes=[query.shape, key.shape, value.shape], key=key)
        return scaled_dot_product_attention(query, key, value, mask=mask, **rest)

    expected = attention(x, mask=mask, temperature=0.5)
    attention.attend = mine
    output = attention(x, mask=mask, temperature=0.5, bias=None)
    for one, other in zip(output, expected, strict=True):
        assert torch.equal(one, other)
    assert seen["temperature"] == 0.5 and "bias" not in seen
    assert seen["shapes"] == [(B, 6, T, 4)] * 3  # shared keys come repeated

    attention(x, rotate=lambda x: rotate(x, torch.arange(T)))
    turned = rotate(split_heads(attention.k_proj(x), 1), torch.arange(T))
    assert_close(seen["key"], turned.expand(B, 6, T, 4), **EXACT)

    attention.attend = lambda query, key, value, mask=None: (value, None)  # plain is enough
    assert_close(
        attention(x, mask=mask)[0],
        attention.out_proj(attention.v_proj(x).repeat(1, 1, 6)),
        **EXACT,
    )


def test_an_option_that_is_none_changes_nothing():
    attention, x = multi_head_attention(), normal(B, T, C)
    nothing = dict.fromkeys(["mask", "bias", "rotate", "head_mask", "cache"])
    assert torch.equal(attention(x, **nothing)[0], attention(x)[0])


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError, match="tempreature"):
        multi_head_attention()(normal(B, T, C), tempreature=2.0)


# Bad input


def attend(query=(B, T, C), key=None, value=None, **options):
    tensors = [None if shape is None else torch.zeros(shape) for shape in (query, key, value)]
    return MultiHeadAttention(C, H)(*tensors, **options)


REFUSED = [
    (lambda: split_heads(torch.zeros(T, C), 5), "n_heads=5 does not divide d_model=33"),
    (lambda: split_heads(torch.zeros(T, C), 0), "n_heads=0 must be at least 1"),
    (lambda: split_heads(torch.zeros(C), 3), r"x must have axes \[..., T, C\], got shape \(33,\)"),
    (
        lambda: merge_heads(torch.zeros(T, D)),
        r"x must have axes \[..., H, T, D\], got shape \(5, 11\)",
    ),
    (lambda: MultiHeadAttention(64, 5), "n_heads=5 does not divide d_model=64"),
    (lambda: MultiHeadAttention(64, 8, n_kv_heads=3), "n_kv_heads=3 does not divide n_heads=8"),
    (lambda: MultiHeadAttention(64, 0), "n_heads=0 must be at least 1"),
    (lambda: MultiHeadAttention(64.0, 4), "d_model must be an integer, got 64.0"),
    (lambda: attend(query=(T, 34)), "query must have d_model=33 along axis -1, got 34"),
    (lambda: attend(key=(B, S, 34)), "key must have d_model=33 along axis -1, got 34"),
    (
        lambda: attend(key=(B, S, C), value=(B, S, 34)),
        "value must have d_model=33 along axis -1, got 34",
    ),
    (
        lambda: attend(key=(B, S, C), value=(B, T, C)),
        "value must have n_keys=7 along axis -2, got 5",
    ),
    (lambda: attend(key=(3, S, C)), r"must agree .* got \(2, 3\), \(3, 3\) and \(3, 3\)"),
    (lambda: attend(query=(C,)), r"query must have axes \[..., tokens, C\], got shape \(33,\)"),
    (
        lambda: MultiHeadAttention(C, H)(torch.ones(T, C, dtype=int)),
        "query must hold floating-point numbers, got torch.int64",
    ),
    (lambda: attend(temperature=0.0), "temperature must be > 0 and finite, got 0.0"),
    (
        lambda: attend(mask=torch.ones(T, T)),
        r"mask must be boolean \(True = may attend\), got torch.float32",
    ),
    (
        lambda: attend(mask=torch.ones(B, S, dtype=torch.bool)),
        r"mask must broadcast to \[..., T, S\] = \(2, 3, 5, 5\), got shape \(2, 7\)",
    ),
    (
        lambda: attend(head_mask=torch.ones(4)),
        "head_mask must have n_heads=3 along axis 0, got 4",
    ),
    (
        lambda: attend(head_mask=torch.ones(1, H)),
        r"head_mask must have axes \[H\], got shape \(1, 3\)",
    ),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
