"""BertViz in a frame: its own views, without a network, with numbers as long as eyes can use.

BertViz (Vig 2019) writes HTML that fetches require.js, d3 and jQuery from elsewhere and holds every
weight with 17 digits. Here the same HTML gets d3 and jQuery from installed packages and goes into a
frame of its own, ``<iframe srcdoc>``, where its styles and ids meet nothing of the page's. Weights
are rounded, layers and heads count from 1 as everywhere in this book, the frame follows the page's
light or dark theme, and under it stands in words and numbers what it shows.

The book's build puts d3 and jQuery beside the pages, once for all frames (``sphinx/frames.py``).

Axes: ``H`` heads, ``T`` queries, ``S`` keys, ``D`` d_k.
"""

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from incontext import checks

VIEWS = ("head", "model", "neuron")
DECIMALS = 2  # a weight is seen as the opacity of a line
LIBRARIES = {  # name: the package that has it, and where
    "d3": ("mpld3", "js/d3.v5.min.js"),
    "jquery": ("sphinxcontrib.jquery", "jquery.js"),
}
COLUMNS = ("Layer", "Head", "From", "To", "Weight")
INSTALL = "pip install 'bertviz>=1.4.1,<2' mpld3 sphinxcontrib-jquery"

REQUIRE = re.compile(r'<script src="https://[^"]*/require\.min\.js"></script>')
ELSEWHERE = re.compile(r"https://cdnjs[^'\"]*/([\w.]+)")
ITS_ID = re.compile(r"bertviz-[0-9a-f]{32}")  # another one in every run

# What is changed in the scripts of bertviz 1.4.1, each in one place: it counts layers and heads
# from 0, and its model view is 970 pixels wide whatever the window.
CHANGES = {
    "head": {".text(layer)": ".text(layer + 1)"},
    "model": {
        ".text(config.layers[i])": ".text(config.layers[i] + 1)",
        ".text(config.heads[i])": ".text(config.heads[i] + 1)",
        "'Layer ' + config.layers[layerIndex] +": "'Layer ' + (config.layers[layerIndex] + 1) +",
        "+ config.heads[headIndex])": "+ (config.heads[headIndex] + 1))",
        "DIV_WIDTH = 970": "DIV_WIDTH = Math.max(640, document.documentElement.clientWidth)",
    },
    "neuron": {
        'layerSelect.append($("<option />").val(i).text(i))': (
            'layerSelect.append($("<option />").val(i).text(LAYERS[i]))'
        ),
        'headSelect.append($("<option />").val(i).text(i))': (
            'headSelect.append($("<option />").val(i).text(i + 1))'
        ),
    },
}

# In place of require.js: hands BertViz the two libraries that are here already.
SHIM = "const require = {config() {}}, requirejs = (names, use) => use(jQuery, d3);"

STYLE = """
html { color-scheme: light; } html[data-theme=dark] { color-scheme: dark; }
body { margin: 0; padding: 4px 0; color: black; } select { color-scheme: light; }
html[data-theme=dark] body { filter: invert(.93) hue-rotate(180deg); }
svg { display: block; } #bertviz { background: transparent !important; }
"""
STYLE_OF = {
    "head": "#bertviz { max-width: 340px; margin: auto; }",
    "model": ".attn_background[fill=white] { fill: transparent; }",
    "neuron": "html { overflow-y: hidden; } #vis svg { min-width: 1010px; }",
}

# Follows the theme of the book, of JupyterLab or of the system, and names what has no name.
FOLLOW = """
(() => {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  let page = null;
  try { page = parent.document; } catch {}
  const follow = () => {
    const lab = {true: "light", false: "dark"}[page?.body?.dataset.jpThemeLight];
    const told = lab ?? page?.documentElement.dataset.theme;
    const known = told === "light" || told === "dark";
    root.dataset.theme = known ? told : dark.matches ? "dark" : "light";
  };
  follow();
  dark.addEventListener("change", follow);
  for (const node of page ? [page.documentElement, page.body] : [])
    new MutationObserver(follow).observe(
      node, {attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light"]});
  for (const [id, name] of [["layer", "Layer"], ["att_head", "Head"]])
    document.getElementById(id)?.setAttribute("aria-label", name);
  const picture = document.getElementById("vis");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", document.title + ", in numbers below the frame");
})();
"""
# The neuron view is 1010 pixels wide: smaller where that fits it in, to be scrolled on a phone.
FIT = "document.body.style.zoom = innerWidth < 500 ? 0.9 : Math.min(1, innerWidth / 1020);"


