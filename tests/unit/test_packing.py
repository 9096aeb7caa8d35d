"""Weights in 8 bits: what is lost, what the files hold, and how near the real encoder stays."""

import re

import numpy as np
import pytest
import torch
from naive import normal
from test_js_encoder import small
from torch.testing import assert_close

from incontext import corpus, packing
from incontext.config import TransformerConfig
from incontext.explorables.attention_lens import FOCUS
from incontext.packing import Packed, bytes_of, letters, pack, pack_encoder, unpack_encoder
from incontext.pretrained import load_encoder
from incontext.transformer import Encoder

ODD = (
    "!", "of", "?!?!?!", "(((((((())))))))", "3.14159 + 2.71828 = 5.85987", "Привет, мир", "😀 😀",
    "http://example.com/a?b=c&d=e", "tells tells", "zzzz qqqq xxxx", "日本語のテスト",
    "Pneumonoultramicroscopicsilicovolcanoconiosis is long.", "A B C D E F G H I J K L M",
)  # fmt: skip


def matrix(rows: int = 7, columns: int = 192) -> torch.Tensor:
    weights = normal(rows, columns).float()
    weights[2] *= 40
    weights[3] = 0
    weights[4, 5] = -60  # one weight takes the whole range of its group
    return weights


def test_each_weight_is_off_by_half_a_step_at_most():
    weights = matrix()
    packed = pack(weights, group=64)
    assert packed.codes.dtype == np.int8 and packed.scales.shape == (7, 3)
    largest = weights.view(7, 3, 64).abs().amax(-1, keepdim=True)
    off = (packed.values() - weights).abs().view(7, 3, 64)
    assert (off <= largest / 127 / 2 * (1 + 2**-7)).all()
    assert np.abs(packed.codes).max() <= 127 and np.abs(packed.codes).max() >= 126
    assert (packed.values()[3] == 0).all()


def test_rounding_in_turn_keeps_the_outputs_nearer():
    """Where inputs go together, later weights make good what earlier ones lose."""
    weights = matrix()
    inputs = normal(500, 24, seed=1) @ normal(24, 192, seed=2) + 0.1 * normal(500, 192, seed=3)
    moments = inputs.T @ inputs
    nearest, in_turn = (pack(weights, 64, of).values().double() for of in (None, moments))
    lost = [(inputs @ (one - weights.double()).T).square().sum(0) for one in (nearest, in_turn)]
    assert (lost[1] <= lost[0]).all() and lost[1].sum() < 0.25 * lost[0].sum()
    alone = pack(weights, 64, torch.eye(192))
    np.testing.assert_array_equal(alone.codes, pack(weights, 64).codes)


def test_bytes_and_letters_come_back():
    packed = pack(matrix(), group=16)
    again = Packed.from_bytes(packed.to_bytes(), 7, 192, 16)
    assert_close(again.values(), packed.values(), rtol=0, atol=0)
    data = np.random.default_rng(0).integers(0, 256, 300, dtype=np.uint8).tobytes()
    for n in (*range(12), 300):
        text = letters(data[:n])
        assert bytes_of(text) == data[:n] and re.fullmatch("[A-Za-z0-9+/]*", text)


def test_the_files_hold_the_encoder():
    encoder, tokenizer = small()
    files = pack_encoder(encoder, tokenizer)
    again = unpack_encoder(files, encoder.config)
    seen = packing.moments(encoder, tokenizer)
    expected = pack(
        encoder.blocks[1].feed_forward.down.weight, 64, seen["blocks.1.feed_forward.down"]
    )
    assert_close(again.blocks[1].feed_forward.down.weight.data, expected.values())
    assert_close(again.blocks[0].attention_norm.bias, encoder.blocks[0].attention_norm.bias)
    table = encoder.token_embedding.weight
    assert (again.token_embedding.weight - table).abs().max() < table.abs().max() / 127
    assert (again.position_embedding.weight[64:] == 0).all()
    index = packing._told(files["index.js"])
    assert set(files) == {"index.js", *(f"{part}.js" for part in index["parts"])} | {
        f"tokens-{i}.js" for i in range(19)
    }
    assert all(
        text.startswith('incontextPart("') and "\u2028" not in text for text in files.values()
    )
    assert index["parts"]["vocabulary"]["bytes"] == packing.gzipped(files["vocabulary.js"])


@pytest.fixture(scope="module")
def real():
    encoder, tokenizer = load_encoder()
    files = pack_encoder(encoder, tokenizer)
    return encoder, tokenizer, files, unpack_encoder(files, encoder.config)


def test_the_real_encoder_in_8_bits_looks_where_it_looked(real):
    """Some of the sentences of benchmarks/own_sentence.py, which has two hundred."""
    encoder, tokenizer, _, ours = real
    texts = [*FOCUS, *ODD, *(" ".join(one.words) for one in corpus.sentences(16, seed=3))]
    for text in texts:
        ids = tokenizer.encode(text)[None]
        with torch.no_grad():
            full, packed = encoder(ids), ours(ids)
        cosines = torch.cosine_similarity(full.last_hidden_state, packed.last_hidden_state, dim=-1)
        off = (torch.cat(full.attentions) - torch.cat(packed.attentions)).abs().max()
        assert cosines.min() >= 0.999 and off <= 0.03, (text, cosines.min(), off)


def test_the_layers_take_11_megabytes_and_a_sentence_less_than_one(real):
    _, tokenizer, files, _ = real
    index = packing._told(files["index.js"])
    layers = sum(one["bytes"] for part, one in index["parts"].items() if "layer" in part)
    assert 10e6 < layers < 11e6
    for text in FOCUS:
        blocks = {number // packing.BLOCK for number in tokenizer.encode(text).tolist()}
        assert sum(packing.gzipped(files[f"tokens-{i}.js"]) for i in blocks) < 0.5e6, text


def pre_norm() -> Encoder:
    config = TransformerConfig(
        vocab_size=11, n_positions=5, d_model=64, n_heads=1, d_ff=64, n_layers=1
    )
    return Encoder(config)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: pack(matrix(), group=50), "group=50 does not divide the 192 columns"),
        (lambda: pack(matrix() / 0), "finite"),
        (lambda: pack(matrix(), 64, torch.eye(7)), r"moments.*\(192, 192\).*got \(7, 7\)"),
        (lambda: pack(matrix().long()), "matrix"),
        (lambda: Packed.from_bytes(b"abc", 2, 64, 64), r"\[2, 64\].*132 bytes, got 3"),
        (lambda: bytes_of("ab!c"), "4 letters is not"),
        (lambda: bytes_of("a"), "1 letters is not"),
        (lambda: pack_encoder(pre_norm(), small()[1]), "norm='post', got 'pre'"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
