"""Exercises on heads: wrong solutions, written as learners write them, get their own message."""

import math

import pytest
import torch

from incontext import exercises


def sliced(x, n_heads):
    return torch.stack(x.chunk(n_heads, dim=-1), dim=1)


def test_splitting_in_another_way_passes():
    assert exercises.check_split_heads(sliced)
    assert exercises.check_split_heads(
        lambda x, h: x.view(x.shape[0], x.shape[1], h, -1).permute(0, 2, 1, 3)
    )


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (
            lambda x, h: x.view(x.shape[0], h, x.shape[1], x.shape[2] // h),
            "Heads split along the wrong axis.",
        ),
        (lambda x, h: torch.stack([x[..., i::h] for i in range(h)], dim=1), "Columns in turn."),
        (lambda x, h: torch.stack(x.chunk(h, -1), dim=2), "The axes are not exchanged."),
        (lambda x, h: torch.stack(x.chunk(h, -1)), "The heads in front of the batch."),
    ],
)
def test_mistakes_in_splitting_are_named(solution, says):
    assert exercises.check_split_heads(solution).message.startswith(says)


def looped(root=lambda d_k, h: math.sqrt(d_k), axis=1, columns=None, join=None, mix=None):
    """Multi-head attention, one head after the other."""

    def solution(q, k, v, n_heads):
        d_k = q.shape[1] // n_heads
        heads = []
        for h in range(n_heads):
            mine = columns(h, n_heads) if columns else slice(h * d_k, (h + 1) * d_k)
            dots = torch.einsum("td,sd->ts", q[:, mine], k[:, mine])
            heads.append(torch.softmax(dots / root(d_k, n_heads), axis) @ v[:, mine])
        return join(heads) if join else torch.cat(heads, dim=1)

    return solution


def averaged_maps(q, k, v, n_heads):
    pairs = zip(q.chunk(n_heads, 1), k.chunk(n_heads, 1), strict=True)
    maps = [torch.softmax(a @ b.T / math.sqrt(a.shape[1]), 1) for a, b in pairs]
    return sum(maps) / n_heads @ v


def read_straight(q, k, v, n_heads):
    return torch.nn.functional.scaled_dot_product_attention(
        *(x.view(n_heads, x.shape[0], x.shape[1] // n_heads) for x in (q, k, v))
    )


def test_multi_head_attention_in_another_way_passes():
    assert exercises.check_multi_head(looped())


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (looped(root=lambda d_k, h: math.sqrt(d_k * h)), "√d_model for √d_k."),
        (looped(root=lambda d_k, h: 1), "No scaling."),
        (looped(root=lambda d_k, h: d_k), "Divided by d_k."),
        (looped(axis=0), "Softmax over the wrong axis."),
        (lambda q, k, v, h: looped()(q, k, v, 1), "One head."),
        (looped(join=lambda heads: torch.stack(heads).mean(0)), "Heads averaged."),
        (looped(join=sum), "Heads added."),
        (averaged_maps, "Maps averaged."),
        (
            looped(join=lambda heads: torch.stack(heads).view(len(heads[0]), -1)),
            "Heads joined along the wrong axis.",
        ),
        (
            lambda q, k, v, h: read_straight(q, k, v, h).transpose(0, 1).flatten(1),
            "Heads split along the wrong axis.",
        ),
        (
            lambda q, k, v, h: read_straight(q, k, v, h).reshape(q.shape),
            "Heads split and joined along the wrong axis.",
        ),
        (looped(columns=lambda h, n: slice(h, None, n)), "Columns in turn."),
    ],
)
def test_mistakes_in_multi_head_attention_are_named(solution, says):
    assert exercises.check_multi_head(solution).message.startswith(says)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (2_362_368, "The whole layer."),
        (196_864, "A twelfth of the layer."),
        (196_608, "No biases."),
        (147_648, "No share of W_O."),
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


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((1, 4), "Counted from 0."),
        ((5, 2), "Head before layer."),
        ((1, 6), "Two back."),
        ((2, 9), "One ahead."),
        ((1, 3), "One back."),
        ((6, 6), "Not all right yet."),
    ],
)
def test_mistakes_with_the_head_that_looks_ahead_are_named(answer, says):
    assert exercises.check_two_ahead(answer).message.startswith(says)


def test_the_head_that_looks_two_ahead():
    assert exercises.check_two_ahead((2, 5))
