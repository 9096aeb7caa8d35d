import itertools
import math
import os

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from naive import fill
from torch.testing import assert_close

from incontext.config import TransformerConfig
from incontext.generation import generate, next_token_probabilities, sample
from incontext.transformer import Decoder

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported

VOCAB, LONGEST = 37, 23
N_DRAWS = 20_000

seeds = st.integers(0, 2**32)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def random_logits(seed, *axes):
    return 3 * torch.randn(*axes, VOCAB, generator=seeded(seed), dtype=torch.float64)


def probabilities_by_hand(logits, temperature=1.0, top_k=None, top_p=None):
    """One row of logits as a list; each step told in words."""
    likelihoods = [math.exp(logit / temperature) for logit in logits]
    ranking = sorted(range(len(logits)), key=lambda token: (-likelihoods[token], token))
    kept = ranking[:top_k]
    if top_p is not None:
        whole = sum(likelihoods[token] for token in kept)
        nucleus, reached = [], 0.0
        for token in kept:
            if reached >= top_p:
                break
            nucleus.append(token)
            reached += likelihoods[token] / whole
        kept = nucleus
    whole = sum(likelihoods[token] for token in kept)
    return [likelihoods[token] / whole if token in kept else 0.0 for token in range(len(logits))]


# Probabilities

SETTINGS = [
    {},
    {"temperature": 0.3},
    {"top_k": 5},
    {"top_p": 0.7},
    {"temperature": 2.0, "top_k": 11, "top_p": 0.83},
    {"top_k": VOCAB + 2, "top_p": 1.0},
    {"top_k": 1},
    {"top_p": 1e-6},
]


@pytest.mark.parametrize("options", SETTINGS)
def test_probabilities_step_by_step(options):
    logits = random_logits(3, 2, 5)
    expected = [[probabilities_by_hand(row, **options) for row in rows] for rows in logits.tolist()]
    assert_close(
        next_token_probabilities(logits, **options),
        torch.tensor(expected, dtype=torch.float64),
        rtol=1e-12,
        atol=1e-14,
    )


@given(seeds, st.integers(1, VOCAB + 3), st.floats(0.01, 1.0), st.floats(0.1, 5.0))
def test_probabilities_are_what_the_peers_warpers_leave(seed, top_k, top_p, temperature):
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    logits = random_logits(seed, 3)
    left = TemperatureLogitsWarper(temperature)(None, logits)
    left = TopKLogitsWarper(top_k)(None, left)
    if top_p < 1:
        left = TopPLogitsWarper(top_p)(None, left)
    ours = next_token_probabilities(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    assert_close(ours, left.softmax(-1), rtol=1e-9, atol=1e-12)


def test_the_token_that_crosses_p_is_in_the_nucleus():
    halves = torch.tensor([0.25, 0.5, 0.125, 0.125], dtype=torch.float64)
    for top_p, kept in [(0.25, 1), (0.5, 1), (0.501, 2), (0.75, 2), (0.751, 3), (0.876, 4)]:
        assert (next_token_probabilities(halves.log(), top_p=top_p) > 0).sum() == kept, top_p


def test_top_p_looks_at_what_top_k_left():
    logits = torch.tensor([0.4, 0.3, 0.3], dtype=torch.float64).log()
    assert_close(  # 0.4 of the two that are left is 0.57, above 0.5; of all three it was not
        next_token_probabilities(logits, top_k=2, top_p=0.5),
        torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64),
    )


def test_of_equals_the_smaller_id_is_kept():
    equal = torch.zeros(2, VOCAB)
    for options in ({"top_k": 3}, {"top_p": 2.5 / VOCAB}):
        kept = next_token_probabilities(equal, **options) > 0
        assert kept.nonzero()[:, 1].tolist() == [0, 1, 2, 0, 1, 2]
    assert sample(equal, greedy=True).tolist() == [0, 0]


def test_what_is_impossible_stays_so():
    logits = torch.tensor([0.0, -torch.inf, 1.0, -torch.inf])
    drawn = sample(logits.expand(500, 4), temperature=5.0, generator=seeded(1))
    assert set(drawn.tolist()) == {0, 2}
    assert next_token_probabilities(logits, top_k=3)[[1, 3]].tolist() == [0, 0]


# Draws


