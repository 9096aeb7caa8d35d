"""The explorable residual-stream: its bars are what the real models wrote."""

import gzip
import json

import numpy as np
import pytest
import torch

from incontext import explorables, which_bank
from incontext.explorables import residual_stream
from incontext.explorables.residual_stream import DIRECTIONS
from incontext.pretrained import decoder_to_read, load_encoder
from incontext.reading import ledger


@pytest.fixture(scope="module")
def real():
    return decoder_to_read()


@pytest.fixture(scope="module")
def stream():
    return explorables.ResidualStream()


def rows(stream, **values):
    for name, value in values.items():
        setattr(stream, name, value)
    return {name: value for name, value in stream.numbers().rows}


def test_all_rows_sum_to_the_total_in_every_sentence(stream):
    for name, direction in DIRECTIONS.items():
        for sentence in range(1, len(direction.sentences) + 1):
            found = rows(stream, direction=name, sentence=sentence)
            parts = [value for row, value in found.items() if row.endswith((", heads", "forward"))]
            rest = [found.get(part, 0) for part in ("token", "position", "type", "constants")]
            assert sum(parts) + sum(rest) == pytest.approx(found["direction · output"], abs=5e-3)


def test_the_total_is_what_the_models_say(stream, real):
    decoder, tokenizer = real
    for name in ("number", "capital"):
        one = DIRECTIONS[name]
        for i, text in enumerate(one.sentences, start=1):
            with torch.no_grad():
                logits = decoder(tokenizer.encode(text)[None]).logits[0, -1]
            this, that = (
                logits[tokenizer.encode(f" {word}")[0]] for word in (one.for_, one.against)
            )
            found = rows(stream, direction=name, sentence=i)["direction · output"]
            assert found == pytest.approx(float(this - that), abs=1e-3)
    assert rows(stream, direction="number", sentence=1)["direction · output"] > 1
    assert rows(stream, direction="number", sentence=2)["direction · output"] < -1


def test_the_encoders_direction_tells_banks_that_did_not_make_it(stream):
    encoder, tokenizer = load_encoder()
    direction, midway = residual_stream.bank_direction(encoder, tokenizer)
    assert direction.norm() == pytest.approx(1)
    assert not set(DIRECTIONS["bank"].sentences) & set(which_bank.written("plain")[0])
    for i, is_money in ((1, True), (2, False), (3, False)):
        found = rows(stream, direction="bank", sentence=i)
        assert (found["direction · output"] > midway) == is_money
        assert found["halfway"] == pytest.approx(midway, abs=1e-4)


def test_the_heads_of_the_chosen_layer_are_those_in_its_sum(stream):
    for name, layer, n_heads in (("number", 27, 9), ("bank", 6, 12)):
        found = rows(stream, direction=name, sentence=1, layer=layer)
        heads = [found[f"layer {layer}, head {h}"] for h in range(1, n_heads + 1)]
        assert sum(heads) == pytest.approx(found[f"layer {layer}, heads"])
    found = rows(stream, direction="number", sentence=1, layer=27)
    assert found["layer 27, head 1"] == pytest.approx(3.22, abs=0.01)


def test_layers_that_the_model_does_not_have_are_out_of_reach(stream):
    rows(stream, direction="number", layer=30)
    rows(stream, direction="bank")
    assert stream.layer == 6


def test_what_travels_is_small_and_finite(stream):
    state = json.dumps(stream.spec)
    assert len(gzip.compress(state.encode())) < 20_000
    assert np.isfinite([value for value in rows(stream).values()]).all()


def test_the_rows_of_the_real_decoder_sum_to_its_total(real):
    decoder, tokenizer = real
    direction = residual_stream.logit_direction(decoder, tokenizer, "are", "is")
    found = ledger(decoder, tokenizer.encode("The keys to the cabinet"), -1, direction)
    assert len(found.rows) == 1 + 30 * 10 + 1
    assert sum(row.value for row in found.rows) == pytest.approx(found.total, abs=1e-4)


@pytest.mark.bad_input
def test_a_word_of_two_tokens_is_refused(real):
    decoder, tokenizer = real
    with pytest.raises(ValueError, match="'hippopotamus' must be one token"):
        residual_stream.logit_direction(decoder, tokenizer, "are", "hippopotamus")
