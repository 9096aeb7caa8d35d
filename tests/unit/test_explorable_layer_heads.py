"""Twelve heads side by side: the weights of the model, all heads of the layer, its words."""

import numpy as np
import torch

from incontext.explorables import LayerHeads
from incontext.explorables.layer_heads import IT, SENTENCE
from incontext.pretrained import load_encoder


def test_the_weights_are_those_of_the_model():
    encoder, tokenizer = load_encoder()
    with torch.no_grad():
        wanted = encoder(tokenizer.encode(SENTENCE)[None]).attentions[2][0]
    rows = LayerHeads(layer=3, head=5, position=6).numbers().rows
    drawn = np.array([row[2:] for row in rows[1:]]).reshape(wanted.shape)
    np.testing.assert_allclose(drawn, wanted, atol=1e-4)  # 16 bits
    assert rows[0][2:] == drawn[4, 5].tolist()


def test_alternative_text_counts_the_places():
    explorer = LayerHeads()
    rows = [row[2:] for row in explorer.numbers().rows[1:] if row[1] == f"{IT} it"]
    places = {row.index(max(row)) for row in rows}
    assert len(rows) == 12
    assert f"look most at {len(places)} different tokens" in explorer.alt()
