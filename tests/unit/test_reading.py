"""Scores before softmax: against the weights that the model itself returns."""

import pytest
import torch
from naive import fill
from torch import nn
from torch.testing import assert_close

from incontext.config import TransformerConfig
from incontext.pretrained import load_encoder
from incontext.reading import scores
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
