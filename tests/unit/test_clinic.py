"""The clinic: every breakage breaks what it claims and nothing else, and the record is a record."""

import dataclasses
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from incontext import clinic, corpus, training
from incontext.attention import attention_scores, causal_mask, scaled_dot_product_attention
from incontext.softmax import softmax
from incontext.training import Recipe, batch_of, fit, loss_of

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
import record_clinic

SHORT = Recipe(n_steps=4, batch_size=8, validate_every=2, warm_up=1, stop_at=None)
NUMBERS = range(1, len(clinic.WARD) + 1)
SOME = [corpus.every_sentence(name, "held_out")[i] for name in corpus.FAMILIES for i in (0, 20)]
BY_NAME = {one.make: number for number, one in enumerate(clinic.WARD, start=1)}


def pair(make, seed=0):
    """A patient and the healthy run that it was."""
    number = BY_NAME[make]
    reading = clinic.WARD[number - 1].reading
    return clinic.patient(number, seed, SHORT), clinic.healthy(reading, seed, SHORT)


def vectors(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def with_another_answer(sentence):
    words = list(sentence.words)
    words[sentence.answer] = next(w for w in sentence.alternatives if w != words[sentence.answer])
    return dataclasses.replace(sentence, words=tuple(words))


def same_weights(one, other):
    one, other = one.model.state_dict(), other.model.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# Each breakage


def test_there_are_ten_different_ones():
    assert len(clinic.WARD) == len({one.name for one in clinic.WARD}) == len(BY_NAME) == 10


def test_inverted_mask_attends_where_it_may_not():
    q, k, v = (vectors(2, 3, 5, 7, seed=i) for i in range(3))
    mask = causal_mask(5)
    output, weights = clinic.attend_where_forbidden(q, k, v, mask=mask)
    assert not weights[..., mask].any() and (weights[..., :-1, :].sum(-1) - 1).abs().max() < 1e-12
    assert_close(output, scaled_dot_product_attention(q, k, v, mask=~mask)[0])
    fused, _ = clinic.attend_where_forbidden(q, k, v, mask=mask, need_weights=False)
    assert_close(fused, output)


def test_softmax_over_queries_shares_out_each_key():
    q, k, v = (vectors(2, 3, 5, 7, seed=i) for i in range(3))
    mask = causal_mask(5)
    output, weights = clinic.attend_over_queries(q, k, v, mask=mask, need_weights=False)
    assert_close(weights.sum(-2), torch.ones(2, 3, 5, dtype=torch.float64))
    scores = attention_scores(q, k, mask=mask)
    assert_close(weights.mT, softmax(scores.mT))
    assert_close(output, weights @ v)


def test_scaled_by_d_model_is_a_temperature_of_the_root_of_the_heads():
    ill, _ = pair(clinic.scaled_by_d_model)
    q, k, v = (vectors(2, 4, 5, 8, seed=i) for i in range(3))
    for block in ill.model.stack.blocks:
        expected = scaled_dot_product_attention(q, k, v, temperature=math.sqrt(4))
        assert_close(block.attention.attend(q, k, v), expected)


def test_viewed_heads_cut_the_tokens_as_view_does():
    ill, well = pair(clinic.viewed_heads)
    ours, theirs = (run.model.stack.blocks[0].attention.double() for run in (ill, well))
    x, mask = vectors(3, 11, 32), causal_mask(11)
    q, k, v = (proj(x).view(3, 4, 11, 8) for proj in (theirs.q_proj, theirs.k_proj, theirs.v_proj))
    mixed, weights = scaled_dot_product_attention(q, k, v, mask=mask)
    expected = theirs.out_proj(mixed.transpose(1, 2).reshape(3, 11, 32))
    assert_close(ours(x, mask=mask), (expected, weights))
    assert not torch.allclose(theirs(x, mask=mask)[0], expected, atol=1e-3)


def test_keys_tied_to_queries_are_one_matrix_before_and_after_a_step():
    ill, well = pair(clinic.keys_tied_to_queries)
    fewer = sum(p.numel() for p in well.model.parameters()) - sum(
        p.numel() for p in ill.model.parameters()
    )
    assert fewer == 2 * (32 * 32 + 32)
    fit(ill, progress=False)
    for block in ill.model.stack.blocks:
        assert block.attention.k_proj is block.attention.q_proj
    ids, is_word, _ = batch_of(SOME, ill.vocabulary, ill.reading)
    scores = first_scores(ill, ids, is_word)
    assert_close(scores, scores.mT)


def first_scores(run, ids, is_word):
    """Of the first layer, without a mask."""
    block = run.model.stack.blocks[0]
    x = block.attention_norm(run.model.stack.embed(ids))
    q, k = block.attention.q_proj(x), block.attention.k_proj(x)
    return q @ k.mT


def test_positions_along_the_batch():
    ill, well = pair(clinic.positions_along_the_batch)
    ids, _, _ = batch_of(SOME, ill.vocabulary, ill.reading)
    words, rows = well.model.stack.token_embedding.weight, well.model.stack.position_embedding
    embedded = ill.model.stack.embed(ids)
    for b, of_sentence in enumerate(ids):
        for t, word in enumerate(of_sentence):
            assert_close(embedded[b, t], words[word] + rows.weight[b])
    many = ids.repeat(5, 1)  # more sentences than rows
    assert_close(ill.model.stack.embed(many)[32], ill.model.stack.embed(many[32:33])[0])
    assert ill.model.out_proj.weight is ill.model.stack.token_embedding.weight


def test_no_residual_has_the_blocks_without_it():
    ill, well = pair(clinic.no_residual)
    assert not ill.model.config.residual
    assert dataclasses.replace(ill.model.config, residual=True) == well.model.config
    assert same_weights(ill, well)


def test_padding_not_masked_reads_it():
    ill, _ = pair(clinic.padding_not_masked)
    weights = clinic.maps(ill, SOME)
    _, is_word, _ = batch_of(SOME, ill.vocabulary, ill.reading)
    assert (weights.sum(-1) - 1).abs().max() < 1e-5
    on_padding = (weights * ~is_word[:, None, None, None]).sum(-1)
    assert on_padding[(~is_word).any(-1)].min() > 0.01


def test_unshifted_targets_ask_for_the_word_before_their_eyes():
    ill, well = pair(clinic.unshifted_targets)
    ids, is_word, before = batch_of(SOME, ill.vocabulary, ill.reading)
    logits = well.model(ids, is_word).logits
    at_the_answer = logits[torch.arange(len(ids)), before + 1]
    assert_close(ill.logits_at_answers(SOME), at_the_answer, atol=1e-6, rtol=1e-5)
    assert loss_of(ill, SOME) < loss_of(well, SOME) - 0.2  # the word is in its own vector


def test_learning_rate_times_ten_is_the_only_change():
    ill, well = pair(clinic.learning_rate_times_ten)
    assert ill.recipe == dataclasses.replace(well.recipe, learning_rate=0.05)
    assert same_weights(ill, well)


# What they have in common


@pytest.mark.parametrize("number", NUMBERS)
def test_a_patient_starts_from_the_weights_of_the_healthy_run_and_trains(number):
    ill = clinic.patient(number, 1, SHORT)
    well = clinic.healthy(clinic.WARD[number - 1].reading, 1, SHORT)
    if clinic.WARD[number - 1].make is not clinic.keys_tied_to_queries:
        assert same_weights(ill, well)
    fit(ill, progress=False)
    assert len(ill.losses) == 4 and all(map(math.isfinite, ill.losses))
    assert not same_weights(ill, well)


UNDONE = {
    clinic.inverted_mask: lambda run: put(run, scaled_dot_product_attention),
    clinic.softmax_over_queries: lambda run: put(run, scaled_dot_product_attention),
    clinic.scaled_by_d_model: lambda run: put(run, scaled_dot_product_attention),
    clinic.viewed_heads: lambda run: put(run, scaled_dot_product_attention),
    clinic.unshifted_targets: lambda run: training.TrainingRun(**vars(run)),
    clinic.learning_rate_times_ten: lambda run: dataclasses.replace(run, recipe=SHORT),
    clinic.positions_along_the_batch: lambda run: with_class(run.model.stack, run),
    clinic.padding_not_masked: lambda run: with_class(run.model, run),
}


def put(run, attend):
    for block in run.model.stack.blocks:
        block.attention.attend = attend
    return run


def with_class(part, run):
    part.__class__ = type(part).__mro__[1]
    return run


@pytest.mark.parametrize("make", UNDONE, ids=lambda make: make.__name__)
def test_without_the_breakage_a_patient_is_the_healthy_run(make):
    ill, well = pair(make)
    mended = fit(UNDONE[make](pair(make)[0]), progress=False)
    assert fit(ill, progress=False).losses != fit(well, progress=False).losses
    assert mended.losses == well.losses and same_weights(mended, well)


# How the chapter's tests see them, before the first step


def peeks(run):
    other = [with_another_answer(one) for one in SOME]
    return moved(run.logits_at_answers(SOME), run.logits_at_answers(other))


def minds_company(run):
    alone = torch.cat([run.logits_at_answers([one]) for one in SOME])
    return moved(run.logits_at_answers(SOME), alone)


def moved(one, other):
    return (one - other).abs().max().item() > 1e-6


def test_who_sees_the_answer_and_who_minds_the_company():
    runs = {number: clinic.patient(number) for number in NUMBERS}
    leaky = {clinic.inverted_mask, clinic.softmax_over_queries, clinic.viewed_heads}
    assert {clinic.WARD[n - 1].make for n in runs if peeks(runs[n])} == {
        *leaky,
        clinic.unshifted_targets,
    }
    assert {clinic.WARD[n - 1].make for n in runs if minds_company(runs[n])} == {
        *leaky,
        clinic.positions_along_the_batch,
        clinic.padding_not_masked,
    }
    for reading in corpus.READINGS:
        assert not peeks(clinic.healthy(reading)) and not minds_company(clinic.healthy(reading))


def test_accuracy_alone_gives_the_answer_away_to_nobody():
    run = clinic.healthy(recipe=SHORT)
    with torch.no_grad():  # a model that copies the next word, where it can see it
        run.model.stack.token_embedding.weight.normal_(generator=torch.Generator().manual_seed(3))
    assert clinic.accuracy_alone(run, SOME) == pytest.approx(run.accuracy(SOME))
    other = [with_another_answer(one) for one in SOME]
    assert clinic.accuracy_alone(run, other) == pytest.approx(1 - clinic.accuracy_alone(run, SOME))


def test_accuracy_alone_shows_nothing_from_the_answer_on(monkeypatch):
    run, shown = clinic.healthy(recipe=SHORT), []
    forward = run.model.forward

    def listening(ids, *args, **options):
        shown.append(run.vocabulary.decode(ids[0]))
        return forward(ids, *args, **options)

    monkeypatch.setattr(run.model, "forward", listening)
    clinic.accuracy_alone(run, SOME)
    assert shown == [" ".join(one.words[: one.answer]) for one in SOME]


def test_maps_are_those_of_the_model():
    run = clinic.healthy(recipe=SHORT)
    weights = clinic.maps(run, SOME)
    longest = max(len(one.words) for one in SOME)
    assert weights.shape == (len(SOME), 2, 4, longest, longest)
    ids, is_word, _ = batch_of(SOME[:1], run.vocabulary, run.reading)
    n = ids.shape[1]
    alone = run.model(ids, is_word).attentions[1][0]
    assert_close(weights[0, 1, :, :n, :n], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: clinic.patient(11), "number=11 must be at most 10"),
        (lambda: clinic.patient(0), "number"),
        (lambda: clinic.recorded("nobody"), "who"),
    ],
)
def test_what_cannot_be_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


