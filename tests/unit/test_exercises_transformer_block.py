"""Exercises on the transformer block: wrong solutions, as learners write them, get a message."""

import pytest
import torch
from torch import nn

from incontext import exercises
from incontext.block import TransformerBlock
from incontext.config import TransformerConfig


def block(first="n(x)", second="m(x)", keep=True):
    """A solution spelled out, with what each half reads."""

    def solution(x, a, f, n, m):
        names = {"x": x, "n": n, "m": m}
        before = x
        found = a(eval(first, names))
        x = before + found if keep else found
        return x + f(eval(second, {**names, "x": x, "before": before}))

    return solution


def test_a_block_written_in_another_way_passes():
    assert exercises.check_block(block())


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (lambda x, a, f, n, m: m(n(x + a(x)) + f(n(x + a(x)))), "Post-norm."),
        (block(keep=False), "Attention replaces what came in."),
        (lambda x, a, f, n, m: f(m(a(n(x)))), "Nothing is added."),
        (lambda x, a, f, n, m: f(m(x + a(n(x)))), "The network replaces what came in."),
        (block(second="m(before)"), "The network reads the old x."),
        (
            lambda x, a, f, n, m: x + f(m(x + a(n(x)))),
            "The network's result is added to the old x.",
        ),
        (lambda x, a, f, n, m: x + n(a(x)) + m(f(x + n(a(x)))), "The norm is behind the part."),
        (
            lambda x, a, f, n, m: n(x) + a(n(x)) + f(m(n(x) + a(n(x)))),
            "Attention's result is added to normalised vectors.",
        ),
        (block("x", "x"), "No norms."),
        (block("m(x)", "n(x)"), "The norms are exchanged."),
        (block("n(x)", "n(x)"), "One norm for both."),
        (lambda x, a, f, n, m: x + f(m(x)) + a(n(x + f(m(x)))), "The network first."),
        (lambda x, a, f, n, m: x + a(n(x)), "Attention alone."),
        (lambda x, a, f, n, m: m(block()(x, a, f, n, m)), "A norm too many."),
        (
            lambda x, a, f, n, m: m(n(x) + a(n(x))) + f(m(n(x) + a(n(x)))),
            "The normalised vectors are added to.",
        ),
        (lambda x, a, f, n, m: None, "Not yet"),
    ],
)
def test_mistakes_in_a_block_are_named(solution, says):
    assert exercises.check_block(solution).message.startswith(says)


def test_a_block_that_writes_into_its_argument_is_told():
    def solution(x, a, f, n, m):
        x += a(n(x))
        x += f(m(x))
        return x

    assert "changes its argument number 1" in exercises.check_block(solution).message


def test_the_count_is_that_of_the_packages_block():
    config = TransformerConfig(5, 5, 30, 3, 41, 1)
    counted = sum(p.numel() for p in TransformerBlock(config).parameters())
    assert exercises.check_block_parameters.reference(30, 41) == counted
    layer = nn.TransformerEncoderLayer(30, 3, 41)
    assert sum(p.numel() for p in layer.parameters()) == counted


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (lambda c, f: 4 * c * c + 2 * c * f + 4 * c, "No biases."),
        (lambda c, f: 4 * c * c + 4 * c + 2 * c * f + f + c, "No norms."),
        (lambda c, f: 4 * c * c + 4 * c + 2 * c * f + 4 * c, "No biases in the network."),
        (lambda c, f: 4 * c * c + 4 * c + 2 * c * f + c + 4 * c, "The first bias of the network."),
        (lambda c, f: 4 * c * c + 4 * c + 2 * c * f + f + c + 2 * c, "Half of the norms."),
        (lambda c, f: 3 * c * c + 3 * c + 2 * c * f + f + c + 4 * c, "Three projections."),
        (lambda c, f: 4 * c * c + 4 * c + c * f + f + 4 * c, "The network goes up"),
    ],
)
def test_mistakes_in_counting_are_named(solution, says):
    assert exercises.check_block_parameters(solution).message.startswith(says)


