"""What does a trained model do inside, where nobody has told it what to do?

``scores`` reads what goes into the softmax of every head. It asks for no option of the model: it
listens to the projections of queries and keys with PyTorch's forward hooks, while the model reads
the text as it always does, and computes their scaled products again.

Axes: ``B`` batch, ``T`` queries, ``S`` keys, ``H`` heads.
"""

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from incontext import checks
from incontext.attention import attention_scores, causal_mask
from incontext.heads import MultiHeadAttention, split_heads
from incontext.transformer import Decoder, Encoder


def scores(model: Encoder | Decoder, ids: Integer[Tensor, "B T"]) -> list[Float[Tensor, "B H T S"]]:
    """The scores of every layer before softmax; −∞ where a decoder's causal mask forbids a key.

    Softmax of these (at temperature 1) is what the model returns as ``attentions``.

    model: an ``Encoder`` or a ``Decoder``; ids: ``[B, T]``, one text or several of one length.
    """
    if not isinstance(model, Encoder | Decoder):
        raise ValueError(f"model must be an Encoder or a Decoder, got {type(model).__name__}")
    checks.axes("ids", ids, "B T")
    stack = model.stack if isinstance(model, Decoder) else model
    heard: dict[nn.Linear, Tensor] = {}

    def listen(projection: nn.Linear, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        heard[projection] = output

    attentions = [block.attention for block in stack.blocks]
    hooks = [
        projection.register_forward_hook(listen)
        for attention in attentions
        for projection in (attention.q_proj, attention.k_proj)
    ]
    try:
        with torch.no_grad():
            model(ids, need_weights=False)
    finally:
        for hook in hooks:
            hook.remove()

    n_tokens = ids.shape[1]
    positions = stack.position_options(n_tokens)
    rotate, bias = positions.get("rotate"), positions.get("bias")
    mask = causal_mask(n_tokens, device=ids.device) if isinstance(model, Decoder) else None

    def of_layer(attention: MultiHeadAttention) -> Tensor:
        q = split_heads(heard[attention.q_proj], attention.n_heads)
        k = split_heads(heard[attention.k_proj], attention.n_kv_heads)
        if rotate is not None:
            q, k = rotate(q), rotate(k)
        k = attention.for_each_query_head(k)
        return attention_scores(q, k, mask=mask, bias=bias)

    return [of_layer(attention) for attention in attentions]
