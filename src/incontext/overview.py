"""Which parts does a text pass through on its way to its next word, and what is a model made of?

Two pictures: ``way_to_next_word`` follows one text through a real decoder, and ``architecture``
sets models side by side, part by part, with the shapes of their arrays and their parameters. They
are drawn in HTML, so that they fit every width and follow the page's theme, and so that their parts
can be links. A link names the chapter's notebook; the built book turns that into the chapter's
page.

Axes: ``T`` tokens, ``C`` d_model, ``H`` heads, ``D`` d_k, ``V`` the vocabulary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import torch
from IPython.display import HTML
from torch import nn

from incontext import checks
from incontext.softmax import softmax
from incontext.tokenization import Tokenizer
from incontext.transformer import Decoder, Encoder

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
    adds: bool = False  # whether its result is added to the stream: marked with a plus

    def html(self) -> str:
        name = escape(self.name)
        if self.chapter:
            file, _, section = self.chapter.partition("#")
            href = f"{file}.ipynb{'#' * bool(section)}{section}"
            name = f'<a class="chapter-link" href="{href}">{name}</a>'
        shape = " × ".join(f"{size:,}" for size in self.shape)
        kind = "ic-way-box" if self.inside else "ic-way-adds" if self.adds else "ic-way-part"
        return (
            f'<li class="{kind}">'
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
            Part(
                "A norm",
                "brings each vector to a standard size.",
                chapter="transformer-block#each-part-reads-through-a-norm",
            ),
            attention,
            Part("A norm", "does so once more."),
            Part(
                "A feed-forward network",
                f"works on each vector alone: {C:,} numbers become {config.d_ff:,} and {C:,}"
                " again, which are added to it.",
                (T, C),
                "transformer-block#one-network-applied-to-each-token-alone",
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


@dataclass(frozen=True)
class Stage:
    """One part of the architecture in one model."""

    shape: str  # of the array that leaves it, sizes separated by ×
    n_parameters: int  # in all layers together
    per_layer: int = 0  # in one layer, where it stands in each


def stages(model: Encoder | Decoder) -> dict[str, Stage]:
    """The parts of a model in the order of the picture; their parameters sum to the model's.

    A part that the model does not have has the shape "–". ``T`` is left as a letter.
    """
    if not isinstance(model, Encoder | Decoder):
        raise ValueError(f"model must be an Encoder or a Decoder, got {type(model).__name__}")
    stack = model.stack if isinstance(model, Decoder) else model
    config = model.config
    C, H, D, F = config.d_model, config.n_heads, config.d_k, config.d_ff
    G = config.n_kv_heads or H
    stream, none = f"T × {C:,}", "–"
    heads = f"{H} × T × {D}" if G == H else f"{H} and {G} × T × {D}"

    def in_layers(shape: str, *names: str) -> Stage:
        parts = [block.get_submodule(name) for block in stack.blocks for name in names]
        total = _count(*parts)
        return Stage(shape, total, total // config.n_layers)

    added_rows = [stack.position_embedding, stack.type_embedding]
    turned = {"rotary": "a rotation", "alibi": "a penalty", None: none}
    return {
        "tokens": Stage("T", 0),
        "table": Stage(stream, _count(stack.token_embedding)),
        "positions": Stage(turned.get(config.positions, stream), _count(*added_rows)),
        "embedding norm": Stage(
            stream if stack.embedding_norm is not None else none, _count(stack.embedding_norm)
        ),
        "norms": in_layers(stream, "attention_norm", "feed_forward_norm"),
        "queries, keys, values": in_layers(
            heads, "attention.q_proj", "attention.k_proj", "attention.v_proj"
        ),
        "weights": Stage(f"{H} × T × T", 0),
        "output projection": in_layers(stream, "attention.out_proj"),
        "feed-forward": in_layers(f"T × {F:,}, then {stream}", "feed_forward"),
        "final norm": Stage(
            stream if stack.final_norm is not None else none, _count(stack.final_norm)
        ),
        "logits": _logits(model),
    }


def _logits(model: Encoder | Decoder) -> Stage:
    if isinstance(model, Encoder):
        return Stage("–", 0)
    own = 0 if model.config.tied else model.out_proj.weight.numel()  # tied: the table once more
    return Stage(f"T × {model.config.vocab_size:,}", own)


def _count(*parts: nn.Module | None) -> int:
    return sum(p.numel() for part in parts if part is not None for p in part.parameters())


def architecture(models: Mapping[str, Encoder | Decoder]) -> HTML:
    """The parts of some models side by side; each part leads to the chapter that tells it.

    models: by the name that the picture gives them, as {"MiniLM": encoder, "SmolLM2": decoder}.
    """
    if not models:
        raise ValueError("models must have at least one model, got none")
    of_model = {name: stages(model) for name, model in models.items()}

    def part(name: str, does: str, stage: str, chapter: str, adds: bool = False) -> Part:
        rows = "".join(_row(model, one[stage]) for model, one in of_model.items())
        drawn = f'<div class="ic-way-models">{rows}</div>'
        return Part(name, does, chapter=chapter, drawn=drawn, adds=adds)

    here = "transformer-block"
    n_layers = " and ".join(f"{m.config.n_layers} in {name}" for name, m in models.items())
    layer = Part(
        "Each layer",
        "reads the stream twice and adds to it twice. Parameters are those of one layer.",
        chapter=f"{here}#the-block",
        times=n_layers,
        inside=(
            part(
                "Two norms",
                "bring a vector to a standard size, before each part (pre-norm) or after each"
                " addition (post-norm).",
                "norms",
                f"{here}#each-part-reads-through-a-norm",
            ),
            part(
                "Queries, keys, values",
                "are made of each vector, for each head.",
                "queries, keys, values",
                "self-attention#three-matrices",
            ),
            part(
                "Scores and softmax",
                "give a row of weights for each query, in each head.",
                "weights",
                "scaling",
            ),
            part(
                "The heads, joined",
                "mix values by these weights. What comes out is added to the stream.",
                "output projection",
                "multi-head-attention",
                adds=True,
            ),
            part(
                "A feed-forward network",
                "works on each vector alone. What comes out is added to the stream.",
                "feed-forward",
                f"{here}#one-network-applied-to-each-token-alone",
                adds=True,
            ),
        ),
    )
    parts = [
        part(
            "Tokens",
            "are the pieces of the text, as numbers.",
            "tokens",
            "static-embeddings#how-text-becomes-rows",
        ),
        part(
            "The table",
            "has a row for every token. Here the residual stream begins.",
            "table",
            "static-embeddings#the-lookup-table",
        ),
        part(
            "Positions",
            "are rows to add (with the token types of BERT), or act on the scores in each layer.",
            "positions",
            "positional-encoding",
        ),
        part(
            "A norm of the embeddings",
            "as BERT has it.",
            "embedding norm",
            f"{here}#each-part-reads-through-a-norm",
        ),
        layer,
        part(
            "A last norm",
            "is needed where the stream itself is never normalised.",
            "final norm",
            f"{here}#where-the-norm-goes",
        ),
        part(
            "Logits",
            "score every token that could come next. An encoder ends before, with its vectors.",
            "logits",
            "softmax-temperature#the-same-knob-picks-the-next-word",
        ),
        Part("Parameters in all", "", drawn=_totals(of_model)),
    ]
    style = STYLE.read_text(encoding="utf-8")
    label = f"The architecture of {' and '.join(models)}, from tokens to logits"
    return HTML(
        f'<style>{style}</style><div class="ic-way" role="group" aria-label="{escape(label)}">'
        f"{_list(parts)}</div>"
    )


def _row(model: str, stage: Stage) -> str:
    n = stage.per_layer or stage.n_parameters
    counted = f"{n:,} parameters" if n else "no parameters" if stage.shape != "–" else ""
    return (
        f'<div class="ic-way-model">{_tag("ic-way-name", model)}{_tag("ic-way-shape", stage.shape)}'
        f"{_tag('ic-way-count', counted)}</div>"
    )


def _totals(of_model: Mapping[str, Mapping[str, Stage]]) -> str:
    rows = (
        _row(model, Stage("", sum(one.n_parameters for one in found.values())))
        for model, found in of_model.items()
    )
    return f'<div class="ic-way-models">{"".join(rows)}</div>'


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
