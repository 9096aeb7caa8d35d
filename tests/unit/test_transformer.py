import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from naive import fill, normal
from torch import nn
from torch.testing import assert_close

from incontext.attention import causal_mask
from incontext.config import TransformerConfig
from incontext.heads import KeyValueCache
from incontext.positions import alibi_bias, rotate, sinusoidal_positions
from incontext.transformer import Decoder, Encoder, init_weights

EXACT = {"rtol": 1e-12, "atol": 1e-12}
B, T, H, D, FF, LAYERS = 2, 5, 3, 4, 29, 3
C = H * D
VOCAB, LONGEST = 37, 11

seeds = st.integers(0, 2**32)


def config(**options):
    return TransformerConfig(VOCAB, LONGEST, C, H, FF, LAYERS, **options)


def encoder(norm="post", **options):
    return fill(Encoder(config(norm=norm, **options)))


def decoder(**options):
    return fill(Decoder(config(**options)))


def random_ids(n_tokens=T, batch=B, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(VOCAB, (batch, n_tokens), generator=generator)


# The encoder


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("norm_embeddings", [True, False])
def test_encoder_is_embeddings_then_blocks(norm, norm_embeddings):
    model = encoder(norm=norm, norm_embeddings=norm_embeddings)
    ids = random_ids()
    output = model(ids)
    x = torch.stack(
        [
            torch.stack(
                [
                    model.token_embedding.weight[ids[b, t]] + model.position_embedding.weight[t]
                    for t in range(T)
                ]
            )
            for b in range(B)
        ]
    )
    x = model.embedding_norm(x) if norm_embeddings else x
    assert len(output.hidden_states) == LAYERS + 1
    assert len(output.attentions) == LAYERS
    assert_close(output.hidden_states[0], x, **EXACT)
    for layer, block in enumerate(model.blocks):
        x, weights = block(x)
        assert_close(output.attentions[layer], weights, **EXACT)
        assert_close(output.hidden_states[layer + 1], x, **EXACT)
    last = model.final_norm(x) if norm == "pre" else x
    assert_close(output.last_hidden_state, last, **EXACT)
    assert output.last_hidden_state.shape == (B, T, C)
    assert output.attentions[0].shape == (B, H, T, T)


def test_rows_of_attention_sum_to_one():
    for weights in encoder()(random_ids()).attentions:
        assert_close(weights.sum(-1), torch.ones(B, H, T, dtype=torch.float64), **EXACT)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_ids_of_either_integer_type(dtype):
    model, ids = encoder(), random_ids()
    expected = model(ids).last_hidden_state
    assert torch.equal(model(ids.to(dtype)).last_hidden_state, expected)


def test_encoder_with_sinusoids():
    model = encoder(positions="sinusoidal")
    ids = random_ids()
    expected = model.token_embedding(ids) + sinusoidal_positions(LONGEST, C)[:T].double()
    assert_close(model(ids).hidden_states[0], expected, rtol=0, atol=1e-6)
    assert not any("position" in name for name in model.state_dict())


@given(seed=seeds)
def test_without_positions_order_means_nothing(seed):
    ids = random_ids(seed=seed)
    order = torch.randperm(T, generator=torch.Generator().manual_seed(seed))
    model = encoder(positions=None)
    whole, shuffled = model(ids), model(ids[:, order])
    for one, other in zip(whole.hidden_states, shuffled.hidden_states, strict=True):
        assert_close(other, one[:, order], **EXACT)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
def test_with_positions_order_means_something(positions):
    ids = torch.arange(T)[None]
    model = encoder(positions=positions)
    forward = model(ids).last_hidden_state
    backward = model(ids.flip(1)).last_hidden_state
    assert not torch.allclose(backward.flip(1), forward, atol=0.01)


def test_positions_may_come_in_as_rotation_or_bias_at_any_length():
    model = encoder(positions=None)
    ids = random_ids(n_tokens=2 * LONGEST)
    plain = model(ids).last_hidden_state
    n_tokens = ids.shape[1]
    turned = model(ids, rotate=lambda x: rotate(x, torch.arange(n_tokens)))
    biased = model(ids, bias=alibi_bias(H, n_tokens, n_tokens).double())
    for output in (turned, biased):
        assert not torch.allclose(output.last_hidden_state, plain, atol=0.01)
        assert not torch.allclose(output.attentions[-1], model(ids).attentions[-1], atol=0.01)


def test_padding_is_as_if_it_were_not_there():
    model, ids = encoder(), random_ids()
    is_word = torch.tensor([[True] * T, [True] * 3 + [False] * 2])
    output = model(ids, is_word)
    alone = model(ids[1:, :3])
    for one, other in zip(output.hidden_states, alone.hidden_states, strict=True):
        assert_close(one[1:, :3], other, **EXACT)
    for one, other in zip(output.attentions, alone.attentions, strict=True):
        assert_close(one[1:, :, :3, :3], other, **EXACT)
        assert (one[1, :, :, 3:] == 0).all()
    assert_close(output.last_hidden_state[:1], model(ids[:1]).last_hidden_state, **EXACT)


def test_padding_is_two_axes_even_where_the_batch_is_as_long_as_the_text():
    model, ids = encoder(), random_ids(batch=T)
    is_word = torch.ones(T, T, dtype=torch.bool).tril()
    for b in range(T):
        one = model(ids, is_word).last_hidden_state[b]
        assert_close(one, model(ids[b : b + 1], is_word[b : b + 1]).last_hidden_state[0], **EXACT)


def test_any_other_mask_broadcasts_over_batch_heads_queries_and_keys():
    model, ids = encoder(), random_ids()
    by_hand = causal_mask(T).expand(B, H, T, T)
    expected = model(ids, by_hand).last_hidden_state
    assert torch.equal(model(ids, causal_mask(T)[None]).last_hidden_state, expected)
    assert torch.equal(model(ids, causal_mask(T)[None, None]).last_hidden_state, expected)
    assert (model(ids, by_hand).attentions[0].triu(1) == 0).all()


def test_a_text_of_padding_only_gives_numbers():
    output = encoder()(random_ids(), torch.zeros(B, T, dtype=torch.bool))
    assert all((weights == 0).all() for weights in output.attentions)
    assert output.last_hidden_state.isfinite().all()


def test_temperature_reaches_every_layer():
    model, ids = encoder(), random_ids()
    for weights in model(ids, temperature=1e15).attentions:
        assert_close(weights, torch.full_like(weights, 1 / T), **EXACT)
    for weights in model(ids, temperature=1e-12).attentions:
        assert_close(weights.amax(-1), torch.ones(B, H, T, dtype=torch.float64), **EXACT)
    each = torch.tensor([1e15, 1.0, 1e-12], dtype=torch.float64)[:, None, None]
    first = model(ids, temperature=each).attentions[0]
    assert_close(first[:, 1], model(ids).attentions[0][:, 1], **EXACT)
    assert_close(first[:, 0], torch.full((B, T, T), 1 / T, dtype=torch.float64), **EXACT)


@pytest.mark.parametrize(("layer", "head"), [(0, 0), (1, 2), (2, 1)])
def test_head_mask_switches_off_one_head_of_one_layer(layer, head):
    model, ids = encoder(), random_ids()
    head_mask = torch.ones(LAYERS, H, dtype=torch.float64)
    head_mask[layer, head] = 0
    output = model(ids, head_mask=head_mask)
    without = encoder()
    columns = slice(head * D, (head + 1) * D)
    without.blocks[layer].attention.out_proj.weight.data[:, columns] = 0
    expected = without(ids)
    for one, other in zip(output.hidden_states, expected.hidden_states, strict=True):
        assert_close(one, other, **EXACT)
    assert torch.equal(output.hidden_states[layer], model(ids).hidden_states[layer])
    assert not torch.allclose(output.hidden_states[layer + 1], model(ids).hidden_states[layer + 1])


def test_what_a_head_is_worth_has_a_gradient():
    head_mask = torch.ones(LAYERS, H, dtype=torch.float64, requires_grad=True)
    encoder()(random_ids(), head_mask=head_mask).last_hidden_state.sum().backward()
    assert head_mask.grad.isfinite().all()
    assert (head_mask.grad != 0).all()


def test_token_types():
    model = encoder(n_types=2)
    ids = random_ids()
    first, second = model.type_embedding.weight
    plain = model(ids).hidden_states[0]
    assert torch.equal(model(ids, types=torch.zeros_like(ids)).hidden_states[0], plain)
    changed = model(ids, types=torch.ones_like(ids)).hidden_states[0]
    assert_close(changed - plain, (second - first).expand_as(plain), **EXACT)


def test_without_weights_the_vectors_are_the_same():
    model, ids = encoder(), random_ids()
    is_word = torch.tensor([[True] * T, [True] * 3 + [False] * 2])
    with_weights = model(ids, is_word, temperature=0.5)
    without = model(ids, is_word, temperature=0.5, need_weights=False)
    assert without.attentions is None
    for one, other in zip(with_weights.hidden_states, without.hidden_states, strict=True):
        assert_close(one, other, **EXACT)


def test_output_is_frozen():
    output = encoder()(random_ids())
    with pytest.raises(dataclasses.FrozenInstanceError):
        output.last_hidden_state = None


# Positions that come from the configuration


def test_rotary_positions_turn_queries_and_keys_of_every_layer():
    model = encoder(positions="rotary", rotary_base=50.0)
    ids = random_ids(n_tokens=2 * LONGEST)  # no table, no end
    positions = torch.arange(2 * LONGEST)
    plain = encoder(positions=None)
    plain.load_state_dict(model.state_dict())
    expected = plain(ids, rotate=lambda x: rotate(x, positions, base=50.0))
    assert_close(model(ids).last_hidden_state, expected.last_hidden_state, **EXACT)
    other = plain(ids, rotate=lambda x: rotate(x, positions))
    assert not torch.allclose(other.last_hidden_state, expected.last_hidden_state, atol=1e-3)


def test_alibi_is_a_bias_in_every_layer_and_adds_to_another():
    model = encoder(positions="alibi")
    ids = random_ids(n_tokens=2 * LONGEST)
    n_tokens = ids.shape[1]
    plain = encoder(positions=None)
    plain.load_state_dict(model.state_dict())
    distance = alibi_bias(H, n_tokens, n_tokens).double()
    assert_close(model(ids).last_hidden_state, plain(ids, bias=distance).last_hidden_state, **EXACT)
    more = normal(H, n_tokens, n_tokens, seed=3)
    assert_close(
        model(ids, bias=more).last_hidden_state,
        plain(ids, bias=distance + more).last_hidden_state,
        **EXACT,
    )


# The cache

SCHEMES = ["learned", "sinusoidal", "rotary", "alibi", None]


@pytest.mark.parametrize("positions", SCHEMES)
@pytest.mark.parametrize("n_kv_heads", [None, 1])
@pytest.mark.parametrize("parts", [[5], [1, 1, 1, 1, 1], [3, 2], [1, 3, 1]])
def test_with_a_cache_a_text_in_parts_equals_the_whole(positions, n_kv_heads, parts):
    model, ids = decoder(positions=positions, n_kv_heads=n_kv_heads), random_ids()
    whole = model(ids)
    cache, start = model.new_cache(), 0
    for n_tokens in parts:
        part = model(ids[:, start : start + n_tokens], cache=cache)
        end = start + n_tokens
        assert_close(part.logits, whole.logits[:, start:end], **EXACT)
        for one, other in zip(part.attentions, whole.attentions, strict=True):
            assert_close(one, other[:, :, start:end, :end], **EXACT)
        start = end
    assert [len(one) for one in cache] == [T] * LAYERS


def test_padding_with_a_cache_covers_the_tokens_that_it_holds():
    model, ids = decoder(), random_ids()
    is_word = torch.tensor([[True] * T, [False] * 2 + [True] * 3])
    whole = model(ids, is_word)
    cache = model.new_cache()
    model(ids[:, :3], is_word[:, :3], cache=cache)
    rest = model(ids[:, 3:], is_word, cache=cache)
    assert_close(rest.logits, whole.logits[:, 3:], **EXACT)


def test_the_options_of_the_caller_are_left_as_they_were():
    model, ids = decoder(positions="alibi"), random_ids()
    options = {"bias": normal(H, T, T, seed=3), "head_mask": torch.ones(LAYERS, H).double()}
    before = dict(options)
    model(ids, **options)
    assert options == before


# Starting weights


def test_starting_weights_follow_the_generator():
    def start(seed, kind=Encoder, **options):
        generator = torch.Generator().manual_seed(seed)
        return kind(config(**options), generator).state_dict()

    for kind, options in ((Encoder, {}), (Decoder, {}), (Decoder, {"tied": False})):
        one, again, other = (start(seed, kind, **options) for seed in (1, 1, 2))
        assert all(torch.equal(one[name], again[name]) for name in one)
        matrices = [name for name in one if one[name].ndim == 2]
        assert all(not torch.equal(one[name], other[name]) for name in matrices)


def test_starting_weights_have_the_stated_spread():
    generator = torch.Generator().manual_seed(0)
    model = Encoder(TransformerConfig(1009, 503, 96, 3, 384, 8), generator)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            writes = name.endswith(("out_proj.weight", "down.weight"))
            expected = 0.02 / math.sqrt(2 * 8) if writes else 0.02
            assert abs(parameter.std().item() / expected - 1) < 0.05, name
            assert abs(parameter.mean().item()) < expected / 20, name
        else:
            gain = "norm.weight" in name
            assert (parameter == (1.0 if gain else 0.0)).all(), name


def test_init_weights_of_a_part():
    layer = nn.Linear(101, 103)
    init_weights(layer, std=0.5, generator=torch.Generator().manual_seed(0))
    assert abs(layer.weight.std().item() / 0.5 - 1) < 0.05
    assert (layer.bias == 0).all()


# The decoder


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_decoder_is_the_same_stack_with_a_causal_mask(tied, norm):
    model, ids = decoder(tied=tied, norm=norm), random_ids()
    output = model(ids)
    expected = model.stack(ids, causal_mask(T)[None])
    assert_close(output.last_hidden_state, expected.last_hidden_state, **EXACT)
    table = model.stack.token_embedding.weight if tied else model.out_proj.weight
    assert output.logits.shape == (B, T, VOCAB)
    assert_close(output.logits, expected.last_hidden_state @ table.T, **EXACT)
    assert (output.attentions[0].triu(1) == 0).all()


def test_a_tied_decoder_has_one_table():
    def count(model):
        return sum(parameter.numel() for parameter in model.parameters())

    assert count(decoder(tied=False)) - count(decoder(tied=True)) == VOCAB * C
    model = Decoder(config())
    assert model.out_proj.weight is model.stack.token_embedding.weight


@given(seed=seeds, now=st.integers(0, T - 2), need_weights=st.booleans())
def test_the_future_does_not_touch_the_past(seed, now, need_weights):
    model, ids = decoder(), random_ids(seed=seed)
    changed = ids.clone()
    changed[:, now + 1 :] = (ids[:, now + 1 :] + 1) % VOCAB
    output = model(ids, need_weights=need_weights)
    new_output = model(changed, need_weights=need_weights)
    assert_close(new_output.logits[:, : now + 1], output.logits[:, : now + 1], **EXACT)
    assert not torch.allclose(new_output.logits[:, now + 1 :], output.logits[:, now + 1 :])


def test_a_prefix_gives_the_same_logits():
    model, ids = decoder(), random_ids()
    whole = model(ids).logits
    for n_tokens in range(1, T + 1):
        assert_close(model(ids[:, :n_tokens]).logits, whole[:, :n_tokens], **EXACT)


def test_padding_in_a_decoder():
    model, ids = decoder(), random_ids()
    is_word = torch.tensor([[True] * T, [True] * 3 + [False] * 2])
    output = model(ids, is_word)
    assert_close(output.logits[1, :3], model(ids[1:, :3]).logits[0], **EXACT)
    padded_left = model(ids, is_word.flip(1))  # the first queries may attend to nothing
    assert padded_left.logits.isfinite().all()
    assert (padded_left.attentions[0][1, :, :2] == 0).all()


def test_a_decoder_learns_what_comes_next():
    generator = torch.Generator().manual_seed(0)
    model = Decoder(TransformerConfig(7, 13, 24, 3, 48, 2), generator)
    ids = (torch.arange(13)[None] + torch.arange(7)[:, None]) % 7  # count modulo 7
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        logits = model(ids[:, :-1], need_weights=False).logits
        loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert abs(losses[0] - math.log(7)) < 0.15  # it starts by knowing nothing
    assert losses[-1] < 0.05


def test_decoder_passes_everything_on():
    model, ids = decoder(positions=None), random_ids()
    options = {
        "temperature": 0.7,
        "head_mask": torch.tensor([[1.0, 0, 1]] * LAYERS, dtype=torch.float64),
        "bias": normal(H, T, T, seed=3),
        "rotate": lambda x: rotate(x, torch.arange(T)),
    }
    output = model(ids, **options)
    expected = model.stack(ids, causal_mask(T)[None], **options)
    assert_close(output.last_hidden_state, expected.last_hidden_state, **EXACT)
    assert model(ids, need_weights=False).attentions is None


# Bad input


def encode(ids=None, model=None, **options):
    model = model or Encoder(config())
    return model(random_ids() if ids is None else ids, **options)


def decode(ids=None, **options):
    return encode(ids, Decoder(config()), **options)


def decode_twice(first, second):
    model = Decoder(config())
    cache = model.new_cache()
    model(first, cache=cache)
    return model(second, cache=cache)


REFUSED = [
    (lambda: init_weights(nn.Linear(2, 3), std=0.0), "std must be > 0 and finite, got 0.0"),
    (lambda: encode(random_ids()[0]), r"ids must have axes \[B, T\], got shape \(5,\)"),
    (lambda: encode([[1, 2]]), "ids must be a torch.Tensor, got list"),
    (lambda: encode(random_ids().float()), "ids must be int64 or int32, got torch.float32"),
    (lambda: encode(random_ids() + VOCAB), r"ids must lie in 0 ≤ ids < vocab_size=37, got \d+"),
    (lambda: encode(random_ids() - VOCAB), r"ids must lie in 0 ≤ ids < vocab_size=37, got -\d+"),
    (
        lambda: encode(random_ids(LONGEST + 2)),
        "ids must have at most n_positions=11 tokens, got 13",
    ),
    (
        lambda: encode(mask=torch.ones(B, T)),
        r"mask must be boolean \(True = may attend\), got torch.float32",
    ),
    (
        lambda: encode(mask=causal_mask(T)),
        r"mask with two axes must be \[B, S\] = \(2, 5\) .*got shape \(5, 5\); .* mask\[None\]",
    ),
    (
        lambda: encode(mask=torch.ones(B, 1, 1, 7, dtype=torch.bool)),
        r"mask must broadcast to \[B, H, T, S\] = \(2, 3, 5, 5\), got shape \(2, 1, 1, 7\)",
    ),
    (lambda: encode(temperature=0), "temperature must be > 0 and finite, got 0"),
    (
        lambda: encode(head_mask=torch.ones(H)),
        r"head_mask must have axes \[n_layers, H\], got shape \(3,\)",
    ),
    (
        lambda: encode(head_mask=torch.ones(LAYERS + 1, H)),
        "head_mask must have n_layers=3 along axis 0, got 4",
    ),
    (
        lambda: encode(head_mask=torch.ones(LAYERS, H + 1)),
        "head_mask must have n_heads=3 along axis 1, got 4",
    ),
    (
        lambda: encode(types=torch.zeros_like(random_ids())),
        "types must be None in an encoder with n_types=0",
    ),
    (
        lambda: encode(
            model=Encoder(config(n_types=2)),
            types=torch.full_like(random_ids(), 2),
        ),
        "types must lie in 0 ≤ types < n_types=2, got 2",
    ),
    (
        lambda: encode(
            model=Encoder(config(n_types=2)),
            types=torch.zeros(B, 3).int(),
        ),
        r"types must broadcast to \[B, T\] = \(2, 5\), got shape \(2, 3\)",
    ),
    (
        lambda: encode(cache=[KeyValueCache()]),
        "cache must be a list of n_layers=3 KeyValueCache, got 1",
    ),
    (
        lambda: encode(cache=KeyValueCache()),
        "cache must be a list of n_layers=3 KeyValueCache, got one",
    ),
    (
        lambda: encode(model=Encoder(config(positions="rotary")), rotate=lambda x: x),
        "rotate must be None in a model with positions='rotary'",
    ),
    (lambda: decode_twice(random_ids(LONGEST), random_ids(2)), "got 13, 11 of them in the cache"),
    (
        lambda: decode_twice(random_ids(), random_ids(batch=1)),
        r"keys of shape \(1, 3, 5, 4\) cannot be appended; start each batch with a new cache",
    ),
    (lambda: decode(random_ids()[0]), r"ids must have axes \[B, T\], got shape \(5,\)"),
    (lambda: decode(mask=torch.ones(B, T)), r"mask must be boolean \(True = may attend\)"),
    (lambda: decode(mask=causal_mask(T)), r"mask with two axes must be \[B, S\] = \(2, 5\)"),
    (
        lambda: decode(mask=torch.ones(B, 1, 1, 7, dtype=torch.bool)),
        r"mask must broadcast to \[B, H, T, S\] = \(2, 3, 5, 5\), got shape \(2, 1, 1, 7\)",
    ),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
