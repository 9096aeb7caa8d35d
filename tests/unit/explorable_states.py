"""States of an explorable that are worth comparing: each control swept over its range."""

import random

import torch

from incontext.explorables import AttentionLens
from incontext.explorables.base import Explorable


def candidates(control: dict) -> list:
    """Values of one control: both ends, the middle, and one off the round numbers."""
    kind = control["kind"]
    if kind == "slider":
        low, high = control["minimum"], control["maximum"]
        if control["scale"] == "log":
            return [low, (low * high) ** 0.5, low**0.3 * high**0.7, high]
        return [low, (low + high) / 2, 0.63 * low + 0.37 * high, high]
    if kind == "integer":
        low, high = control["minimum"], control["maximum"]
        return sorted({low, min(low + 1, high), (low + high) // 2, high})
    if kind == "steps":
        return control["values"]
    if kind == "select":
        return [option["value"] for option in control["options"]]
    if kind == "toggle":
        return [True, False]
    if kind == "text":
        first, *others = control["examples"]
        return ["", f"zzz {first}", f"{first} zzz {first}", *others, first]
    if kind == "number-list":
        low, high = max(control["minimum"], -3.0), min(control["maximum"], 5.0)
        shorter = [high, *[low] * (control["min_length"] - 1)]
        longer = [low + (high - low) * (i * 0.618 % 1) for i in range(control["max_length"])]
        return [shorter, longer]
    raise ValueError(f"kind={kind!r} has no candidates; add them here")


def changes(explorable: Explorable, n_random: int = 12, seed: int = 5) -> list[dict]:
    """One change at a time, made one after the other: every control, then at random."""
    controls = explorable.spec["controls"]
    swept = [{c["trait"]: value} for c in controls for value in candidates(c)]
    chosen = random.Random(seed)
    mixed = []
    for _ in range(n_random):
        control = chosen.choice(controls)
        mixed.append({control["trait"]: chosen.choice(candidates(control))})
    return swept + mixed


def own_attentions(causal: bool = False) -> list[torch.Tensor]:
    """Weights of 2 layers and 3 heads over 5 tokens, some of them far below any float32 of e."""
    generator = torch.Generator().manual_seed(11)
    scores = 9 * torch.randn(2, 1, 3, 5, 5, generator=generator)
    if causal:
        scores = scores.masked_fill(~torch.ones(5, 5).tril().bool(), -torch.inf)
    return list(scores.softmax(-1))


def own_lens(causal: bool = False) -> AttentionLens:
    tokens = ["the", " keys", " to", " the", " cabinet"]
    return AttentionLens(attentions=own_attentions(causal), tokens=tokens, model="a small model")
