"""The explorable logit-lens: after the last layer it says what the decoder says."""

import gzip
import json

import pytest
import torch

from incontext import explorables
from incontext.explorables.logit_lens import N_LAYERS, PROMPTS, stopped_at_each
from incontext.explorables.next_token import shown
from incontext.pretrained import decoder_to_read


@pytest.fixture(scope="module")
def real():
    return decoder_to_read()


@pytest.fixture(scope="module")
def lens():
    return explorables.LogitLens()


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_last_layer_is_the_models_own_answer(lens, real, prompt):
    decoder, tokenizer = real
    ids = tokenizer.encode(PROMPTS[prompt])
    with torch.no_grad():
        shares = decoder(ids[None]).logits[0].softmax(-1)
    lens.prompt, lens.layer = prompt, N_LAYERS
    for position in range(1, len(ids) + 1):
        lens.position = position
        likeliest = shares[position - 1].topk(5)
        rows = lens.numbers().rows[:5]
        tokens = [shown(token) for token in tokenizer.tokens(likeliest.indices)]
        assert [row[1] for row in rows] == tokens
        assert [row[2] for row in rows] == pytest.approx(likeliest.values.tolist(), abs=1e-4)


def test_an_inner_layer_goes_through_the_last_norm_and_the_table(lens, real):
    decoder, tokenizer = real
    ids = tokenizer.encode(PROMPTS["hot"])
    with torch.no_grad():
        output = decoder(ids[None])
        x = output.hidden_states[28][0, -1]
        scaled = x / (x.square().mean() + decoder.config.eps).sqrt()
        logits = (scaled * decoder.stack.final_norm.weight) @ decoder.out_proj.weight.T
    share, token = logits.softmax(-1).max(-1)
    lens.prompt, lens.layer, lens.position = "hot", 28, len(ids)
    first = lens.numbers().rows[0]
    assert first[1] == shown(tokenizer.token_of(int(token)))
    assert first[2] == pytest.approx(float(share), abs=1e-4)
    whole = stopped_at_each(decoder, output)
    assert whole.shape == (N_LAYERS + 1, len(ids), len(tokenizer))
    torch.testing.assert_close(whole[28, -1].max(), share)


def test_the_curve_follows_the_last_word(lens):
    lens.prompt, lens.layer, lens.position = "france", N_LAYERS, 5
    rows = lens.numbers().rows
    curve = [row for row in rows if row[0].startswith("after layer ")]
    assert {row[1] for row in curve} == {"␣Paris"} and len(curve) == N_LAYERS + 1
    assert curve[0][2] < 1e-3 and curve[-1][2] == rows[0][2] > 0.5


def test_positions_end_with_the_prompt(lens):
    lens.position = 5
    lens.prompt = "sum"
    assert lens.position == lens.limits()["position"] == 4


def test_what_travels_is_small(lens):
    assert len(json.dumps(lens.spec)) < 100_000
    assert len(gzip.compress(json.dumps(lens.spec).encode())) < 20_000
