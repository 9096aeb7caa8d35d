"""The multi-head explorable: its numbers against the recorded models, its limits, its words."""

import numpy as np
import pytest
import torch
from traitlets import TraitError

from incontext import corpus
from incontext.explorables import MultiHead
from incontext.explorables.multi_head import D_MODEL, HEADS, N_LAYERS, NAMES, WORDS, recorded_run

ROWS_OF_SIZES = 6  # d_k, the parameters and the chosen head's place, above the weights


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("layer", range(1, N_LAYERS + 1))
def test_numbers_are_those_of_the_recorded_model(heads, layer):
    run = recorded_run(heads)
    with torch.no_grad():
        out = run.model(run.vocabulary.encode(WORDS)[None], temperature=1.0)
    table = MultiHead(heads=heads, layer=layer, head=heads).numbers()
    drawn = np.array([row[2:] for row in table.rows[ROWS_OF_SIZES:]])
    # The page's vectors have 16 bits.
    np.testing.assert_allclose(drawn, out.attentions[layer - 1][0, heads - 1], atol=2e-3)

    attention = run.model.stack.blocks[layer - 1].attention
    d_k = D_MODEL // heads
    assert {row[0]: row[2] for row in table.rows[:ROWS_OF_SIZES]} == {
        "d_k": d_k,
        "parameters": sum(p.numel() for p in attention.parameters()),
        "chosen layer": layer,
        "chosen head": heads,
        "its first dimension": D_MODEL - d_k + 1,
        "its last dimension": D_MODEL,
    }


def test_temperature_is_that_of_the_softmax():
    weights = {t: MultiHead(temperature=t)._weights().numpy() for t in (1.0, 2.0)}
    seen = weights[1.0] > 0
    root = np.where(seen, np.sqrt(weights[1.0]), 0)
    np.testing.assert_allclose(weights[2.0], root / root.sum(-1, keepdims=True), atol=1e-9)
    assert not np.triu(weights[1.0], 1).any()  # no word sees a later one


def test_the_sentence_is_one_that_no_model_was_trained_on():
    held_out = {one.words[: one.answer] for one in corpus.every_sentence("it", "held_out")}
    assert tuple(WORDS) in held_out


def test_the_table_names_the_chosen_head_and_its_queries():
    table = MultiHead(heads=8, head=2).numbers()
    named = [tuple(row[:2]) for row in table.rows[ROWS_OF_SIZES:]]
    assert named == [("head 2", name) for name in NAMES]
    assert table.columns[2:] == NAMES


def test_head_never_exceeds_the_number_of_heads():
    explorer = MultiHead(heads=8, head=7)
    explorer.heads = 4
    assert explorer.head == 4
    explorer.head = 6
    assert explorer.head == 4
    assert MultiHead(heads=2, head=8).head == 2


def test_only_recorded_numbers_of_heads():
    with pytest.raises(TraitError, match="heads"):
        MultiHead(heads=5)


def test_alternative_text_says_what_is_drawn():
    explorer = MultiHead(heads=8, layer=1, head=2)
    row = explorer.numbers().rows[-1][2:]
    text = explorer.alt()
    assert "8 slices" in text and "d_k = 4" in text and "layer 1" in text
    assert f"looks most at “{WORDS[int(np.argmax(row))]}”, with weight {max(row):.2f}" in text


def test_same_state_same_picture():
    assert MultiHead().fallback() == MultiHead().fallback()