@pytest.mark.parametrize("options", SETTINGS)
def test_draws_have_the_distribution_that_is_claimed(options):
    """Pearson's chi-square, below what one draw in a thousand fair ones exceeds."""
    logits = random_logits(5)
    claimed = next_token_probabilities(logits, **options)
    drawn = sample(logits.expand(N_DRAWS, VOCAB), **options, generator=seeded(7))
    counts = drawn.bincount(minlength=VOCAB).double()
    assert counts[claimed == 0].sum() == 0
    common = claimed * N_DRAWS >= 5  # the rare ones are one class
    expected = torch.cat([claimed[common], claimed[~common].sum()[None]]) * N_DRAWS
    found = torch.cat([counts[common], counts[~common].sum()[None]])
    chi_square = ((found - expected) ** 2 / expected.clamp(min=1e-9)).sum().item()
    assert chi_square < chi_square_at_most(int((expected > 0).sum()) - 1)


def chi_square_at_most(n_free):
    """The 0.999 quantile, by Wilson and Hilferty (1931)."""
    if n_free == 0:
        return 1e-6
    return n_free * (1 - 2 / (9 * n_free) + 3.09 * math.sqrt(2 / (9 * n_free))) ** 3


def test_the_check_of_draws_can_fail():
    logits = random_logits(5)
    claimed = next_token_probabilities(logits)
    drawn = sample(logits.expand(N_DRAWS, VOCAB), temperature=1.1, generator=seeded(7))
    common = claimed * N_DRAWS >= 5
    expected = claimed[common] * N_DRAWS
    found = drawn.bincount(minlength=VOCAB)[common]
    chi_square = ((found - expected) ** 2 / expected).sum()
    assert chi_square > chi_square_at_most(len(expected) - 1)


def test_shapes_and_seeds():
    logits = random_logits(0, 2, 3, 5).float()
    drawn = sample(logits, generator=seeded(11))
    assert drawn.shape == (2, 3, 5) and drawn.dtype == torch.int64
    assert torch.equal(drawn, sample(logits, generator=seeded(11)))
    assert not torch.equal(drawn, sample(logits, generator=seeded(12)))
    assert sample(logits[0, 0, 0], generator=seeded(11)).shape == ()


def test_greedy_is_the_likeliest_and_draws_nothing():
    logits, generator = random_logits(2, 7), seeded(3)
    before = generator.get_state()
    drawn = sample(logits, temperature=9.0, top_k=4, greedy=True, generator=generator)
    assert drawn.tolist() == [row.index(max(row)) for row in logits.tolist()]
    assert torch.equal(generator.get_state(), before)
    assert torch.equal(sample(logits, top_k=1), drawn)


# Whole texts


def decoder(positions="rotary", **options):
    options = {"norm_kind": "rms", "activation": "swiglu", "bias": False, "n_kv_heads": 2} | options
    config = TransformerConfig(VOCAB, LONGEST, 24, 6, 29, 3, positions=positions, **options)
    model = fill(Decoder(config)).eval()
    with torch.no_grad():
        model.out_proj.weight.mul_(3)  # so that some tokens are likelier than others
    return model


PROMPT = torch.tensor([5, 31, 2, 17])
OPTIONS = [
    {"greedy": True},
    {"temperature": 0.7},
    {"temperature": 1.5, "top_k": 7, "top_p": 0.9},
]


@torch.no_grad()
def written_by_hand(model, ids, n_new, generator, **options):
    """The whole text anew for each token."""
    ids = ids.tolist()
    for _ in range(n_new):
        logits = model(torch.tensor([ids])).logits[0, -1]
        ids.append(sample(logits, **options, generator=generator).item())
    return ids


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("positions", ["rotary", "alibi", "learned", "sinusoidal", None])
def test_generate_with_and_without_cache(positions, options):
    model = decoder(positions)
    for seed in range(3):
        expected = written_by_hand(model, PROMPT, 13, seeded(seed), **options)
        for use_cache in (True, False):
            written = generate(
                model, PROMPT, 13, **options, generator=seeded(seed), use_cache=use_cache
            )
            assert written.tolist() == expected


@pytest.mark.parametrize("use_cache", [True, False])
def test_each_step_reads_only_what_is_new_with_a_cache(use_cache):
    model, read = decoder(), []
    model.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0].shape[1]))
    generate(model, PROMPT, 5, greedy=True, use_cache=use_cache)
    assert read == ([4, 1, 1, 1, 1] if use_cache else [4, 5, 6, 7, 8])


def test_the_prompt_comes_first_and_keeps_its_type():
    for dtype in (torch.int64, torch.int32):
        written = generate(decoder(), PROMPT.to(dtype), 3, generator=seeded(0))
        assert written.dtype == dtype and written[:4].tolist() == PROMPT.tolist()
        assert len(written) == 7
    assert torch.equal(generate(decoder(), PROMPT, 0), PROMPT)
    assert not written.requires_grad and PROMPT.tolist() == [5, 31, 2, 17]