@dataclass(frozen=True)
class Frame:
    """A view of BertViz: shown by Jupyter and by the book's build.

    document: what stands in the frame, a page of its own. height: in pixels. seen: its text
    alternative, HTML: a sentence, and a table that unfolds.
    """

    title: str
    document: str
    height: int
    seen: str
    caption: str = ""

    def __repr__(self) -> str:
        return f"Frame({self.title!r})"

    def _repr_html_(self) -> str:
        title = html.escape(self.title)
        return (
            f'<figure class="bertviz" aria-label="{title}" style="margin: 1em 0">'
            f"<p><strong>{title}</strong></p>"
            f'<iframe title="{title}" loading="lazy" srcdoc="{html.escape(self.document)}"'
            f' style="width: 100%; height: {self.height}px; border: 0"></iframe>'
            f"<figcaption>{html.escape(self.caption)}</figcaption>{self.seen}</figure>"
        )


def bertviz_frame(
    view: str,
    attentions: Sequence[Float[Tensor, "1 H T S"]],
    tokens: Sequence[str],
    *,
    queries: Sequence[Float[Tensor, "1 H T D"]] | None = None,
    keys: Sequence[Float[Tensor, "1 H S D"]] | None = None,
    layers: Sequence[int] | None = None,
    layer: int | None = None,
    head: int | None = None,
    title: str = "",
    caption: str = "",
) -> Frame:
    """A view of BertViz that needs no network: last in a cell, it is shown.

    view: "head" (lines between tokens, a colour for each head), "model" (all heads of all layers,
    each small) or "neuron" (how a query and its keys make the weights).

    attentions: of one text, a tensor for each layer. Any model's will do: of a model of
    ``transformers`` it is ``outputs.attentions``, if the model was loaded with
    ``attn_implementation="eager"`` and called with ``output_attentions=True``.
    tokens: of the text, as a reader is to see them, special ones included.
    queries, keys: for the neuron view; see ``reading.queries_and_keys``.
    layers: which layers to put into the frame, counted from 1; all by default. layer, head: what
    the frame opens with, counted from 1: by default the first layer and all heads (in the neuron
    view the first head). caption: where the weights come from.
    """
    checks.one_of("view", view, VIEWS)
    n_heads = _check_attentions(attentions)
    tokens = _checked_tokens(tokens, attentions[0].shape[-1])
    layers = _checked_layers(layers, len(attentions))
    layer = layers[0] if layer is None else layer
    checks.one_of("layer", layer, layers)
    if head is not None:
        checks.one_of("head", head, range(1, n_heads + 1))
    if view == "neuron":
        _check_vectors(queries, keys, attentions)
    chosen = [attentions[number - 1] for number in layers]
    title = title or f"{view.capitalize()} view"
    if view == "neuron":
        vectors = [(queries[number - 1], keys[number - 1]) for number in layers]
        made = _neuron_view(chosen, vectors, tokens, layers.index(layer), (head or 1) - 1)
    else:
        made = _head_or_model_view(view, attentions, tokens, layers, layer, head)
    return Frame(
        title=title,
        document=_document(view, title, made, layers),
        height=_height(view, len(tokens), n_heads, len(layers)),
        seen=_in_words(chosen, tokens, layers, (layer, head)),
        caption=caption,
    )


def library(name: str) -> Path:
    """Where a script that BertViz needs lies: in an installed package."""
    package, path = LIBRARIES[name]
    try:
        found = find_spec(package)
    except ModuleNotFoundError:  # of the package that it is in
        found = None
    if found is None:
        raise ImportError(f"{package}, which carries {name}, is not installed. {INSTALL}")
    return Path(found.origin).parent / path


