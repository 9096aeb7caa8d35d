"""Scores before softmax: against the weights that the model itself returns."""

import pytest
import torch
from naive import fill, normal
from torch import nn
from torch.testing import assert_close

from incontext.config import TransformerConfig
from incontext.pretrained import load_encoder
from incontext.reading import ablated, head_means, ledger, pattern_scores, patterns, scores
from incontext.softmax import softmax
from incontext.transformer import Decoder, Encoder

B, T, VOCAB = 2, 5, 37
SCHEMES = ["learned", "sinusoidal", "rotary", "alibi", None]


def model_of(kind, **options):
    return fill(kind(TransformerConfig(VOCAB, 11, 24, 6, 29, 3, **options)))


def random_ids():
    return torch.randint(VOCAB, (B, T), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("positions", SCHEMES)
@pytest.mark.parametrize("kind", [Encoder, Decoder])
@pytest.mark.parametrize("n_kv_heads", [None, 2])
def test_their_softmax_is_what_the_model_returns(kind, positions, n_kv_heads):
    model, ids = model_of(kind, positions=positions, n_kv_heads=n_kv_heads), random_ids()
    found = scores(model, ids)
    assert [one.shape for one in found] == [(B, 6, T, T)] * 3
    for one, weights in zip(found, model(ids).attentions, strict=True):
        assert_close(softmax(one), weights, rtol=1e-12, atol=1e-12)
        assert torch.isinf(one).any() == (kind is Decoder)


def test_they_are_scores_and_not_only_up_to_a_constant():
    model, ids = model_of(Encoder, norm="post"), random_ids()
    attention = model.blocks[0].attention
    x = model.embed(ids)
    q, k = attention.q_proj(x)[..., 4:8], attention.k_proj(x)[..., 4:8]  # head 1
    assert_close(scores(model, ids)[0][:, 1], q @ k.mT / 2, rtol=1e-12, atol=1e-12)


def test_nothing_is_left_on_the_model():
    model, ids = model_of(Decoder), random_ids()
    scores(model, ids)
    assert not any(part._forward_hooks for part in model.modules())
    with pytest.raises(ValueError, match="ids must lie in"):
        scores(model, ids + VOCAB)
    assert not any(part._forward_hooks for part in model.modules())


def test_on_the_real_encoder():
    encoder, tokenizer = load_encoder()
    ids = tokenizer.encode("I sat on the river bank.")[None]
    with torch.no_grad():
        expected = encoder(ids).attentions
    for one, weights in zip(scores(encoder, ids), expected, strict=True):
        assert_close(softmax(one), weights, rtol=0, atol=1e-6)


@pytest.mark.bad_input
def test_bad_input_is_named():
    with pytest.raises(ValueError, match="model must be an Encoder or a Decoder, got Linear"):
        scores(nn.Linear(2, 3), random_ids())
    with pytest.raises(ValueError, match=r"ids must have axes \[B, T\], got shape \(5,\)"):
        scores(model_of(Encoder), random_ids()[0])
    with pytest.raises(ValueError, match=r"ids must be a torch\.Tensor"):
        scores(model_of(Encoder), [[1]])


LEDGERS = [
    {"norm": "pre"},
    {"norm": "post", "norm_embeddings": True, "n_types": 2},
    {
        "norm": "pre",
        "norm_kind": "rms",
        "activation": "swiglu",
        "bias": False,
        "positions": "rotary",
    },
    {"norm": "post", "norm_kind": "rms", "positions": "sinusoidal", "n_kv_heads": 2},
    {"norm": "pre", "positions": "alibi", "scaled": False},
]


@pytest.mark.parametrize("position", [0, 2, -1])
@pytest.mark.parametrize("options", LEDGERS)
@pytest.mark.parametrize("kind", [Encoder, Decoder])
def test_the_rows_of_a_ledger_sum_to_what_the_model_says(kind, options, position):
    model, ids, direction = model_of(kind, **options), random_ids()[0], normal(24)
    found = ledger(model, ids, position, direction)
    with torch.no_grad():
        wanted = float(model(ids[None]).last_hidden_state[0, position] @ direction)
    assert found.total == pytest.approx(wanted, abs=1e-12)
    assert sum(row.value for row in found.rows) == pytest.approx(wanted, abs=1e-10)
    assert found == ledger(model, ids[None], position, direction)
    parts = [(row.layer, row.part, row.head) for row in found.rows]
    embeddings = [part for part in parts if part[1] in ("token", "position", "type")]
    assert parts[: len(embeddings)] == embeddings
    of_layer = [*(("head", h) for h in range(6)), ("feed-forward", None)]
    assert parts[len(embeddings) : -1] == [(n, *part) for n in range(3) for part in of_layer]
    assert parts[-1] == (None, "constants", None)


def test_a_row_is_what_the_last_layers_head_takes_with_it_when_it_is_ablated():
    """What is behind those heads is made linear: no network, and a norm whose ε drowns the rest."""
    model, ids, direction = model_of(Decoder), random_ids()[:1], normal(24)
    model.stack.blocks[-1].feed_forward.down.weight.data.zero_()
    model.stack.final_norm.eps = 1e9
    whole = (model(ids).last_hidden_state[0, 3] @ direction).detach()
    found = {(row.layer, row.head): row.value for row in ledger(model, ids, 3, direction).rows}
    for head in range(6):
        mask = torch.ones(3, 6, dtype=torch.float64)
        mask[2, head] = 0
        rest = (model(ids, head_mask=mask).last_hidden_state[0, 3] @ direction).detach()
        assert float(whole - rest) == pytest.approx(found[2, head], rel=1e-5)


def test_the_ledger_of_the_real_encoder():  # the decoder's: test_explorable_residual_stream.py
    encoder, tokenizer = load_encoder()
    ids = tokenizer.encode("I sat on the river bank.")
    direction = normal(384).float()
    found = ledger(encoder, ids, 6, direction)
    assert len(found.rows) == 3 + 6 * 13 + 1
    assert sum(row.value for row in found.rows) == pytest.approx(found.total, abs=1e-4)


@pytest.mark.bad_input
def test_bad_input_to_a_ledger_is_named():
    model, ids = model_of(Encoder), random_ids()
    with pytest.raises(ValueError, match="ids must have one text=1 along axis 0, got 2"):
        ledger(model, ids, 0, normal(24))
    with pytest.raises(ValueError, match="position=5 must be below T=5"):
        ledger(model, ids[0], 5, normal(24))
    with pytest.raises(ValueError, match="position=-6 must be at least -5"):
        ledger(model, ids[0], -6, normal(24))
    with pytest.raises(ValueError, match="direction must have d_model=24"):
        ledger(model, ids[0], 0, normal(23))
    with pytest.raises(ValueError, match="model must be an Encoder or a Decoder, got Linear"):
        ledger(nn.Linear(2, 2), ids[0], 0, normal(24))
    with pytest.raises(ValueError, match="model must have a residual stream"):
        ledger(model_of(Encoder, residual=False), ids[0], 0, normal(24))


# Patterns, their scores, and heads that are switched off


IDS = torch.tensor([[1, 7, 5, 7, 5, 2], [1, 9, 2, 0, 0, 0]])
MASK = IDS != 0


def where(target):
    """(query, key) of one text."""
    return set(map(tuple, target.nonzero().tolist()))


def test_patterns_say_where_to_look():
    found = patterns(IDS, MASK, delimiters=[1, 2])
    assert where(found["previous token"][0]) == {(2, 1), (3, 2), (4, 3)}
    assert where(found["next token"][0]) == {(1, 2), (2, 3), (3, 4)}
    assert where(found["same token"][0]) == {(1, 3), (3, 1), (2, 4), (4, 2)}
    assert where(found["after a copy"][0]) == {(3, 2), (4, 3)}
    assert where(found["first token"][0]) == {(t, 0) for t in (1, 2, 3, 4)}
    assert where(found["delimiters"][0]) == {(t, s) for t in (1, 2, 3, 4) for s in (0, 5)}
    assert where(found["delimiters"][1]) == {(1, 0), (1, 2)}
    assert not found["previous token"][1].any()


def test_patterns_of_a_decoder_look_back_only():
    found = patterns(IDS[:1], causal=True)
    assert set(found) == {"previous token", "same token", "after a copy", "first token"}
    assert where(found["same token"][0]) == {(3, 1), (4, 2)}
    assert not any(target.triu(1).any() for target in found.values())


def test_scores_are_the_weight_that_is_found_by_those_who_are_asked():
    attentions = [normal(2, 3, 5, 5, seed=layer).softmax(-1) for layer in range(2)]
    target = normal(2, 5, 5, seed=7) > 0.8
    target[0, 1] = False
    found = pattern_scores(attentions, target)
    assert found.shape == (2, 2, 3)
    for b in range(2):
        for layer in range(2):
            for head in range(3):
                rows = [
                    sum(
                        float(attentions[layer][b, head, t, s]) for s in range(5) if target[b, t, s]
                    )
                    for t in range(5)
                    if any(target[b, t])
                ]
                assert float(found[b, layer, head]) == pytest.approx(sum(rows) / len(rows))


@pytest.mark.parametrize("kind", [Encoder, Decoder])
def test_zero_ablation_is_the_head_mask(kind):
    model, ids = model_of(kind), random_ids()
    on = torch.ones(3, 6, dtype=torch.float64)
    on[0, 4] = on[2, 1] = on[2, 5] = 0
    with ablated(model, [(0, 4), (2, 1), (2, 5)]):
        off = model(ids).last_hidden_state
    assert_close(off, model(ids, head_mask=on).last_hidden_state, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(off, model(ids).last_hidden_state)
    assert not any(part._forward_pre_hooks for part in model.modules())


def test_means_are_those_of_the_heads_and_padding_does_not_count():
    model, ids = model_of(Encoder), random_ids()
    mask = torch.ones(B, T, dtype=torch.bool)
    mask[1, 3:] = False
    means = head_means(model, ids, mask)
    assert means.shape == (3, 6, 4)
    attention = model.blocks[0].attention
    seen = model(ids, mask)
    x = model.embed(ids) if model.config.norm == "post" else model.blocks[0].attention_norm(
        model.embed(ids)
    )  # fmt: skip
    values = attention.v_proj(x).unflatten(-1, (6, 4)).transpose(1, 2)
    mixed = seen.attentions[0] @ values  # [B, H, T, D]
    by_hand = torch.stack([mixed[b, :, t] for b in range(B) for t in range(T) if mask[b, t]])
    assert_close(means[0], by_hand.mean(0), rtol=1e-10, atol=1e-10)


def test_mean_ablation_hands_over_the_mean_everywhere():
    model, ids = model_of(Encoder), random_ids()
    means = head_means(model, ids)
    heard_by = []
    out_proj = model.blocks[1].attention.out_proj
    with ablated(model, [(1, 2)], means):
        hook = out_proj.register_forward_hook(lambda m, inputs, output: heard_by.append(inputs[0]))
        model(ids)
        hook.remove()
    heads = heard_by[0].unflatten(-1, (6, 4))
    assert_close(heads[..., 2, :], means[1, 2].expand(B, T, 4))
    assert heads[..., 3, :].std(dim=(0, 1)).min() > 1e-3


def test_a_head_whose_output_never_changes_is_not_missed_when_its_mean_stands_in():
    model, ids = model_of(Encoder), random_ids()
    v_proj = model.blocks[1].attention.v_proj
    v_proj.weight.data[8:12] = 0  # head 2 hands over its bias, whatever the text
    before = model(ids).last_hidden_state
    with ablated(model, [(1, 2)], head_means(model, ids)):
        assert_close(model(ids).last_hidden_state, before, rtol=1e-10, atol=1e-10)
    with ablated(model, [(1, 2)]):
        assert not torch.allclose(model(ids).last_hidden_state, before)


@pytest.mark.bad_input
def test_bad_input_to_patterns_and_ablation_is_named():
    weights = [normal(2, 3, 5, 5).softmax(-1)]
    target = torch.ones(2, 5, 5, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"attentions\[0\] must be a distribution"):
        pattern_scores([normal(2, 3, 5, 5)], target)
    with pytest.raises(ValueError, match=r"attentions\[1\] must be a distribution"):
        pattern_scores([*weights, 0.5 * weights[0]], target)
    with pytest.raises(ValueError, match=r"\[B, T, S\] = \(2, 5, 5\) to fit attentions\[0\]"):
        pattern_scores(weights, target[:, :4, :4])
    with pytest.raises(ValueError, match="True for each text, got none for text 1"):
        pattern_scores(weights, target & torch.tensor([True, False])[:, None, None])
    with pytest.raises(ValueError, match="at least one layer, got none"):
        pattern_scores([], target)
    with pytest.raises(ValueError, match="target must be boolean"):
        pattern_scores(weights, target.double())
    with pytest.raises(ValueError, match=r"mask must have the shape of ids, \(2, 6\)"):
        patterns(IDS, MASK[:1])
    model = model_of(Encoder)
    for heads, says in (([(3, 0)], "layer=3 must be below"), ([(0, 6)], "head=6 must be below")):
        with pytest.raises(ValueError, match=says), ablated(model, heads):
            pass
    with pytest.raises(ValueError, match=r"layer=-1 must be at least 0"), ablated(model, [(-1, 0)]):
        pass
    with (
        pytest.raises(ValueError, match=r"means must have axes \[L, H, D\] = \(3, 6, 4\)"),
        ablated(model, [(0, 0)], torch.zeros(3, 6, 5)),
    ):
        pass
    with pytest.raises(ValueError, match="model must be an Encoder or a Decoder, got Linear"):
        head_means(nn.Linear(2, 3), IDS)
