"""How does a decoder write?

A decoder gives a score (logit) to every token that could come next. Scores become probabilities,
one token is drawn from them and appended, and the longer text is read again:

    p = softmax(logits / T)        next token ~ p, cut to its likeliest tokens where asked for

A temperature T below 1 favours the likely tokens more. Top-k cuts all but the k likeliest tokens.
Top-p cuts all but the *nucleus*, the smallest set of likeliest tokens whose probabilities reach p
together. What is left shares the whole again. Where papers and libraries differ, this is our order:
temperature first, then top-k, then top-p on what top-k has left. The token that crosses p is in the
nucleus, and of two equally likely tokens the one with the smaller id comes first.

Fan, Lewis and Dauphin (2018), "Hierarchical neural story generation", section 5.1 (top-k);
Holtzman et al. (2020), "The curious case of neural text degeneration", section 3.1 (top-p).

Axes: ``T`` tokens, ``V`` the vocabulary.
"""

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from incontext import checks
from incontext.softmax import softmax
from incontext.transformer import Decoder


def next_token_probabilities(
    logits: Float[Tensor, "*axes V"],
    *,
    temperature: float | int = 1.0,
    top_k: int | None = None,
    top_p: float | int | None = None,
) -> Float[Tensor, "*axes V"]:
    """The probabilities that ``sample`` draws from: at least 0, with the sum 1; 0 where cut.

    temperature: > 0. top_k: at least 1; a k of V or more cuts nothing. top_p: above 0, at most 1; 1
    cuts nothing, and a p below the likeliest token's probability keeps only that token. None
    leaves the step out. A logit of −∞ has probability 0.

    Raises ``ValueError`` for values outside these ranges, and for logits that are NaN or +∞ or all
    −∞.
    """
    _check_logits(logits)
    _check_options(temperature, top_k, top_p)
    ranked, ids = softmax(logits, temperature).sort(dim=-1, descending=True, stable=True)
    if top_k is not None:
        ranked[..., top_k:] = 0.0
        ranked = ranked / ranked.sum(-1, keepdim=True)
    if top_p is not None and top_p < 1:
        likelier = ranked.cumsum(-1) - ranked  # what the tokens ranked above each have together
        ranked = ranked.where(likelier < top_p, 0.0)
        ranked = ranked / ranked.sum(-1, keepdim=True)
    return torch.zeros_like(ranked).scatter(-1, ids, ranked)


def sample(
    logits: Float[Tensor, "*axes V"],
    *,
    temperature: float | int = 1.0,
    top_k: int | None = None,
    top_p: float | int | None = None,
    greedy: bool = False,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "*axes"]:
    """Draw one token for each row of logits.

    temperature, top_k, top_p: see ``next_token_probabilities``.
    greedy: take the likeliest token (the smallest id of several) and draw nothing; the other
        options then change nothing.
    generator: the source of randomness.

    Returns ids, 0 ≤ id < V.
    """
    if greedy:
        _check_logits(logits)
        _check_options(temperature, top_k, top_p)
        return logits.argmax(-1)
    probabilities = next_token_probabilities(
        logits, temperature=temperature, top_k=top_k, top_p=top_p
    )
    rows = probabilities.reshape(-1, logits.shape[-1])
    return rows.multinomial(1, generator=generator).reshape(logits.shape[:-1])


@torch.no_grad()
def generate(
    decoder: Decoder,
    ids: Integer[Tensor, " T"],
    n_new: int,
    *,
    temperature: float | int = 1.0,
    top_k: int | None = None,
    top_p: float | int | None = None,
    greedy: bool = False,
    generator: torch.Generator | None = None,
    use_cache: bool = True,
) -> Integer[Tensor, " n"]:
    """Continue a text token by token: each new one is drawn, appended and read with the rest.

    ids: the prompt, at least one token, 0 ≤ id < vocab_size.
    n_new: how many tokens to write. Nothing stops it earlier: a token that ends a text is a token.
    temperature, top_k, top_p, greedy, generator: see ``sample``.
    use_cache: keep the keys and values of the tokens before, so that each step reads one token
        only. Without it each step reads the whole text anew, for the same tokens but for rounding.

    Returns ids[T + n_new], the prompt first, of the prompt's integer type.

    Raises ``ValueError`` for a text that would be longer than the decoder's table of positions.
    """
    _check_prompt(decoder, ids, n_new)
    _check_options(temperature, top_k, top_p)
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "greedy": greedy}
    cache = decoder.new_cache() if use_cache else None
    unread = ids
    for _ in range(n_new):
        logits = decoder(unread[None], cache=cache, need_weights=False).logits[0, -1]
        drawn = sample(logits, **options, generator=generator)
        ids = torch.cat([ids, drawn[None].to(ids.dtype)])
        unread = ids[-1:] if use_cache else ids
    return ids


def _check_logits(logits: Tensor) -> None:
    checks.floating("logits", logits)
    checks.axes("logits", logits, "... V")
    if logits.isnan().any() or (logits == torch.inf).any():
        raise ValueError("logits must be numbers below ∞, got NaN or ∞")
    if (logits == -torch.inf).all(-1).any():
        raise ValueError("logits must have one above −∞ in each row, got a row without")


def _check_options(temperature: float | int, top_k: int | None, top_p: float | int | None) -> None:
    try:
        checks.positive("temperature", temperature)
    except ValueError as error:
        raise ValueError(f"{error}; greedy=True takes the likeliest token") from None
    if top_k is not None:
        checks.whole("top_k", top_k)
    if top_p is not None:
        checks.finite("top_p", top_p)
        if not 0 < top_p <= 1:
            raise ValueError(f"top_p={top_p} must be above 0 and at most 1")


def _check_prompt(decoder: Decoder, ids: Tensor, n_new: int) -> None:
    checks.axes("ids", ids, "T")
    checks.indices("ids", ids, "vocab_size", decoder.config.vocab_size)
    if not len(ids):
        raise ValueError("ids must have at least one token, got none")
    checks.whole("n_new", n_new, minimum=0)
    n_positions = decoder.config.n_positions
    has_table = decoder.config.positions in ("learned", "sinusoidal")
    if has_table and len(ids) + n_new > n_positions:
        raise ValueError(
            f"ids and n_new must come to at most n_positions={n_positions} tokens, "
            f"got {len(ids)} and n_new={n_new}"
        )