def norm(dim=-1, eps_in=True, **options):
    def solution(x, gain, shift, eps):
        x = x - x.mean(dim, keepdim=True)
        variance = (x**2).mean(dim, keepdim=True)
        if options.get("sample"):
            variance = variance * x.shape[-1] / (x.shape[-1] - 1)
        return gain * x / ((variance + eps) ** 0.5 if eps_in else variance**0.5 + eps) + shift

    return solution


def step_by_step(mean, variance):
    """A solution with its two means taken as given."""

    def solution(x, gain, shift, eps):
        centred = x - mean(x)
        return gain * centred / (variance(centred**2) + eps) ** 0.5 + shift

    return solution


def kept(x):
    return x.sum(-1, keepdim=True) / x.shape[-1]


def without_keepdim(x):
    return x.sum(-1) / x.shape[-1]


def over_tokens(x):
    return x.sum(0) / len(x)


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (norm(0), "Over the tokens."),
        (step_by_step(kept, over_tokens), "The variance is still over the tokens."),
        (step_by_step(over_tokens, kept), "The mean is still over the tokens."),
        (step_by_step(without_keepdim, without_keepdim), "Keepdim is missing."),
        (step_by_step(without_keepdim, kept), "Keepdim is missing in the mean."),
        (step_by_step(kept, without_keepdim), "Keepdim is missing in the variance."),
        (norm((0, 1)), "Over everything."),
        (norm(sample=True), "The variance of a sample."),
        (norm(eps_in=False), "The ε outside of the root."),
        (
            lambda x, g, b, e: g * x / (x.square().mean(-1, keepdim=True) + e).sqrt() + b,
            "The mean stays.",
        ),
        (lambda x, g, b, e: norm()(x, 1, b, e), "No γ."),
        (lambda x, g, b, e: norm()(x, g, 0, e), "No β."),
    ],
)
def test_mistakes_in_a_norm_are_named(solution, says):
    assert exercises.check_layer_norm(norm())
    assert exercises.check_layer_norm(solution).message.startswith(says)


def test_another_error_in_a_norm_is_not_taken_for_a_missing_keepdim():
    verdict = exercises.check_layer_norm(lambda x, gain, shift, eps: x @ x)
    assert not verdict and "keepdim" not in verdict.message


def test_the_norms_reference_is_torchs():
    x = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    gain, shift = torch.arange(7.0), torch.ones(7)
    found = exercises.check_layer_norm.reference(x, gain, shift, 1e-5)
    torch.testing.assert_close(found, nn.functional.layer_norm(x, (7,), gain, shift, 1e-5))


def test_a_decision_of_ones_own():
    check = exercises.check_own_decision
    assert check(...).message.startswith("Not yet")
    for wrong in (3, "The keys", ("The keys", "are"), ("The keys", 3, "is")):
        assert "takes a prompt and two words" in check(wrong).message
    verdict = check(("The keys to the cabinet", "are", "is"))
    assert verdict and "+3.41" in verdict.message
    assert "layer 27, head 1 +3.22" in verdict.message
    assert "takes +3.10 away" in verdict.message


def test_row_and_switch_agree_or_differ_by_the_criterion_of_the_task():
    check = exercises.check_own_decision
    assert "row and switch agree (" in check(("The keys to the cabinet", "are", "is")).message
    differing = check(("The doors of the house", "are", "is"))  # +3.61, and +1.25 taken away
    assert differing and "row and switch differ (" in differing.message
    assert "layer 29, feed-forward −3.43" in differing.message  # a minus, not a hyphen


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("The keys to the cabinet ", "The prompt ends with a space."),
        ("The keys to the cabinet\n", "The prompt ends with a space."),
        ("  ", "The prompt is empty."),
    ],
)
def test_a_prompt_that_ends_with_a_space_is_refused(prompt, says):
    verdict = exercises.check_own_decision((prompt, "are", "is"))
    assert not verdict and verdict.message.startswith(says)
