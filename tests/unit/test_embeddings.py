import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from incontext.embeddings import analogy, cosine_similarity, lookup, nearest


def normal(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=dtype)


def cosine_by_hand(a, b):
    dot = sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))
    return dot / (math.hypot(*a.tolist()) * math.hypot(*b.tolist()))


# A table in which gender and royalty are two directions.
MAN, WOMAN, KING, QUEEN, APPLE = range(5)
TOY = torch.tensor(
    [[1.0, 0.0, 0.1], [-1.0, 0.0, 0.1], [1.0, 1.0, 0.2], [-1.0, 1.0, 0.2], [0.1, -1.0, 1.0]]
)


# lookup


@given(seed=st.integers(0, 2**32), shape=st.lists(st.integers(1, 5), max_size=3))
def test_lookup_equals_one_hot_times_table(seed, shape):
    table = normal(11, 7, seed=seed)
    ids = torch.randint(0, 11, shape, generator=torch.Generator().manual_seed(seed))
    assert_close(lookup(ids, table), F.one_hot(ids, 11).double() @ table)


def test_lookup_gives_each_token_its_row():
    table = normal(11, 7)
    rows = lookup(torch.tensor([[3, 0, 3], [10, 1, 2]]), table)
    assert rows.shape == (2, 3, 7)
    assert torch.equal(rows[0, 0], table[3])
    assert torch.equal(rows[1, 0], table[10])
    assert torch.equal(rows[0, 0], rows[0, 2])


def test_lookup_trains_only_the_rows_it_read():
    table = normal(5, 3).requires_grad_()
    lookup(torch.tensor([1, 3, 1]), table).sum().backward()
    assert torch.equal(table.grad, torch.tensor([0.0, 2, 0, 1, 0]).double()[:, None].expand(5, 3))


def test_lookup_of_no_tokens():
    assert lookup(torch.tensor([], dtype=torch.int64), TOY).shape == (0, 3)


# cosine_similarity


@given(seed=st.integers(0, 2**32), width=st.integers(1, 13))
def test_cosine_by_hand(seed, width):
    a, b = normal(2, width, seed=seed)
    assert_close(cosine_similarity(a, b).item(), cosine_by_hand(a, b))


def test_cosine_equals_pytorch():
    a, b = normal(5, 7, seed=1), normal(5, 7, seed=2)
    assert_close(cosine_similarity(a, b), F.cosine_similarity(a, b, dim=-1))


@given(seed=st.integers(0, 2**32), length=st.floats(1e-250, 1e250))
def test_cosine_ignores_length_and_order(seed, length):
    a, b = normal(2, 7, seed=seed)
    cosine = cosine_similarity(a, b)
    assert_close(cosine_similarity(length * a, b), cosine)
    assert_close(cosine_similarity(b, a), cosine)
    assert_close(cosine_similarity(a, -length * b), -cosine)
    assert abs(cosine) <= 1 + 1e-12


@pytest.mark.parametrize("size", [1e-38, 1e-20, 1.0, 1e20, 1e38])
def test_cosine_of_extreme_lengths_in_float32(size):
    a, b = torch.tensor([3.0, 4.0]), torch.tensor([4.0, 3.0])
    assert_close(cosine_similarity(size * (a / 4), b).item(), 0.96)


def test_cosine_of_equal_opposite_and_orthogonal():
    a = torch.tensor([1.0, 2.0, 2.0])
    right = torch.tensor([2.0, -2.0, 1.0])
    found = cosine_similarity(a, torch.stack([a, -a, right]))
    assert_close(found, torch.tensor([1.0, -1.0, 0.0]))


def test_cosine_matrix_of_all_pairs():
    x, y = normal(3, 7, seed=1), normal(5, 7, seed=2)
    matrix = cosine_similarity(x[:, None], y[None, :])
    assert matrix.shape == (3, 5)
    for i in range(3):
        for j in range(5):
            assert_close(matrix[i, j].item(), cosine_by_hand(x[i], y[j]))


