"""Scores before softmax: against the weights that the model itself returns."""

import pytest
import torch
from naive import fill, normal
from torch import nn
from torch.testing import assert_close

from incontext.config import TransformerConfig
from incontext.pretrained import load_decoder, load_encoder
from incontext.reading import ledger, scores
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


def test_ledgers_of_the_real_models():
    encoder, tokenizer = load_encoder()
    ids = tokenizer.encode("I sat on the river bank.")
    direction = normal(384).float()
    found = ledger(encoder, ids, 6, direction)
    assert len(found.rows) == 3 + 6 * 13 + 1
    assert sum(row.value for row in found.rows) == pytest.approx(found.total, abs=1e-4)
    decoder, tokenizer = load_decoder()
    ids = tokenizer.encode("The keys to the cabinet")
    are, is_ = (int(tokenizer.encode(word)[-1]) for word in (" are", " is"))
    weight = decoder.out_proj.weight
    found = ledger(decoder, ids, -1, weight[are] - weight[is_])
    with torch.no_grad():
        logits = decoder(ids[None]).logits[0, -1]
    assert found.total == pytest.approx(float(logits[are] - logits[is_]), abs=1e-4)
    assert found.total > 1
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
