"""Exercises on variations: wrong solutions, as learners write them, get their own message."""

import math

import pytest
import torch

from incontext import exercises


def blocks(mask=lambda keys, queries: keys > queries, total_by=1, mixed_by=1, scale=None, top=True):
    """A solution in plain loops over queries; what is given goes wrong."""

    def solution(query, key, value, block_size):
        rows = []
        for t, q in enumerate(query):
            m, total, mixed = -math.inf, 0.0, torch.zeros(value.shape[1], dtype=value.dtype)
            for start in range(0, len(key), block_size):
                seen = [
                    s for s in range(start, min(start + block_size, len(key))) if not mask(s, t)
                ]
                if not seen:
                    continue
                scores = [float(q @ key[s]) * (scale or 1 / math.sqrt(len(q))) for s in seen]
                before, m = m, max(m, *scores)
                c = math.exp(before - m)
                terms = [math.exp(score - m) for score in scores]
                total = (c if total_by else 1) * total + sum(terms)
                mixed = (c if mixed_by else 1) * mixed
                mixed = mixed + sum(a * value[s] for a, s in zip(terms, seen, strict=True))
            rows.append(mixed / total if top else mixed)
        return torch.stack(rows)

    return solution


def test_blocks_written_in_another_way_pass():
    assert exercises.check_causal_blocks(blocks())


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (blocks(mask=lambda s, t: False), "Nothing is masked."),
        (blocks(mask=lambda s, t: s > t + 1), "One token too many."),
        (blocks(total_by=0), "The sum is not corrected."),
        (blocks(mixed_by=0), "The mixture is not corrected."),
        (blocks(total_by=0, mixed_by=0), "Nothing is corrected."),
        (blocks(scale=1.0), "No division by √d_k."),
        (blocks(top=False), "Not divided by the sum."),
        (lambda q, k, v, size: None, "Not yet"),
    ],
)
def test_mistakes_in_blocks_are_named(solution, says):
    assert exercises.check_causal_blocks(solution).message.startswith(says)


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (lambda n, layers, heads, d: n * layers * heads * d * 4, "Only the keys."),
        (lambda n, layers, heads, d: 2 * n * layers * heads * d, "Numbers, not bytes."),
        (lambda n, layers, heads, d: 64 * n * layers * heads * d, "Bits, not bytes."),
        (lambda n, layers, heads, d: 8 * n * heads * d, "One layer."),
        (lambda n, layers, heads, d: 8 * n * n * layers * heads * d, "The square of the length."),
    ],
)
def test_mistakes_in_bytes_are_named(solution, says):
    assert exercises.check_cache_bytes(solution).message.startswith(says)


def each(condition):
    return lambda n, window: [[condition(t, s, window) for s in range(n)] for t in range(n)]


@pytest.mark.parametrize(
    ("solution", "says"),
    [
        (each(lambda t, s, w: abs(t - s) < w), "It looks ahead."),
        (each(lambda t, s, w: 0 <= s - t < w), "It looks ahead only."),
        (each(lambda t, s, w: 0 <= t - s <= w), "One token too many."),
        (each(lambda t, s, w: 0 < t - s < w), "A query does not see itself."),
        (each(lambda t, s, w: s <= t), "Every earlier token."),
        (each(lambda t, s, w: not 0 <= t - s < w), "Exchanged."),
    ],
)
def test_mistakes_in_windows_are_named(solution, says):
    assert exercises.check_window(each(lambda t, s, w: 0 <= t - s < w))
    assert exercises.check_window(solution).message.startswith(says)


def test_own_text_gets_three_losses():
    assert exercises.check_own_sink(...).message.startswith("Not yet")
    assert "takes a text" in exercises.check_own_sink(3).message
    assert exercises.check_own_sink("Short.").message.startswith("The text is too short.")
    assert exercises.check_own_sink("x y " * 200).message.startswith("The text is too long.")
    verdict = exercises.check_own_sink("one two three four " * 20)
    assert verdict and verdict.message.count(".") >= 4