def test_a_text_may_fill_the_table_of_positions_and_rotary_has_none():
    assert len(generate(decoder("learned"), PROMPT, LONGEST - 4, greedy=True)) == LONGEST
    assert len(generate(decoder("rotary"), PROMPT, LONGEST, greedy=True)) == LONGEST + 4


# The real decoder

REAL_PROMPTS = ["The capital of France is", "Once upon a time", "2 + 2 =  4\n\n7"]


@pytest.fixture(scope="module")
def smollm2():
    from incontext.pretrained import decoder_to_read

    return decoder_to_read()


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("prompt", REAL_PROMPTS)
def test_the_real_decoder_writes_the_same_with_and_without_cache(smollm2, prompt, options):
    model, tokenizer = smollm2
    ids = tokenizer.encode(prompt)
    cached, anew = (
        generate(model, ids, 5, **options, generator=seeded(5), use_cache=use_cache)
        for use_cache in (True, False)
    )
    assert torch.equal(cached, anew)
    assert tokenizer.decode(cached).startswith(prompt)


@torch.no_grad()
def test_the_real_decoders_logits_with_and_without_cache(smollm2):
    model, tokenizer = smollm2
    ids = tokenizer.encode("The chicken didn't cross the road because it was too tired, and so")
    whole = model(ids[None], need_weights=False).logits[0]
    cache = model.new_cache()
    pieces = [ids[:5], *ids[5:].split(1)]
    steps = [model(piece[None], cache=cache, need_weights=False).logits[0] for piece in pieces]
    assert_close(torch.cat(steps), whole, rtol=0, atol=2e-4)


def test_the_real_decoder_knows_the_capital(smollm2):
    model, tokenizer = smollm2
    written = generate(model, tokenizer.encode("The capital of France is"), 1, greedy=True)
    assert tokenizer.decode(written) == "The capital of France is Paris"


# Bad input


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"temperature": 0}, "temperature must be > 0 and finite, got 0; greedy=True"),
        ({"temperature": -1.5}, "temperature must be > 0 and finite, got -1.5; greedy=True"),
        ({"temperature": math.nan}, "temperature must be > 0"),
        ({"temperature": "hot"}, "temperature must be a number, got 'hot'"),
        ({"top_k": 0}, "top_k=0 must be at least 1"),
        ({"top_k": 2.0}, "top_k must be an integer, got 2.0"),
        ({"top_p": 0}, "top_p=0 must be above 0 and at most 1"),
        ({"top_p": 1.01}, "top_p=1.01 must be above 0 and at most 1"),
        ({"top_p": math.nan}, "top_p must be finite"),
        ({"top_p": "all"}, "top_p must be a number, got 'all'"),
    ],
)
def test_options_out_of_range(options, says):
    calls = [
        lambda: next_token_probabilities(random_logits(0), **options),
        lambda: sample(random_logits(0), **options),
        lambda: sample(random_logits(0), greedy=True, **options),
        lambda: generate(decoder(), PROMPT, 3, **options),
    ]
    for call in calls:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value).startswith(says)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("logits", "says"),
    [
        ([0.0, 1.0], "logits must be a torch.Tensor, got list"),
        (torch.arange(3), "logits must hold floating-point numbers, got torch.int64"),
        (torch.tensor([0.0, math.nan]), "logits must be numbers below ∞"),
        (torch.tensor([0.0, math.inf]), "logits must be numbers below ∞"),
        (torch.tensor([[0.0, 1.0], [-math.inf, -math.inf]]), "logits must have one above −∞"),
        (torch.tensor(1.0), "logits must have axes"),
    ],
)
def test_bad_logits(logits, says):
    for greedy, function in itertools.product((False, True), (sample, next_token_probabilities)):
        options = {"greedy": True} if greedy and function is sample else {}
        with pytest.raises(ValueError, match=says):
            function(logits, **options)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("ids", "n_new", "says"),
    [
        (PROMPT[None], 3, r"ids must have axes \[T\], got shape \(1, 4\)"),
        (PROMPT.float(), 3, "ids must be int64 or int32, got torch.float32"),
        (PROMPT + VOCAB, 3, "ids must lie in 0 ≤ ids < vocab_size=37"),
        ([5, 31], 3, "ids must be a torch.Tensor, got list"),
        (PROMPT[:0], 3, "ids must have at least one token"),
        (PROMPT, -1, "n_new=-1 must be at least 0"),
        (PROMPT, 2.5, "n_new must be an integer, got 2.5"),
        (PROMPT, 20, "at most n_positions=23 tokens, got 4 and n_new=20"),
    ],
)
def test_bad_prompt(ids, n_new, says):
    for positions in ("learned", "sinusoidal"):
        with pytest.raises(ValueError, match=says):
            generate(decoder(positions), ids, n_new)
