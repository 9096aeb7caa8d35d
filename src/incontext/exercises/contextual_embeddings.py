"""Checks of the chapter on contextual embeddings: mixtures by hand, and the real model."""

import math

import torch
from torch import Tensor

from incontext.attention import causal_mask, scaled_dot_product_attention
from incontext.contextual import SETS, nearest_other, word_vectors
from incontext.embeddings import cosine_similarity
from incontext.pretrained import load_encoder
from incontext.softmax import softmax

from .checking import FunctionCheck, Mistake, ValueCheck

TIRED = "The chicken didn't cross the road because it was too tired."
WIDE = TIRED.replace("tired", "wide")


def vectors(n: int, width: int, seed: int) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def mixture(x: Tensor) -> Tensor:
    return scaled_dot_product_attention(x, x, x, scale=1.0)[0]


check_mixture = FunctionCheck(
    "check_mixture",
    reference=mixture,
    cases=[
        lambda: (vectors(5, 3, 0),),
        lambda: (vectors(2, 7, 1),),
        lambda: (0.5 * vectors(11, 5, 2),),
    ],
    mistakes=[
        Mistake(
            "softmax over the wrong axis",
            lambda x: softmax(x @ x.T, dim=0) @ x,
            "Each column of your weights sums to one. A word shares its weight among all the"
            " words, along its row: dim=-1. (The same comes out if the weights are transposed.)",
        ),
        Mistake(
            "weights that do not sum to one",
            lambda x: (x @ x.T).exp() @ x,
            "You have the exponentials and not yet their shares. Divide each row by its sum.",
        ),
        Mistake(
            "one sum for all rows",
            lambda x: (x @ x.T).exp() / (x @ x.T).exp().sum() @ x,
            "Your weights sum to one over the whole matrix. Each word's row must do so by itself:"
            " sum(-1, keepdim=True).",
        ),
        Mistake(
            "no softmax",
            lambda x: x @ x.T @ x,
            "You mixed with the raw scores, which can be negative and have any sum.",
        ),
        Mistake(
            "scores divided by their sum",
            lambda x: x @ x.T / (x @ x.T).sum(-1, keepdim=True) @ x,
            "These sum to one, but a negative score gives a negative weight. Take the exponential"
            " first.",
        ),
        Mistake(
            "plain average",
            lambda x: x.mean(0).expand_as(x),
            "Every word gets the same share, whatever its score.",
        ),
        Mistake(
            "weights in place of the mixture",
            lambda x: softmax(x @ x.T),
            "These are the weights, and they are right. The last step is still missing: the"
            " weighted sum of the vectors, weights @ x.",
        ),
        Mistake(
            "cosines as scores",
            lambda x: softmax(cosine_similarity(x[:, None], x[None, :])) @ x,
            "The score is the dot product here, lengths and all.",
        ),
    ],
    praise="Equal to incontext.attention.scaled_dot_product_attention with scale=1.",
)


def _two_words(i: int = 0) -> Tensor:
    return mixture(torch.tensor([[2.0, 0.0], [1.0, 1.0]]).double())[i]


check_two_words = ValueCheck(
    "check_two_words",
    reference=_two_words,
    within=0.006,
    mistakes=[
        Mistake(
            "shares of the scores",
            lambda: [4 / 6 * 2 + 2 / 6, 2 / 6],
            "You divided the scores 4 and 2 by their sum. Softmax divides their exponentials, and"
            " so it is the difference, 2, that decides.",
        ),
        Mistake(
            "the other word",
            lambda: _two_words(1),
            "That is the new vector of the second word. Its scores are 2 and 2, so it takes half"
            " of each.",
        ),
        Mistake(
            "weights in place of the mixture",
            lambda: [1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2))],
            "These are the weights. Mix the vectors with them.",
        ),
        Mistake(
            "weights the wrong way round",
            lambda: [2 / (1 + math.exp(2)) + 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(-2))],
            "The larger score gets the larger weight: 0.881 belongs to the first word.",
        ),
    ],
    praise="It is still mostly itself: 0.881 of the first word, 0.119 of the second.",
)


