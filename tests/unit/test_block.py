import math
from dataclasses import replace

import naive
import pytest
import torch
import torch.nn.functional as F
from naive import fill, normal
from torch import nn
from torch.testing import assert_close

from incontext.attention import causal_mask
from incontext.block import (
    FeedForward,
    GatedFeedForward,
    RMSNorm,
    TransformerBlock,
    UnconnectedBlock,
)
from incontext.config import TransformerConfig
from incontext.positions import rotate

EXACT = {"rtol": 1e-12, "atol": 1e-12}
B, T, H, D, FF = 2, 5, 3, 4, 29
C = H * D


def block_of(**options):
    return fill(TransformerBlock(TransformerConfig(37, 11, C, H, FF, 1, **options)))


# The feed-forward networks


@pytest.mark.parametrize(
    ("activation", "curve"),
    [
        ("relu", lambda x: max(x, 0.0)),
        ("gelu", lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2)))),
    ],
)
def test_feed_forward_equals_the_formula(activation, curve):
    network = fill(FeedForward(C, FF, activation))
    x = normal(B, T, C)
    inner = x @ network.up.weight.T + network.up.bias
    curved = torch.tensor([curve(one) for one in inner.flatten().tolist()], dtype=torch.float64)
    expected = curved.view_as(inner) @ network.down.weight.T + network.down.bias
    assert_close(network(x), expected, **EXACT)


def test_feed_forward_sees_each_token_alone():
    network = fill(FeedForward(C, FF))
    x = normal(B, T, C)
    together = network(x)
    for b in range(B):
        for t in range(T):
            assert_close(together[b, t], network(x[b, t]), **EXACT)


def test_gated_feed_forward_equals_the_formula():
    network = fill(GatedFeedForward(C, FF))
    x = normal(B, T, C)
    gate = x @ network.gate.weight.T + network.gate.bias
    silu = torch.tensor(
        [one / (1 + math.exp(-one)) for one in gate.flatten().tolist()], dtype=torch.float64
    ).view_as(gate)
    up = x @ network.up.weight.T + network.up.bias
    expected = (silu * up) @ network.down.weight.T + network.down.bias
    assert_close(network(x), expected, **EXACT)


@pytest.mark.parametrize("kind", [FeedForward, GatedFeedForward])
def test_without_a_bias_zero_stays_zero(kind):
    network = fill(kind(C, FF, bias=False))
    assert (network(torch.zeros(T, C, dtype=torch.float64)) == 0).all()
    assert not any("bias" in name for name in network.state_dict())


# The norms


@pytest.mark.parametrize("eps", [1e-12, 1e-5, 0.1])
def test_rms_norm_equals_the_loop_and_torch(eps):
    norm = fill(RMSNorm(C, eps))
    x = normal(T, C)
    assert_close(norm(x), naive.rms_norm(x, norm.weight, eps), **EXACT)
    assert_close(norm(x), F.rms_norm(x, (C,), norm.weight, eps), **EXACT)
    assert torch.autograd.gradcheck(norm, (x.requires_grad_(),))


def test_a_block_has_the_norms_that_it_was_asked_for():
    for kind, expected in (("layer", nn.LayerNorm), ("rms", RMSNorm)):
        block = block_of(norm_kind=kind, eps=0.1)
        for norm in (block.attention_norm, block.feed_forward_norm):
            assert isinstance(norm, expected)
            assert norm.eps == 0.1


# The block


@pytest.mark.parametrize("eps", [1e-12, 1e-5, 0.1])
def test_layer_norm_of_the_block_equals_the_loop_and_torch(eps):
    block = block_of(eps=eps)
    x = normal(T, C)
    for norm in (block.attention_norm, block.feed_forward_norm):
        expected = naive.layer_norm(x, norm.weight, norm.bias, eps)
        assert_close(norm(x), expected, **EXACT)
        assert_close(norm(x), F.layer_norm(x, (C,), norm.weight, norm.bias, eps), **EXACT)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("masked", ["nothing", "padding", "future"])
