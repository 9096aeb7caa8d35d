"""Which mistakes raise no error, and how do they show?

Ten breakages. Each is a function that makes a patient out of a healthy ``TrainingRun`` before its
first step, by a hook of the package: another ``attend``, a subclass, another configuration or
recipe. All shapes still fit, and all ten train. What a healthy run of the same seed does is the
comparison: without the breakage a patient would be that run, to the last bit.

    scores of q and k         inverted_mask · softmax_over_queries · scaled_by_d_model
    the heads and projections viewed_heads · keys_tied_to_queries
    around the layers         positions_along_the_batch · no_residual
    loss and loop             unshifted_targets · learning_rate_times_ten · padding_not_masked

Axes: ``B`` batch, ``T`` queries, ``S`` keys, ``H`` heads, ``D`` d_k, ``L`` layers, ``V`` words.
"""

import base64
import dataclasses
import functools
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from incontext import checks
from incontext.attention import attention_scores, scaled_dot_product_attention
from incontext.corpus import READINGS, Sentence
from incontext.heads import merge_heads
from incontext.softmax import softmax
from incontext.training import (
    BothSides,
    Recipe,
    TrainingRun,
    batch_of,
    default_config,
    new_run,
)
from incontext.transformer import Encoder

# Scores and weights: another attention function


def inverted_mask(run: TrainingRun) -> TrainingRun:
    """The mask is read as PyTorch's ``nn.MultiheadAttention`` reads it: True = may not attend."""
    return _with_attend(run, attend_where_forbidden)


def attend_where_forbidden(query, key, value, *, mask, **rest):
    return scaled_dot_product_attention(query, key, value, mask=~mask, **rest)


def softmax_over_queries(run: TrainingRun) -> TrainingRun:
    """The weights sum to one over the queries of a key: ``dim=-2`` where ``dim=-1`` should be."""
    return _with_attend(run, attend_over_queries)


def attend_over_queries(query, key, value, *, mask, **rest):
    weights = softmax(attention_scores(query, key, mask=mask), dim=-2)
    return weights @ value, weights


def scaled_by_d_model(run: TrainingRun) -> TrainingRun:
    """Scores are divided by √d_model, the root of the model's width and not of the head's."""
    scale = 1 / math.sqrt(run.model.config.d_model)
    return _with_attend(run, functools.partial(scaled_dot_product_attention, scale=scale))


def viewed_heads(run: TrainingRun) -> TrainingRun:
    """Heads are cut by ``x.view(B, H, T, D)``, which fits, and puts tokens in wrong places."""
    return _with_attend(run, attend_in_viewed_heads)


def attend_in_viewed_heads(query, key, value, **rest):
    q, k, v = (merge_heads(x).view(x.shape) for x in (query, key, value))
    return scaled_dot_product_attention(q, k, v, **rest)


def keys_tied_to_queries(run: TrainingRun) -> TrainingRun:
    """One matrix makes the queries and the keys: ``k_proj`` is ``q_proj``."""
    for block in run.model.stack.blocks:
        block.attention.k_proj = block.attention.q_proj
    return run


# Around the layers: another model


class AlongTheBatch(Encoder):
    """Every word of the first sentence gets row 0 of the position table, of the second row 1, …"""

    def embed(self, ids, types=None, n_past=0):
        table = self.position_embedding.weight
        rows = torch.arange(len(ids)) % len(table)  # a larger batch would be an error, and be seen
        return self.token_embedding(ids) + table[rows, None]


def positions_along_the_batch(run: TrainingRun) -> TrainingRun:
    """Positions are counted along the wrong axis: the number of the sentence in its batch."""
    stack = AlongTheBatch(run.model.config)
    stack.load_state_dict(run.model.stack.state_dict())
    run.model.stack = stack
    run.model.out_proj.weight = stack.token_embedding.weight
    return run


def no_residual(run: TrainingRun) -> TrainingRun:
    """What a part finds replaces what came in, where it should be added."""
    config = dataclasses.replace(run.model.config, residual=False)
    return new_run(config, reading=run.reading, seed=run.seed, recipe=run.recipe)


class Unmasked(BothSides):
    """It reads its padding, as if it were words."""

    def forward(self, ids, mask=None, **options):
        return super().forward(ids, **options)


def padding_not_masked(run: TrainingRun) -> TrainingRun:
    """The mask that says what is a word and what only fills the row is forgotten."""
    model = Unmasked(run.model.config)
    model.load_state_dict(run.model.state_dict())
    run.model = model
    return run


# Loss and loop


class Unshifted(TrainingRun):
    """Left to right, it is asked for the word that it has just been given."""

    def logits_at_answers(self, sentences):
        ids, is_word, before = batch_of(sentences, self.vocabulary, self.reading)
        logits = self.model(ids, is_word, need_weights=False).logits
        return logits[torch.arange(len(ids)), before + 1]


def unshifted_targets(run: TrainingRun) -> TrainingRun:
    """Row t of the logits is compared with word t, where it should be word t + 1."""
    return Unshifted(**vars(run))


def learning_rate_times_ten(run: TrainingRun) -> TrainingRun:
    """A nought too many in the recipe."""
    rate = 10 * run.recipe.learning_rate
    run.recipe = dataclasses.replace(run.recipe, learning_rate=rate)
    return run


# The ward