def _check_attentions(attentions: Sequence[Tensor]) -> int:
    """Distributions [1, H, T, S] of every layer. How many heads."""
    if attentions is None or len(attentions) == 0 or any(one is None for one in attentions):
        raise ValueError(
            "attentions must hold a tensor for each layer, got None: the model returned no weights."
            ' With transformers, load it with attn_implementation="eager" and call it with'
            " output_attentions=True; with this package, do not pass need_weights=False"
        )
    for number, weights in enumerate(attentions, start=1):
        name = f"attentions of layer {number}"
        checks.axes(name, weights, "1 H T S")
        checks.size(name, weights, 0, "one text", 1)
        if weights.shape != attentions[0].shape:
            raise ValueError(
                f"{name} must have the shape of layer 1's, {tuple(attentions[0].shape)},"
                f" got {tuple(weights.shape)}"
            )
        checks.distributions(name, weights)
    return attentions[0].shape[1]


def _checked_tokens(tokens: Sequence[str], n_keys: int) -> list[str]:
    if isinstance(tokens, str) or not all(isinstance(token, str) for token in tokens):
        raise ValueError("tokens must be a list of str, one for each token, such as ['[CLS]', 'a']")
    if len(tokens) != n_keys:
        raise ValueError(
            f"tokens must be {n_keys}, as many as attentions have keys, got {len(tokens)}; special"
            " tokens such as [CLS] count"
        )
    # BertViz writes tokens into a script: one that looks like a tag must not end it
    return [token.replace("<", "<\u2060") for token in tokens]


def _checked_layers(layers: Sequence[int] | None, n_layers: int) -> list[int]:
    layers = list(range(1, n_layers + 1)) if layers is None else list(layers)
    if not layers or len(set(layers)) < len(layers):
        raise ValueError(f"layers={layers} must name at least one layer, and each once")
    for number in layers:
        if number not in range(1, n_layers + 1):
            raise ValueError(f"layers={layers}: the model has layers 1 to {n_layers}, not {number}")
    return layers


def _check_vectors(queries, keys, attentions: Sequence[Tensor]) -> None:
    if queries is None or keys is None:
        raise ValueError(
            "the neuron view needs queries and keys: of a model of this package,"
            " queries, keys = reading.queries_and_keys(model, ids)"
        )
    for name, vectors, axis in (("queries", queries, 2), ("keys", keys, 3)):
        if len(vectors) != len(attentions):
            raise ValueError(f"{name} must have {len(attentions)} layers, got {len(vectors)}")
        for number, (one, weights) in enumerate(zip(vectors, attentions, strict=True), start=1):
            checks.axes(f"{name} of layer {number}", one, "1 H T D")
            wanted = (1, weights.shape[1], weights.shape[axis])
            if tuple(one.shape[:3]) != wanted:
                raise ValueError(
                    f"{name} of layer {number} must have the axes {wanted} and d_k, as attentions"
                    f" have it, got {tuple(one.shape)}; where heads share keys, repeat them"
                )


def _rounded(numbers: Tensor) -> Tensor:
    return numbers.detach().cpu().double().round(decimals=DECIMALS)


def _head_or_model_view(view, attentions, tokens, layers, layer, head) -> str:
    head_view, model_view = _of_bertviz("head_view", "model_view")
    given = {
        "attention": [_rounded(weights) for weights in attentions],
        "tokens": tokens,
        "include_layers": [number - 1 for number in layers],
        "html_action": "return",
    }
    if view == "model":
        return model_view(**given, display_mode="light").data
    return head_view(**given, layer=layer - 1, heads=None if head is None else [head - 1]).data


class _Read:
    """In place of a model and its tokenizer, which the neuron view would use to read the text."""

    def __init__(self, layers: list[dict[str, Tensor]], tokens: list[str]):
        self.layers, self.tokens = layers, tokens

    def eval(self) -> None:
        pass

    def __call__(self, ids: Tensor) -> tuple[list[dict[str, Tensor]]]:
        return (self.layers,)

    def tokenize(self, text: str) -> list[str]:
        return self.tokens

    def convert_tokens_to_ids(self, tokens: list[str]) -> list[int]:
        return [0] * len(tokens)


def _neuron_view(chosen, vectors, tokens, layer: int, head: int) -> str:
    (neuron_view,) = _of_bertviz("neuron_view")
    layers = [
        {"attn": _rounded(weights), "queries": _rounded(q), "keys": _rounded(k)}
        for weights, (q, k) in zip(chosen, vectors, strict=True)
    ]
    read = _Read(layers, tokens)
    # "gpt2" is the kind of model whose tokens BertViz leaves as they are. It takes it for causal.
    made = neuron_view.show(
        read, "gpt2", read, "a text", display_mode="light", layer=layer, head=head,
        html_action="return",
    ).data  # fmt: skip
    looks_ahead = any(bool(weights.triu(1).any()) for weights in chosen)
    return made.replace('"bidirectional": false', f'"bidirectional": {json.dumps(looks_ahead)}')


