"""How small can a trained encoder be, and still look where it looked?

Each weight becomes a whole number from −127 to 127. The weights of a row that stand side by side
share a scale, so that the largest of each group is 127 steps long:

    ŵ = s · round(w / s)        s = max |w| of the group / 127

Rounding each weight on its own is not the best that 8 bits can do. What a weight loses can be made
good by the weights of its row that are not rounded yet, as far as their inputs go together in
texts. With U the Cholesky factor of (X Xᵀ)⁻¹, for each j after i:

    w_j ← w_j − (w_i − ŵ_i) · U_ij / U_ii

The book's build writes the result as scripts, which a page that is opened from a folder may load
too: a file for each half of a layer, and the table of tokens in blocks, of which a sentence needs a
few.

Frantar et al. (2023), "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
Transformers" (the order of its section 3.3 is by the size of the inputs, as in its code).

Axes: ``R`` rows (outputs), ``C`` columns (inputs), ``G`` groups in a row.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int8, UInt16
from torch import Tensor, nn

from incontext import checks, corpus
from incontext.config import TransformerConfig
from incontext.contextual import SETS
from incontext.tokenization import Tokenizer
from incontext.transformer import Encoder

TOP = 127  # the largest code; −128 is not used
GROUP = 64  # weights that share a scale, in the layers
TOKEN_GROUP = 8  # in the table of tokens: the first layer's sharpest head asks for it
BLOCK = 64  # rows of the table of tokens in one file
MOST_TOKENS = 64  # of a sentence, [CLS] and [SEP] included
DAMPING = 0.1  # of the moments of the inputs, as a part of their mean: texts differ

LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

ATTENTION = ("attention.q_proj", "attention.k_proj", "attention.v_proj", "attention.out_proj")
FEED_FORWARD = ("feed_forward.up", "feed_forward.down")


@dataclass(frozen=True)
class Packed:
    """A matrix in 8 bits: ``codes[R, C]``, and ``scales[R, G]``, the upper halves of float32."""

    codes: Int8[np.ndarray, "R C"]
    scales: UInt16[np.ndarray, "R G"]

    def values(self) -> Float[Tensor, "R C"]:
        """The weights that a page computes with, in float32."""
        scales = _widened(self.scales).repeat(self.codes.shape[1] // self.scales.shape[1], axis=1)
        return torch.from_numpy(self.codes * scales)

    def to_bytes(self) -> bytes:
        return self.codes.tobytes() + self.scales.astype("<u2").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, rows: int, columns: int, group: int) -> "Packed":
        """What ``to_bytes`` has written of a matrix of this shape."""
        n, n_groups = rows * columns, rows * columns // group
        if len(data) != n + 2 * n_groups:
            raise ValueError(
                f"data of a matrix [{rows}, {columns}] in groups of {group} must have "
                f"{n + 2 * n_groups} bytes, got {len(data)}"
            )
        codes = np.frombuffer(data, np.int8, n).reshape(rows, columns)
        return cls(codes, np.frombuffer(data, "<u2", n_groups, n).reshape(rows, -1))


def pack(
    matrix: Float[Tensor, "R C"],
    group: int = GROUP,
    moments: Float[Tensor, "C C"] | None = None,
) -> Packed:
    """The matrix in 8 bits.

    group: how many weights side by side share a scale; it divides C.
    moments: X Xᵀ, the sum of x xᵀ over inputs x of the matrix. With it rounding one weight changes
        the later ones so that the outputs for such inputs change least; without it each weight is
        rounded to the nearest step.

    Raises ``ValueError`` for a group that does not divide C, and for weights or moments that are
    not finite.
    """
    checks.floating("matrix", matrix)
    checks.axes("matrix", matrix, "R C")
    checks.whole("group", group)
    rows, columns = matrix.shape
    if columns % group:
        raise ValueError(f"group={group} does not divide the {columns} columns of matrix")
    if not torch.isfinite(matrix).all():
        raise ValueError("matrix must hold finite numbers only")
    weights = matrix.detach().double()
    largest = weights.reshape(rows, -1, group).abs().amax(-1)
    scales = _upper_half(largest.numpy() / TOP)
    steps = torch.from_numpy(_widened(scales)).double().repeat_interleave(group, 1)
    if moments is None:
        codes = (weights / steps).round()
    else:
        codes = _rounded_in_turn(weights, steps, moments)
    return Packed(codes.clamp(-TOP, TOP).to(torch.int8).numpy(), scales)


def _rounded_in_turn(weights: Tensor, steps: Tensor, moments: Tensor) -> Tensor:
    """Codes [R, C]: column by column, from the largest inputs to the smallest."""
    columns = weights.shape[1]
    if moments.shape != (columns, columns) or not torch.isfinite(moments).all():
        raise ValueError(
            f"moments must be finite, of shape {(columns, columns)}, got {tuple(moments.shape)}"
        )
    order = moments.diagonal().argsort(descending=True)
    moments = moments.double()[order][:, order]
    moments = moments + DAMPING * moments.diagonal().mean() * torch.eye(columns)
    factor = torch.linalg.cholesky(torch.linalg.inv(moments), upper=True)
    weights, steps = weights[:, order].clone(), steps[:, order]
    codes = torch.empty_like(weights)
    for start in range(0, columns, GROUP):  # what is lost in these columns goes to the rest at once
        here = slice(start, min(start + GROUP, columns))
        lost = torch.zeros_like(weights[:, here])
        for i in range(here.start, here.stop):
            codes[:, i] = (weights[:, i] / steps[:, i]).round().clamp(-TOP, TOP)
            lost[:, i - start] = (weights[:, i] - codes[:, i] * steps[:, i]) / factor[i, i]
            weights[:, i + 1 : here.stop] -= torch.outer(
                lost[:, i - start], factor[i, i + 1 : here.stop]
            )
        weights[:, here.stop :] -= lost @ factor[here, here.stop :]
    in_place = torch.empty_like(codes)
    in_place[:, order] = codes
    return in_place


def _upper_half(numbers: np.ndarray) -> np.ndarray:
    """The upper 16 bits of each float32, rounded up: no code passes ``TOP``. 0 becomes 1e-45."""
    bits = np.where(numbers == 0, 1, numbers).astype(np.float32).view(np.uint32)
    return ((bits + 0xFFFF) >> 16).astype(np.uint16)


def _widened(halves: np.ndarray) -> np.ndarray:
    return (halves.astype(np.uint32) << 16).view(np.float32)


# Which inputs the matrices see


@torch.no_grad()
def moments(encoder: Encoder, tokenizer: Tokenizer) -> dict[str, Float[Tensor, "C C"]]:
    """X Xᵀ of the inputs of every linear map, by its name, over sentences of the book and odd ones.

    The odd ones are tokens drawn from the vocabulary, frequent ones oftener, or one token again and
    again. The seed is fixed.
    """
    seen: dict[str, list[Tensor]] = {}

    def note(name: str):
        return lambda module, inputs: seen.setdefault(name, []).append(inputs[0][0])

    linears = [(name, m) for name, m in encoder.named_modules() if isinstance(m, nn.Linear)]
    hooks = [module.register_forward_pre_hook(note(name)) for name, module in linears]
    try:
        for ids in _texts(tokenizer, encoder.config.vocab_size):
            encoder(ids[None])
    finally:
        for hook in hooks:
            hook.remove()
    rows = {name: torch.cat(inputs) for name, inputs in seen.items()}
    return {name: x.T @ x for name, x in rows.items()}


def _texts(tokenizer: Tokenizer, vocab_size: int, n_odd: int = 200) -> list[Tensor]:
    """Ids of sentences of the book, then of odd ones."""
    texts = [" ".join(one.words) for one in corpus.sentences(60, seed=9)]
    texts += [text for sentences in SETS.values() for *_, text in sentences]
    generator = torch.Generator().manual_seed(0)
    first, last = tokenizer.encode("")[[0, -1]]
    odd = []
    for i in range(n_odd):
        n = int(torch.randint(1, 17, (), generator=generator))
        share = torch.rand(1 if i % 4 == 0 else n, generator=generator)
        drawn = (999 * (vocab_size / 999) ** share).long()  # from "!" on: the earlier are unused
        odd.append(torch.cat([first[None], drawn.repeat(n)[:n], last[None]]))
    return [tokenizer.encode(text) for text in texts] + odd


# Files for the page


def pack_encoder(encoder: Encoder, tokenizer: Tokenizer) -> dict[str, str]:
    """The text of every file of a packed encoder, by its name.

    ``index.js`` says which parts there are: for each its tensors in their order, as
    [name, rows, columns, group] in 8 bits or [name, length] in float32, and its size in bytes as a
    server sends it, gzipped. ``vocabulary.js`` has the tokens, one a line; ``tokens-<n>.js`` has
    ``BLOCK`` rows of the table of tokens; the other parts are always needed.

    encoder: post-norm, learned positions, GELU, as BERT is; otherwise ``ValueError``.
    """
    config = encoder.config
    _check(config)
    seen = moments(encoder, tokenizer)
    weights = {name: tensor.detach() for name, tensor in encoder.state_dict().items()}

    parts = {"embeddings": {
        "position_embedding.weight": weights["position_embedding.weight"][:MOST_TOKENS],
        "type_embedding.weight": weights["type_embedding.weight"][:1],
        "embedding_norm.weight": weights["embedding_norm.weight"],
        "embedding_norm.bias": weights["embedding_norm.bias"],
    }}  # fmt: skip
    for layer in range(config.n_layers):
        for half, names in (("attention", ATTENTION), ("feed_forward", FEED_FORWARD)):
            parts[f"layer-{layer + 1}-{half.replace('_', '-')}"] = {
                f"{one}.{ending}": weights[f"blocks.{layer}.{one}.{ending}"]
                for one in (*names, f"{half}_norm")
                for ending in ("weight", "bias")
            }

    files, described = {}, {}
    for part, tensors in parts.items():
        data, shapes = b"", []
        for name, tensor in tensors.items():
            prefix = f"blocks.{int(part.split('-')[1]) - 1}." if part != "embeddings" else ""
            inputs = seen.get((prefix + name).removesuffix(".weight"))
            if inputs is None:  # no product: as it is
                data += tensor.numpy().astype("<f4").tobytes()
                shapes.append([name, tensor.numel()])
            else:
                data += pack(tensor, GROUP, inputs).to_bytes()
                shapes.append([name, *tensor.shape, GROUP])
        files[f"{part}.js"] = _script(part, letters(data))
        described[part] = {"tensors": shapes}

    table = weights["token_embedding.weight"]
    for at in range(0, len(table), BLOCK):
        block = pack(table[at : at + BLOCK], TOKEN_GROUP)
        name = f"tokens-{at // BLOCK}"
        files[f"{name}.js"] = _script(name, letters(block.to_bytes()))
    vocabulary = "\n".join(tokenizer.tokens(range(config.vocab_size)))
    files["vocabulary.js"] = _script("vocabulary", vocabulary)
    described["vocabulary"] = {"tensors": []}
    for part, one in described.items():
        one["bytes"] = gzipped(files[f"{part}.js"])
    index = {
        "heads": config.n_heads,
        "eps": config.eps,
        "block": BLOCK,
        "width": config.d_model,
        "token_group": TOKEN_GROUP,
        "most_tokens": MOST_TOKENS,
        "vocab_size": config.vocab_size,
        "parts": described,
    }
    return {"index.js": _script("index", index)} | files


def unpack_encoder(files: Mapping[str, str], config: TransformerConfig) -> Encoder:
    """The encoder that a page computes with, from the files of ``pack_encoder``.

    Positions beyond ``MOST_TOKENS`` are 0, and so is every type but the first. config: of the
    encoder that was packed.
    """
    encoder = Encoder(config).eval()
    index = _told(files["index.js"])
    weights = {name: torch.zeros_like(tensor) for name, tensor in encoder.state_dict().items()}
    for part, one in index["parts"].items():
        data, at = bytes_of(_told(files[f"{part}.js"])) if one["tensors"] else b"", 0
        prefix = f"blocks.{int(part.split('-')[1]) - 1}." if part.startswith("layer") else ""
        for name, *shape in one["tensors"]:
            end = at + (4 * shape[0] if len(shape) == 1 else _n_bytes(*shape))
            if len(shape) == 1:
                flat = torch.from_numpy(np.frombuffer(data[at:end], "<f4").copy())
                weights[prefix + name].view(-1)[: len(flat)] = flat
            else:
                weights[prefix + name] = Packed.from_bytes(data[at:end], *shape).values()
            at = end
    n_blocks = -(-config.vocab_size // BLOCK)
    table = []
    for i in range(n_blocks):
        rows = min(BLOCK, config.vocab_size - i * BLOCK)
        data = bytes_of(_told(files[f"tokens-{i}.js"]))
        table.append(Packed.from_bytes(data, rows, config.d_model, TOKEN_GROUP).values())
    weights["token_embedding.weight"] = torch.cat(table)
    encoder.load_state_dict(weights)
    return encoder


def _n_bytes(rows: int, columns: int, group: int) -> int:
    return rows * columns + 2 * (rows * columns // group)


def _check(config: TransformerConfig) -> None:
    required = {"norm": "post", "positions": "learned", "activation": "gelu"}
    required |= {"norm_kind": "layer", "norm_embeddings": True}
    for name, value in required.items():
        if getattr(config, name) != value:
            raise ValueError(
                f"encoder must have {name}={value!r}, got {getattr(config, name)!r}: the page "
                "reads encoders as BERT's"
            )


def _script(name: str, told: object) -> str:
    """A classic script that hands over one part."""
    return f"incontextPart({json.dumps(name)},{json.dumps(told, ensure_ascii=False)})\n"


def _told(script: str):
    """What a script hands over."""
    return json.loads(script[script.index(",") + 1 : script.rindex(")")])


def gzipped(text: str) -> int:
    """The size in bytes as a server sends it."""
    packer = zlib.compressobj(6, wbits=31)
    return len(packer.compress(text.encode()) + packer.flush())


def letters(data: bytes) -> str:
    """Bytes as letters of base64's alphabet: the lower six bits of each, then all the upper two.

    The lower six are all but random, the upper two are not; apart, they compress as well as bytes,
    and base64 of the same bytes is 6 % larger when gzipped.
    """
    codes = np.frombuffer(data, np.uint8)
    upper = np.zeros(-(-len(codes) // 3) * 3, np.uint8)
    upper[: len(codes)] = codes >> 6
    threes = upper.reshape(-1, 3)
    upper = threes[:, 0] | threes[:, 1] << 2 | threes[:, 2] << 4
    alphabet = np.frombuffer(LETTERS, np.uint8)
    return alphabet[np.concatenate([codes & 63, upper])].tobytes().decode("ascii")


def bytes_of(text: str) -> bytes:
    """The bytes that ``letters`` has written."""
    places = np.full(256, 255, np.uint8)
    places[np.frombuffer(LETTERS, np.uint8)] = np.arange(64)
    codes = places[np.frombuffer(text.encode("ascii", "replace"), np.uint8)]
    n = len(codes) * 3 // 4  # n letters, and one more for each three
    if (codes > 63).any() or n + -(-n // 3) != len(codes):
        raise ValueError(f"text of {len(text)} letters is not what letters() writes")
    upper = codes[n:].repeat(3)[:n] >> np.tile([0, 2, 4], len(codes) - n)[:n].astype(np.uint8)
    return (codes[:n] | (upper & 3) << 6).tobytes()