@dataclass(frozen=True)
class Breakage:
    """A mistake, and the reading in which a run has it."""

    name: str
    make: Callable[[TrainingRun], TrainingRun]
    reading: str = "left-to-right"


WARD = (  # patient 1 is the first
    Breakage("the mask is inverted", inverted_mask),
    Breakage("positions run along the batch", positions_along_the_batch, "both-sides"),
    Breakage("softmax over the queries", softmax_over_queries),
    Breakage("the learning rate is ten times too large", learning_rate_times_ten),
    Breakage("no residual stream", no_residual),
    Breakage("keys tied to queries", keys_tied_to_queries),
    Breakage("targets are not shifted", unshifted_targets),
    Breakage("view for transpose", viewed_heads),
    Breakage("padding is not masked", padding_not_masked, "both-sides"),
    Breakage("divided by √d_model", scaled_by_d_model),
)


def healthy(
    reading: str = "left-to-right", seed: int = 0, recipe: Recipe | None = None
) -> TrainingRun:
    """A run without a breakage, before its first step."""
    return new_run(default_config(), reading=reading, seed=seed, recipe=recipe)


def patient(number: int, seed: int = 0, recipe: Recipe | None = None) -> TrainingRun:
    """Patient ``number``, from 1 to 10, before its first step."""
    checks.whole("number", number)
    if number > len(WARD):
        raise ValueError(f"number={number} must be at most {len(WARD)}")
    breakage = WARD[number - 1]
    return breakage.make(healthy(breakage.reading, seed, recipe))


@torch.no_grad()
def maps(run: TrainingRun, sentences: Sequence[Sentence]) -> Float[Tensor, "B L H T S"]:
    """The attention weights of every head on sentences that are read together, padded as ever."""
    ids, is_word, _ = batch_of(sentences, run.vocabulary, run.reading)
    return torch.stack(run.model(ids, is_word).attentions, dim=1)


@torch.no_grad()
def accuracy_alone(run: TrainingRun, sentences: Sequence[Sentence]) -> float:
    """The accuracy as someone who uses the model would find it, whatever the run says of itself.

    Each sentence is read by itself. Left to right the model gets the words before the answer and
    nothing else.
    """
    right = 0
    for one in sentences:
        ids, is_word, _ = batch_of([one], run.vocabulary, run.reading)
        if run.reading == "left-to-right":
            ids, is_word = ids[:, : one.answer], is_word[:, : one.answer]
        at = -1 if run.reading == "left-to-right" else one.answer
        scores = run.model(ids, is_word, need_weights=False).logits[0, at]
        best = max(one.alternatives, key=lambda word: scores[run.vocabulary.encode([word])].item())
        right += best == one.words[one.answer]
    return right / len(sentences)


# What was recorded of them (scripts/record_clinic.py)

RECORDED = Path(__file__).parent / "recorded" / "clinic.json"
RECIPE = Recipe(n_steps=1200, validate_every=1200, stop_at=None)
SEEDS = (0, 1, 2)
STEPS = (0, 20, 40, 60, 80, 100, 120, 150, 200, 250, 300, 400, 500, 600, 800, 1000, 1200)
MAP_STEPS = (0, 100, 200, 1200)
SENTENCES = (  # of "held_out"; read together, so that the shorter one is padded
    "the keys behind the lamp are here .",
    "the cat chased the fox , whom : the fox .",
)


@dataclass(frozen=True)
class Record:
    """One run from its first step to its last: a patient's, or a healthy one's."""

    reading: str
    seed: int
    steps: list[int]  # at which it was looked at
    training: list[float]  # loss on its own batches, mean since the look before, nats
    loss: dict[str, list[float]]  # held-out loss at the answer, by family, as the run itself has it
    accuracy: dict[str, list[float]]  # likewise
    alone: dict[str, float]  # at the end: ``accuracy_alone``
    sentences: list[Sentence]  # that its attention was drawn on, read together
    map_steps: list[int]  # steps of the maps
    maps: np.ndarray | None  # [steps, B, L, H, T, S] in hundredths; of seed 0 only


def recorded(who: int | str) -> list[Record]:
    """The records of a patient, 1 to 10, or of the healthy runs of a reading; one for each seed."""
    checks.one_of("who", who, (*range(1, len(WARD) + 1), *READINGS))
    held = json.loads(RECORDED.read_text(encoding="utf-8"))
    sentences = [Sentence(**{**one, "words": tuple(one["words"])}) for one in held["sentences"]]
    return [
        Record(
            steps=held["steps"],
            sentences=sentences,
            map_steps=held["map_steps"],
            **{**run, "maps": unpacked(run["maps"], held["shape"]) if run["maps"] else None},
        )
        for run in held["runs"][str(who)]
    ]


def packed(weights: Float[np.ndarray, "..."]) -> str:
    """Weights in hundredths, a byte each, as base64."""
    return base64.b64encode(np.rint(100 * weights).astype(np.uint8).tobytes()).decode("ascii")


def unpacked(codes: str, shape: Sequence[int]) -> Float[np.ndarray, "..."]:
    """What ``packed`` has packed, in [0, 1]."""
    return np.frombuffer(base64.b64decode(codes), dtype=np.uint8).reshape(shape) / 100


def _with_attend(run: TrainingRun, attend: Callable) -> TrainingRun:
    for block in run.model.stack.blocks:
        block.attention.attend = attend
    return run