def test_cosine_gradient():
    a, b = normal(3, 5, seed=1).requires_grad_(), normal(3, 5, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(cosine_similarity, (a, b))


# nearest


@given(
    seed=st.integers(0, 2**32),
    k=st.integers(1, 6),
    exclude=st.lists(st.integers(0, 12), max_size=7),
)
def test_nearest_equals_a_loop(seed, k, exclude):
    table, query = normal(13, 5, seed=seed), normal(5, seed=seed + 1)
    allowed = [row for row in range(13) if row not in exclude]
    best = sorted(allowed, key=lambda row: -cosine_by_hand(query, table[row]))[:k]
    values, indices = nearest(query, table, k, exclude)
    assert indices.tolist() == best
    assert_close(values.tolist(), [cosine_by_hand(query, table[row]) for row in best])


def test_nearest_to_a_row_is_the_row():
    table = normal(13, 5)
    values, indices = nearest(3.0 * table[4], table, k=2)
    assert indices[0] == 4
    assert_close(values[0].item(), 1.0)
    assert nearest(table[4], table, k=1, exclude=[4])[1][0] == indices[1]


def test_nearest_of_several_queries():
    table, queries = normal(13, 5), normal(2, 3, 5, seed=1)
    values, indices = nearest(queries, table, k=4, exclude=torch.tensor([1, 2]))
    assert values.shape == indices.shape == (2, 3, 4)
    for i in range(2):
        for j in range(3):
            one = nearest(queries[i, j], table, k=4, exclude=(1, 2))
            assert_close(values[i, j], one[0])
            assert torch.equal(indices[i, j], one[1])


def test_nearest_can_return_every_row():
    values, indices = nearest(TOY[KING], TOY, k=5)
    assert sorted(indices.tolist()) == [0, 1, 2, 3, 4]
    assert values.tolist() == sorted(values.tolist(), reverse=True)


@pytest.mark.parametrize("size", [1e-38, 1e-20, 1e20, 1e38])
def test_nearest_among_rows_of_extreme_lengths(size):
    table = TOY.clone()
    table[QUEEN] *= size
    values, indices = nearest(size * TOY[QUEEN], table, k=2)
    assert indices[0] == QUEEN
    assert_close(values[0].item(), 1.0)
    assert_close(values[1], nearest(TOY[QUEEN], TOY, k=2)[0][1])


def test_nearest_passes_over_an_excluded_row_of_zeros():
    table = torch.cat([torch.zeros(1, 3), TOY])
    assert nearest(TOY[KING], table, k=1, exclude=[0])[1].tolist() == [1 + KING]


# analogy


def test_analogy_in_a_table_made_for_it():
    values, indices = analogy(TOY, KING, MAN, WOMAN, k=1)
    assert indices.tolist() == [QUEEN]
    assert_close(values, torch.ones(1))


def test_analogy_is_a_minus_b_plus_c():
    table = normal(13, 5)
    a, b, c = 7, 2, 11
    values, indices = analogy(table, a, b, c, k=4)
    expected = nearest(table[a] - table[b] + table[c], table, 4, exclude=(a, b, c))
    assert_close(values, expected[0])
    assert torch.equal(indices, expected[1])


@given(seed=st.integers(0, 2**32), rows=st.tuples(*[st.integers(0, 12)] * 3))
def test_analogy_leaves_its_inputs_out(seed, rows):
    table = normal(13, 5, seed=seed)
    _, indices = analogy(table, *rows, k=10)
    assert not set(rows) & set(indices.tolist())


def test_analogy_with_its_inputs_may_return_one():
    table = torch.cat([TOY, 0.1 * normal(1, 3).float()])
    assert analogy(table, KING, MAN, MAN, k=1, exclude_inputs=False)[1].tolist() == [KING]


def test_analogy_leaves_further_rows_out():
    found = analogy(TOY, KING, MAN, WOMAN, k=1, exclude=[QUEEN])[1]
    assert found.tolist() == [APPLE]


# bad input


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lookup(torch.tensor([5]), TOY), "ids must lie in 0 ≤ ids < V=5, got 5"),
        (lambda: lookup(torch.tensor([-1]), TOY), "ids must lie in 0 ≤ ids < V=5, got -1"),
        (lambda: lookup(torch.tensor([0.0]), TOY), "ids must be int64 or int32"),
        (lambda: lookup([1, 2], TOY), "ids must be a torch.Tensor, got list"),
        (lambda: lookup(torch.tensor([1]), TOY[0]), "table must have axes [V, C]"),
        (lambda: lookup(torch.tensor([1]), TOY.long()), "table must hold floating-point"),
        (lambda: cosine_similarity(TOY, TOY[:, :2]), "b must have d_model=3 along axis -1"),
        (lambda: cosine_similarity(TOY[:2], TOY[:3]), "broadcast in the axes before the last"),
        (lambda: cosine_similarity(TOY.long(), TOY), "a must hold floating-point numbers"),
        (lambda: cosine_similarity(TOY, 1.0), "b must be a torch.Tensor, got float"),
        (lambda: cosine_similarity(torch.tensor(1.0), TOY), "a must have axes [..., C]"),
        (lambda: cosine_similarity(torch.zeros(3), TOY), "a has a vector of zeros: it has no dir"),
        (lambda: cosine_similarity(TOY, TOY * torch.tensor([[1], [1], [0], [1], [1]])), "at 2"),
        (lambda: cosine_similarity(TOY * math.nan, TOY), "a must be finite"),
        (lambda: cosine_similarity(TOY, TOY * math.inf), "b must be finite"),
        (lambda: nearest(torch.zeros(3), TOY), "query has a vector of zeros"),
        (lambda: nearest(TOY[0, :2], TOY), "query must have d_model=3 along axis -1, got 2"),
        (lambda: nearest(TOY[0], TOY[0]), "table must have axes [V, C]"),
        (lambda: nearest(TOY[0], TOY, k=0), "k=0 must be at least 1"),
        (lambda: nearest(TOY[0], TOY, k=2.5), "k must be an integer, got 2.5"),
        (lambda: nearest(TOY[0], TOY, k=6), "k=6 must be at most the 5 rows"),
        (lambda: nearest(TOY[0], TOY, exclude=[0]), "k=5 must be at most the 4 rows"),
        (lambda: nearest(TOY[0], TOY, exclude=[5]), "exclude must lie in 0 ≤ exclude < V=5, got 5"),
        (lambda: nearest(TOY[0], TOY, exclude=[-1]), "exclude=-1 must be at least 0"),
        (lambda: nearest(TOY[0], TOY, exclude=[1.0]), "exclude must be an integer, got 1.0"),
        (
            lambda: nearest(TOY[0], torch.cat([TOY, torch.zeros(1, 3)]), k=1, exclude=[2]),
            "table has a vector of zeros at 5: it has no direction; put that row in exclude",
        ),
        (lambda: analogy(TOY, 5, 0, 1, k=1), "a must lie in 0 ≤ a < V=5, got 5"),
        (lambda: analogy(TOY, 0, -1, 1, k=1), "b=-1 must be at least 0"),
        (lambda: analogy(TOY, 0, 1, "king", k=1), "c must be an integer, got 'king'"),
        (lambda: analogy(TOY, 0, 1, 2, k=3), "k=3 must be at most the 2 rows"),
        (lambda: analogy(TOY[0], 0, 1, 2), "table must have axes [V, C]"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as raised:
        call()
    assert message in str(raised.value)
