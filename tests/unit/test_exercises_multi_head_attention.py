"""Exercises on heads: wrong solutions, written as learners write them, get their own message."""

import math

import pytest
import torch

from incontext import exercises
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


def to_mend(cut=False, scale=False, join=False):
    """The chapter's function, with those of its three mistakes mended that are True."""

    def my_heads(q, k, v, n_heads):
        B, T, C = q.shape
        d_k = C // n_heads
        if cut:
            q, k, v = (torch.stack(x.split(d_k, -1), 1) for x in (q, k, v))
        else:
            q, k, v = (x.reshape(B, n_heads, T, d_k) for x in (q, k, v))
        mixed = torch.softmax(q @ k.mT / (d_k if scale else C) ** 0.5, dim=-1) @ v
        return torch.cat(mixed.unbind(1), -1) if join else mixed.reshape(B, T, C)

    return my_heads


def test_the_mended_heads_pass():
    assert exercises.check_mended_heads(to_mend(cut=True, scale=True, join=True))


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("join", [False, True])
def test_the_first_mistake_that_is_left_is_named_and_the_others_are_hinted_at(cut, scale, join):
    if cut and scale and join:
        return
    said = exercises.check_mended_heads(to_mend(cut, scale, join)).message
    if not cut:
        first = "Heads cut out of the wrong axis."
    else:
        first = "Heads joined along the wrong axis." if scale else "√d_model for √d_k."
    assert said.startswith(first)
    assert ("look again" in said) == ([cut, scale, join].count(False) > 1)
    assert ("the scale" in said) == (not cut and not scale)
    assert ("how the notes are joined" in said) == (not join and not (cut and scale))


def test_with_one_head_the_three_mistakes_do_not_show():
    q = torch.randn(3, 2, 5, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(to_mend()(*q, 1), to_mend(True, True, True)(*q, 1))


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
