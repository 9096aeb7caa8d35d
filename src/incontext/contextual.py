"""One word, many meanings: how do its vectors in different sentences compare, layer by layer?

The row of the lookup table is the same in every sentence, and with each layer the vector takes in
more from its neighbours. We ask two things: which vectors are nearest to each other (cosine), and
how they lie on the plane that shows most of their differences (principal component analysis, PCA).

Ethayarajh (2019), "How Contextual are Contextualized Word Representations?"; Schönemann (1966), "A
generalized solution of the orthogonal Procrustes problem".

Axes: ``L`` layers, beginning with the embeddings; ``N`` sentences; ``C`` d_model.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from incontext import checks

# The sentences of each word: the sense, the cue (a word of the sentence that labels the point on
# the map) and the text. In "bat" and "it" the word has the same position in every sentence, so its
# vectors start out equal.
SETS = {
    "bank": [
        ("money", "money", "I deposited money at the bank."),
        ("money", "account", "She opened an account at the bank."),
        ("money", "loan", "The bank approved the loan."),
        ("money", "teller", "He works as a teller in a bank."),
        ("river", "river", "I sat on the river bank."),
        ("river", "stream", "The stream had worn away its bank."),
        ("river", "fished", "We fished from the grassy bank."),
        ("river", "pond", "I walked along the pond, and noticed one of the trees along the bank."),
    ],
    "it": [
        ("chicken", "tired", "The chicken didn't cross the road because it was too tired."),
        ("chicken", "scared", "The chicken didn't cross the road because it was too scared."),
        ("chicken", "lazy", "The chicken didn't cross the road because it was too lazy."),
        ("chicken", "hungry", "The chicken didn't cross the road because it was too hungry."),
        ("road", "wide", "The chicken didn't cross the road because it was too wide."),
        ("road", "long", "The chicken didn't cross the road because it was too long."),
        ("road", "busy", "The chicken didn't cross the road because it was too busy."),
        ("road", "muddy", "The chicken didn't cross the road because it was too muddy."),
    ],
    "seal": [
        ("animal", "ice", "The seal swam under the ice."),
        ("animal", "rocks", "A seal lay on the rocks by the sea."),
        ("animal", "fish", "The seal caught a fish."),
        ("stamp", "letter", "The letter bore the king's seal."),
        ("stamp", "wax", "He pressed his seal into the wax."),
        ("stamp", "ring", "The seal on the ring was gold."),
        ("to shut", "jar", "Seal the jar with a lid."),
        ("to shut", "box", "They seal the box with tape."),
    ],
    "match": [
        ("flame", "burn", "The match will burn your fingers."),
        ("flame", "candle", "She struck a match to light the candle."),
        ("flame", "fire", "He lit the fire with his last match."),
        ("flame", "box", "There was one match left in the box."),
        ("game", "won", "They won the match in extra time."),
        ("game", "tennis", "The tennis match lasted four hours."),
        ("game", "referee", "The referee stopped the match."),
        ("game", "team", "The team lost the match."),
    ],
    "spring": [
        ("season", "flowers", "The flowers bloom in spring."),
        ("season", "birds", "Birds return in early spring."),
        ("season", "rain", "Last spring we had a lot of rain."),
        ("coil", "mattress", "The spring in the mattress broke."),
        ("coil", "metal", "A metal spring pushes the lid open."),
        ("coil", "clock", "The clock needs a new spring."),
        ("water", "mountain", "We drank from the mountain spring."),
        ("water", "rises", "Cold water rises from the spring."),
    ],
    "bat": [
        ("animal", "cave", "The bat slept in the dark cave."),
        ("animal", "insects", "The bat caught insects at night."),
        ("animal", "wings", "The bat spread its wings."),
        ("animal", "barn", "The bat hung from the roof of the barn."),
        ("club", "ball", "The bat cracked when it hit the ball."),
        ("club", "wood", "The bat was carved from ash wood."),
        ("club", "player", "The bat felt heavy in the hands of the player."),
        ("club", "baseball", "The bat is swung at a baseball."),
    ],
}


def word_vectors(encoder, tokenizer, text: str, word: str) -> Float[Tensor, "L C"]:
    """The vectors of a word in a text: the embedding, then the vector after each layer.

    encoder, tokenizer: what ``load_encoder`` returns.
    word: a single token of the vocabulary that occurs exactly once in the text; otherwise
        ``ValueError``.
    """
    ids = tokenizer.encode(text)
    places = (ids == tokenizer.id_of(word)).nonzero().flatten().tolist()
    if len(places) != 1:
        raise ValueError(f"word={word!r} must occur once in {text!r}, found {len(places)}")
    with torch.no_grad():
        states = encoder(ids[None]).hidden_states
    return torch.stack([state[0, places[0]] for state in states])


def planes(
    vectors: Float[Tensor, "L N C"],
) -> tuple[Float[Tensor, "L N 2"], list[float | None]]:
    """For each layer, the points on the plane of its first two principal components.

    vectors: they are scaled to length 1 first, so that their squared distance is 2 − 2 cos.

    Each layer has its own plane, because no common one would do: the best plane for all layers
    together explains less than a third of the last layer's variance. Starting from the last layer,
    each picture is rotated or mirrored, but never stretched, to fit the one after it (orthogonal
    Procrustes).

    Returns the points, and for each layer the explained variance ratio of its plane, in [0, 1], or
    None if all vectors are equal and there is no variance to explain.
    """
    checks.floating("vectors", vectors)
    checks.axes("vectors", vectors, "L N C")
    directions = vectors / vectors.norm(dim=-1, keepdim=True)
    centred = directions - directions.mean(dim=1, keepdim=True)
    points = vectors.new_zeros(*vectors.shape[:2], 2)
    explained: list[float | None] = [None] * len(vectors)
    for layer in reversed(range(len(vectors))):
        left, sizes, _ = torch.linalg.svd(centred[layer], full_matrices=False)
        variance = sizes.square().sum()
        if variance < 1e-9:
            continue
        flat = left[:, :2] * sizes[:2]
        if layer == len(vectors) - 1:
            flat = torch.where(flat[0] > 0, -flat, flat)  # a component has no sign of its own
        else:
            a, _, b = torch.linalg.svd(flat.T @ points[layer + 1])
            flat = flat @ a @ b
        points[layer] = flat
        explained[layer] = (sizes[:2].square().sum() / variance).item()
    return points, explained


def nearest_other(cosines: Float[Tensor, "N N"], i: int) -> int:
    """The other sentence whose vector is most similar to that of sentence i."""
    return int(torch.as_tensor(cosines)[i].index_fill(0, torch.tensor(i), -torch.inf).argmax())


def within_and_between(cosines: Float[Tensor, "N N"], senses: Sequence[str]) -> tuple[float, float]:
    """Mean cosine over pairs of sentences with the same sense, and with different senses."""
    cosines = torch.as_tensor(cosines)
    same_sense = torch.tensor([[a == b for a in senses] for b in senses])
    pairs = torch.ones_like(same_sense).tril(-1)
    return (
        cosines[pairs & same_sense].mean().item(),
        cosines[pairs & ~same_sense].mean().item(),
    )