def _of_bertviz(*names: str) -> list:
    try:
        import bertviz
        from bertviz import neuron_view
    except ImportError as error:
        raise ImportError(f"BertViz is not installed. {INSTALL}") from error
    return [neuron_view if name == "neuron_view" else getattr(bertviz, name) for name in names]


def _document(view: str, title: str, made: str, layers: list[int]) -> str:
    """BertViz's HTML as a page of its own, that asks nobody for anything."""
    for old, new in CHANGES[view].items():
        if made.count(old) != 1:
            raise RuntimeError(f"this is not bertviz 1.4.1: {old!r} stands {made.count(old)} times")
        made = made.replace(old, new)
    scripts = "".join(
        f'<script data-library="{name}">{_script(library(name))}</script>' for name in LIBRARIES
    )
    shim = f"<script>{SHIM} const LAYERS = {json.dumps(layers)};</script>"
    made, replaced = REQUIRE.subn(lambda found: scripts + shim, made)
    if replaced != 1:
        raise RuntimeError(f"this is not bertviz 1.4.1: require.js is asked for {replaced} times")
    made = ITS_ID.sub("bertviz", ELSEWHERE.sub(r"\1", made))
    fit = FIT if view == "neuron" else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}{STYLE_OF[view]}</style><body>{made}<script>{FOLLOW}{fit}</script></body>"
    )


def _script(file: Path) -> str:
    return file.read_text(encoding="utf-8").replace("</script", "<\\/script")


def _height(view: str, n_tokens: int, n_heads: int, n_layers: int) -> int:
    """Of the frame, in pixels, from the sizes in BertViz's scripts; 40 for its menus and a rim."""
    if view == "head":
        return round(30 + 22.5 * n_tokens) + 40
    if view == "neuron":
        return round(0.9 * (48 + 26 * n_tokens)) + 50  # 0.9: FIT; 52 of its 100 stay empty
    thumbnail = n_tokens * 7 * 12 / n_heads + 10
    detail = 18 * n_tokens + 55
    return round(max(38 + n_layers * thumbnail, detail)) + 40


def _in_words(chosen, tokens: list[str], layers: list[int], opened) -> str:
    """What the frame shows: a sentence, and the heaviest weight of each head.

    The token that gets most weight of all is named in the sentence and left out of the table, where
    it would stand in nearly every row.
    """
    shown = [html.escape(token.replace("\u2060", "").strip("Ġ▁ ")) for token in tokens]
    maps = torch.stack([weights[0].detach().cpu() for weights in chosen])  # [L, H, T, S]
    received = maps.mean((0, 1, 2))
    first = int(received.argmax())
    rows = []
    for number, of_layer in zip(layers, maps, strict=True):
        for head, one in enumerate(of_layer, start=1):
            others = one.clone()
            others[:, first] = -1
            query, key = divmod(int(others.argmax()), one.shape[1])
            rows.append((number, head, shown[query], shown[key], float(one[query, key])))

    def said(row) -> str:
        return f"layer {row[0]}, head {row[1]}: {row[4]:.2f} from “{row[2]}” to “{row[3]}”"

    sizes = f"{len(layers)} layer{'s' * (len(layers) > 1)}, {maps.shape[1]} heads each"
    here = [row for row in rows if row[:2] == opened]
    sentence = (
        f"{sizes}, {len(shown)} tokens. On average {received[first]:.2f} of the weight goes to"
        f" “{shown[first]}”. The heaviest weight on another token is in"
        f" {said(max(rows, key=lambda row: row[4]))}."
        + (f" The frame opens with {said(here[0])}." if here else "")
    )
    head = "".join(f"<th scope='col'>{name}</th>" for name in COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in row[:4]) + f"<td>{row[4]:.2f}</td></tr>"
        for row in rows
    )
    return (
        f"<details><summary>In words and numbers</summary><p>{sentence}</p><table><caption>The"
        f" heaviest weight of each head, “{shown[first]}” left out</caption><thead><tr>{head}</tr>"
        f"</thead><tbody>{body}</tbody></table></details>"
    )
