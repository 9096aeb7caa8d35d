"""Exercises of the chapter on multi-head attention."""

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from incontext.attention import scaled_dot_product_attention
from incontext.heads import merge_heads, split_heads
from incontext.pretrained import load_encoder
from incontext.softmax import softmax

from .checking import FunctionCheck, Mistake, ValueCheck

TEXTS = (
    "The old man gave the young man his coat.",
    "The river bank was steep, and the bank in town was closed.",
    "The train to Paris was late, so we missed the train to Lyon.",
    "Some birds fly south in winter, and some birds stay.",
)


def _normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _columns_in_turn(x: Tensor, n_heads: int) -> Tensor:
    """Head h gets the columns h, h + H, h + 2 H, …"""
    return x.unflatten(-1, (-1, n_heads)).movedim(-1, -3)


check_split_heads = FunctionCheck(
    "check_split_heads",
    reference=split_heads,
    cases=[lambda: (_normal(2, 5, 21), 3), lambda: (_normal(3, 7, 22), 2)],
    mistakes=[
        Mistake(
            "heads split along the wrong axis",
            lambda x, n_heads: x.reshape(x.shape[0], n_heads, x.shape[1], -1),
            "The shape is right, and the numbers are in the wrong places: read straight into"
            " [B, H, T, D], a head gets whole tokens and bits of others. Cut the last axis into"
            " [H, D] first, [B, T, H, D], and exchange T and H after that.",
        ),
        Mistake(
            "columns in turn",
            _columns_in_turn,
            "Head h has the columns h, h + H, h + 2H and so on. A head owns D columns that lie side"
            " by side: cut the last axis into [H, D], and not into [D, H].",
        ),
        Mistake(
            "the axes are not exchanged",
            lambda x, n_heads: x.unflatten(-1, (n_heads, -1)),
            "This is [B, T, H, D]. The last two axes must be tokens and columns, so that q @ k.mT"
            " compares tokens: transpose(1, 2).",
        ),
        Mistake(
            "the heads in front of the batch",
            lambda x, n_heads: x.unflatten(-1, (n_heads, -1)).movedim(-2, 0),
            "This is [H, B, T, D], as a list of heads stacked up. The batch comes first:"
            " stack(…, dim=1).",
        ),
    ],
    praise="Head h has the columns h·D to (h + 1)·D of every token.",
)  # fmt: skip


def _attend(scale: Callable = math.sqrt, dim: int = -1, split=split_heads, join=merge_heads):
    """Multi-head attention with one step done as told. scale: a function of d_k."""

    def solution(q, k, v, n_heads):
        q, k, v = (split(x, n_heads) for x in (q, k, v))
        return join(softmax(q @ k.mT / scale(q.shape[-1]), dim=dim) @ v)

    return solution


def _reference(q, k, v, n_heads):
    mixed, _ = scaled_dot_product_attention(*(split_heads(x, n_heads) for x in (q, k, v)))
    return merge_heads(mixed)


def _by_d_model(q, k, v, n_heads):
    return _attend(scale=lambda d_k: math.sqrt(n_heads * d_k))(q, k, v, n_heads)


def _maps_averaged(q, k, v, n_heads):
    q, k = split_heads(q, n_heads), split_heads(k, n_heads)
    return softmax(q @ k.mT / math.sqrt(q.shape[-1])).mean(-3) @ v


def _read_straight(x, n_heads):
    return x.reshape(n_heads, x.shape[0], -1)


def _projected(n_tokens: int, d_model: int) -> tuple[Tensor, ...]:
    return tuple(_normal(n_tokens, d_model, seed=seed) for seed in range(3))


