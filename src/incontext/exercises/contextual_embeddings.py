"""Checks of the chapter on contextual embeddings: mixtures by hand, and the real model."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from incontext.attention import scaled_dot_product_attention
from incontext.contextual import nearest_other, word_vectors
from incontext.embeddings import cosine_similarity
from incontext.pretrained import encoder_to_read
from incontext.softmax import softmax

from .checking import FunctionCheck, Mistake, ValueCheck, Verdict, in_words, not_yet


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
            "Each column of your weights sums to one. But each word divides its attention among all"
            " the words, along its row: dim=-1. (Transposed weights give the same result.)",
        ),
        Mistake(
            "weights that do not sum to one",
            lambda x: (x @ x.T).exp() @ x,
            "You have the exponentials, but not their shares yet. Divide each row by its sum.",
        ),
        Mistake(
            "one sum for all rows",
            lambda x: (x @ x.T).exp() / (x @ x.T).exp().sum() @ x,
            "Your weights sum to one over the whole matrix. Each row has to sum to one by itself:"
            " sum(-1, keepdim=True).",
        ),
        Mistake(
            "no softmax",
            lambda x: x @ x.T @ x,
            "You mixed with the raw scores, which can be negative and add up to anything.",
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
            "You gave every word the same share, whatever its score.",
        ),
        Mistake(
            "weights in place of the mixture",
            lambda x: softmax(x @ x.T),
            "These are the weights, and they are right. One step is still missing: the weighted sum"
            " of the vectors.",
        ),
        Mistake(
            "cosines as scores",
            lambda x: softmax(cosine_similarity(x[:, None], x[None, :])) @ x,
            "Here the score is the plain dot product, so the lengths count. You divided by them.",
        ),
        Mistake(
            "scaled scores",
            lambda x: softmax(x @ x.T / x.shape[-1] ** 0.5) @ x,
            "You divided the scores by the root of the width, as attention will later on. Here the"
            " score is the plain dot product.",
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
            "You divided the scores 4 and 2 by their sum. Softmax divides their exponentials, so"
            " only the difference of the scores matters, which is 2.",
        ),
        Mistake(
            "the other word",
            lambda: _two_words(1),
            "That is the new vector of the second word. Its scores are 2 and 2, so it takes half of"
            " each. The task asks for the first word.",
        ),
        Mistake(
            "weights in place of the mixture",
            lambda: [1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2))],
            "These are the weights. Now mix the vectors with them.",
        ),
        Mistake(
            "weights the wrong way round",
            lambda: [2 / (1 + math.exp(2)) + 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(-2))],
            "The larger score gets the larger weight: 0.881 belongs to the first word.",
        ),
    ],
    praise="It is still mostly itself: 0.881 of the first word, 0.119 of the second.",
)


def _removal(n_tokens: int, t: int) -> Tensor:
    mask = torch.ones(n_tokens, n_tokens, dtype=torch.bool)
    mask[:, t] = False
    mask[t, t] = True
    return mask


def _without(*, rows: bool, columns: bool, itself: bool) -> Callable[[int, int], Tensor]:
    """Masks that forbid the row of token t, its column, or the entry where both meet."""

    def mask(n_tokens: int, t: int) -> Tensor:
        made = torch.ones(n_tokens, n_tokens, dtype=torch.bool)
        made[t] &= not rows
        made[:, t] &= not columns
        made[t, t] = itself
        return made

    return mask


check_removal = FunctionCheck(
    "check_removal",
    reference=_removal,
    cases=[lambda: (5, 2), lambda: (7, 0), lambda: (3, 2)],
    mistakes=[
        Mistake(
            "the row in place of the column",
            _without(rows=True, columns=False, itself=True),
            "You stopped token t from looking at the others. But the others still look at t, so it"
            " has not been taken away. In the mask a row is the token that looks, and a column is"
            " the token that is looked at.",
        ),
        Mistake(
            "the token cannot see itself",
            _without(rows=False, columns=True, itself=False),
            "Nobody can look at t, not even t itself. The task leaves t its own entry, mask[t, t].",
        ),
        Mistake(
            "row and column",
            _without(rows=True, columns=True, itself=True),
            "You took away what t sees as well. That changes no other vector, because nobody reads"
            " t any more, but it is more than the task asks for: t keeps its row.",
        ),
        Mistake(
            "True and False exchanged",
            lambda n_tokens, t: ~_removal(n_tokens, t),
            "Here True means “may look”. Yours allows only what should be forbidden.",
        ),
        Mistake(
            "nothing forbidden",
            lambda n_tokens, t: torch.ones(n_tokens, n_tokens, dtype=torch.bool),
            "Your mask lets every token look at every other.",
        ),
    ],
    praise="Nobody sees the token any more. Exchange it for any other, and nothing else changes.",
)


@dataclass(frozen=True)
class SensesCheck:
    """Checks a claim of the learner's own: the model separates two senses of this word.

    reference: a word and sentences with their sense. mistakes: what is no test of the claim, in
    the order in which it is looked for.
    """

    name: str
    reference: Callable[[], dict[str, Any]]
    mistakes: Sequence[Mistake]

    def __call__(self, claim: Any) -> Verdict:
        if claim is None or claim is Ellipsis:
            return not_yet(f"give {self.name} your word and your sentences.")
        try:
            word = claim["word"].lower()
            senses, texts = zip(*claim["sentences"], strict=True)
            counts = Counter(str(sense) for sense in senses)
        except (TypeError, KeyError, ValueError, AttributeError):
            return Verdict(
                False,
                f"{self.name} takes a dictionary with a “word” and a list “sentences” of pairs"
                f" (sense, text). It got {in_words(claim)}.",
            )
        encoder, tokenizer = encoder_to_read()
        if word not in tokenizer:
            return Verdict(False, f"{word} is no whole token of the model. Choose another word.")
        places = [tokenizer.pieces(text).count(word) for text in texts]
        if any(n != 1 for n in places):
            return Verdict(False, str(self.mistakes[0]))
        if len(counts) < 2 or min(counts.values()) < 3:
            return Verdict(False, str(self.mistakes[1]))
        x = torch.stack([word_vectors(encoder, tokenizer, text, word) for text in texts], 1)
        nearest = [  # for each layer, the sentence nearest to each sentence
            [nearest_other(cosines, i) for i in range(len(texts))]
            for cosines in cosine_similarity(x[:, :, None], x[:, None])
        ]
        right = [sum(senses[i] == senses[j] for i, j in enumerate(one)) for one in nearest]
        if right[0] == len(texts):
            return Verdict(False, str(self.mistakes[2]))
        by_layer = f"In their own sense, by layer: {', '.join(map(str, right))} of {len(texts)}."
        if max(right) == len(texts):
            return Verdict(True, f"{by_layer} Your claim has survived this test.", "✓")
        best = max(range(len(right)), key=right.__getitem__)
        i, j = next((i, j) for i, j in enumerate(nearest[best]) if senses[i] != senses[j])
        return Verdict(
            False,
            f"{by_layer} At its best, after layer {best}, “{texts[i]}” is still closest to"
            f" “{texts[j]}”. What do these two share?",
        )


check_own_senses = SensesCheck(
    "check_own_senses",
    reference=lambda: {
        "word": "plant",
        "sentences": [
            ("factory", "The workers left the plant at night."),
            ("factory", "The plant makes engines for cars."),
            ("factory", "A chemical plant employs many engineers."),
            ("living", "She watered the plant in the window."),
            ("living", "The plant has green leaves and small flowers."),
            ("living", "A plant needs light and water to grow."),
        ],
    },
    mistakes=[
        Mistake(
            "the word is missing from a sentence, or occurs twice",
            lambda: {"word": "plant", "sentences": 3 * [("a", "Plants grow."), ("b", "A plant.")]},
            "Each sentence should contain the word exactly once, and in this form.",
        ),
        Mistake(
            "too few sentences",
            lambda: {
                "word": "plant",
                "sentences": 2 * [("a", "A plant grows."), ("b", "The plant makes cars.")],
            },
            "Each sense needs at least three sentences, and there have to be two senses. With"
            " fewer, a right neighbour is often luck.",
        ),
        Mistake(
            "the position gives it away",
            lambda: {
                "word": "plant",
                "sentences": [
                    ("first", "Plant trees in spring."),
                    ("first", "Plant beans in rows."),
                    ("first", "Plant them with care."),
                    ("last", "The workers left the chemical plant."),
                    ("last", "She watered a small green plant."),
                    ("last", "He works in a large plant."),
                ],
            },
            "All are right at layer 0 already, before the model has looked at any other word. So"
            " the position of the word is enough to tell your senses apart. Vary it.",
        ),
    ],
)
