"""Attention in blocks against the plain and the fused one; decoding with and without a cache.

    .venv/bin/python benchmarks/variations.py [threads, 1 where not given] [seconds for a line]

One head, d_k = 64, float32, causal. Each pair is first shown to give the same. Memory is what
``variations.peak_memory`` counts: the tensors that are alive at once, without those given.
"""

import sys
from functools import partial

import torch
from timing import side_by_side, table
from torch.nn.functional import scaled_dot_product_attention as torch_attention

from incontext.attention import causal_mask, scaled_dot_product_attention
from incontext.generation import generate
from incontext.pretrained import load_decoder
from incontext.variations import blockwise_attention, peak_memory, windowed_attention

LENGTHS = (256, 1024, 4096, 16384)
N_NEW = (16, 64)


def attention(measure) -> list[list]:
    rows = []
    for n in LENGTHS:
        q, k, v = torch.randn(3, 1, 1, n, 64, generator=torch.Generator().manual_seed(0))
        mask = causal_mask(n)
        plain = partial(scaled_dot_product_attention, q, k, v, mask=mask)
        fused = partial(torch_attention, q, k, v, is_causal=True)
        blocks = partial(blockwise_attention, q, k, v, causal=True)
        window = partial(windowed_attention, q, k, v, window=128)
        torch.testing.assert_close(blocks(), plain()[0], atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(blocks(), fused(), atol=2e-5, rtol=1e-4)
        memory = {one: peak_memory(one) / 1e6 for one in (plain, fused, blocks, window)}
        for name, other in (("plain", plain), ("fused", fused), ("window of 128", window)):
            ours, theirs, ratio = measure(blocks, other)
            rows.append(
                [
                    f"blocks against {name}", f"{n} tokens", f"{ours:.2f}",
                    f"{theirs:.2f}", f"{ratio:.2f}", f"{memory[blocks]:.1f}",
                    f"{memory[other]:.1f}",
                ]
            )  # fmt: skip
    return rows


def decoding(measure) -> list[list]:
    decoder, tokenizer = load_decoder()
    prompt = tokenizer.encode("Once upon a time, in a village by the sea, there lived a girl who")
    rows = []
    for n in N_NEW:
        cached = partial(generate, decoder, prompt, n, greedy=True)
        without = partial(generate, decoder, prompt, n, greedy=True, use_cache=False)
        assert torch.equal(cached(), without())
        ours, theirs, ratio = measure(cached, without)
        rows.append(
            [
                "cache against none", f"{len(prompt)} + {n} tokens", f"{ours:.0f}",
                f"{theirs:.0f}", f"{ratio:.2f}", "", "",
            ]
        )  # fmt: skip
    return rows


def main() -> None:
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    torch.set_num_threads(threads)
    measure = partial(side_by_side, seconds=seconds, least=3)
    head = ["what", "length", "first, ms", "second, ms", "ratio", "first, MB", "second, MB"]
    with torch.no_grad():
        print(table(head, attention(measure) + decoding(measure)))


if __name__ == "__main__":
    main()
