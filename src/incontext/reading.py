"""What does a trained model do inside, where nobody has told it what to do?

``scores`` reads what goes into the softmax of every head. It asks for no option of the model: it
listens to the projections of queries and keys with PyTorch's forward hooks, while the model reads
the text as it always does, and computes their scaled products again. ``bertviz_frame`` draws what
heads do, with BertViz, for any model.

``ledger`` asks where a decision comes from. All that a model with a residual stream says is a sum
of what its parts have written, seen through norms; with the scale of every norm held at its value
on that text, each norm is a linear map plus β, and the sum can be followed back to its terms:

    direction · output = Σ heads + Σ feed-forward networks + Σ embeddings + constants

Elhage et al. (2021), "A Mathematical Framework for Transformer Circuits", section 2 (the stream as
a sum, and heads as its terms).

Axes: ``B`` batch, ``T`` queries and tokens, ``S`` keys, ``H`` heads, ``C`` d_model.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from incontext import checks
from incontext._bertviz import bertviz_frame as bertviz_frame
from incontext.attention import attention_scores, causal_mask
from incontext.block import RMSNorm
from incontext.heads import MultiHeadAttention, split_heads
from incontext.transformer import Decoder, Encoder

RECORDED = Path(__file__).parent / "recorded" / "heads.json"


def queries_and_keys(
    model: Encoder | Decoder, ids: Integer[Tensor, "B T"]
) -> tuple[list[Float[Tensor, "B H T D"]], list[Float[Tensor, "B H S D"]]]:
    """The queries and the keys of every layer as their dot products are taken.

    After rotation, where the model has one; keys that heads share are repeated for each of them.
    The scores are their scaled products, plus a bias in a model with ALiBi.

    model: an ``Encoder`` or a ``Decoder``; ids: ``[B, T]``, one text or several of one length.
    """
    if not isinstance(model, Encoder | Decoder):
        raise ValueError(f"model must be an Encoder or a Decoder, got {type(model).__name__}")
    checks.axes("ids", ids, "B T")
    stack = model.stack if isinstance(model, Decoder) else model
    attentions = [block.attention for block in stack.blocks]
    projections = [one for at in attentions for one in (at.q_proj, at.k_proj)]
    with torch.no_grad(), heard(projections, lambda inputs, output: output) as projected:
        model(ids, need_weights=False)
    rotate = stack.position_options(ids.shape[1]).get("rotate")

    def of_layer(attention: MultiHeadAttention) -> tuple[Tensor, Tensor]:
        q = split_heads(projected[attention.q_proj], attention.n_heads)
        k = split_heads(projected[attention.k_proj], attention.n_kv_heads)
        if rotate is not None:
            q, k = rotate(q), rotate(k)
        return q, attention.for_each_query_head(k)

    queries, keys = zip(*map(of_layer, attentions), strict=True)
    return list(queries), list(keys)


def scores(model: Encoder | Decoder, ids: Integer[Tensor, "B T"]) -> list[Float[Tensor, "B H T S"]]:
    """The scores of every layer before softmax; −∞ where a decoder's causal mask forbids a key.

    Softmax of these (at temperature 1) is what the model returns as ``attentions``.

    model: an ``Encoder`` or a ``Decoder``; ids: ``[B, T]``, one text or several of one length.
    """
    queries, keys = queries_and_keys(model, ids)
    stack = model.stack if isinstance(model, Decoder) else model
    n_tokens = ids.shape[1]
    bias = stack.position_options(n_tokens).get("bias")
    mask = causal_mask(n_tokens, device=ids.device) if isinstance(model, Decoder) else None
    pairs = zip(queries, keys, strict=True)
    return [attention_scores(q, k, mask=mask, bias=bias) for q, k in pairs]


class LedgerRow(NamedTuple):
    """What one part contributes. ``head_mask[row.layer, row.head] = 0`` switches a head off."""

    layer: int | None  # index of the block, from 0; None for embeddings and constants
    part: str  # "token", "position", "type", "head", "feed-forward" or "constants"
    head: int | None  # index of the query head, from 0; None for all else
    value: float


@dataclass(frozen=True)
class Ledger:
    """The terms of a decision, and what they sum to."""

    rows: tuple[LedgerRow, ...]  # embeddings, then layer by layer its heads and its network
    total: float  # direction · last_hidden_state[position], as the model itself computes it


@torch.no_grad()
def ledger(
    model: Encoder | Decoder,
    ids: Integer[Tensor, "*one T"],
    position: int,
    direction: Float[Tensor, " C"],
) -> Ledger:
    """Who has moved the output at one position along a direction, and by how much.

    The scale of every norm is held at its value on this text. So a row says what a part wrote, as
    the output sees it; it does not say what would have happened without it, since later parts would
    have read something else, and norms divided by something else. Try the largest rows by ablation.

    A head's row has its values' bias in it. All other biases, and the β of every norm, are in the
    one row "constants".

    model: an ``Encoder`` or a ``Decoder`` with a residual stream. ids: one text, ``[T]`` or
    ``[1, T]``. position: which token's output, −T ≤ position < T. direction: ``[C]``, for example
    the difference of two rows of a decoder's ``out_proj.weight``: then the total is the difference
    of their logits.

    The rows sum to the total, up to rounding.
    """
    if not isinstance(model, Encoder | Decoder):
        raise ValueError(f"model must be an Encoder or a Decoder, got {type(model).__name__}")
    if not model.config.residual:
        raise ValueError("model must have a residual stream, got one with residual=False")
    ids = ids[None] if ids.ndim == 1 else ids
    checks.axes("ids", ids, "B T")
    checks.size("ids", ids, 0, "one text", 1)
    checks.whole("position", position, minimum=-ids.shape[1])
    if position >= ids.shape[1]:
        raise ValueError(f"position={position} must be below T={ids.shape[1]}")
    checks.vectors("direction", direction, "C", "d_model", model.config.d_model)
    stack = model.stack if isinstance(model, Decoder) else model

    at = (0, position)
    norms = [part for part in stack.modules() if isinstance(part, nn.LayerNorm | RMSNorm)]
    networks = [block.feed_forward for block in stack.blocks]
    out_projs = [block.attention.out_proj for block in stack.blocks]
    with (
        heard(norms, lambda inputs, output: inputs[0][at]) as normed,
        heard(networks, lambda inputs, output: output[at]) as written,
        heard(out_projs, lambda inputs, output: inputs[0][at]) as mixed,  # the heads, side by side
    ):
        total = float(model(ids, need_weights=False).last_hidden_state[at] @ direction)

    # From the output back: `direction` is what the given one comes to at each place of the stream.
    rows, constants = [], 0.0

    def enter(norm: nn.Module | None) -> None:
        nonlocal direction, constants
        if norm is not None:
            constants += _dot(direction, getattr(norm, "bias", None))
            direction = _before(norm, normed[norm], direction)

    enter(stack.final_norm)
    for layer, block in reversed(list(enumerate(stack.blocks))):
        network, out_proj = block.feed_forward, block.attention.out_proj
        enter(block.feed_forward_norm if block.norm == "post" else None)
        bias = _dot(direction, network.down.bias)
        constants += bias
        value = _dot(direction, written[network]) - bias
        rows.append(LedgerRow(layer, "feed-forward", None, value))
        enter(block.attention_norm if block.norm == "post" else None)
        constants += _dot(direction, out_proj.bias)
        terms = mixed[out_proj] * (direction @ out_proj.weight)  # [C], a head's beside the next's
        heads = terms.unflatten(0, (block.attention.n_heads, -1)).sum(-1).tolist()
        rows += reversed([LedgerRow(layer, "head", h, value) for h, value in enumerate(heads)])
    enter(stack.embedding_norm)
    for part, vector in reversed(_embeddings(stack, ids, position).items()):
        rows.append(LedgerRow(None, part, None, _dot(direction, vector)))
    return Ledger((*reversed(rows), LedgerRow(None, "constants", None, constants)), total)


def _before(norm: nn.Module, x: Tensor, direction: Tensor) -> Tensor:
    """The direction in front of a norm that is this one behind it, its scale held as x has it."""
    if isinstance(norm, nn.LayerNorm):
        scale = (x.var(correction=0) + norm.eps).sqrt()
        direction = norm.weight * direction / scale
        return direction - direction.mean()
    scale = (x.square().mean() + norm.eps).sqrt()
    return norm.weight * direction / scale


def _embeddings(stack: Encoder, ids: Tensor, position: int) -> dict[str, Tensor]:
    """The vectors that are added to make what enters the first block, or the norm before it."""
    found = {"token": stack.token_embedding(ids)[0, position]}
    position %= ids.shape[1]
    if stack.config.positions == "learned":
        found["position"] = stack.position_embedding.weight[position]
    if stack.config.positions == "sinusoidal":
        found["position"] = stack.position_table[position]
    if stack.type_embedding is not None:
        found["type"] = stack.type_embedding.weight[0]
    return found


def _dot(direction: Tensor, vector: Tensor | None) -> float:
    return 0.0 if vector is None else float(direction @ vector)


@contextmanager
def heard(
    modules: list[nn.Module], what: Callable[[tuple[Tensor, ...], Tensor], Tensor]
) -> Iterator[dict[nn.Module, Tensor]]:
    """While it lasts, fills a dict with ``what(inputs, output)`` of each module as it is called."""
    found: dict[nn.Module, Tensor] = {}

    def listen(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        found[module] = what(inputs, output)

    hooks = [module.register_forward_hook(listen) for module in modules]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def patterns(
    ids: Integer[Tensor, "B T"],
    mask: Bool[Tensor, "B T"] | None = None,
    *,
    delimiters: Sequence[int] = (),
    causal: bool = False,
) -> dict[str, Bool[Tensor, "B T S"]]:
    """Where each query looks in a head that follows a simple pattern; True at those keys.

    "previous token", "next token", "same token" (other copies of the query's token), "first token",
    "delimiters" (where there are any) and "after a copy", which is what an induction head looks at:
    the token behind an earlier copy of the query's.

    mask: True = a token, False = padding. delimiters: ids of tokens that stand for no word, such as
    [CLS] and [SEP]; they are not asked as queries. causal: keep only keys that a decoder sees, so
    that "next token" is left out.
    """
    checks.axes("ids", ids, "B T")
    mask = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask
    checks.boolean("mask", mask, "True = a token")
    if mask.shape != ids.shape:
        raise ValueError(
            f"mask must have the shape of ids, {tuple(ids.shape)}, got {tuple(mask.shape)}"
        )
    is_delimiter = torch.isin(ids, torch.tensor(list(delimiters), dtype=ids.dtype)) & mask
    is_word = mask & ~is_delimiter
    at = torch.arange(ids.shape[1])
    ahead = at - at[:, None]  # how far the key stands behind the query, [T, S]
    words = is_word[:, :, None] & is_word[:, None, :]
    same = words & (ids[:, :, None] == ids[:, None, :])
    found = {
        "previous token": words & (ahead == -1),
        "next token": words & (ahead == 1),
        "same token": same & (ahead < 0 if causal else ahead != 0),
        "after a copy": words & (same & (ahead < 0)).roll(1, -1),
        "first token": is_word[:, :, None] & (at == 0) & (at[:, None] > 0),
        "delimiters": is_word[:, :, None] & is_delimiter[:, None, :],
    }
    left_out = {"next token"} if causal else set()
    if not delimiters:
        left_out.add("delimiters")
    return {name: target for name, target in found.items() if name not in left_out}


def pattern_scores(
    attentions: Sequence[Float[Tensor, "B H T S"]], target: Bool[Tensor, "B T S"]
) -> Float[Tensor, "B L H"]:
    """The weight that each head gives to the keys of a pattern, from 0 to 1, for each text.

        score = mean over the queries t that have a target of  Σ_s target[t, s] · α[t, s]

    attentions: of each layer, as a model returns them. target: True where a query should look (see
    ``patterns``); a query without a target is not counted, and each text needs one that counts.
    """
    if not attentions:
        raise ValueError("attentions must hold the weights of at least one layer, got none")
    checks.boolean("target", target, "True = where a query should look")
    checks.axes("target", target, "B T S")
    asked = target.any(-1)  # [B, T]
    if not asked.any(-1).all():
        text = int((~asked.any(-1)).nonzero()[0])
        raise ValueError(f"target must have a True for each text, got none for text {text}")
    for layer, weights in enumerate(attentions):
        _check_weights(f"attentions[{layer}]", weights, target)
    found = torch.stack(
        [(weights * target[:, None]).sum(-1) for weights in attentions], dim=1
    )  # [B, L, H, T]
    return found.sum(-1) / asked.sum(-1)[:, None, None]


def _check_weights(name: str, weights: Tensor, target: Tensor) -> None:
    """Weights [B, H, T, S] whose rows are distributions, over the tokens that the target has."""
    checks.axes(name, weights, "B H T S")
    batch, _, n_queries, n_keys = weights.shape
    if (batch, n_queries, n_keys) != target.shape:
        raise ValueError(
            f"target must have axes [B, T, S] = {(batch, n_queries, n_keys)} to fit {name}, "
            f"got shape {tuple(target.shape)}"
        )
    checks.distributions(name, weights)


@torch.no_grad()
def head_means(
    model: Encoder | Decoder, ids: Integer[Tensor, "B T"], mask: Bool[Tensor, "B T"] | None = None
) -> Float[Tensor, "L H D"]:
    """What each head hands over on average, over all tokens of these texts: for ``ablated``.

    A head hands over the mixture of its values, ``[D]``, in front of the layer's W_O.
    """
    out_projs = _out_projs(model)
    with heard(out_projs, lambda inputs, output: inputs[0]) as mixed:
        model(ids, mask, need_weights=False)
    is_token = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask
    means = torch.stack([mixed[out_proj][is_token].mean(0) for out_proj in out_projs])
    return means.unflatten(-1, (model.config.n_heads, -1))


@contextmanager
def ablated(
    model: Encoder | Decoder,
    heads: Sequence[tuple[int, int]],
    means: Float[Tensor, "L H D"] | None = None,
) -> Iterator[None]:
    """While it lasts, these heads are switched off: they hand over a vector that knows no text.

    heads: pairs (layer, head), both counted from 0. means: what to hand over in place of each
    head's mixture, see ``head_means`` (*mean-ablation*); zeros where not given (*zero-ablation*, as
    the option ``head_mask`` has it).
    """
    out_projs, n_heads = _out_projs(model), model.config.n_heads
    of_layer: dict[int, list[int]] = {}
    for layer, head in heads:
        for name, index, n in (("layer", layer, len(out_projs)), ("head", head, n_heads)):
            checks.whole(name, index, minimum=0)
            if index >= n:
                raise ValueError(f"{name}={index} must be below n_{name}s={n} (counted from 0)")
        of_layer.setdefault(layer, []).append(head)
    if means is None:
        means = torch.zeros(len(out_projs), n_heads, model.config.d_model // n_heads)
    expected = (len(out_projs), n_heads, model.config.d_model // n_heads)
    if tuple(means.shape) != expected:
        raise ValueError(f"means must have axes [L, H, D] = {expected}, got {tuple(means.shape)}")

    def switch_off(layer: int) -> Callable:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
            mixed = inputs[0].unflatten(-1, (n_heads, -1)).clone()  # [B, T, H, D]
            mixed[..., of_layer[layer], :] = means[layer, of_layer[layer]].to(mixed)
            return (mixed.flatten(-2),)

        return hook

    hooks = [out_projs[i].register_forward_pre_hook(switch_off(i)) for i in of_layer]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _out_projs(model: Encoder | Decoder) -> list[nn.Module]:
    if not isinstance(model, Encoder | Decoder):
        raise ValueError(f"model must be an Encoder or a Decoder, got {type(model).__name__}")
    stack = model.stack if isinstance(model, Decoder) else model
    return [block.attention.out_proj for block in stack.blocks]


def recorded() -> dict:
    """What scripts/record_heads.py has recorded: heads switched off, and models by chance."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))
