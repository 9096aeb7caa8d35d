"""Exercises of the clinic: wrong solutions, as learners write them, get their own message."""

import math
import re

import pytest
import torch
import torch.nn.functional as F

from incontext import clinic, exercises
from incontext.attention import scaled_dot_product_attention
from incontext.exercises.clinic import _to_attend
from incontext.training import batch_of


def test_fixed_in_another_way_passes():
    assert exercises.check_fixed_positions(
        lambda ids, words, positions: (
            F.embedding(ids, words) + F.embedding(torch.arange(ids.shape[-1]), positions)
        )
    )
    assert exercises.check_fixed_attention(scaled_dot_product_attention_with)
    assert exercises.check_fixed_heads(heads())


def scaled_dot_product_attention_with(query, key, value, mask):
    return scaled_dot_product_attention(query, key, value, mask=mask)


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (lambda ids, w, p: w[ids] + p[torch.arange(len(ids))][:, None, :], "len\\(ids\\) is B"),
        (lambda ids, w, p: w[ids] + p[ids], "by the word's id"),
        (lambda ids, w, p: F.embedding(ids, w), "nothing says where"),
        (lambda ids, w, p: w[ids] + p[torch.arange(1, ids.shape[1] + 1)], "the first row"),
        (lambda ids, w, p: w[ids] + p, "raised RuntimeError"),
    ],
)
def test_positions(solution, says):
    verdict = exercises.check_fixed_positions(solution)
    assert not verdict and re.search(says, verdict.message), verdict.message


def attention(mask_says=True, axis=-1, heads=1):
    def attend(query, key, value, mask):
        _, n_heads, _, d_k = query.shape
        scores = torch.einsum("bhtd,bhsd->bhts", query, key)
        scores = scores / math.sqrt(d_k * (n_heads if heads > 1 else 1))
        scores = scores.masked_fill(mask != mask_says, float("-inf"))
        weights = torch.softmax(scores, axis)
        return torch.einsum("bhts,bhsd->bhtd", weights, value), weights

    return attend


@pytest.mark.parametrize(
    ("solution", "says", "silent"),
    [
        (attention(mask_says=False, axis=-2, heads=4), ["may attend", "columns", "root"], []),
        (attention(mask_says=False, axis=-2), ["may attend", "columns"], ["root"]),
        (attention(axis=-2, heads=4), ["columns", "root"], ["may attend"]),
        (attention(mask_says=False, heads=4), ["may attend", "root"], ["columns"]),
        (attention(mask_says=False), ["may attend"], ["columns", "root"]),
        (attention(axis=-2), ["columns"], ["may attend", "root"]),
        (attention(heads=4), ["root"], ["may attend", "columns"]),
    ],
)
def test_attention_is_told_what_is_still_wrong_and_only_that(solution, says, silent):
    message = exercises.check_fixed_attention(solution).message
    assert all(words in message for words in says), message
    assert not any(words in message for words in silent), message
    assert exercises.check_fixed_attention(attention())


def test_the_cases_let_no_fault_hide():
    """No row and no column is all masked or all open, so that every fault has finite numbers."""
    for arguments in [_to_attend(1, 2, 3, 7, 5), _to_attend(2, 1, 2, 5, 3)]:
        mask = arguments[-1]
        for axis in (0, 1):
            assert mask.any(axis).all() and (~mask).any(axis).all()


