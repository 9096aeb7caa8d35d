"""Exercises on heads: wrong solutions, written as learners write them, get their own message."""

import math
import re

import pytest
import torch

from incontext import exercises
from incontext.heads import MultiHeadAttention
from incontext.pretrained import load_encoder


def looped(root=lambda d_k, h: math.sqrt(d_k), axis=-1, columns=None, join=None, masked=True):
    """Multi-head attention, one head after the other."""

    def solution(q, k, v, n_heads, mask=None):
        d_k = q.shape[-1] // n_heads
        heads = []
        for h in range(n_heads):
            mine = columns(h, n_heads) if columns else slice(h * d_k, (h + 1) * d_k)
            dots = torch.einsum("...td,...sd->...ts", q[..., mine], k[..., mine])
            dots = dots / root(d_k, n_heads)
            if mask is not None and masked:
                dots = dots.masked_fill(~mask, -torch.inf)
            heads.append(torch.softmax(dots, axis) @ v[..., mine])
        return join(heads) if join else torch.cat(heads, dim=-1)

    return solution


def averaged_maps(q, k, v, n_heads, mask=None):
    pairs = zip(q.chunk(n_heads, -1), k.chunk(n_heads, -1), strict=True)
    hidden = 0 if mask is None else torch.where(mask, 0, -torch.inf)
    maps = [torch.softmax(a @ b.mT / math.sqrt(a.shape[-1]) + hidden, -1) for a, b in pairs]
    return sum(maps) / n_heads @ v


def read_straight(q, k, v, n_heads, mask=None):
    return torch.nn.functional.scaled_dot_product_attention(
        *(x.reshape(*x.shape[:-2], n_heads, x.shape[-2], -1) for x in (q, k, v)), attn_mask=mask
    )


def masked_late(q, k, v, n_heads, mask=None):
    heads = []
    for a, b, c in zip(*(x.chunk(n_heads, -1) for x in (q, k, v)), strict=True):
        weights = torch.softmax(a @ b.mT / math.sqrt(a.shape[-1]), -1)
        heads.append((weights if mask is None else weights.masked_fill(~mask, 0)) @ c)
    return torch.cat(heads, -1)


def stacked(heads):
    return torch.stack(heads, dim=-3)


def test_multi_head_attention_in_another_way_passes():
    assert exercises.check_multi_head(looped())


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (looped(root=lambda d_k, h: math.sqrt(d_k * h)), "√d_model for √d_k."),
        (looped(root=lambda d_k, h: 1), "No scaling."),
        (looped(root=lambda d_k, h: d_k), "Divided by d_k."),
        (looped(axis=-2), "Softmax over the wrong axis."),
        (lambda q, k, v, h, mask=None: looped()(q, k, v, 1, mask), "One head."),
        (looped(join=lambda heads: stacked(heads).mean(-3)), "Heads averaged."),
        (looped(join=sum), "Heads added."),
        (averaged_maps, "Maps averaged."),
        (
            looped(join=lambda heads: stacked(heads).reshape(*heads[0].shape[:-1], -1)),
            "Heads joined along the wrong axis.",
        ),
        (
            lambda *given: read_straight(*given).transpose(-3, -2).flatten(-2),
            "Heads cut out of the wrong axis.",
        ),
        (
            lambda q, *others: read_straight(q, *others).reshape(q.shape),
            "Heads cut and joined along the wrong axis.",
        ),
        (looped(columns=lambda h, n: slice(h, None, n)), "Columns in turn."),
        (
            looped(
                columns=lambda h, n: slice(h, None, n),
                join=lambda heads: torch.stack(heads, dim=-1).flatten(-2),
            ),
            "Columns in turn, put back in turn.",
        ),
        (looped(join=stacked), "Heads not joined."),
        (looped(masked=False), "Mask not used."),
        (
            lambda q, k, v, h, mask=None: looped()(q, k, v, h, None if mask is None else ~mask),
            "Inverted mask.",
        ),
        (masked_late, "Mask after softmax."),
    ],
)
def test_mistakes_in_multi_head_attention_are_named(solution, says):
    assert exercises.check_multi_head(solution).message.startswith(says)


def one_by_one(key_of, value_of, width):
    """Shared heads in a loop. key_of, value_of: which shared head a query head uses, from 0."""

    def solution(q, k, v, n_heads, n_kv_heads):
        d_k = q.shape[-1] // n_heads
        keys, values = k.chunk(n_kv_heads, -1), v.chunk(n_kv_heads, -1)
        notes = []
        for h, query in enumerate(q.chunk(n_heads, -1)):
            scores = query @ keys[key_of(h, n_heads, n_kv_heads)].mT
            weights = torch.softmax(scores / width(d_k, n_heads, n_kv_heads) ** 0.5, -1)
            notes.append(weights @ values[value_of(h, n_heads, n_kv_heads)])
        return torch.cat(notes, -1)

    return solution


def neighbours(h, n_heads, n_kv_heads):
    return h * n_kv_heads // n_heads


def in_turn(h, n_heads, n_kv_heads):
    return h % n_kv_heads


def own_width(d_k, n_heads, n_kv_heads):
    return d_k