def _right_by_layer(word: str) -> list[int]:
    """After each layer, how many sentences have their nearest one in their own sense."""
    encoder, tokenizer = load_encoder()
    senses = [sense for sense, _, _ in SETS[word]]
    x = torch.stack([word_vectors(encoder, tokenizer, text, word) for *_, text in SETS[word]], 1)
    cosines = cosine_similarity(x[:, :, None], x[:, None])  # [L + 1, N, N]
    return [
        sum(senses[nearest_other(one, i)] == sense for i, sense in enumerate(senses))
        for one in cosines
    ]


def _best_layer(word: str) -> int:
    right = _right_by_layer(word)
    return right.index(max(right))


check_best_layer = ValueCheck(
    "check_best_layer",
    reference=lambda: _best_layer("match"),
    mistakes=[
        Mistake(
            "the last layer",
            lambda: len(_right_by_layer("match")) - 1,
            "More layers are not better here: after the last one a sentence about a fire is among"
            " the games again. Count at every layer.",
        ),
        Mistake(
            "the layer of “bank”",
            lambda: _best_layer("bank"),
            "There “bank” has all eight right. For “match” one sentence is still missing.",
        ),
        Mistake(
            "layer 0",
            lambda: 0,
            "Before the first layer there is only the row and its position, in either sense.",
        ),
    ],
    praise="One layer only, and not the last. Which layer suits a task has to be tried.",
)


def _most_missed(text: str, word: str, layer: int, skip: bool = True) -> str:
    """The token whose hiding turns the vector of the word most."""
    encoder, tokenizer = load_encoder()
    ids = tokenizer.encode(text)
    tokens = tokenizer.tokens(ids)
    place = tokens.index(word)
    hidden = ids.repeat(len(ids), 1).fill_diagonal_(tokenizer.id_of("[MASK]"))
    with torch.no_grad():
        whole = encoder(ids[None]).hidden_states[layer][0, place]
        without = encoder(hidden).hidden_states[layer][:, place]
    turned = 1 - cosine_similarity(without, whole)
    if skip:
        turned[place] = 0
    return tokens[int(turned.argmax())]


check_most_missed = ValueCheck(
    "check_most_missed",
    reference=lambda: _most_missed(WIDE, "it", 6),
    mistakes=[
        Mistake(
            "the word itself",
            lambda: _most_missed(WIDE, "it", 6, skip=False),
            "Hide “it” and its own vector turns most, as it must. Leave that one out.",
        ),
        Mistake(
            "layer 3",
            lambda: _most_missed(WIDE, "it", 3),
            "So it is after layer 3. Look at the last row of what dependence returns.",
        ),
        Mistake(
            "what the sentence means",
            lambda: "road",
            "A reader would say so. The model does not: measure it.",
        ),
    ],
    praise="“It” means the road, and its vector depends most on the chicken.",
)


def _changed(causal: bool) -> int:
    """How many tokens of TIRED have another vector after layer 6 when it ends in "wide"."""
    encoder, tokenizer = load_encoder()
    ids = [tokenizer.encode(text) for text in (TIRED, WIDE)]
    mask = causal_mask(len(ids[0]))[None] if causal else None
    with torch.no_grad():
        one, other = (encoder(each[None], mask=mask).last_hidden_state[0] for each in ids)
    return int(((one - other).abs().amax(-1) > 1e-4).sum())


def _n_tokens() -> int:
    return len(load_encoder()[1].encode(TIRED))


check_changed = ValueCheck(
    "check_changed",
    reference=lambda: _changed(causal=True),
    mistakes=[
        Mistake(
            "only the word itself",
            lambda: 1,
            "The tokens after it see it, and change with it.",
        ),
        Mistake(
            "the token [SEP] forgotten",
            lambda: _changed(causal=True) - 1,
            "The full stop is followed by [SEP], and that sees the new word too.",
        ),
        Mistake(
            "without the mask",
            lambda: _changed(causal=False),
            "So many change where both sides are seen. From left to right those before the word"
            " do not see it.",
        ),
        Mistake(
            "those that stay",
            lambda: _n_tokens() - _changed(causal=True),
            "These are the tokens before the word, which stay as they are. Count the others.",
        ),
    ],
    praise="The word and all that comes after it; what came before stays as it was.",
)
