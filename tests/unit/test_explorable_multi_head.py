"""The multi-head explorable: its numbers against MultiHeadAttention, its limits, its words."""

import numpy as np
import pytest
import torch
from traitlets import TraitError

from incontext.explorables import MultiHead
from incontext.explorables.multi_head import D_MODEL, DIVISORS, SEED, TOKENS
from incontext.heads import MultiHeadAttention

ROWS_OF_SIZES = 5  # d_k, the parameters and the chosen head's place, above the weights


@pytest.mark.parametrize("heads", DIVISORS)
def test_numbers_are_those_of_multi_head_attention(heads):
    generator = torch.Generator().manual_seed(SEED)
    x = torch.randn(len(TOKENS), D_MODEL, generator=generator, dtype=torch.float64)
    w_q, w_k = torch.randn(2, D_MODEL, D_MODEL, generator=generator, dtype=torch.float64)
    layer = MultiHeadAttention(D_MODEL, heads).double()
    with torch.no_grad():
        for projection, w in ((layer.q_proj, w_q), (layer.k_proj, w_k)):
            projection.weight.copy_(w.T / D_MODEL**0.5)
            projection.bias.zero_()
        _, weights = layer(x, temperature=0.7)

    table = MultiHead(heads=heads, head=heads, temperature=0.7).numbers()
    drawn = np.array([row[2:] for row in table.rows[ROWS_OF_SIZES:]])
    # The page's vectors have 16 bits.
    np.testing.assert_allclose(drawn, weights[-1], atol=1e-3)

    sizes = {row[0]: row[2] for row in table.rows[:ROWS_OF_SIZES]}
    n_parameters = sum(p.numel() for p in layer.parameters())
    d_k = D_MODEL // heads
    assert sizes == {
        "d_k": d_k,
        "parameters": n_parameters,
        "chosen head": heads,
        "its first dimension": D_MODEL - d_k + 1,
        "its last dimension": D_MODEL,
    }


def test_the_table_names_the_chosen_head_and_its_queries():
    table = MultiHead(heads=3, head=2).numbers()
    named = [tuple(row[:2]) for row in table.rows[ROWS_OF_SIZES:]]
    assert named == [("head 2", token) for token in TOKENS]
    assert table.columns[2:] == TOKENS


def test_head_never_exceeds_the_number_of_heads():
    explorer = MultiHead(heads=8, head=7)
    explorer.heads = 4
    assert explorer.head == 4
    explorer.head = 6
    assert explorer.head == 4
    assert MultiHead(heads=2, head=24).head == 2


def test_heads_must_divide_d_model():
    with pytest.raises(TraitError, match="heads"):
        MultiHead(heads=5)


def test_alternative_text_says_what_is_drawn():
    explorer = MultiHead(heads=6, head=2)
    rows = [row for row in explorer.numbers().rows if row[0] == "head 2"]
    top = max(
        (weight, row[1], key) for row in rows for key, weight in zip(TOKENS, row[2:], strict=True)
    )
    text = explorer.alt()
    assert "6 slices" in text and "d_k = 4" in text
    assert f"“{top[1]}” looks most sharply, with weight {top[0]:.2f} on “{top[2]}”" in text


def test_same_state_same_picture():
    assert MultiHead().fallback() == MultiHead().fallback()
