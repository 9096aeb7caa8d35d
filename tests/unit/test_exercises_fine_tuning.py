"""Exercises on fine-tuning: wrong solutions, as learners write them, get their own message."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from incontext import exercises, which_bank
from incontext.exercises.fine_tuning import _run, _test


def by_loops(x, is_token):
    """The mean of each text's tokens, one after the other."""
    return torch.stack(
        [sum(v for v, kept in zip(text, keep, strict=True) if kept) / int(keep.sum())
         for text, keep in zip(x, is_token, strict=True)]
    )  # fmt: skip


def test_a_pool_written_in_another_way_passes():
    assert exercises.check_pool(by_loops)
    assert exercises.check_pool(lambda x, m: torch.einsum("btc,bt->bc", x, m / m.sum(1)[:, None]))


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (lambda x, m: x.mean(dim=1), "Padding is counted."),
        (lambda x, m: torch.einsum("btc,bt->bc", x, m.float()), "A sum."),
        (lambda x, m: x.masked_fill(~m[..., None], 0).mean(1), "Divided by the places"),
        (lambda x, m: by_loops(x, m) * m.sum(1)[:, None] / m.sum(), "One divisor for the whole"),
        (lambda x, m: x[:, 0, :], "The first token alone."),
        (lambda x, m: x.mean(2), "A mean over the wrong axis."),
    ],
)
def test_mistakes_in_the_pool_are_named(solution, says):
    assert exercises.check_pool(solution).message.startswith(says)


def step(
    trained=lambda i, frozen: not frozen[i], rate=lambda rate: rate, cut=lambda i, frozen: False
):
    """A step as a learner writes it, with requires_grad and backward."""

    def solution(weights, frozen, loss_of, learning_rate):
        parameters = [nn.Parameter(w.clone(), trained(i, frozen)) for i, w in enumerate(weights)]
        used = [w.detach() if cut(i, frozen) else w for i, w in enumerate(parameters)]
        loss_of(used).backward()
        with torch.no_grad():
            return [w if w.grad is None else w - rate(learning_rate) * w.grad for w in parameters]

    return solution


def test_a_step_written_with_requires_grad_passes():
    assert exercises.check_frozen_step(step())


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (step(trained=lambda i, frozen: True), "Everything moves."),
        (step(rate=lambda rate: -rate), "Uphill."),
        (step(rate=lambda rate: 1), "The learning rate is not used."),
        (step(cut=lambda i, frozen: any(frozen[i:])), "Nothing below a frozen weight moves."),
    ],
)
def test_mistakes_in_the_step_are_named(solution, says):
    if "below" in says:  # a case in which all is cut has nothing to go backward through
        inner = solution

        def solution(weights, frozen, *rest):
            return weights if all(any(frozen[i:]) for i in range(3)) else inner(
                weights, frozen, *rest
            )  # fmt: skip

    assert exercises.check_frozen_step(solution).message.startswith(says)


def loop(text_rows=lambda rows: rows, label_rows=lambda rows: rows, empty=True):
    """A linear layer trained in float64 by hand, from the slope of cross-entropy."""

    def solution(features, targets, batches, learning_rate):
        weight = torch.zeros(2, features.shape[1], dtype=torch.float64)
        slope = torch.zeros_like(weight)
        for rows in batches:
            x, y = features[text_rows(rows)], targets[label_rows(rows)]
            off = (x @ weight.T).softmax(-1) - F.one_hot(y, 2)
            slope = off.T @ x / len(rows) + (0 if empty else slope)
            weight = weight - learning_rate * slope
        return weight

    return solution


def first(rows):
    return slice(0, len(rows))


def test_a_mended_loop_passes():
    assert exercises.check_mended_batches(loop())


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (loop(label_rows=first), "Labels of other texts."),
        (loop(text_rows=first), "Texts of other labels."),
        (loop(first, first), "Always the first texts."),
        (loop(empty=False), "Gradients that pile up."),
    ],
)
def test_mistakes_in_the_loop_are_named(solution, says):
    assert exercises.check_mended_batches(solution).message.startswith(says)


def test_what_is_no_run_and_test_is_refused():
    run, (texts, labels) = _run(16), _test()
    for given, says in [
        (None, "Not yet"),
        ((run, texts), "check_own_task takes one triple"),
        (run, "check_own_task takes one triple"),
        ((texts, texts, labels), "The first of the three is what fine_tuning.fit returned."),
        ((run, texts, labels[:3]), "In your test, labels must be one for each of 12 texts, got 3"),
        ((run, [*texts[:11], 7], labels), "In your test, texts[11] must be a str, got int"),
        (
            (run, texts, ["cloud", *labels[1:]]),
            "In your test, labels='cloud' must be one of 'money'",
        ),
        ((run, texts, ["river"] * 12), "Labels that are not tested."),
        ((run, [run.texts[0].upper(), *texts[1:]], labels), "A test that was trained on."),
    ]:
        assert exercises.check_own_task(given).message.startswith(says), given


def test_a_run_that_has_learned_is_compared_with_a_bag_of_words():
    """The weights stand in for training: what passes is a share above one answer for all."""
    run, (texts, labels) = _run(16), _test()
    run.predict = lambda some: labels  # all right
    verdict = exercises.check_own_task((run, texts, labels))
    assert verdict and verdict.message.startswith("100% of your 12 new sentences are right.")
    assert "trained on the same 16" in verdict.message
    same_words = which_bank.sentences(12, "held_out", seed=1)
    run.predict = lambda some: ["money", *same_words[1][1:]]
    verdict = exercises.check_own_task((run, *same_words))
    assert verdict