check_multi_head = FunctionCheck(
    "check_multi_head",
    reference=_reference,
    cases=[lambda: (*_projected(5, 21), 3), lambda: (*_projected(11, 26), 2)],
    mistakes=[
        Mistake(
            "√d_model for √d_k",
            _by_d_model,
            "Each head has dot products of d_k terms only. Take the root of the *split* width,"
            " d_model / H.",
        ),
        Mistake(
            "no scaling",
            _attend(scale=lambda d_k: 1.0),
            "The dot products go into softmax as they are. Divide them by √d_k.",
        ),
        Mistake(
            "divided by d_k",
            _attend(scale=lambda d_k: d_k),
            "The root is missing: divide by √d_k.",
        ),
        Mistake(
            "softmax over the wrong axis",
            _attend(dim=-2),
            "Each column of a map sums to one. A query shares its weight out over the keys, the"
            " last axis.",
        ),
        Mistake(
            "one head",
            lambda q, k, v, n_heads: _attend()(q, k, v, 1),
            "n_heads plays no part in this: it is attention over the whole width with one map.",
        ),
        Mistake(
            "heads averaged",
            _attend(join=lambda heads: heads.mean(-3)),
            "The heads' outputs are averaged, [T, D], and what one head found is blurred by the"
            " others. Lay them side by side, [T, C].",
        ),
        Mistake(
            "heads added",
            _attend(join=lambda heads: heads.sum(-3)),
            "The heads' outputs are added, [T, D]. Lay them side by side, [T, C]; the sum comes"
            " later, when W_O has given each head its own way of writing.",
        ),
        Mistake(
            "maps averaged",
            _maps_averaged,
            "You average the maps of the heads and mix once. Each head mixes *its own* columns of v"
            " with its own map.",
        ),
        Mistake(
            "heads joined along the wrong axis",
            _attend(join=lambda heads: heads.reshape(heads.shape[-2], -1)),
            "The heads are right, and [H, T, D] is read straight into [T, C]: rows of different"
            " tokens run into each other. Exchange H and T first, then flatten.",
        ),
        Mistake(
            "heads split along the wrong axis",
            _attend(split=_read_straight),
            "[T, C] is read straight into [H, T, D], so a head gets whole tokens and bits of"
            " others. Cut the last axis first, [T, H, D], then exchange T and H.",
        ),
        Mistake(
            "heads split and joined along the wrong axis",
            _attend(split=_read_straight, join=lambda x: x.reshape(x.shape[-2], -1)),
            "Splitting and joining undo each other, but in between a head has whole tokens and bits"
            " of others. Cut the last axis first, [T, H, D], then exchange T and H; and back.",
        ),
        Mistake(
            "columns in turn",
            _attend(split=_columns_in_turn),
            "Head h has the columns h, h + H, h + 2H and so on. It owns D columns side by side.",
        ),
    ],
    praise="Each head mixes its own columns with its own map.",
)  # fmt: skip


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
            "Very near. The bias that is added after W_O belongs to the layer, and to no head.",
        ),
        Mistake(
            "no biases", lambda: 4 * 768 * 64,
            "The projections to queries, keys and values add a bias in each of the head's columns.",
        ),
        Mistake(
            "no share of W_O", lambda: 3 * (768 * 64 + 64),
            "These are the head's queries, keys and values. Its slice of W_O is missing, with"
            " which it writes its result.",
        ),
        Mistake(
            "square matrices", lambda: 4 * (64**2 + 64),
            "A head has 64 dimensions of its own, but it reads from all 768 of the token and writes"
            " to all 768.",
        ),
        Mistake(
            "square matrices, without biases", lambda: 4 * 64**2,
            "A head has 64 dimensions of its own, but it reads from all 768 of the token and writes"
            " to all 768. Biases come on top.",
        ),
    ],
    praise="Twelve of them and one bias of 768 make up the layer.",
)  # fmt: skip


@cache
def _best_head(offset: int) -> tuple[int, int]:
    """Layer and head, from 1, that give the largest mean weight to the word at this offset."""
    encoder, tokenizer = load_encoder()
    ids, mask = tokenizer.encode_batch(list(TEXTS))
    marks = torch.tensor([tokenizer.id_of("[CLS]"), tokenizer.id_of("[SEP]")])
    word = mask & ~torch.isin(ids, marks)
    place = torch.arange(ids.shape[1])
    target = word[:, :, None] & word[:, None, :] & (place == place[:, None] + offset)
    with torch.no_grad():
        weights = torch.stack(encoder(ids, mask).attentions, dim=1)
    found = (weights * target[:, None, None]).sum((0, 3, 4))
    layer, head = divmod(found.argmax().item(), found.shape[1])
    return layer + 1, head + 1


def _from_0() -> tuple[int, int]:
    layer, head = _best_head(2)
    return layer - 1, head - 1


check_two_ahead = ValueCheck(
    "check_two_ahead",
    reference=lambda: _best_head(2),
    mistakes=[
        Mistake(
            "counted from 0", _from_0,
            "It is the right head by its index. Layers and heads count from 1 in this book.",
        ),
        Mistake(
            "head before layer", lambda: _best_head(2)[::-1],
            "The right two numbers. The layer comes first.",
        ),
        Mistake(
            "two back", lambda: _best_head(-2),
            "This head looks two words back. ahead counts from the query to the key, so what lies"
            " to the right of the query has a positive sign.",
        ),
        Mistake(
            "one ahead", lambda: _best_head(1),
            "That is the chapter's own head for the next word. Two places ahead was asked for.",
        ),
        Mistake(
            "one back", lambda: _best_head(-1),
            "That is the chapter's previous-token head.",
        ),
    ],
    praise="It gives about as much weight to the very next word: a job with blurred edges.",
)  # fmt: skip
