"""The explorable generation: what it counts is what the real decoder does."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from incontext.explorables import Generation, generation
from incontext.pretrained import decoder_to_read

SCRIPT = Path(__file__).parents[2] / "scripts" / "record_generation.py"


@pytest.fixture(scope="module")
def recorded():
    return json.loads(generation.RECORDED.read_text(encoding="utf-8"))


def test_what_is_recorded_is_what_the_real_decoder_writes_with_and_without_a_cache(
    recorded, monkeypatch
):
    spec = importlib.util.spec_from_file_location("record_generation", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "load_decoder", lambda name: decoder_to_read())
    n_new = 5
    for use_cache in (True, False):
        again = script.recorded(use_cache=use_cache, n_new=n_new)
        assert again["sizes"] == recorded["sizes"]
        for name, text in recorded["texts"].items():
            n = text["n_prompt"] + n_new
            assert again["texts"][name]["n_prompt"] == text["n_prompt"]
            assert again["texts"][name]["tokens"] == text["tokens"][:n]


def test_bytes_are_those_of_the_real_cache(recorded):
    decoder, tokenizer = decoder_to_read()
    cache = decoder.new_cache()
    ids = tokenizer.encode(generation.PROMPTS["autumn"])
    with torch.no_grad():
        decoder(ids[None], cache=cache, need_weights=False)
    held = sum(one.n_bytes for one in cache)
    assert generation.bytes_held(recorded["sizes"], len(ids)) == held
    assert Generation(prompt="autumn", written=1).numbers().rows[4][2] == held


def test_multiply_adds_are_those_of_every_matrix_that_the_decoder_has(recorded):
    """Each weight of a matrix is used once a token; attention adds two products a layer."""
    decoder, _ = decoder_to_read()
    matrices = sum(
        part.weight.numel() for part in decoder.modules() if isinstance(part, torch.nn.Linear)
    )
    assert generation.multiply_adds(recorded["sizes"], 1, 0) == matrices
    attention = generation.multiply_adds(recorded["sizes"], 1, 10) - matrices
    assert attention == 30 * 9 * 2 * 64 * 10
    assert generation.multiply_adds(recorded["sizes"], 7, 10) == 7 * (matrices + attention)


def test_without_a_cache_all_is_read_again():
    without = Generation(written=3, cache=False)
    seen, read, again, _, held = (row[1] for row in without.numbers().rows[:5])
    assert (read, again, held) == (seen, seen - 1, 0)
    assert [row[2] for row in without.numbers().rows[1:3]] == [1, 0]
