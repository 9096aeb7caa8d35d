"""A reader's own sentence by `onnxruntime-web` too: bytes, milliseconds and fidelity beside ours.

    pip install --target F --no-deps onnx onnxscript onnx_ir ml_dtypes protobuf onnxruntime flatbuffers
    npm install --prefix F onnxruntime-web
    .venv/bin/python benchmarks/onnx_page.py F

F is a folder anywhere: the book needs none of these packages. The encoder's weights become an ONNX
file by way of `transformers.BertModel`, as they are (float32) and by `quantize_dynamic` (8 bits, one
scale for each matrix or each of its columns). All read the same sentences in Node on one thread,
theirs in WebAssembly. Bytes are gzipped, as a server sends them.
"""  # noqa: E501

import gzip
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.append(sys.argv[1])

import onnxruntime
import torch
from onnxruntime.quantization import quantize_dynamic
from own_sentence import TEXTS, node, node_ms, two_hundred
from timing import table
from torch import nn
from transformers import BertModel

from incontext import packing, pretrained

TIMES = 15


class Outputs(nn.Module):
    """What the page shows: the last hidden state, and the weights of all layers."""

    def __init__(self, bert: BertModel):
        super().__init__()
        self.bert = bert

    def forward(self, ids):
        output = self.bert(ids, output_attentions=True)
        return output.last_hidden_state, torch.cat(output.attentions)


def write_onnx(folder: Path) -> dict[str, Path]:
    checkpoint = pretrained._installed(pretrained.ENCODERS["minilm"]).parent
    bert = BertModel.from_pretrained(checkpoint, attn_implementation="eager").eval()
    files = {
        name: folder / f"{i}.onnx"
        for i, name in enumerate(("float32", "8 bits", "8 bits, by column"))
    }
    whole, plain, by_column = files.values()
    torch.onnx.export(
        Outputs(bert), (torch.arange(12)[None],), whole, input_names=["ids"],
        output_names=["hidden", "attentions"], external_data=False,
        dynamic_shapes=({1: torch.export.Dim("T", min=2, max=packing.MOST_TOKENS)},),
    )  # fmt: skip
    quantize_dynamic(whole, plain)
    quantize_dynamic(whole, by_column, per_channel=True)
    return files


@torch.no_grad()
def fidelity(encoder, reads, texts) -> tuple[float, float]:
    """Least cosine of a last hidden state, and the most that a weight moves."""
    cosine, moved = 1.0, 0.0
    for ids in texts:
        full = encoder(ids)
        hidden, attentions = map(torch.as_tensor, reads(ids))
        cosine = min(
            cosine, torch.cosine_similarity(full.last_hidden_state, hidden, dim=-1).min().item()
        )
        moved = max(moved, (torch.cat(full.attentions) - attentions).abs().max().item())
    return cosine, moved


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]).resolve()
    encoder, tokenizer = pretrained.load_encoder()
    packed = packing.pack_encoder(encoder, tokenizer)
    ours = packing.unpack_encoder(packed, encoder.config)
    cases = [tokenizer.encode(text).tolist() for text in TEXTS]
    texts = [tokenizer.encode(text)[None, : packing.MOST_TOKENS] for text in two_hundred()]
    dist = folder / "node_modules" / "onnxruntime-web" / "dist"
    runtime = [dist / "ort.wasm.min.mjs", dist / "ort-wasm-simd-threaded.mjs",
               dist / "ort-wasm-simd-threaded.wasm"]  # fmt: skip
    runtime_mb = sum(len(gzip.compress(one.read_bytes())) for one in runtime) / 1e6

    def as_ours(ids):
        output = ours(ids)
        return output.last_hidden_state, torch.cat(output.attentions)

    def as_theirs(session, ids):
        return session.run(None, {"ids": ids.numpy()})

    fetched = sum(one["bytes"] for one in packing._told(packed["index.js"])["parts"].values())
    cosine, moved = fidelity(encoder, as_ours, texts)
    rows = [
        ["ours, table of tokens in blocks", f"{fetched / 1e6:.1f}", "0.0", f"{cosine:.4f}",
         f"{moved:.3f}", *(f"{ms:.0f}" for ms in node_ms(packed, cases))]
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as made:
        case = Path(made, "cases.json")
        case.write_text(json.dumps(cases))
        for name, file in write_onnx(Path(made)).items():
            session = onnxruntime.InferenceSession(file)
            reads = partial(as_theirs, session)
            cosine, moved = fidelity(encoder, reads, texts)
            script = Path(__file__).with_suffix(".mjs")
            done = subprocess.run(
                [node(), script, folder, file, case, str(TIMES)],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            rows.append(
                [f"onnxruntime-web, {name}", f"{len(gzip.compress(file.read_bytes())) / 1e6:.1f}",
                 f"{runtime_mb:.1f}", f"{cosine:.4f}", f"{moved:.3f}",
                 *(f"{ms:.0f}" for ms in json.loads(done.stdout))]
            )  # fmt: skip
    head = ["", "weights, MB", "runtime, MB", "least cosine", "a weight moves by"]
    print(table([*head, *(f"{len(ids)} tokens, ms" for ids in cases)], rows))


if __name__ == "__main__":
    main()
