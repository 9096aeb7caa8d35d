"""Exercises on training: wrong solutions, written as learners write them, get their own message."""

import math

import pytest
import torch
import torch.nn.functional as F

from incontext import exercises
from incontext.attention import scaled_dot_product_attention
from incontext.exercises.training import check_own_family


def one_by_one(surprise, together=lambda each: sum(each) / len(each)):
    """A loss at the answer in a plain loop over sentences."""

    def solution(logits, ids, answers):
        each = [
            surprise(row, words.tolist(), int(answer))
            for row, words, answer in zip(logits, ids, answers, strict=True)
        ]
        return together(each)

    return solution


def nats(scores, word):
    """−log softmax, by hand."""
    return float(torch.logsumexp(scores, 0) - scores[word])


def right(rows, words, answer):
    return nats(rows[answer - 1], words[answer])


def test_a_loss_written_in_another_way_passes():
    assert exercises.check_answer_loss(one_by_one(right))


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (one_by_one(lambda rows, words, a: nats(rows[a], words[a])), "The row of the answer"),
        (
            one_by_one(lambda rows, words, a: nats(rows[a - 1], words[a - 1])),
            "The word before as the target.",
        ),
        (one_by_one(lambda rows, words, a: nats(rows[-1], words[a])), "The last row."),
        (one_by_one(lambda rows, words, a: -right(rows, words, a)), "The wrong sign."),
        (one_by_one(lambda *given: -math.exp(-right(*given))), "No logarithm."),
        (one_by_one(right, together=sum), "A sum over the sentences."),
        (one_by_one(right, together=torch.tensor), "One loss for each sentence."),
        (
            one_by_one(
                lambda *given: math.exp(-right(*given)),
                together=lambda each: -math.log(sum(each) / len(each)),
            ),
            "The logarithm of the mean.",
        ),
        (
            lambda logits, ids, answers: F.cross_entropy(logits[:, :-1].mT, ids[:, 1:]),
            "Every word.",
        ),
        (
            one_by_one(lambda rows, words, a: nats(rows[a - 1].softmax(0), words[a])),
            "Softmax twice.",
        ),
        (lambda logits, ids, answers: ..., "Not yet"),
    ],
)
def test_mistakes_in_the_loss_at_the_answer_are_named(solution, says):
    assert exercises.check_answer_loss(solution).message.startswith(says)


def step(order, row=0, mask=True, returns=float):
    """A training step, line by line in this order."""

    def my_step(model, optimizer, ids, is_word, rows, answers):
        scores = (model(ids, is_word) if mask else model(ids)).logits
        picked = torch.stack([scores[i, at + row] for i, at in enumerate(rows.tolist())])
        loss = -picked.log_softmax(-1).gather(1, answers[:, None]).mean()
        for part in order:
            {"empty": model.zero_grad, "back": loss.backward, "step": optimizer.step}[part]()
        return returns(loss.detach())

    return my_step


@pytest.mark.parametrize(
    "solution",
    [
        step(["empty", "back", "step"]),
        step(["back", "step", "empty"]),
        step(["empty", "back", "step"], returns=lambda loss: loss),
    ],
)
def test_a_right_step_passes(solution):
    assert exercises.check_training_step(solution)


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (step(["back", "step"]), "Gradients that pile up."),
        (step(["back", "empty", "step"]), "Nothing moves."),
        (step(["step", "empty", "back"]), "One step behind."),
        (step(["empty", "step", "back"]), "Nothing moves."),
        (step(["empty", "back"]), "Nothing moves."),
        (step(["empty", "back", "step", "step"]), "Two steps."),
        (step(["empty", "back", "step"], row=-1), "The wrong row."),
        (step(["empty", "back", "step"], mask=False), "Padding is read."),
        (step(["empty", "back", "step"], returns=lambda loss: None), "The loss is not returned."),
        (lambda *given: ..., "Not yet"),
        (lambda *given: None, "Not yet"),
        (7, "check_training_step takes your function itself"),
    ],
)
def test_mistakes_in_the_step_are_named(solution, says):
    assert exercises.check_training_step(solution).message.startswith(says)


def test_a_step_that_raises_says_how():
    verdict = exercises.check_training_step(lambda model: 1.0)
    assert not verdict and "TypeError" in verdict.message


