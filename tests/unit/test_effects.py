"""Weights against effects: the measures behind the chapter on reading attention."""

import math

import pytest
import torch
from naive import fill
from torch.testing import assert_close

from incontext.config import TransformerConfig
from incontext.effects import (
    attention_rollout,
    bootstrap_interval,
    rank_correlation,
    ranks,
    token_effects,
)
from incontext.transformer import Encoder

VOCAB, T = 37, 7


def encoder_of():
    return fill(Encoder(TransformerConfig(VOCAB, 11, 24, 6, 29, 3)))


def some_ids(seed=0):
    return torch.randint(VOCAB, (T,), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("replacement", [None, 5])
def test_effects_are_those_of_one_text_at_a_time(replacement):
    encoder, ids, position = encoder_of(), some_ids(), 4
    found = token_effects(encoder, ids, position, replacement)
    before = encoder(ids[None]).last_hidden_state[0, position]
    for s in range(T):
        if replacement is None:
            see = torch.tensor([[key != s for key in range(T)]])
            after = encoder(ids[None], see)
        else:
            other = [replacement if i == s else int(token) for i, token in enumerate(ids)]
            after = encoder(torch.tensor([other]))
        after = after.last_hidden_state[0, position]
        cosine = before @ after / (before.norm() * after.norm())
        assert_close(found[s], 1 - cosine, rtol=0, atol=1e-10)
    assert (found > 1e-6).all() or replacement is not None


def test_a_token_replaced_by_itself_has_no_effect():
    ids = some_ids()
    found = token_effects(encoder_of(), ids, 1, int(ids[3]))
    assert abs(found[3]) < 1e-12 and found[[0, 2, 4]].min() > 1e-9


def test_ranks_share_places_where_values_are_equal():
    assert ranks(torch.tensor([0.3, 0.1, 0.3, 0.9])).tolist() == [2.5, 1.0, 2.5, 4.0]


def test_rank_correlation_is_spearmans_formula_where_nothing_is_equal():
    generator = torch.Generator().manual_seed(1)
    for n in (2, 3, 5, 11):
        a, b = torch.randn(2, n, generator=generator, dtype=torch.float64)
        d = a.argsort().argsort() - b.argsort().argsort()
        expected = 1 - 6 * int((d**2).sum()) / (n * (n**2 - 1))
        assert math.isclose(rank_correlation(a, b), expected, abs_tol=1e-6)
        assert math.isclose(rank_correlation(a, a.exp()), 1, abs_tol=1e-6)
        assert math.isclose(rank_correlation(a, -a), -1, abs_tol=1e-6)
    assert math.isnan(rank_correlation(torch.ones(3), torch.arange(3.0)))


def test_the_interval_is_that_of_a_mean():
    generator = torch.Generator().manual_seed(2)
    values = torch.randn(400, generator=generator) + 3
    low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / 20
    assert abs(low - (values.mean() - half)) < 0.02 and abs(high - (values.mean() + half)) < 0.02
    assert bootstrap_interval(values) == (low, high) != bootstrap_interval(values, seed=1)
    assert bootstrap_interval(torch.ones(5)) == (1, 1)


def test_rollout_follows_every_path():
    generator = torch.Generator().manual_seed(3)
    maps = list(torch.randn(3, 1, 2, 4, 4, generator=generator, dtype=torch.float64).softmax(-1))
    one, two, three = (m[0].mean(0) / 2 + torch.eye(4, dtype=torch.float64) / 2 for m in maps)
    expected = torch.zeros(4, 4, dtype=torch.float64)
    for t in range(4):
        for s in range(4):
            for b in range(4):
                for a in range(4):
                    expected[t, s] += three[t, b] * two[b, a] * one[a, s]
    found = attention_rollout(maps)
    assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert_close(found.sum(-1), torch.ones(4, dtype=torch.float64))


@pytest.mark.bad_input
def test_bad_input_is_named():
    encoder, ids = encoder_of(), some_ids()
    with pytest.raises(ValueError, match=r"ids must have axes \[T\]"):
        token_effects(encoder, ids[None], 0)
    with pytest.raises(ValueError, match="position=7 must be below T=7"):
        token_effects(encoder, ids, 7)
    with pytest.raises(ValueError, match="one length, 2 or more, got 2 and 3"):
        rank_correlation(torch.ones(2), torch.ones(3))
    with pytest.raises(ValueError, match="at least one layer"):
        attention_rollout([])