# The record


def test_packing_keeps_hundredths():
    weights = np.random.default_rng(3).random((2, 3, 5))
    read = clinic.unpacked(clinic.packed(weights), weights.shape)
    assert np.abs(read - weights).max() <= 0.005 + 1e-12


def test_the_record_is_small_and_whole():
    assert clinic.RECORDED.stat().st_size < 300_000
    held = json.loads(clinic.RECORDED.read_text(encoding="utf-8"))
    assert held["recipe"] == json.loads(json.dumps(dataclasses.asdict(clinic.RECIPE)))
    for who in (*NUMBERS, *corpus.READINGS):
        of_seeds = clinic.recorded(who)
        assert [one.seed for one in of_seeds] == [0, 1, 2]
        reading = clinic.WARD[who - 1].reading if isinstance(who, int) else who
        for one in of_seeds:
            assert one.reading == reading
            for values in (one.training, *one.loss.values(), *one.accuracy.values()):
                assert len(values) == len(one.steps) == 17
            assert (one.maps is None) == (one.seed > 0)
        assert of_seeds[0].maps.shape == (4, 2, 2, 4, 11, 11)


@pytest.mark.parametrize("who", record_clinic.EVERYONE)
def test_todays_code_begins_every_run_as_it_was_recorded(who):
    """Losses before the first step and over the first twenty, held-out losses, and maps."""
    record_clinic.check([who], seeds=[0])


def test_the_check_of_the_record_notices_another_patient(monkeypatch):
    monkeypatch.setattr(record_clinic, "starting", lambda who, *rest: clinic.patient(3, *rest))
    with pytest.raises(AssertionError, match=r"1, seed 0: .* differs by"):
        record_clinic.check(["1"], seeds=[0])
    healthy = clinic.healthy
    monkeypatch.setattr(
        record_clinic, "starting", lambda who, *rest: healthy("left-to-right", *rest)
    )
    with pytest.raises(AssertionError, match="4, seed 1: loss in training"):  # another rate
        record_clinic.check(["4"], seeds=[1])


def test_the_script_draws_the_maps_of_the_sentences_that_it_names():
    chosen = record_clinic.sentences()
    assert [one.text for one in chosen] == list(clinic.SENTENCES)
    assert [one.text for one in clinic.recorded(1)[0].sentences] == list(clinic.SENTENCES)
    first = clinic.maps(clinic.healthy(), chosen).numpy()
    [held, *_] = clinic.recorded("left-to-right")
    assert np.abs(held.maps[0] - first).max() < 0.006
