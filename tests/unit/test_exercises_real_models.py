"""The real models on a reader's attention: what is right passes, and each mistake is named."""

import itertools
import math
import re

import pytest
import torch
from torch.testing import assert_close

from incontext.exercises import real_models, run_decoder_on, run_encoder_on
from incontext.exercises.real_models import MISTAKES
from incontext.pretrained import load_decoder, load_encoder

TEXT = "The cat sat on the mat."
PROMPT = "The keys to the cabinet"


@pytest.fixture(autouse=True, scope="module")
def loaded_once():
    """Each run takes a model of its own; here all take the same, and put its attention back."""
    with pytest.MonkeyPatch.context() as patch:
        encoder, decoder = load_encoder(), load_decoder()
        patch.setattr(real_models, "load_encoder", lambda: encoder)
        patch.setattr(real_models, "load_decoder", lambda: decoder)
        yield


def mine(query, key, value, mask=None):
    """As a reader writes it, with loops over nothing and no look at the package."""
    scores = torch.einsum("bhtd,bhsd->bhts", query, key) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = torch.where(mask, scores, torch.tensor(-1e30))
    exponentials = (scores - scores.max(-1, keepdim=True).values).exp()
    weights = exponentials / exponentials.sum(-1, keepdim=True)
    return torch.einsum("bhts,bhsd->bhtd", weights, value), weights


def wrong(
    query, key, value, mask=None, *, divide=lambda q: math.sqrt(q.shape[-1]), axis=-1,
    masked=lambda s, m: s.masked_fill(~m, -torch.inf), after=False, swap=False, mix=None,
):  # fmt: skip
    if swap:
        query, key = key, query
    scores = torch.matmul(query, key.transpose(-1, -2)) / divide(query)
    if mask is not None and not after:
        scores = masked(scores, mask)
    weights = torch.softmax(scores, dim=axis)
    if mask is not None and after:
        weights = weights * mask
    return torch.matmul(weights, key if mix else value), weights


WRONG = {
    "no scaling": {"divide": lambda q: 1},
    "scaled by √d_model": {"divide": lambda q: math.sqrt(q.shape[1] * q.shape[-1])},
    "divided by d_k": {"divide": lambda q: q.shape[-1]},
    "root of the number of tokens": {"divide": lambda q: math.sqrt(q.shape[-2])},
    "softmax over the wrong axis": {"axis": 2},
    "softmax over the heads": {"axis": 1},
    "mask left out": {"masked": lambda s, m: s},
    "inverted mask": {"masked": lambda s, m: s.masked_fill(m, -torch.inf)},
    "mask after the softmax": {"after": True},
    "masked scores set to 0": {"masked": lambda s, m: s * m},
    "queries and keys changed places": {"swap": True},
    "keys mixed in place of values": {"mix": True},
}


def attend_with(*names):
    options = {key: one for name in names for key, one in WRONG[name].items()}
    return lambda query, key, value, mask=None: wrong(query, key, value, mask, **options)


def test_every_mistake_has_a_wrong_solution_here():
    assert WRONG.keys() == MISTAKES.keys()


def test_the_encoder_reads_with_the_readers_attention():
    verdict = run_encoder_on(mine, TEXT)
    assert verdict, verdict
    assert "6 layers" in verdict.message and "mine" in verdict.message
    encoder, tokenizer = load_encoder()
    with torch.no_grad():
        expected = encoder(tokenizer.encode(TEXT)[None]).attentions
    assert_close(verdict.attentions, expected, atol=1e-5, rtol=0)
    assert list(verdict.tokens) == tokenizer.tokens(tokenizer.encode(TEXT))


def test_the_decoder_writes_with_the_readers_attention():
    verdict = run_decoder_on(mine, PROMPT)
    assert verdict, verdict
    assert verdict.text.startswith(PROMPT + " are") and verdict.text in verdict.message
    assert len(verdict.attentions) == 30
    assert_close(verdict.attentions[0].sum(-1), torch.ones(1, 9, len(verdict.attentions[0][0, 0])))


@pytest.mark.parametrize(("run", "text"), [(run_encoder_on, TEXT), (run_decoder_on, PROMPT)])
@pytest.mark.parametrize("name", WRONG)
def test_each_mistake_is_named_by_either_model(name, run, text):
    verdict = run(attend_with(name), text)
    assert not verdict and verdict.attentions is None
    assert verdict.message.lower().startswith(name.lower() + ". in layer 1, "), verdict
    assert MISTAKES[name][1] in verdict.message and "fix this first" not in verdict.message


