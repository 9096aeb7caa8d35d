"""Exercises of the chapter on reading attention."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from incontext.effects import attention_rollout, rank_correlation, ranks, token_effects
from incontext.pretrained import encoder_to_read

from .checking import FunctionCheck, Mistake, ValueCheck, Verdict, are_two_texts, in_words, not_yet

WEIGHTS = torch.tensor([0.6, 0.2, 0.1, 0.06, 0.04], dtype=torch.float64)
EFFECTS = torch.tensor([0.02, 0.08, 0.01, 0.05, 0.04], dtype=torch.float64)


def _differences() -> Tensor:
    return ranks(WEIGHTS) - ranks(EFFECTS)


check_rho = ValueCheck(
    "check_rho",
    reference=lambda: rank_correlation(WEIGHTS, EFFECTS),
    within=0.01,
    mistakes=[
        Mistake(
            "the values, not their ranks",
            lambda: float(torch.corrcoef(torch.stack([WEIGHTS, EFFECTS]))[0, 1]),
            "That is the correlation of the numbers themselves. Write down their ranks first.",
        ),
        Mistake(
            "not squared",
            lambda: float(1 - 6 * _differences().abs().sum() / 120),
            "Square each difference of ranks before you add them up.",
        ),
        Mistake(
            "not taken from 1",
            lambda: float(6 * _differences().square().sum() / 120),
            "That is what has to be subtracted from 1.",
        ),
        Mistake(
            "n³ below",
            lambda: float(1 - 6 * _differences().square().sum() / 125),
            "Below stands n (n² − 1), which is 5 · 24.",
        ),
        Mistake(
            "the 6 is forgotten",
            lambda: float(1 - _differences().square().sum() / 120),
            "The sum of the squared differences is taken six times.",
        ),
        Mistake(
            "n (n − 1) below",
            lambda: float(1 - 6 * _differences().square().sum() / 20),
            "Below stands n (n² − 1), with n squared: 5 · 24, not 5 · 4.",
        ),
        Mistake(
            "the opposite sign",
            lambda: -rank_correlation(WEIGHTS, EFFECTS),
            "One of your two lists is ranked from the largest, and the other from the smallest.",
        ),
    ],
    praise="Hardly any agreement, though the heaviest weight is three times as large as the next.",
)


def _maps(
    n_layers: int, n_heads: int, n: int, seed: int, dtype: torch.dtype = torch.float32
) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(n_layers, 1, n_heads, n, n, generator=generator, dtype=dtype)
    return list((2 * drawn).softmax(-1))


def _rollout(
    attentions: list[Tensor],
    residual: float = 0.5,
    kept: float = 0.5,
    head: int | None = None,
    later_first: bool = True,
    by_element: bool = False,
    summed: bool = False,
    start: Tensor | None = None,
) -> Tensor:
    """The right way, or with one thing changed."""
    rollout = start
    for weights in attentions:
        mean = weights[0].mean(0) if head is None else weights[0, head]
        if summed:
            mean = weights[0].sum(0)
        mixed = kept * mean + residual * torch.eye(len(mean), dtype=mean.dtype)
        if rollout is None:
            rollout = mixed
        elif by_element:
            rollout = mixed * rollout
        else:
            rollout = mixed @ rollout if later_first else rollout @ mixed
    return rollout


check_rollout = FunctionCheck(
    "check_rollout",
    reference=attention_rollout,
    cases=[
        lambda: (_maps(3, 2, 5, 0),),
        lambda: (_maps(1, 3, 4, 1),),
        lambda: (_maps(2, 1, 7, 2),),
        lambda: (_maps(2, 2, 3, 3, dtype=torch.float64),),  # as some models have it
    ],
    tolerance=1e-5,
    mistakes=[
        Mistake(
            "nothing stays",
            lambda maps: _rollout(maps, residual=0.0, kept=1.0),
            "Half of each token stays where it is: add the identity matrix, and halve.",
        ),
        Mistake(
            "rows sum to more than one",
            lambda maps: _rollout(maps, residual=1.0, kept=1.0),
            "You add the identity matrix. Halve the sum, or the rows double with every layer.",
        ),
        Mistake(
            "the order of the layers",
            lambda maps: _rollout(maps, later_first=False),
            "The vectors of layer 2 are mixtures of what layer 1 has mixed: A₂ A₁, with the later"
            " layer at the left.",
        ),
        Mistake(
            "averaged over layers",
            lambda maps: torch.stack(
                [(m[0].mean(0) + torch.eye(m.shape[-1])) / 2 for m in maps]
            ).mean(0),
            "Each layer reads what the one below has mixed: multiply the matrices, do not average.",
        ),
        Mistake(
            "one head",
            lambda maps: _rollout(maps, head=0),
            "That is head 1 alone. Take the mean over the heads of each layer first.",
        ),
        Mistake(
            "heads added up",
            lambda maps: _rollout(maps, summed=True),
            "You add up the heads of a layer, and its rows sum to the number of heads. Take their"
            " mean.",
        ),
        Mistake(
            "the identity matrix has its own dtype",
            lambda maps: _rollout(maps, start=torch.eye(maps[0].shape[-1])),
            "It is right for float32 and stops at float64, since `@` wants one dtype on both sides:"
            " torch.eye(n, dtype=weights.dtype).",
        ),
        Mistake(
            "element by element",
            lambda maps: _rollout(maps, by_element=True),
            "`*` multiplies number by number. A mixture of mixtures is a product of matrices: `@`.",
        ),
    ],
    praise="Each row sums to one: the shares of the input tokens, if the maps told everything.",
)


def _hidden(n: int, s: int) -> Tensor:
    may_attend = torch.ones(n, n, dtype=torch.bool)
    may_attend[:, s] = False
    return may_attend


check_hidden = FunctionCheck(
    "check_hidden",
    reference=_hidden,
    cases=[lambda: (5, 2), lambda: (7, 0), lambda: (3, 2)],
    mistakes=[
        Mistake(
            "the token is blindfolded, not hidden",
            lambda n, s: _hidden(n, s).T,
            "Rows are queries and columns are keys. Yours lets token s see nothing, and everybody"
            " still sees token s.",
        ),
        Mistake(
            "hidden and blindfolded",
            lambda n, s: _hidden(n, s) & _hidden(n, s).T,
            "Nobody sees token s, which is right; but its own row is False too, and it should go on"
            " reading the others.",
        ),
        Mistake(
            "only from itself",
            lambda n, s: ~(torch.eye(n, dtype=torch.bool) & ~_hidden(n, s)),
            "Only the query s does not see token s. Nobody should.",
        ),
        Mistake(
            "it still sees itself",
            lambda n, s: _hidden(n, s) | torch.eye(n, dtype=torch.bool),
            "The others no longer see token s, but its own query does. Everyone includes itself.",
        ),
        Mistake(
            "exchanged",
            lambda n, s: ~_hidden(n, s),
            "True stands where a query may attend. Yours shows token s and nothing else.",
        ),
        Mistake(
            "nothing is hidden",
            lambda n, s: torch.ones(n, n, dtype=torch.bool),
            "Every query still sees every token.",
        ),
    ],
    praise="Nobody sees the token, and it still reads the others.",
)


@dataclass(frozen=True)
class MapCheck:
    """Does the mean map mislead at one word of the reader's own sentence, in the real encoder?

    It does if its rank correlation with both kinds of effect, masked and hidden, is below ``below``
    while the two kinds agree with each other to more than ``agreed``.

    reference: gives a text and a word that pass. mistakes: texts and words that cannot be tested.
    """

    name: str
    fewest: int = 6
    below: float = 0.5
    agreed: float = 0.7

    def reference(self) -> tuple[str, str]:
        return "The mayor promised a new school but never built it.", "promised"

    @property
    def mistakes(self) -> list[Mistake]:
        return [
            Mistake(
                "the word is not there once",
                lambda: ("The cat saw the dog before it ran away.", "horse"),
                "Choose a word that occurs once in the text and is one token of the model's.",
            ),
            Mistake(
                "the text is too short",
                lambda: ("Dogs bark.", "bark"),
                f"Give it at least {self.fewest} other words: a rank correlation of two or three"
                " tokens says nothing.",
            ),
        ]

    def __call__(self, case: Any) -> Verdict:
        if case is None or case is Ellipsis:
            return not_yet(f"give {self.name} a sentence and one of its words.")
        if not are_two_texts(case):
            return Verdict(
                False,
                f"{self.name} takes a sentence and a word, as in ('The cat sat on it.', 'cat')."
                f" It got {in_words(case)}.",
            )
        text, word = case
        encoder, tokenizer = encoder_to_read()
        ids = tokenizer.encode(text)
        tokens = tokenizer.tokens(ids)
        if tokens.count(word.lower()) != 1:
            return Verdict(False, str(self.mistakes[0]))
        position = tokens.index(word.lower())
        words = [s for s in range(1, len(ids) - 1) if s != position]
        if len(words) < self.fewest:
            return Verdict(False, str(self.mistakes[1]))
        with torch.no_grad():
            weights = torch.cat(encoder(ids[None]).attentions).mean((0, 1))[position, words]
        masked, hidden = (
            token_effects(encoder, ids, position, replacement)[words]
            for replacement in (tokenizer.id_of("[MASK]"), None)
        )
        pairs = ((weights, masked), (weights, hidden), (masked, hidden))
        rhos = [rank_correlation(*pair) for pair in pairs]
        heaviest, first, other = (tokens[words[int(x.argmax())]] for x in (weights, masked, hidden))
        found = (
            f"Rank correlation of the mean weights with the effects: {rhos[0]:.2f} masked,"
            f" {rhos[1]:.2f} hidden; of the two effects with each other: {rhos[2]:.2f}. The"
            f" heaviest word is “{heaviest}”; “{word}” moves"
            f" furthest without “{first}” (masked) or “{other}” (hidden)."
        )
        if max(rhos[:2]) >= self.below:
            return not_yet(f"the map has something of the order of the effects. {found}")
        if rhos[2] <= self.agreed:
            return not_yet(
                "the two kinds of effect have different orders here, so no map could have the order"
                f" of both. {found}"
            )
        return Verdict(True, f"Here the map misleads. {found}", "✓")


check_own_map = MapCheck("check_own_map")