def by_words(places, count=lambda is_word, t: bool(is_word[t + 1])):
    """A loss over all words in a plain loop; places says which row meets which word."""

    def solution(logits, ids, is_word):
        losses = [
            nats(rows[row], int(words[word]))
            for rows, words, there in zip(logits, ids, is_word, strict=True)
            for t in range(len(words) - 1)
            if count(there, t)
            for row, word in [places(t)]
        ]
        return sum(losses) / len(losses)

    return solution


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (by_words(lambda t: (t, t + 1)), "Shifted by one"),
        (by_words(lambda t: (t + 1, t)), "Shifted the wrong way."),
        (by_words(lambda t: (t, t + 1), lambda there, t: True), "Padding counted."),
        (by_words(lambda t: (t, t + 1), lambda there, t: bool(there[t])), "The mask not shifted."),
        (
            lambda logits, ids, is_word: F.cross_entropy(logits.mT, ids),
            "Targets not shifted, and padding counted.",
        ),
        (
            lambda logits, ids, is_word: F.cross_entropy(
                logits.mT, ids.masked_fill(~is_word, -100)
            ),
            "Targets not shifted.",
        ),
        (
            lambda logits, ids, is_word: torch.stack(
                [
                    F.cross_entropy(rows[: n - 1], words[1:n])
                    for rows, words, n in zip(logits, ids, is_word.sum(-1), strict=True)
                ]
            ).mean(),
            "The mean of means.",
        ),
        (lambda *given: None, "Not yet"),
    ],
)
def test_the_loss_over_every_word(solution, says):
    assert exercises.check_every_word_loss(solution).message.startswith(says)


def drawn(chances):
    """A sampler that walks along the probabilities."""

    def solution(scores, temperature, u):
        total = 0.0
        for word, chance in enumerate(chances(scores, temperature).tolist()):
            total += chance
            if u < total:
                return word
        return len(scores) - 1

    return solution


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (drawn(lambda scores, t: F.softmax(scores / t, -1)), "Drawn with the right chances"),
        (drawn(lambda scores, t: F.softmax(scores * t, -1)), "Times the temperature."),
        (drawn(lambda scores, t: F.softmax(scores, -1)), "The temperature is not used."),
        (drawn(lambda scores, t: F.softmax(scores, -1) / t), "The temperature after the softmax."),
        (lambda scores, t, u: scores.argmax(), "Always the likeliest."),
        (
            lambda scores, t, u: drawn(lambda s, t: F.softmax(s / t, -1))(scores, t, u) + 1,
            "One word too far.",
        ),
        (lambda *given: ..., "Not yet"),
    ],
)
def test_the_sampler(solution, says):
    assert exercises.check_sampler(solution).message.startswith(says)


@pytest.mark.parametrize(
    ("sentences", "says"),
    [
        (30 * ["the cat sat ."], "No answer is marked."),
        (["the *cat* *sat* ."] * 30, "No answer is marked."),
        (40 * ["the *cat* sat ."], "Too few sentences."),
        ([f"{i} cats *sat* ." for i in range(31)], "There is only one answer."),
        ("the *cat* sat .", "check_own_family takes a list"),
        (7, "check_own_family takes a list"),
        (None, "Not yet"),
    ],
)
def test_sentences_with_which_nothing_can_be_learned_are_refused(sentences, says):
    assert exercises.check_own_family(sentences).message.startswith(says)


def test_where_counting_is_enough_it_says_so():
    (counting,) = [m for m in check_own_family.mistakes if m.name == "counting is enough"]
    verdict = exercises.check_own_family(counting.solution())
    assert not verdict and "Counting is enough." in verdict.message


def test_a_rule_that_does_not_exist_is_learned_by_heart():
    """The answer is a coin toss, but each sentence can be recognised."""
    coin = torch.randint(2, (40,), generator=torch.Generator().manual_seed(3)).tolist()
    texts = [
        f"number {i} says that it is *{'even' if toss else 'odd'}* ." for i, toss in enumerate(coin)
    ]
    verdict = exercises.check_own_family(texts)
    assert not verdict and "by heart" in verdict.message


def test_the_learners_step_and_attention_train_the_transformer():
    calls = []

    def attend(query, key, value, mask=None, **rest):
        calls.append(query.shape)
        return scaled_dot_product_attention(query, key, value, mask=mask, **rest)

    verdict = exercises.train_with(step(["empty", "back", "step"]), attend, n_steps=3)
    assert not verdict and "after 3 steps" in verdict.message
    assert calls and len(verdict.run.losses) == 3
    lazy = exercises.train_with(lambda *given: None, n_steps=3)
    assert lazy.message.startswith("Not yet")