PAIRS = [
    ("no scaling", "softmax over the wrong axis"),
    ("scaled by √d_model", "inverted mask"),
    ("mask left out", "keys mixed in place of values"),
    ("divided by d_k", "queries and keys changed places"),
]


@pytest.mark.parametrize(("first", "behind"), PAIRS)
def test_a_mistake_behind_another_is_named_once_the_first_is_mended(first, behind):
    both = run_decoder_on(attend_with(first, behind), PROMPT)
    assert both.message.lower().startswith(first.lower()) and "fix this first" in both.message
    assert run_decoder_on(attend_with(behind), PROMPT).message.lower().startswith(behind.lower())


@pytest.mark.parametrize(
    ("wrong", "names"),
    list(real_models._ways_to_err()),
    ids=lambda one: "" if callable(one) else str(one),
)
def test_alone_or_with_another_the_first_is_named(wrong, names):
    """Every mistake and every pair of them, at one layer's call with a mask."""
    generator = torch.Generator().manual_seed(5)
    query, key, value = (2 * torch.randn(1, 3, 7, 5, generator=generator) for _ in range(3))
    layer = real_models._Beside(wrong, 1, 6, list("abcdefg"))
    with pytest.raises(real_models._Differs) as found:
        layer(query, key, value, torch.ones(7, 7).tril().bool())
    said = str(found.value)
    assert said.lower().startswith(f"{names[0].lower()}. ")
    assert ("fix this first" in said) == (len(names) > 1)


def test_what_nobody_thought_of_is_pointed_at():
    def doubled_in_one_head(query, key, value, mask=None):
        output, weights = mine(query, key, value, mask)
        weights = weights.clone()
        weights[0, 4, 2, 5] += 0.25
        return output, weights

    message = run_encoder_on(doubled_in_one_head, TEXT).message
    assert re.match(
        r"Layer 1, head 5 is the first to differ: its weight from 'cat' to 'the'", message
    )

    def mixture_off(query, key, value, mask=None):
        output, weights = mine(query, key, value, mask)
        return output + 0.01 * torch.eye(output.shape[-2], output.shape[-1]), weights

    message = run_encoder_on(mixture_off, TEXT).message
    assert message.startswith(
        "Your weights are right, and the output differs first in layer 1, head 1"
    )


def test_a_function_that_fits_no_cache_is_told_when_it_writes():
    def as_many_keys_as_queries(query, key, value, mask=None):
        if query.shape != key.shape:
            raise ValueError("as many keys as queries, please")
        return mine(query, key, value, mask)

    message = run_decoder_on(as_many_keys_as_queries, PROMPT).message
    assert "raised ValueError: as many keys as queries, please (in layer 1 of 30)" in message


@pytest.mark.parametrize(
    ("attend", "message"),
    [
        (..., "Not yet: give run_encoder_on your function"),
        (lambda query, key, value, mask=None: None, "returns nothing so far"),
        (3, "takes your function itself, without calling it. It got 3"),
        (lambda query, key, value, mask=None: value, "returned a tensor of shape [1, 12, 9, 32]"),
        (lambda query, key: (query, key), "raised TypeError"),
        (
            lambda query, key, value, mask=None: (value.transpose(1, 2), value),
            "The output of <lambda> has the shape [1, 9, 12, 32], expected [1, 12, 9, 32]",
        ),
        (
            lambda query, key, value, mask=None: (value, value),
            "The weights of <lambda> has the shape [1, 12, 9, 32], expected [1, 12, 9, 9]",
        ),
    ],
)
def test_what_cannot_be_run_is_said(attend, message):
    verdict = run_encoder_on(attend, TEXT)
    assert not verdict and message in verdict.message


@pytest.mark.parametrize("text", ["", "  ", 3, None])
def test_a_text_is_asked_for(text):
    assert "run_decoder_on needs a text, got" in run_decoder_on(mine, text).message


def test_no_message_shows_an_asterisk():
    messages = [message for _, message in MISTAKES.values()]
    assert not any(re.search(r"\*\w[^*]*\*", message) for message in messages)


def test_names_of_pairs_are_told_apart():
    names = [names for _, names in real_models._ways_to_err()]
    assert len(names) == len(set(names)) and set(itertools.chain(*names)) == set(MISTAKES)
