import math

import naive
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from naive import normal
from torch.testing import assert_close

from incontext.softmax import entropy, margin_needed, softmax, softmax_jacobian

EXACT = {"rtol": 1e-12, "atol": 1e-12}

score_lists = st.lists(st.floats(-30, 30), min_size=1, max_size=9)
temperatures = st.floats(0.05, 20)


def tensor(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


# Softmax


@pytest.mark.parametrize(
    ("scores", "temperature", "expected"),
    [
        ([2, 4, 1], 1, [0.114, 0.844, 0.042]),
        ([2, 4, 1], 0.5, [0.018, 0.980, 0.002]),
        ([2, 4, 1], 2, [0.231, 0.629, 0.140]),
        ([50, 52, 48], 1, [0.117, 0.867, 0.016]),
        ([500, 520, 480], 1, [0, 1, 0]),
    ],
)
def test_worked_examples(scores, temperature, expected):
    weights = softmax(tensor(scores), temperature)
    assert_close(weights, tensor(expected), rtol=0, atol=0.0005)


@given(scores=score_lists, temperature=temperatures)
def test_equals_the_loop(scores, temperature):
    weights = softmax(tensor(scores), temperature)
    assert_close(weights, tensor(naive.softmax(scores, temperature)), **EXACT)


@given(scores=score_lists, temperature=temperatures)
def test_weights_are_positive_and_sum_to_one(scores, temperature):
    weights = softmax(tensor(scores), temperature)
    assert (weights >= 0).all()
    assert_close(weights.sum().item(), 1.0, **EXACT)


@given(scores=score_lists, temperature=temperatures)
def test_order_is_kept(scores, temperature):
    assume(len(set(scores)) == len(scores))
    scores = tensor(scores)
    weights = softmax(scores, temperature)
    assert (weights[scores.argsort()].diff() >= 0).all()


@given(scores=score_lists, temperature=temperatures, shift=st.floats(-1000, 1000))
def test_a_shift_of_all_scores_changes_nothing(scores, temperature, shift):
    weights = softmax(tensor(scores), temperature)
    shifted = softmax(tensor(scores) + shift, temperature)
    assert_close(shifted, weights, rtol=1e-9, atol=1e-9)


@given(scores=score_lists, temperature=temperatures)
def test_temperature_divides_the_scores(scores, temperature):
    weights = softmax(tensor(scores), temperature)
    assert_close(weights, softmax(tensor(scores) / temperature), **EXACT)


@given(scores=score_lists, temperature=st.sampled_from([1e-3, 1e-30, 1e-300]))
def test_cold_limit_is_the_largest_score(scores, temperature):
    ranked = sorted(scores)
    assume(len(scores) == 1 or ranked[-1] - ranked[-2] > 0.1)
    expected = torch.nn.functional.one_hot(tensor(scores).argmax(), len(scores)).double()
    assert_close(softmax(tensor(scores), temperature), expected, **EXACT)


def test_cold_limit_shares_between_equal_scores():
    assert_close(softmax(tensor([3, 7, 7, 1]), 1e-9), tensor([0, 0.5, 0.5, 0]), **EXACT)


@given(scores=score_lists)
def test_hot_limit_is_uniform(scores):
    weights = softmax(tensor(scores), 1e15)
    assert_close(weights, torch.full_like(weights, 1 / len(scores)), **EXACT)


def test_large_scores_do_not_overflow():
    assert softmax(torch.tensor([1e38, -1e38, 3e38])).tolist() == [0, 0, 1]
    assert softmax(torch.tensor([1e38, -1e38, 3e38]), 1e-30).tolist() == [0, 0, 1]
    assert_close(softmax(tensor([1000, 1000])), tensor([0.5, 0.5]), **EXACT)


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_any_axis(dim, temperature):
    scores = normal(3, 5, 7)
    weights = softmax(scores, temperature, dim=dim)
    assert_close(weights, torch.softmax(scores / temperature, dim), **EXACT)


def test_each_head_its_own_temperature():
    scores = normal(2, 3, 5, 7)
    temperature = tensor([0.3, 1.0, 4.0])[:, None, None]
    weights = softmax(scores, temperature)
    for head in range(3):
        expected = softmax(scores[:, head], temperature[head].item())
        assert_close(weights[:, head], expected, **EXACT)
    along_queries = softmax(scores, temperature, dim=-2)
    assert_close(along_queries[:, 2], torch.softmax(scores[:, 2] / 4.0, -2), **EXACT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("temperature", [1, 0.5])
def test_dtype_is_kept(dtype, temperature):
    weights = softmax(normal(5, 7).to(dtype), temperature)
    assert weights.dtype == dtype
    assert_close(weights.sum(-1), torch.ones(5, dtype=dtype), rtol=0, atol=0.02)


def test_minus_infinity_gets_nothing():
    scores = normal(5, 7)
    masked = scores.index_fill(1, torch.tensor([2, 6]), -torch.inf)
    for temperature in (1.0, 0.3, 1e-300):
        weights = softmax(masked, temperature)
        assert (weights[:, [2, 6]] == 0).all()
        rest = softmax(scores[:, [0, 1, 3, 4, 5]], temperature)
        assert_close(weights[:, [0, 1, 3, 4, 5]], rest, **EXACT)


@pytest.mark.parametrize("temperature", [1.0, 0.3, 5.0])
@pytest.mark.parametrize("dim", [0, 1])
def test_nothing_to_choose_from_gives_zeros(temperature, dim):
    scores = normal(5, 7)
    scores.select(1 - dim, 3).fill_(-torch.inf)
    scores.requires_grad_()
    weights = softmax(scores, temperature, dim=dim)
    assert (weights.select(1 - dim, 3) == 0).all()
    assert_close(weights.sum(dim).sum().item(), weights.shape[1 - dim] - 1.0, **EXACT)

    (weights * normal(5, 7, seed=1)).sum().backward()
    assert (scores.grad.select(1 - dim, 3) == 0).all()
    assert scores.grad.isfinite().all()
    assert (scores.grad != 0).any()


def test_not_a_number_is_not_hidden():
    scores = tensor([[1, math.nan], [-math.inf, -math.inf], [0, 0]])
    weights = softmax(scores)
    assert weights[0].isnan().all()
    assert weights[1].tolist() == [0, 0]
    assert weights[2].tolist() == [0.5, 0.5]


def test_no_scores_no_weights():
    assert softmax(torch.zeros(5, 0)).shape == (5, 0)
    assert softmax(torch.zeros(5, 0), 0.5).shape == (5, 0)
    assert softmax(torch.zeros(0, 7), 0.5).shape == (0, 7)


def test_scores_are_left_as_they_were():
    scores = normal(5, 7)
    scores[2] = -torch.inf
    before = scores.clone()
    softmax(scores, 0.3)
    assert torch.equal(scores, before)


def test_gradients():
    scores = normal(3, 5).requires_grad_()
    temperature = (normal(3, 1).abs() + 0.5).requires_grad_()
    assert torch.autograd.gradcheck(softmax, (scores, temperature))
    assert torch.autograd.gradgradcheck(softmax, (scores, temperature))
    masked = normal(3, 5).index_fill(1, torch.tensor(2), -torch.inf)
    masked[1] = -torch.inf

    def through_the_mask(x, temperature):
        return softmax(torch.where(masked.isinf(), masked, x), temperature)

    inputs = (normal(3, 5, seed=1).requires_grad_(), temperature)
    assert torch.autograd.gradcheck(through_the_mask, inputs)


@given(n_keys=st.integers(2, 1000), share=st.floats(0.01, 0.99))
def test_margin_that_keeps_a_share_among_many(n_keys, share):
    scores = torch.zeros(n_keys, dtype=torch.float64)
    scores[0] = margin_needed(n_keys, share)
    assert_close(softmax(scores)[0].item(), share, rtol=1e-9, atol=1e-9)


# Entropy


@given(scores=score_lists)
def test_entropy_equals_the_sum(scores):
    weights = softmax(tensor(scores))
    expected = -sum(w * math.log(w) for w in weights.tolist() if w > 0)
    assert_close(entropy(weights).item(), expected, rtol=1e-9, atol=1e-12)


@given(scores=score_lists, temperature=temperatures)
def test_entropy_lies_between_its_limits(scores, temperature):
    spread = entropy(softmax(tensor(scores), temperature)).item()
    assert 0 <= spread <= math.log(len(scores)) + 1e-12


@given(scores=score_lists, low=temperatures, high=temperatures)
def test_entropy_grows_with_temperature(scores, low, high):
    low, high = sorted((low, high))
    cold, hot = (entropy(softmax(tensor(scores), t)).item() for t in (low, high))
    assert cold <= hot + 1e-12


def test_entropy_of_the_extremes():
    for n in (1, 2, 7):
        assert_close(
            entropy(torch.full((n,), 1 / n, dtype=torch.float64)).item(), math.log(n), **EXACT
        )
        certain = entropy(torch.eye(n, dtype=torch.float64))
        assert certain.tolist() == [0.0] * n
        assert not certain.signbit().any()  # 0, not −0
    assert entropy(torch.zeros(3, 7)).tolist() == [0, 0, 0]  # attends to nothing
    assert entropy(torch.tensor([1.0 + 1e-6, 0.0])) == 0  # rounding does not make it negative


def test_entropy_along_any_axis():
    weights = softmax(normal(3, 5, 7), dim=1)
    spread = entropy(weights, dim=1)
    assert spread.shape == (3, 7)
    assert_close(spread, entropy(weights.transpose(1, 2)), **EXACT)


def test_entropy_has_a_finite_gradient_at_zero_weight():
    scores = tensor([2, -math.inf, 1]).requires_grad_()
    entropy(softmax(scores)).backward()
    without = tensor([2, 1]).requires_grad_()
    entropy(softmax(without)).backward()
    assert_close(scores.grad[[0, 2]], without.grad, **EXACT)
    assert scores.grad[1] == 0
    assert torch.autograd.gradcheck(lambda s: entropy(softmax(s)), normal(3, 5).requires_grad_())


# The Jacobian


@given(scores=score_lists, temperature=temperatures)
def test_jacobian_equals_autograd(scores, temperature):
    scores = tensor(scores)
    ours = softmax_jacobian(softmax(scores, temperature), temperature)
    theirs = torch.autograd.functional.jacobian(lambda s: softmax(s, temperature), scores)
    assert_close(ours, theirs, **EXACT)


def test_jacobian_of_a_batch_with_a_temperature_for_each():
    scores, temperature = normal(2, 3, 5), tensor([0.3, 1.0, 4.0])[:, None]
    jacobian = softmax_jacobian(softmax(scores, temperature), temperature)
    assert jacobian.shape == (2, 3, 5, 5)
    for b in range(2):
        for h in range(3):
            t = temperature[h].item()
            assert_close(jacobian[b, h], softmax_jacobian(softmax(scores[b, h], t), t), **EXACT)


@given(scores=score_lists)
def test_jacobian_is_symmetric_and_its_rows_sum_to_zero(scores):
    jacobian = softmax_jacobian(softmax(tensor(scores)))
    assert_close(jacobian, jacobian.mT, **EXACT)
    assert_close(jacobian.sum(-1), torch.zeros(len(scores), dtype=torch.float64), **EXACT)
    assert (jacobian.diagonal() >= 0).all()


def test_jacobian_vanishes_when_one_weight_takes_all():
    norms = [softmax_jacobian(softmax(tensor([s, 0, 0]))).norm().item() for s in (0, 5, 50)]
    assert norms[0] > 0.4 > norms[1] > 1e-2 > 1e-18 > norms[2]


# Bad input

REFUSED = [
    (lambda: margin_needed(1, 0.5), "n_keys=1 must be at least 2"),
    (lambda: margin_needed(5, 1.0), "weight=1.0 must lie between 0 and 1"),
    (lambda: margin_needed(5, 0), "weight=0 must lie between 0 and 1"),
    (lambda: softmax(torch.tensor([2, 4, 1])), "scores must hold floating-point numbers, got"),
    (lambda: softmax([2.0, 4.0, 1.0]), "scores must be a torch.Tensor, got list"),
    (lambda: softmax(torch.tensor(2.0)), r"scores must have axes \[..., n\], got shape \(\)"),
    (lambda: softmax(torch.zeros(3), 0.0), "temperature must be > 0 and finite, got 0.0"),
    (lambda: softmax(torch.zeros(3), -1), "temperature must be > 0 and finite, got -1"),
    (lambda: softmax(torch.zeros(3), math.inf), "temperature must be > 0 and finite, got inf"),
    (
        lambda: softmax(torch.zeros(3, 5), torch.tensor([[1.0], [0.0], [2.0]])),
        "temperature must be > 0 and finite, got values from 0.0 to 2.0",
    ),
    (
        lambda: softmax(torch.zeros(3, 5), torch.ones(5)),
        r"temperature must broadcast to \[..., 1\] = \(3, 1\), got shape \(5,\)",
    ),
    (
        lambda: softmax(torch.zeros(3, 5), torch.ones(7, 1)),
        r"temperature must broadcast to .* = \(3, 1\), got shape \(7, 1\)",
    ),
    (
        lambda: softmax(torch.zeros(3, 5), torch.ones(3, 5), dim=0),
        r"temperature must broadcast to \[..., 1, n\] = \(1, 5\), got shape \(3, 5\)",
    ),
    (lambda: entropy(torch.tensor([0.5, -0.5])), "weights must be at least 0, got -0.5"),
    (lambda: entropy(torch.tensor([1, 0])), "weights must hold floating-point numbers, got"),
    (lambda: entropy(torch.tensor(1.0)), r"weights must have axes \[..., n\], got shape \(\)"),
    (lambda: softmax_jacobian(torch.ones(3, dtype=int)), "weights must hold floating-point"),
    (lambda: softmax_jacobian(torch.tensor(1.0)), r"weights must have axes \[..., n\]"),
    (lambda: softmax_jacobian(torch.ones(3), 0), "temperature must be > 0 and finite, got 0"),
    (
        lambda: softmax_jacobian(torch.ones(3, 5), torch.ones(7, 1)),
        r"temperature must broadcast to .* = \(3, 1\), got shape \(7, 1\)",
    ),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
