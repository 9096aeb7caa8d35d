"""Exercises of the chapter on multi-head attention."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from incontext.attention import scaled_dot_product_attention
from incontext.heads import merge_heads, split_heads
from incontext.pretrained import encoder_to_read
from incontext.softmax import softmax
from incontext.tokenization import Tokenizer

from .checking import FunctionCheck, Mistake, ValueCheck, Verdict, in_words, not_yet


def _columns_in_turn(x: Tensor, n_heads: int) -> Tensor:
    """Head h gets the columns h, h + H, h + 2 H, …"""
    return x.unflatten(-1, (-1, n_heads)).movedim(-1, -3)


def _split_straight(x: Tensor, n_heads: int) -> Tensor:
    """[..., T, C] read in its own order as [..., H, T, D]."""
    return x.reshape(*x.shape[:-2], n_heads, x.shape[-2], -1)


def _merge_straight(x: Tensor) -> Tensor:
    """[..., H, T, D] read in its own order as [..., T, C]."""
    return x.reshape(*x.shape[:-3], x.shape[-2], -1)


def _attend(
    scale: Callable[[int, int], float] = lambda d_k, n_heads: math.sqrt(d_k),
    dim: int = -1,
    split: Callable[[Tensor, int], Tensor] = split_heads,
    join: Callable[[Tensor], Tensor] = merge_heads,
    see: Callable[[Tensor], Tensor] | None = lambda mask: mask,
) -> Callable:
    """Multi-head attention with one step done as told.

    scale: what the scores are divided by, from d_k and the number of heads.
    see: what is made of the mask; where None, it is not used.
    """

    def solution(
        q: Tensor, k: Tensor, v: Tensor, n_heads: int, mask: Tensor | None = None
    ) -> Tensor:
        q, k, v = (split(x, n_heads) for x in (q, k, v))
        scores = q @ k.mT / scale(q.shape[-1], n_heads)
        if mask is not None and see is not None:
            scores = scores.masked_fill(~see(mask), -math.inf)
        return join(softmax(scores, dim=dim) @ v)

    return solution


def _reference(q: Tensor, k: Tensor, v: Tensor, n_heads: int, mask: Tensor | None = None) -> Tensor:
    q, k, v = (split_heads(x, n_heads) for x in (q, k, v))
    return merge_heads(scaled_dot_product_attention(q, k, v, mask=mask)[0])


def _one_head(q: Tensor, k: Tensor, v: Tensor, n_heads: int, mask: Tensor | None = None) -> Tensor:
    return _reference(q, k, v, 1, mask)


def _maps_averaged(
    q: Tensor, k: Tensor, v: Tensor, n_heads: int, mask: Tensor | None = None
) -> Tensor:
    q, k = split_heads(q, n_heads), split_heads(k, n_heads)
    return scaled_dot_product_attention(q, k, k, mask=mask)[1].mean(-3) @ v


def _masked_after_softmax(
    q: Tensor, k: Tensor, v: Tensor, n_heads: int, mask: Tensor | None = None
) -> Tensor:
    q, k, v = (split_heads(x, n_heads) for x in (q, k, v))
    weights = scaled_dot_product_attention(q, k, v)[1]
    return merge_heads((weights if mask is None else weights * mask) @ v)


def _projected(*shape: int) -> tuple[Tensor, ...]:
    """Queries, keys and values of one shape."""
    generator = torch.Generator().manual_seed(shape[-1])
    return tuple(torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(3))


def _last_three(n_tokens: int) -> Tensor:
    """A mask: each token sees itself and the two before it. None is cut off if it is inverted."""
    return torch.ones(n_tokens, n_tokens).tril().triu(-2).bool()


check_multi_head = FunctionCheck(
    "check_multi_head",
    reference=_reference,
    cases=[
        lambda: (*_projected(5, 21), 3),
        lambda: (*_projected(3, 11, 26), 2),
        lambda: (*_projected(2, 7, 15), 5, _last_three(7)),
    ],
    mistakes=[
        Mistake(
            "√d_model for √d_k",
            _attend(scale=lambda d_k, n_heads: math.sqrt(d_k * n_heads)),
            "A dot product has only d_k terms here. Take the root of the width of one head,"
            " d_model / H.",
        ),
        Mistake(
            "no scaling",
            _attend(scale=lambda d_k, n_heads: 1.0),
            "The dot products go into softmax as they are. Divide them by √d_k first.",
        ),
        Mistake(
            "divided by d_k",
            _attend(scale=lambda d_k, n_heads: d_k),
            "The root is missing: divide by √d_k.",
        ),
        Mistake(
            "softmax over the wrong axis",
            _attend(dim=-2),
            "Each column of a map sums to one. A query shares out its weight over the keys, which"
            " lie along the last axis.",
        ),
        Mistake(
            "one head",
            _one_head,
            "n_heads is not used: this is attention over the whole width, with one map.",
        ),
        Mistake(
            "heads averaged",
            _attend(join=lambda heads: heads.mean(-3)),
            "You take the mean of the heads' notes, [..., T, D], which blurs what each of them"
            " found. Lay them side by side, [..., T, C].",
        ),
        Mistake(
            "heads added",
            _attend(join=lambda heads: heads.sum(-3)),
            "You add the heads' notes, [..., T, D]. Lay them side by side, [..., T, C]. The sum"
            " comes later, when W_O has given each head its own way of writing.",
        ),
        Mistake(
            "maps averaged",
            _maps_averaged,
            "You take the mean of the heads' maps and mix once. Each head mixes its own columns of"
            " v with its own map.",
        ),
        Mistake(
            "heads joined along the wrong axis",
            _attend(join=_merge_straight),
            "The heads are right, but [..., H, T, D] is read straight into [..., T, C], so one row"
            " gets pieces of several tokens. Exchange H and T first, then flatten.",
        ),
        Mistake(
            "heads cut out of the wrong axis",
            _attend(split=_split_straight),
            "[..., T, C] is read straight into [..., H, T, D], so a head gets whole tokens and"
            " never sees the others. Cut the last axis first, [..., T, H, D], then exchange T and"
            " H.",
        ),
        Mistake(
            "heads cut and joined along the wrong axis",
            _attend(split=_split_straight, join=_merge_straight),
            "What you do last undoes what you do first, but in between a head has whole tokens and"
            " never sees the others. Cut the last axis first, [..., T, H, D], then exchange T and"
            " H. Join them in the reverse order.",
        ),
        Mistake(
            "columns in turn",
            _attend(split=_columns_in_turn),
            "Head h has the columns h, h + H, h + 2H and so on. It should own D columns that lie"
            " side by side.",
        ),
        Mistake(
            "columns in turn, put back in turn",
            _attend(split=_columns_in_turn,
                    join=lambda heads: heads.movedim(-3, -1).flatten(-2)),
            "You cut the last axis into [D, H], so head h has the columns h, h + H, h + 2H and so"
            " on. Cut it into [H, D]: a head owns D columns that lie side by side.",
        ),
        Mistake(
            "heads not joined",
            _attend(join=lambda heads: heads),
            "This is [..., H, T, D], the notes of the heads one after the other. They have to lie"
            " side by side, [..., T, C].",
        ),
        Mistake(
            "mask not used",
            _attend(see=None),
            "Without a mask it is right. Where the mask is False, the score has to become −∞.",
        ),
        Mistake(
            "inverted mask",
            _attend(see=lambda mask: ~mask),
            "The mask is taken the other way round. True means: may attend. Fill with −∞ where it"
            " is False, ~mask.",
        ),
        Mistake(
            "mask after softmax",
            _masked_after_softmax,
            "The weights are masked after softmax, so a row sums to less than one. Mask the scores"
            " before.",
        ),
    ],
    praise="Each head mixes its own columns with its own map.",
)  # fmt: skip


def _in_rows(x: Tensor, times: int) -> Tensor:
    """Head 1 as often as told, then head 2, …: [..., G, S, D] becomes [..., H, S, D]."""
    return x.repeat_interleave(times, dim=-3)


def _in_turn(x: Tensor, times: int) -> Tensor:
    """All heads, then all of them again, …"""
    return torch.cat([x] * times, dim=-3)


def _shared(
    repeat_k: Callable[[Tensor, int], Tensor] = _in_rows,
    repeat_v: Callable[[Tensor, int], Tensor] = _in_rows,
    width: Callable[[int, int, int], float] = lambda d_k, n_heads, n_kv_heads: d_k,
) -> Callable:
    """Attention whose keys and values are shared, with one step done as told.

    width: what the scores are divided by the root of, from d_k and the two numbers of heads.
    """

    def solution(q: Tensor, k: Tensor, v: Tensor, n_heads: int, n_kv_heads: int) -> Tensor:
        q, k, v = split_heads(q, n_heads), split_heads(k, n_kv_heads), split_heads(v, n_kv_heads)
        times = n_heads // n_kv_heads
        k, v = repeat_k(k, times), repeat_v(v, times)
        scores = q @ k.mT / math.sqrt(width(q.shape[-1], n_heads, n_kv_heads))
        return merge_heads(softmax(scores) @ v)

    return solution


def _to_share(n_heads: int, n_kv_heads: int, d_k: int) -> tuple[Tensor, Tensor, Tensor, int, int]:
    q, k, v = _projected(2, 5, n_heads * d_k)
    narrow = n_kv_heads * d_k
    return q, k[..., :narrow].clone(), v[..., :narrow].clone(), n_heads, n_kv_heads


def _width_of_keys(d_k: int, n_heads: int, n_kv_heads: int) -> float:
    return n_kv_heads * d_k / n_heads


IN_TURN = (
    "The repeated heads come as 1, 2, 3, 1, 2, 3 and so on, so query heads 1 and 2 use different"
    " ones. Neighbours should share: 1, 1, 1, 2, 2, 2 and so on."
)

check_shared_heads = FunctionCheck(
    "check_shared_heads",
    reference=_shared(),
    cases=[
        lambda: _to_share(9, 3, 4),
        lambda: _to_share(4, 2, 3),
        lambda: _to_share(6, 1, 5),
        lambda: _to_share(3, 3, 7),
    ],
    mistakes=[
        Mistake(
            "shared in turn",
            _shared(_in_turn, _in_turn, _width_of_keys),
            IN_TURN + " When that is right, look again at the root.",
        ),
        Mistake("shared in turn", _shared(_in_turn, _in_turn), IN_TURN),
        Mistake(
            "a width divided by the wrong number",
            _shared(width=_width_of_keys),
            "You divide the width of the keys by the number of query heads. The keys are only as"
            " wide as their own heads together.",
        ),
        Mistake(
            "√d_model for √d_k",
            _shared(width=lambda d_k, n_heads, n_kv_heads: d_k * n_heads),
            "A dot product has only d_k terms. Take the root of the width of one head.",
        ),
        Mistake(
            "the width of all keys",
            _shared(width=lambda d_k, n_heads, n_kv_heads: d_k * n_kv_heads),
            "A dot product has only d_k terms. You take the root of the width of all the heads of"
            " keys together.",
        ),
        Mistake(
            "keys shared in turn",
            _shared(repeat_k=_in_turn),
            "The values are right. The keys are still repeated as 1, 2, 3, 1, 2, 3 and so on.",
        ),
        Mistake(
            "values shared in turn",
            _shared(repeat_v=_in_turn),
            "The keys are right. The values are still repeated as 1, 2, 3, 1, 2, 3 and so on.",
        ),
    ],
    praise="Neighbours share, and the root is that of one head's width.",
)


def _parameters_of_one_head(d_model: int = 768, n_heads: int = 12) -> int:
    d_k = d_model // n_heads
    return 3 * (d_model * d_k + d_k) + d_k * d_model


check_head_parameters = ValueCheck(
    "check_head_parameters",
    reference=_parameters_of_one_head,
    within=0.5,
    mistakes=[
        Mistake(
            "the whole layer", lambda: 4 * (768**2 + 768),
            "That is the layer with all of its twelve heads.",
        ),
        Mistake(
            "a twelfth of the layer", lambda: 4 * (768**2 + 768) / 12,
            "Very near. But the bias that is added after W_O belongs to the layer and to no single"
            " head.",
        ),
        Mistake(
            "no biases", lambda: 4 * 768 * 64,
            "The weights are right. The projections to queries, keys and values also add a bias in"
            " each of the head's columns.",
        ),
        Mistake(
            "no part of W_O", lambda: 3 * (768 * 64 + 64),
            "These are the head's queries, keys and values. It also has a part of W_O, through"
            " which it writes its note.",
        ),
        Mistake(
            "square matrices", lambda: 4 * (64**2 + 64),
            "A head is 64 wide, but it reads all 768 numbers of a token, and writes to all 768.",
        ),
        Mistake(
            "square matrices, without biases", lambda: 4 * 64**2,
            "A head is 64 wide, but it reads all 768 numbers of a token, and writes to all 768."
            " There are biases, too.",
        ),
    ],
    praise="Twelve times this number and one bias of 768 make up the layer.",
)  # fmt: skip

Claim = tuple[int, int, Mapping[str, tuple[str, str]]]


@dataclass(frozen=True)
class HeadClaimCheck:
    """Puts a claim about one head of MiniLM to the test, on sentences of the reader's own.

    A claim is (layer, head, sentences), both counted from 1. For each sentence it names the word
    that looks and the word that it should look at.

    reference: gives a claim that holds. mistakes: claims that cannot be tested.
    """

    name: str
    reference: Callable[[], Claim]
    mistakes: Sequence[Mistake]

    def __call__(self, claim: Any) -> Verdict:
        if claim is None or claim is Ellipsis:
            return not_yet(f"give {self.name} a layer, a head and your sentences.")
        if not _is_claim(claim):
            return Verdict(
                False,
                f"{self.name} takes (layer, head, sentences), where sentences is a dictionary such"
                ' as {"The cat sat on the mat.": ("sat", "cat")}. It got'
                f" {in_words(claim)}.",
            )
        layer, head, sentences = claim
        encoder, tokenizer = encoder_to_read()
        n_layers, n_heads = encoder.config.n_layers, encoder.config.n_heads
        if not (1 <= layer <= n_layers and 1 <= head <= n_heads):
            return Verdict(False, str(self.mistakes[0]))
        places = {text: _places(tokenizer, text, words) for text, words in sentences.items()}
        if None in places.values():
            return Verdict(False, str(self.mistakes[1]))
        if len(sentences) < 3:
            return Verdict(False, str(self.mistakes[2]))

        holds, to_target = [], []
        for text, (query, target) in places.items():
            with torch.no_grad():
                rows = torch.cat(encoder(tokenizer.encode(text)[None]).attentions)[:, :, query]
            holds.append(rows.argmax(-1) == target)  # [layer, head]
            to_target.append(rows[layer - 1, head - 1, target].item())
        every = torch.stack(holds).all(0)
        own = [bool(one[layer - 1, head - 1]) for one in holds]
        others = int(every.sum()) - int(every[layer - 1, head - 1])
        weights = ", ".join(f"{weight:.2f}" for weight in to_target)
        if all(own):
            return Verdict(
                True,
                f"Your claim holds in all {len(own)} sentences. The head gives your words {weights}"
                f" of its weight, more than any other token. Of the other"
                f" {n_layers * n_heads - 1} heads, {others or 'none'}"
                f" {'does' if others < 2 else 'do'} so in all of them.",
                "✓",
            )
        return Verdict(
            False,
            f"Your claim holds in {sum(own)} of {len(own)} sentences. The head gives your words"
            f" {weights} of its weight, and looks more at another token in number"
            f" {', '.join(str(i) for i, one in enumerate(own, start=1) if not one)}. That is a"
            " result. Is there a narrower claim that fits all of them? Test it on new sentences.",
        )


def _is_claim(claim: Any) -> bool:
    if not isinstance(claim, tuple | list) or len(claim) != 3:
        return False
    layer, head, sentences = claim
    return (
        isinstance(layer, int)
        and isinstance(head, int)
        and isinstance(sentences, Mapping)
        and all(isinstance(text, str) for text in sentences)
        and all(
            isinstance(words, tuple | list)
            and len(words) == 2
            and all(isinstance(word, str) for word in words)
            for words in sentences.values()
        )
    )


def _places(tokenizer: Tokenizer, text: str, words: Sequence[str]) -> tuple[int, int] | None:
    """Where the two words stand, if each is one token that stands there once."""
    tokens = tokenizer.tokens(tokenizer.encode(text))
    wanted = [word.lower() for word in words]
    if any(tokens.count(word) != 1 for word in wanted):
        return None
    return tokens.index(wanted[0]), tokens.index(wanted[1])


PRONOUNS = {
    "The queen told the king that she was tired.": ("she", "queen"),
    "My uncle met my aunt before he left.": ("he", "uncle"),
    "The waiter saw the actress when she came in.": ("she", "actress"),
}


check_own_head = HeadClaimCheck(
    "check_own_head",
    reference=lambda: (2, 4, PRONOUNS),
    mistakes=[
        Mistake(
            "no such head",
            lambda: (0, 3, PRONOUNS),
            "MiniLM has the layers 1 to 6, each with the heads 1 to 12. Code counts from 0: add one"
            " to each.",
        ),
        Mistake(
            "a word that cannot be found",
            lambda: (2, 4, PRONOUNS | {"The cat saw the cat.": ("saw", "cat")}),
            "Each of your words has to be in its sentence exactly once, in one piece."
            " tokenizer.tokens(tokenizer.encode(text)) shows the pieces.",
        ),
        Mistake(
            "too few sentences",
            lambda: (2, 4, dict(itertools.islice(PRONOUNS.items(), 2))),
            "Two sentences can agree by luck. Give it three or more.",
        ),
    ],
)
