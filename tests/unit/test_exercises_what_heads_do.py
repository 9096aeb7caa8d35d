"""Exercises on heads: wrong solutions, as learners write them, get their own message."""

import re

import pytest
import torch

from incontext import exercises
from incontext.pretrained import load_encoder

PEOPLE = ("boy", "girl", "king", "queen", "doctor", "nurse")
PREVIOUS = [(f"Yesterday the {one} sang.", one, "the") for one in PEOPLE]


def looped(weights, target):
    """In plain loops."""
    scores = []
    for row, wanted in zip(weights.tolist(), target.tolist(), strict=True):
        if any(wanted):
            scores.append(sum(a for a, yes in zip(row, wanted, strict=True) if yes))
    return sum(scores) / len(scores)


def test_a_score_in_loops_passes():
    assert exercises.check_pattern_score(looped)


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (lambda w, p: (w * p).sum() / len(w), "All queries count."),
        (lambda w, p: (w * p).sum() / p.sum(), "The mean over keys."),
        (lambda w, p: ((w * p).sum(-1) / p.sum(-1)).nanmean(), "Divided by the targets."),
        (lambda w, p: (w * p).sum() / w.numel(), "The mean over all entries."),
        (lambda w, p: (w * p).max(-1).values[p.any(-1)].mean(), "The largest weight."),
        (lambda w, p: looped(w.T, p), "Rows and columns exchanged."),
        (lambda w, p: (w * p).sum(), "Not divided."),
        (lambda w, p: None, "Not yet"),
    ],
)
def test_mistakes_in_a_score_are_named(solution, says):
    assert exercises.check_pattern_score(solution).message.startswith(says)


def test_the_map_of_the_warm_up_has_rows_that_sum_to_one():
    from incontext.exercises.what_heads_do import SMALL_MAP

    torch.testing.assert_close(SMALL_MAP.sum(-1), torch.ones(4))
    assert exercises.check_hand_score(looped(SMALL_MAP, torch.ones(3).diag(-1).bool()))


@pytest.mark.parametrize(
    ("answer", "says"),
    [(0.375, "Divided by all rows."), (1.5, "Summed."), (0.1333, "The next token.")],
)
def test_mistakes_in_the_warm_up_are_named(answer, says):
    assert exercises.check_hand_score(answer).message.startswith(says)


def induction(step, both=False):
    def solution(ids):
        ids = ids.tolist()
        n = len(ids)
        return [
            [
                0 <= s - step < n and ids[s - step] == ids[t] and (both or s - step < t)
                and s - step != t
                for s in range(n)
            ]
            for t in range(n)
        ]  # fmt: skip

    return solution


def copies(ids, below=1):
    """Entry [t, s] is True where token s is a copy of token t, at least `below` places back."""
    n = len(ids)
    return (ids[:, None] == ids) & (torch.arange(n)[:, None] - torch.arange(n) >= below)


def test_induction_in_loops_passes():
    assert exercises.check_induction_target(induction(1))


def test_other_right_ways_to_roll_pass():
    assert exercises.check_induction_target(lambda ids: copies(ids).roll(1, -1))
    assert exercises.check_induction_target(lambda ids: copies(ids).roll(1))  # no column is lost


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (induction(0), "The copy itself."),
        (induction(-1), "The token before the copy."),
        (induction(1, both=True), "Copies that are still to come."),
        (lambda ids: copies(ids).roll(1, 0), "The queries are rolled."),
        (lambda ids: copies(ids).roll(-1, 0), "The queries are rolled."),
        (lambda ids: copies(ids).roll(-1, 1), "The token before the copy, wrapped round."),
        (lambda ids: copies(ids, 2).roll(1, 1), "A copy right before is missed."),
        (lambda ids: (ids[:, None] == ids.roll(1)).tril(), "The last token wraps round."),
        (lambda ids: (ids[:, None] == ids).roll(1, 1).tril(-1), "The last token wraps round."),
        (lambda ids: (ids[:, None] == ids).roll(1, 1), "Nothing is masked."),
    ],
)
def test_mistakes_in_induction_are_named(solution, says):
    assert exercises.check_induction_target(solution).message.startswith(says)


@pytest.fixture(scope="module")
def holds():
    return exercises.check_own_claim((1, 3, PREVIOUS))


def test_a_claim_that_holds_is_number_one(holds):
    """Layer 1, head 3 looks at the previous word; the numbers by the options of the model."""
    assert holds and "of its weight to the word you named: number 1 of 72" in holds.message
    encoder, tokenizer = load_encoder()
    turned, on = [], torch.ones(6, 12)
    on[0, 2] = 0
    with torch.no_grad():
        for text, _, _ in PREVIOUS:
            ids = tokenizer.encode(text)[None]
            before, after = (encoder(ids, head_mask=m).last_hidden_state[0, 3] for m in (None, on))
            turned.append(1 - torch.cosine_similarity(before, after, dim=0))
    assert f"by {torch.stack(turned).mean():.4f} (1 − cosine)" in holds.message


def test_where_all_words_stand_as_far_apart_no_sentence_decides(holds):
    assert "No sentence decides: in all of them the word stands 1 back" in holds.message


def test_the_sentence_that_decides_is_the_weakest_outside_the_rule():
    """Looking one back finds *the* here, and hardly in *the old king* or *the very old queen*."""
    further = [("The old king sang.", "king", "the"), ("The very old queen sang.", "queen", "the")]
    verdict = exercises.check_own_claim((1, 3, [*PREVIOUS, *further]))
    assert "The rule “1 back” is right in 6 of 8." in verdict.message
    encoder, tokenizer = load_encoder()
    found = {}
    for text, looks, _ in further:
        ids = tokenizer.encode(text)
        with torch.no_grad():
            row = encoder(ids[None]).attentions[0][0, 2, tokenizer.tokens(ids).index(looks)]
        found[text] = row[1].item()
    least = min(found, key=found.get)
    assert f"“{least}”, {found[least]:.2f}." in verdict.message


def test_a_claim_about_the_wrong_head_is_not_number_one():
    message = exercises.check_own_claim((1, 4, PREVIOUS)).message
    assert "number 1 of 72. Switched" not in message


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        ((1, 3, PREVIOUS[:5]), "One sentence is no test."),
        ((7, 3, PREVIOUS), "There is no such head."),
        ((1, 0, PREVIOUS), "There is no such head."),
        (
            (1, 3, [*PREVIOUS, ("The boy saw the girl.", "girl", "the")]),
            "A word is not there once.",
        ),
        ((1, 3), r"check_own_claim takes \(layer, head, sentences\)"),
        ((1, 3, ["The boy sang."] * 6), r"check_own_claim takes \(layer, head, sentences\)"),
        (7, r"check_own_claim takes \(layer, head, sentences\)"),
        (None, "Not yet"),
    ],
)
def test_claims_that_cannot_be_tried_are_told_why(claim, says):
    assert re.match(says, exercises.check_own_claim(claim).message)
