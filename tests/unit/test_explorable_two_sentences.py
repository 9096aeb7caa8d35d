"""Two sentences, one head: the weights the front page speaks of, from the model itself."""

import numpy as np
import pytest
import torch

from incontext.explorables import TwoSentences
from incontext.explorables.two_sentences import ENDINGS, IT, N_TOKENS
from incontext.pretrained import load_encoder


@pytest.fixture(scope="module")
def explorer():
    return TwoSentences()


def by_name(explorer):
    return {row[0]: row[1:] for row in explorer.numbers().rows}


def test_the_weights_are_those_of_the_model(explorer):
    encoder, tokenizer = load_encoder()
    explorer.layer, explorer.head, explorer.position = 5, 7, 3
    rows = by_name(explorer)
    for ending in ENDINGS:
        ids = tokenizer.encode(f"The chicken didn't cross the road because it was too {ending}.")
        with torch.no_grad():
            wanted = encoder(ids[None]).attentions[4][0, 6]
        tokens = tokenizer.tokens(ids)
        drawn = [rows[f"{ending}: {i} {token}"] for i, token in enumerate(tokens, start=1)]
        np.testing.assert_allclose(drawn, wanted, atol=1e-4)  # 16 bits
        assert rows[f"{ending}: arcs from 3"] == drawn[2]


def test_it_opens_with_what_the_front_page_says(explorer):
    explorer.layer, explorer.head, explorer.position = 4, 2, IT
    assert TwoSentences().values() == explorer.values()
    rows = by_name(explorer)
    tired, wide = (rows[f"{ending}: chicken minus road"][0] for ending in ENDINGS)
    assert round(tired, 2) == 0.67 and round(wide, 2) == 0.25
    assert "“it” gives the chicken 0.72 and the road 0.05" in explorer.alt()


def test_both_sentences_name_their_tokens(explorer):
    columns = explorer.numbers().columns[1:]
    assert len(columns) == N_TOKENS
    assert columns[IT - 1] == "11 it" and columns[13] == "14 tired / wide"