def test_block_equals_torchs_encoder_layer(norm, activation, masked):
    block = block_of(norm=norm, activation=activation, eps=1e-3)
    twin = nn.TransformerEncoderLayer(
        C,
        H,
        FF,
        dropout=0.0,
        activation=activation,
        layer_norm_eps=1e-3,
        batch_first=True,
        norm_first=norm == "pre",
        dtype=torch.float64,
    )
    attention, packed = block.attention, twin.self_attn
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    packed.in_proj_weight.data = torch.cat([one.weight.data for one in projections])
    packed.in_proj_bias.data = torch.cat([one.bias.data for one in projections])
    for ours, theirs in (
        (attention.out_proj, packed.out_proj),
        (block.feed_forward.up, twin.linear1),
        (block.feed_forward.down, twin.linear2),
        (block.attention_norm, twin.norm1),
        (block.feed_forward_norm, twin.norm2),
    ):
        theirs.load_state_dict(ours.state_dict())

    x = normal(B, T, C)
    is_word = torch.tensor([[True] * T, [True] * 3 + [False] * 2])
    if masked == "nothing":
        output, expected = block(x)[0], twin(x)
    if masked == "padding":
        output = block(x, mask=is_word[:, None, None, :])[0]
        expected = twin(x, src_key_padding_mask=~is_word)
    if masked == "future":
        output, expected = block(x, mask=causal_mask(T))[0], twin(x, src_mask=~causal_mask(T))
    assert_close(output, expected, **EXACT)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_block_passes_everything_on_to_its_attention(norm):
    block = block_of(norm=norm)
    x = normal(B, T, C)
    options = {
        "mask": causal_mask(T),
        "bias": normal(H, T, T, seed=3),
        "rotate": lambda x: rotate(x, torch.arange(T)),
        "temperature": 0.7,
        "head_mask": torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64),
    }
    inside = block.attention_norm(x) if norm == "pre" else x
    attended, expected_weights = block.attention(inside, **options)
    output, weights = block(x, **options)
    assert_close(weights, expected_weights, **EXACT)
    if norm == "pre":
        middle = x + attended
        expected = middle + block.feed_forward(block.feed_forward_norm(middle))
    else:
        middle = block.attention_norm(x + attended)
        expected = block.feed_forward_norm(middle + block.feed_forward(middle))
    assert_close(output, expected, **EXACT)
    for name in options:  # and each one of them matters
        others = {key: value for key, value in options.items() if key != name}
        assert not torch.allclose(block(x, **others)[0], output)
    fused, nothing = block(x, **options, need_weights=False)
    assert nothing is None
    assert_close(fused, output, **EXACT)


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("activation", ["relu", "gelu", "swiglu"])
def test_gradcheck_of_the_block(norm, activation):
    block = fill(
        TransformerBlock(TransformerConfig(2, 3, 6, 3, 7, 1, norm=norm, activation=activation))
    )
    x = normal(2, 3, 6).requires_grad_()

    def run(x, *parameters):
        names = [name for name, _ in block.named_parameters()]
        replaced = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(block, replaced, (x,), {"mask": causal_mask(3)})

    assert torch.autograd.gradcheck(run, (x, *block.parameters()))


def test_with_pre_norm_the_residual_stream_is_a_plain_sum():
    block = block_of(norm="pre")
    for writer in (block.attention.out_proj, block.feed_forward.down):
        nn.init.zeros_(writer.weight)
        nn.init.zeros_(writer.bias)
    x = normal(B, T, C)
    assert torch.equal(block(x)[0], x)


def test_a_gated_block_without_biases_has_none():
    block = block_of(activation="swiglu", bias=False, norm_kind="rms", n_kv_heads=1)
    assert isinstance(block.feed_forward, GatedFeedForward)
    assert not any("bias" in name for name in block.state_dict())
    assert block.attention.k_proj.weight.shape == (D, C)
    x = normal(B, T, C)
    middle = x + block.attention(block.attention_norm(x))[0]
    expected = middle + block.feed_forward(block.feed_forward_norm(middle))
    assert_close(block(x)[0], expected, **EXACT)


# Bad input

REFUSED = [
    (lambda: FeedForward(0, FF), "d_model=0 must be at least 1"),
    (lambda: FeedForward(C, 2.5), "d_ff must be an integer, got 2.5"),
    (
        lambda: FeedForward(C, FF)(torch.zeros(T, 7)),
        "x must have d_model=12 along axis -1, got 7",
    ),
    (lambda: FeedForward(C, FF, "tanh"), "activation='tanh' must be one of 'gelu', 'relu'"),
    (lambda: GatedFeedForward(C, 0), "d_ff=0 must be at least 1"),
    (
        lambda: GatedFeedForward(C, FF)(torch.zeros(T, 7)),
        "x must have d_model=12 along axis -1, got 7",
    ),
    (lambda: RMSNorm(0), "d_model=0 must be at least 1"),
    (lambda: RMSNorm(C, 0.0), "eps must be > 0 and finite, got 0.0"),
    (lambda: RMSNorm(C)(torch.zeros(T, 7)), "x must have d_model=12 along axis -1, got 7"),
    (
        lambda: RMSNorm(C)(torch.zeros(T, C, dtype=int)),
        "x must hold floating-point numbers, got torch.int64",
    ),
    (
        lambda: block_of(norm="post")(torch.zeros(B, T, 7)),
        "x must have d_model=12 along axis -1, got 7",
    ),
    (
        lambda: block_of(norm="pre")(torch.zeros(B, T, 7)),
        "x must have d_model=12 along axis -1, got 7",
    ),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_without_the_residual_stream_what_a_part_finds_replaces_what_came_in():
    block = UnconnectedBlock(TransformerConfig(7, 11, 6, 3, 5, 1, residual=False))
    fill(block)
    x = torch.randn(2, 7, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    attended, weights = block.attention(block.attention_norm(x))
    output, ours = block(x)
    assert_close(output, block.feed_forward(block.feed_forward_norm(attended)), rtol=0, atol=0)
    assert_close(ours, weights, rtol=0, atol=0)
    assert not torch.allclose(output, TransformerBlock.forward(block, x)[0])


def test_unscaled_scores_are_the_products_themselves():
    config = TransformerConfig(7, 11, 6, 3, 5, 1)
    scaled, unscaled = (TransformerBlock(replace(config, scaled=one)) for one in (True, False))
    for one in (scaled, unscaled):
        fill(one)
    x = torch.randn(2, 7, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert_close(unscaled(x)[1], scaled(x, temperature=2**-0.5)[1], rtol=0, atol=1e-12)
    assert not torch.allclose(unscaled(x)[1], scaled(x)[1])