def heads(split="transposed", join="transposed", causal=True):
    """Token by token: the slow way, with a faulty split or join if asked."""

    def multi_head(query, key, value, n_heads):
        n_batch, n_tokens, d_model = query.shape
        d_k = d_model // n_heads

        def cut(x):
            if split == "viewed":
                return x.reshape(n_batch, n_heads, n_tokens, d_k)
            if split == "in turn":
                return torch.stack([x[..., h::n_heads] for h in range(n_heads)], 1)
            return torch.stack([x[..., h * d_k : (h + 1) * d_k] for h in range(n_heads)], 1)

        scores = cut(query) @ cut(key).mT / math.sqrt(d_k)
        if causal:
            later = torch.ones(n_tokens, n_tokens, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(later, -torch.inf)
        mixed = scores.softmax(-1) @ cut(value)
        if join == "viewed":
            return mixed.reshape(n_batch, n_tokens, d_model)
        if join == "in turn":
            return torch.stack(mixed.unbind(1), -1).flatten(-2)
        return torch.cat(mixed.unbind(1), -1)

    return multi_head


@pytest.mark.parametrize(
    ("solution", "says", "silent"),
    [
        (heads("viewed", "viewed"), ["as they lie in memory", "side by side"], []),
        (heads("viewed"), ["as they lie in memory"], ["side by side"]),
        (heads(join="viewed"), ["side by side"], ["as they lie in memory"]),
        (heads("in turn", "in turn"), ["every H-th column"], ["memory"]),
        (heads(causal=False), ["No causal mask"], ["memory"]),
        (lambda q, k, v, n: heads()(q, k, v, 1), ["only one head"], ["memory"]),
        (lambda q, k, v, n: -heads()(q, k, v, n), ["test call 1"], ["memory"]),
    ],
)
def test_heads_are_told_what_is_still_wrong_and_only_that(solution, says, silent):
    verdict = exercises.check_fixed_heads(solution)
    assert not verdict
    assert all(words in verdict.message for words in says), verdict.message
    assert not any(words in verdict.message for words in silent), verdict.message
    assert exercises.check_fixed_heads(heads())


def test_the_split_that_is_to_be_fixed_is_that_of_patient_8():
    """What the chapter gives the reader to fix, joined rightly, does what patient 8 does."""
    attention = clinic.patient(8).model.stack.blocks[0].attention
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 11, 32, generator=generator)
    q, k, v = (part(x) for part in (attention.q_proj, attention.k_proj, attention.v_proj))
    causal = torch.ones(11, 11, dtype=torch.bool).tril()
    with torch.no_grad():
        theirs = attention(x, mask=causal)[0]
        ours = attention.out_proj(heads("viewed")(q, k, v, 4))
    torch.testing.assert_close(ours, theirs)


def sentences_and_states(run):
    from incontext import corpus

    ids, is_word, _ = batch_of(corpus.sentences(3, seed=5), run.vocabulary, run.reading)
    return run.model(ids, is_word).hidden_states


def silenced(run):
    """With all that the layers write at zero, is what comes out what went in?"""
    with torch.no_grad():
        for block in run.model.stack.blocks:
            for part in (block.attention.out_proj, block.feed_forward.down):
                part.weight.zero_()
                part.bias.zero_()
    first, *_, last = sentences_and_states(run)
    return torch.equal(first, last)


def test_other_tests_that_find_the_patient_pass():
    verdict = exercises.check_own_test(silenced)
    assert verdict and "It finds patient 5" in verdict.message, verdict.message


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (lambda run: False, "A false alarm. "),
        (lambda run: run.reading == "left-to-right", "reads both sides does not pass"),
        (lambda run: True, "nothing wrong with patient 5"),
        (lambda run: run.seed < 2, "A false alarm. "),
        (lambda run: run.nothing, "raised AttributeError"),
        (lambda run: None, "Not yet"),
        (clinic.patient(5), "without calling it"),
    ],
)
def test_own_test(test, says):
    verdict = exercises.check_own_test(test)
    assert not verdict and says in verdict.message, verdict.message


def test_what_else_a_test_finds_is_said():
    assert "as well" not in exercises.check_own_test(exercises.check_own_test.reference()).message
    assert "finds 6 as well" in exercises.check_own_test(through_and_counted).message


def through_and_counted(run):
    counted = sum(each.numel() for each in run.model.parameters()) == 29120
    return counted and silenced(run)
