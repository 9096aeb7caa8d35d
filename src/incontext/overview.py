"""Which parts does a text pass through on its way to its next word?

A picture of a real decoder, part by part, with the shapes of its arrays. It is drawn in HTML, so
that it fits every width and follows the page's theme, and so that its parts can be links. A link
names the chapter's notebook; the built book turns that into the chapter's page.

Axes: ``T`` tokens, ``C`` d_model, ``H`` heads, ``D`` d_k, ``V`` the vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import torch
from IPython.display import HTML

from incontext import checks
from incontext.softmax import softmax
from incontext.tokenization import Tokenizer
from incontext.transformer import Decoder

STYLE = Path(__file__).with_suffix(".css")


@dataclass(frozen=True)
class Part:
    """One part of the way."""

    name: str
    does: str
    shape: Sequence[int] = ()  # of the array that leaves it
    chapter: str = ""  # where it is told, "file" or "file#section"; empty where no chapter tells it
    drawn: str = ""  # HTML below the words
    inside: Sequence["Part"] = ()  # the parts that it is made of
    times: str = ""  # how often it is there, where that is more than once

    def html(self) -> str:
        name = escape(self.name)
        if self.chapter:
            file, _, section = self.chapter.partition("#")
            href = f"{file}.ipynb{'#' * bool(section)}{section}"
            name = f'<a class="chapter-link" href="{href}">{name}</a>'
        shape = " × ".join(f"{size:,}" for size in self.shape)
        return (
            f'<li class="{"ic-way-box" if self.inside else "ic-way-part"}">'
            f'<div class="ic-way-head"><span><strong>{name}</strong> {escape(self.does)}</span>'
            f"{_tag('ic-way-shape', shape)}{_tag('ic-way-times', self.times)}</div>"
            f"{self.drawn}{_inside(self.inside)}</li>"
        )


def way_to_next_word(
    decoder: Decoder, tokenizer: Tokenizer, text: str = "The capital of France is", n_shown: int = 3
) -> HTML:
    """The way of this text through this decoder, ending with its likeliest next tokens.

    decoder, tokenizer: what ``load_decoder`` returns: the picture has rotary positions and a norm
        before each part. text: at least one token.
    n_shown: how many of the next tokens are drawn.
    """
    checks.whole("n_shown", n_shown)
    checks.one_of("positions", decoder.config.positions, ("rotary",))
    checks.one_of("norm", decoder.config.norm, ("pre",))
    ids = tokenizer.encode(text)
    if not len(ids):
        raise ValueError(f"text must have at least one token, got {text!r}")
    with torch.no_grad():
        shares = softmax(decoder(ids[None]).logits[0, -1])
    likeliest = shares.topk(n_shown)
    names = [_visible(token) for token in tokenizer.tokens(likeliest.indices)]
    parts = _parts(
        decoder,
        n_tokens=len(ids),
        text=text,
        chips=_chips([_visible(token) for token in tokenizer.tokens(ids)]),
        bars=_bars(names, likeliest.values.tolist()),
        last=_chips(names[:1]),
    )
    style = STYLE.read_text(encoding="utf-8")
    return HTML(f'<style>{style}</style><div class="ic-way">{_list(parts)}</div>')


def _parts(
    decoder: Decoder, n_tokens: int, text: str, chips: str, bars: str, last: str
) -> list[Part]:
    config = decoder.config
    T, C, H, D = n_tokens, config.d_model, config.n_heads, config.d_k
    n_kv_heads = config.n_kv_heads or H
    scores = (H, T, T)
    attention = Part(
        "Attention",
        "lets every token take what it needs from itself and those before it.",
        chapter="self-attention",
        times=f"{H} heads",
        inside=(
            Part(
                "Queries, keys, values",
                f"are made of each vector: {H} queries of {D} numbers, as many as heads,"
                f" and {n_kv_heads} keys and values.",
                (H, T, D),
                "self-attention#three-matrices",
            ),
            Part(
                "Positions",
                "turn queries and keys by an angle that depends on the place: order counts.",
                chapter="relative-positions#turning-a-query-and-a-key",
            ),
            Part(
                "Scores",
                f"say how well each key fits each query: dot products, divided by √{D}.",
                scores,
                "scaling",
            ),
            Part(
                "The causal mask",
                "shuts out what comes later.",
                chapter="self-attention#who-may-look-at-whom",
            ),
            Part(
                "Softmax",
                "turns each row of scores into shares of one whole.",
                scores,
                "softmax-temperature",
            ),
            Part(
                "The heads",
                "mix the values by these shares and are joined. The result is added to the vectors"
                " that came in.",
                (T, C),
                "multi-head-attention",
            ),
        ),
    )
    layer = Part(
        "Each layer",
        "adds to the vectors, which come to depend on their sentence.",
        chapter="contextual-embeddings",
        times=f"{config.n_layers} layers",
        inside=(
            Part("A norm", "brings each vector to a standard size."),
            attention,
            Part("A norm", "does so once more."),
            Part(
                "A feed-forward network",
                f"works on each vector alone: {C:,} numbers become {config.d_ff:,} and {C:,}"
                " again, which are added to it.",
                (T, C),
            ),
        ),
    )
    return [
        Part("A text:", f"“{text}”"),
        Part(
            "Tokens",
            "are its pieces, each with a number in the vocabulary.",
            (T,),
            "static-embeddings#how-text-becomes-rows",
            chips,
        ),
        Part(
            "Rows of the table",
            f"stand for the tokens: one for each, out of {config.vocab_size:,}.",
            (T, C),
            "static-embeddings#the-lookup-table",
        ),
        layer,
        Part(
            "Logits",
            "score every token that could come next: the dot product of the last vector,"
            " normalised, with each row of the table.",
            (config.vocab_size,),
            "self-attention#encoder-and-decoder",
        ),
        Part(
            "Softmax with temperature",
            "turns the scores into probabilities, here at T = 1.",
            (config.vocab_size,),
            "softmax-temperature#the-same-knob-picks-the-next-word",
            bars,
        ),
        Part(
            "The next token",
            "is drawn from these, here the likeliest. It joins the text, and the way begins again.",
            drawn=last,
        ),
    ]


def _visible(token: str) -> str:
    """The space that a token begins with, as a sign."""
    return f"␣{token[1:]}" if token.startswith(" ") else token


def _tag(kind: str, text: str) -> str:
    return f'<span class="{kind}">{escape(text)}</span>' if text else ""


def _list(parts: Sequence[Part]) -> str:
    return f"<ol>{''.join(part.html() for part in parts)}</ol>"


def _inside(parts: Sequence[Part]) -> str:
    return f'<div class="ic-way-inside">{_list(parts)}</div>' if parts else ""


def _chips(tokens: Sequence[str]) -> str:
    return f'<div class="ic-way-chips">{"".join(_tag("ic-way-chip", t) for t in tokens)}</div>'


def _bars(names: Sequence[str], shares: Sequence[float]) -> str:
    rows = (
        f'<div class="ic-way-bar">{_tag("ic-way-chip", name)}<span class="ic-way-track">'
        f'<span style="width:{share:.1%}"></span></span>'
        f'<span class="ic-way-shape">{share:.2f}</span></div>'
        for name, share in zip(names, shares, strict=True)
    )
    return f'<div class="ic-way-bars">{"".join(rows)}</div>'
