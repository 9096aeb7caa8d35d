"""What a view of BertViz weighs in a page: our frames against the HTML that bertviz writes.

    .venv/bin/python benchmarks/bertviz_weight.py

The views of the chapter on reading attention, and the same with all layers. Theirs is what bertviz
returns for ``html_action="return"``; the neuron view takes the queries and keys from our own model
in both, so that all that differs is how they are written. d3 and jQuery, which both need (theirs
from elsewhere, with require.js), stand in a row of their own: a page loads them once.
"""

import gzip

import torch
from timing import table

from incontext import _bertviz, reading
from incontext.pretrained import load_decoder, load_encoder
from incontext.sphinx.frames import CARRIED


def sizes(text: str | bytes) -> tuple[float, float]:
    """kB as it is, and gzipped."""
    data = text.encode() if isinstance(text, str) else text
    return len(data) / 1000, len(gzip.compress(data)) / 1000


def theirs(view, attentions, tokens, vectors, layers) -> str:
    import bertviz
    from bertviz import neuron_view

    included = [number - 1 for number in layers]
    if view == "neuron":
        of_layers = [
            {"attn": attentions[i], "queries": vectors[0][i], "keys": vectors[1][i]}
            for i in included
        ]
        read = _bertviz._Read(of_layers, tokens)
        return neuron_view.show(read, "gpt2", read, "a text", html_action="return").data
    make = {"head": bertviz.head_view, "model": bertviz.model_view}[view]
    return make(attentions, tokens, include_layers=included, html_action="return").data


def rows() -> list[list[str]]:
    made = []
    for name, (model, tokenizer), text, views in (
        (
            "encoder",
            load_encoder(),
            "The chicken didn't cross the road because it was too tired.",
            [("head", [3, 4]), ("model", range(1, 7)), ("neuron", [4]), ("head", range(1, 7)),
             ("neuron", range(1, 7))],
        ),
        (
            "decoder",
            load_decoder(),
            "My sister bought a dozen eggs and a loaf of",
            [("head", [2, 17, 25]), ("head", range(1, 31))],
        ),
    ):  # fmt: skip
        ids = tokenizer.encode(text)[None]
        with torch.no_grad():
            attentions = model(ids).attentions
        vectors, tokens = reading.queries_and_keys(model, ids), tokenizer.tokens(ids[0])
        for view, layers in views:
            frame = reading.bertviz_frame(
                view, attentions, tokens, queries=vectors[0], keys=vectors[1], layers=list(layers)
            )
            ours = sizes(CARRIED.sub("", frame._repr_html_()))
            peer = sizes(theirs(view, attentions, tokens, vectors, layers))
            what = f"{view} view, {name}, {len(layers)} of {len(attentions)} layers"
            made.append(
                [what, f"{ours[0]:.0f}", f"{ours[1]:.1f}", f"{peer[0]:.0f}", f"{peer[1]:.1f}",
                 f"{ours[1] / peer[1]:.2f}"]
            )  # fmt: skip
    library = [sizes(_bertviz.library(name).read_bytes()) for name in _bertviz.LIBRARIES]
    raw, zipped = (f"{sum(column):.0f}" for column in zip(*library, strict=True))
    return [*made, ["d3 and jQuery", raw, zipped, raw, zipped, ""]]


if __name__ == "__main__":
    head = ["", "ours (kB)", "gzipped", "bertviz (kB)", "gzipped", "ratio, gzipped"]
    print(table(head, rows()))
