"""Exercises of the chapter on what heads do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from incontext.embeddings import cosine_similarity
from incontext.pretrained import encoder_to_read
from incontext.reading import head_means
from incontext.tokenization import Tokenizer
from incontext.transformer import Encoder, EncoderOutput

from .checking import FunctionCheck, Mistake, ValueCheck, Verdict, in_words, not_yet

SMALL_MAP = torch.tensor(
    [[1.0, 0.0, 0.0, 0.0], [0.6, 0.3, 0.1, 0.0], [0.1, 0.4, 0.2, 0.3], [0.2, 0.1, 0.5, 0.2]]
)

check_hand_score = ValueCheck(
    "check_hand_score",
    lambda: (0.6 + 0.4 + 0.5) / 3,
    within=0.005,
    mistakes=[
        Mistake(
            "divided by all rows",
            lambda: (0.6 + 0.4 + 0.5) / 4,
            "The first token has no token before it, so it is not asked: three rows count.",
        ),
        Mistake(
            "summed",
            lambda: 0.6 + 0.4 + 0.5,
            "A score is a mean over the queries that are asked, so that it lies between 0 and 1.",
        ),
        Mistake(
            "the next token",
            lambda: (0.0 + 0.1 + 0.3) / 3,
            "Rows are queries. From row t go to column t − 1, one to the left of the diagonal.",
        ),
        Mistake(
            "the token itself",
            lambda: (1.0 + 0.3 + 0.2 + 0.2) / 4,
            "That is the diagonal: the weight that each token gives to itself.",
        ),
    ],
)


def _score(weights: Tensor, target: Tensor) -> Tensor:
    asked = target.any(-1)
    return (weights * target).sum(-1)[asked].mean()


def _case(seed: int, n_queries: int, n_keys: int, share: float) -> Callable[[], tuple]:
    def case() -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        weights = torch.randn(n_queries, n_keys, generator=generator, dtype=torch.float64)
        return weights.softmax(-1), torch.rand(n_queries, n_keys, generator=generator) < share

    return case


check_pattern_score = FunctionCheck(
    "check_pattern_score",
    reference=_score,
    cases=[
        lambda: (SMALL_MAP, torch.ones(3, dtype=torch.bool).diag(-1)),
        _case(0, 7, 7, 0.2),
        _case(1, 5, 5, 0.4),
    ],
    mistakes=[
        Mistake(
            "all queries count",
            lambda weights, target: (weights * target).sum(-1).mean(),
            "A query for which the pattern names no key cannot be right or wrong. Leave its row out"
            " of the mean.",
        ),
        Mistake(
            "the mean over keys",
            lambda weights, target: weights[target].mean(),
            "Where a query has two targets, their weights are added: a head that gives 0.5 to each"
            " has done all that the pattern asks.",
        ),
        Mistake(
            "divided by the targets",
            lambda weights, target: ((weights * target).sum(-1) / target.sum(-1))[
                target.any(-1)
            ].mean(),
            "You divided each query's weight by the number of its targets. Their weights are added:"
            " a head that gives 0.5 to each of two has done all that the pattern asks.",
        ),
        Mistake(
            "the mean over all entries",
            lambda weights, target: (weights * target).mean(),
            "That divides by all queries times all keys. First add up what each query gives to its"
            " targets; then take the mean over the queries that have one.",
        ),
        Mistake(
            "the largest weight",
            lambda weights, target: (weights * target).amax(-1)[target.any(-1)].mean(),
            "Where a query has two targets, their weights are added. You took the larger one.",
        ),
        Mistake(
            "only who looks there most",
            lambda weights, target: (
                target.gather(-1, weights.argmax(-1, keepdim=True))[target.any(-1)].double().mean()
            ),
            "That counts how often the heaviest key is a target. The score is the weight itself.",
        ),
        Mistake(
            "rows and columns exchanged",
            lambda weights, target: _score(weights.mT, target),
            "Rows are queries, in the weights as in the target.",
        ),
        Mistake(
            "not divided",
            lambda weights, target: (weights * target).sum(),
            "That is the sum over all queries. Divide by the number of those that are asked.",
        ),
    ],
    praise="The weight that is found, averaged over those who have something to find.",
)


def _rolled(shift: int, dim: int, keep: int = -1) -> Callable[[Tensor], Tensor]:
    """Earlier copies (those at least −keep back), rolled by one row or column."""
    return lambda ids: (ids[:, None] == ids).tril(keep).roll(shift, dims=dim)


def _wrapped(keep: int | None) -> Callable[[Tensor], Tensor]:
    """The tokens rolled before they are compared, so that the last one stands before the first."""

    def target(ids: Tensor) -> Tensor:
        after = ids[:, None] == ids.roll(1)
        return after if keep is None else after.tril(keep)

    return target


def _induction(ids: Tensor, ahead: int = 1, causal: bool = True) -> Tensor:
    """Entry [t, s] is True where token s − ahead is an earlier copy of token t."""
    n = len(ids)
    target = torch.zeros(n, n, dtype=torch.bool)
    for t in range(n):
        for copy in range(t if causal else n):
            if ids[copy] == ids[t] and copy != t and 0 <= copy + ahead < n:
                target[t, copy + ahead] = True
    return target


check_induction_target = FunctionCheck(
    "check_induction_target",
    reference=_induction,
    cases=[
        lambda: (torch.tensor([5, 8, 2, 9, 5, 8, 2, 9]),),
        lambda: (torch.tensor([3, 3, 1, 3, 7, 1]),),
        lambda: (torch.tensor([4, 6, 1]),),
    ],
    mistakes=[
        Mistake(
            "the copy itself",
            lambda ids: _induction(ids, ahead=0),
            "That is a head that finds the same token again. An induction head looks at what came"
            " *after* it, one column to the right.",
        ),
        Mistake(
            "the token before the copy",
            lambda ids: _induction(ids, ahead=-1),
            "One step in the wrong direction: what helps to guess the next token stands after the"
            " copy.",
        ),
        Mistake(
            "copies that are still to come",
            lambda ids: _induction(ids, causal=False),
            "A decoder's query cannot see them. Only copies before the query count.",
        ),
        Mistake(
            "the queries are rolled",
            _rolled(1, dim=0),
            "You moved the rows, and a row is a query: each token now looks where the one before it"
            " should, and the last row has come out as the first. Move the columns, dims=-1.",
        ),
        Mistake(
            "the queries are rolled",
            _rolled(-1, dim=0),
            "You moved the rows, and a row is a query: each token now looks where the one after it"
            " should. Move the columns, dims=-1, and to the right.",
        ),
        Mistake(
            "the token before the copy, wrapped round",
            _rolled(-1, dim=-1),
            "You rolled to the left. What helps to guess the next token stands after the copy, one"
            " column to the right; and the first column has come out at the other end.",
        ),
        Mistake(
            "a copy right before is missed",
            _rolled(1, dim=-1, keep=-2),
            "In “3 3” the second 3 has a copy one place back, and what came after that copy is the"
            " second 3 itself. tril(-2) leaves such a copy out; tril(-1) keeps it.",
        ),
        Mistake(
            "the last token wraps round",
            _wrapped(0),
            "You rolled before you masked, so that the last token was compared in the first column,"
            " as if it stood before the text. Nothing stands before the first token: mask the"
            " copies first, then roll.",
        ),
        Mistake(
            "the last token wraps round",
            _wrapped(-1),
            "You rolled before you masked: the last token was compared in the first column, as if"
            " it stood before the text, and tril(-1) then also cut off a token twice in a row,"
            " whose copy is followed by itself. Mask the copies first, then roll.",
        ),
        Mistake(
            "nothing is masked",
            _wrapped(None),
            "Each token counts as a copy of itself here, and so do those that are still to come."
            " Only copies before the query count.",
        ),
    ],
    praise="What came after this token the last time it was seen.",
)


@dataclass(frozen=True)
class ClaimCheck:
    """A claim about a head of MiniLM on the reader's sentences, and what becomes of it.

    reference: gives a claim that passes, (layer, head, sentences): layer and head counted from 1 as
    the lens does; each sentence a text, the word that looks and the word that it should look at.
    """

    name: str
    fewest: int = 6

    def reference(self) -> tuple:
        people = ("boy", "girl", "king", "queen", "doctor", "nurse")
        return 1, 3, [(f"Yesterday the {one} sang.", one, "the") for one in people]

    @property
    def mistakes(self) -> list[Mistake]:
        layer, head, sentences = self.reference()
        return [
            Mistake(
                "one sentence is no test",
                lambda: (layer, head, sentences[:1]),
                f"Give at least {self.fewest}: on one sentence, some of 72 heads look right by"
                " luck.",
            ),
            Mistake(
                "there is no such head",
                lambda: (0, 13, sentences),
                "Layers go from 1 to 6 and heads from 1 to 12, as in the lens.",
            ),
            Mistake(
                "a word is not there once",
                lambda: (layer, head, [*sentences[1:], ("The king saw the queen.", "king", "cat")]),
                "Each of the two words has to stand in its sentence exactly once, and to be one"
                " token.",
            ),
        ]

    def __call__(self, claim: Any) -> Verdict:
        if claim is None or claim is Ellipsis:
            return not_yet(f"give {self.name} a layer, a head and your sentences.")
        few, no_head, no_word = self.mistakes
        try:
            layer, head, sentences = claim
            sentences = [(text, source, to) for text, source, to in sentences]
        except (TypeError, ValueError):
            return Verdict(
                False,
                f"{self.name} takes (layer, head, sentences), each sentence as (text, word that"
                f" looks, word it looks at). It got {in_words(claim)}.",
            )
        if not (layer in range(1, 7) and head in range(1, 13)):
            return Verdict(False, str(no_head))
        if len(sentences) < self.fewest:
            return Verdict(False, str(few))
        encoder, tokenizer = encoder_to_read()
        places = [_places(tokenizer, *one) for one in sentences]
        if None in places:
            return Verdict(False, str(no_word))
        return _tried(encoder, tokenizer, [one[0] for one in sentences], places, layer, head)


def _places(tokenizer: Tokenizer, text: str, source: str, to: str) -> tuple[int, int] | None:
    tokens = tokenizer.tokens(tokenizer.encode(text))
    words = [word.lower() for word in (source, to)]
    if any(tokens.count(word) != 1 for word in words):
        return None
    return tokens.index(words[0]), tokens.index(words[1])


@torch.no_grad()
def _tried(
    encoder: Encoder,
    tokenizer: Tokenizer,
    texts: list[str],
    places: list[tuple[int, int]],
    layer: int,
    head: int,
) -> Verdict:
    """The weight from word to word, and how far the word turns with the head off, among all 72."""
    ids, mask = tokenizer.encode_batch(texts)
    rows, (sources, to) = torch.arange(len(texts)), torch.tensor(places).T
    seen = encoder(ids, mask)
    each = torch.stack(seen.attentions, dim=1)[rows, :, :, sources, to].flatten(1)  # [text, 72]
    before, mine = seen.last_hidden_state[rows, sources], 12 * (layer - 1) + head - 1
    weights = each.mean(0)

    def place(numbers: Tensor) -> int:
        return 1 + int((numbers > numbers[mine]).sum())

    def turned(means: Tensor) -> Tensor:
        """How far the looking words turn with each head of each layer off, [72]."""
        off = [without_each(encoder, seen, mask, layer, means) for layer in range(6)]
        after = torch.stack(off)[:, :, rows, sources]  # [layer, head, text, C]
        return (1 - cosine_similarity(before, after)).mean(-1).flatten()

    means = head_means(encoder, ids, mask)
    by_zeros, by_means = turned(torch.zeros_like(means)), turned(means)
    return Verdict(
        True,
        f"Layer {layer}, head {head} gives {weights[mine]:.2f} of its weight to the word you named:"
        f" number {place(weights)} of 72. Switched off by zeros, it turns the vector of the looking"
        f" word by {by_zeros[mine]:.4f} (1 − cosine): number {place(by_zeros)} of 72. By its mean:"
        f" {by_means[mine]:.4f}, number {place(by_means)}."
        f" {_decisive(texts, places, each[:, mine])}",
        "✓",
    )


@torch.no_grad()
def without_each(
    encoder: Encoder, seen: EncoderOutput, mask: Tensor, layer: int, means: Tensor
) -> Tensor:
    """The last vectors with each head of one layer off in turn, [head, text, T, C].

    The same numbers as with ``ablated``, for all heads of the layer at once. The layers below do
    not notice, so what they gave is taken from the run with all heads on.

    seen: that run. layer: counted from 0. means: what each head hands over instead, [L, H, D].
    """
    each = torch.arange(encoder.config.n_heads)

    def switch_off(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        mixed = inputs[0].unflatten(-1, (len(each), -1)).clone()  # [off, text, T, head, D]
        mixed[each, :, :, each] = means[layer, :, None, None]
        return (mixed.flatten(-2),)

    x = seen.hidden_states[layer].expand(len(each), -1, -1, -1)
    hook = encoder.blocks[layer].attention.out_proj.register_forward_pre_hook(switch_off)
    try:
        for block in encoder.blocks[layer:]:
            x, _ = block(x, mask=mask[:, None, None], need_weights=False)
    finally:
        hook.remove()
    return x


def _decisive(texts: list[str], places: list[tuple[int, int]], weights: Tensor) -> str:
    """Which sentence tells the claim from a fixed number of places, and how the head fares."""
    distances = [to - source for source, to in places]
    usual = max(distances, key=distances.count)
    steps = f"{abs(usual)} {'back' if usual < 0 else 'on'}"
    others = [i for i, distance in enumerate(distances) if distance != usual]
    if not others:
        return (
            f"No sentence decides: in all of them the word stands {steps}, counted in tokens, so"
            " a head that goes by places alone would do as well. Write one in which it does not."
        )
    weakest = min(others, key=lambda i: weights[i].item())
    return (
        f"The rule “{steps}” is right in {distances.count(usual)} of {len(texts)}. The sentence"
        f" that decides is the one outside it where the head gives least: “{texts[weakest]}”,"
        f" {weights[weakest]:.2f}."
    )


check_own_claim = ClaimCheck("check_own_claim")