def keys_by_queries(d_k, n_heads, n_kv_heads):
    return d_k * n_kv_heads / n_heads


def test_shared_heads_in_another_way_pass():
    assert exercises.check_shared_heads(one_by_one(neighbours, neighbours, own_width))


@pytest.mark.parametrize(
    ("key_of", "value_of", "width", "says"),
    [
        (in_turn, in_turn, keys_by_queries, r"Shared in turn\..*look again at the root"),
        (in_turn, in_turn, own_width, r"Shared in turn\..*and so on\.$"),
        (neighbours, neighbours, keys_by_queries, "A width divided by the wrong number."),
        (neighbours, neighbours, lambda d, h, g: d * h, "√d_model for √d_k."),
        (neighbours, neighbours, lambda d, h, g: d * g, "The width of all keys."),
        (in_turn, neighbours, own_width, "Keys shared in turn."),
        (neighbours, in_turn, own_width, "Values shared in turn."),
    ],
)
def test_mistakes_in_sharing_are_named(key_of, value_of, width, says):
    said = exercises.check_shared_heads(one_by_one(key_of, value_of, width)).message
    assert re.match(says, said), said


def test_shared_heads_are_those_of_the_package():
    layer = MultiHeadAttention(12, 6, bias=False, n_kv_heads=2)
    x = torch.randn(3, 5, 12, generator=torch.Generator().manual_seed(0))
    mixed = one_by_one(neighbours, neighbours, own_width)(
        layer.q_proj(x), layer.k_proj(x), layer.v_proj(x), 6, 2
    )
    torch.testing.assert_close(layer.out_proj(mixed), layer(x)[0])


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (2_362_368, "The whole layer."),
        (196_864, "A twelfth of the layer."),
        (196_608, "No biases."),
        (147_648, "No part of W_O."),
        (16_640, "Square matrices."),
        (16_384, "Square matrices, without biases."),
    ],
)
def test_mistakes_in_counting_are_named(answer, says):
    assert exercises.check_head_parameters(answer).message.startswith(says)


def test_twelve_heads_and_a_bias_make_a_layer():
    layer = torch.nn.MultiheadAttention(768, 12)
    whole = sum(p.numel() for p in layer.parameters())
    assert exercises.check_head_parameters((whole - 768) / 12)


ONE_BACK = {
    "The cat sat on the mat.": ("sat", "cat"),
    "Our old friends live in Rome.": ("friends", "old"),
    "He never reads the news.": ("reads", "never"),
}


def test_a_claim_that_holds_is_told_with_its_weights_and_its_rivals():
    said = exercises.check_own_head((1, 3, ONE_BACK))
    assert said and "holds in all 3 sentences" in said.message
    assert "1.00, 1.00, 1.00 of its weight" in said.message


def heads_that_pass(claim):
    """Layer and head, from 1, of all that look most at the word named in each sentence."""
    encoder, tokenizer = load_encoder()
    passing = torch.ones(6, 12, dtype=torch.bool)
    for text, (query, target) in claim.items():
        ids = tokenizer.encode(text)
        tokens = tokenizer.tokens(ids)
        for layer, weights in enumerate(encoder(ids[None]).attentions):
            most = weights[0, :, tokens.index(query)].argmax(-1)
            passing[layer] &= most == tokens.index(target)
    return [(layer + 1, head + 1) for layer, head in passing.nonzero().tolist()]


def test_a_claim_counts_its_rivals():
    alone = {
        "The queen said that she was tired.": ("she", "queen"),
        "My brother lost his keys.": ("his", "brother"),
        "The actress forgot her hat.": ("her", "actress"),
    }
    assert len(heads_that_pass(alone)) == 2
    for layer, head in heads_that_pass(alone):
        assert (
            "the other 71 heads, 1 does so"
            in exercises.check_own_head((layer, head, alone)).message
        )
    assert heads_that_pass(ONE_BACK) == [(1, 3)]
    assert "the other 71 heads, none does so" in exercises.check_own_head((1, 3, ONE_BACK)).message


def test_a_claim_that_fails_says_where():
    claim = ONE_BACK | {"We saw him yesterday.": ("saw", "him")}
    said = exercises.check_own_head((1, 3, claim))
    assert not said and "holds in 3 of 4 sentences" in said.message
    assert "another token in number 4." in said.message


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        ((7, 3, ONE_BACK), "No such head."),
        ((1, 0, ONE_BACK), "No such head."),
        ((1, 3, ONE_BACK | {"A dog met a cat.": ("a", "dog")}), "A word that cannot be found."),
        ((1, 3, ONE_BACK | {"We met.": ("we", "them")}), "A word that cannot be found."),
        ((1, 3, {"We met.": ("met", "we")}), "Too few sentences."),
        ((1, 3), "check_own_head takes"),
        ((1, 3, ["We met."]), "check_own_head takes"),
        ((1, 3, {"We met.": "met"}), "check_own_head takes"),
    ],
)
def test_a_claim_that_cannot_be_tested_is_sent_back(claim, says):
    assert exercises.check_own_head(claim).message.startswith(says)
