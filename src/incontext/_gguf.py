"""A Llama checkpoint in one GGUF file under our names: sizes, weights and tokenizer.

A GGUF file holds fields (sizes, the vocabulary, its merges) and tensors. Four-bit weights (Q4_1)
stand in blocks of 32 that share a scale d and an offset m, both in half precision:

    w = d · q + m        q = 0, 1, …, 15

The package gguf, by the format's own authors, reads the fields and expands the tensors.

Touvron et al. (2023), "LLaMA", section 2.2: pre-norm with RMSNorm, SwiGLU, rotary positions;
Ainslie et al. (2023), "GQA": heads that share keys and values.

The rows of W_Q and W_K are stored for rotary pairs (2i, 2i + 1), which is our ``rotate``.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from incontext.config import TransformerConfig
from incontext.tokenization import BytePairTokenizer, Tokenizer

if TYPE_CHECKING:
    from gguf import GGUFReader
    from gguf.gguf_reader import ReaderTensor

SIZES = {
    "n_positions": "llama.context_length",
    "d_model": "llama.embedding_length",
    "n_heads": "llama.attention.head_count",
    "d_ff": "llama.feed_forward_length",
    "n_layers": "llama.block_count",
}
# Where the parts of our Decoder lie in the file.
PARTS = {"stack.token_embedding": "token_embd", "stack.final_norm": "output_norm"}
BLOCK_PARTS = {
    "attention_norm": "attn_norm",
    "attention.q_proj": "attn_q",
    "attention.k_proj": "attn_k",
    "attention.v_proj": "attn_v",
    "attention.out_proj": "attn_output",
    "feed_forward_norm": "ffn_norm",
    "feed_forward.gate": "ffn_gate",
    "feed_forward.up": "ffn_up",
    "feed_forward.down": "ffn_down",
}
CONTROL = 3  # the type of special tokens in tokenizer.ggml.token_type


def read(path: Path) -> tuple[TransformerConfig, dict[str, Tensor], Tokenizer]:
    """Sizes, weights in float32 and tokenizer of a GGUF file.

    Raises ``ModuleNotFoundError`` without the package gguf, and ``ValueError`` for a file that is
    no GGUF file, is truncated, holds another architecture or lacks a tensor.
    """
    reader = open_reader(path)
    fields = Fields(reader, path)
    tokenizer = read_tokenizer(fields)
    tied = all(tensor.name != "output.weight" for tensor in reader.tensors)
    config = read_config(fields, len(tokenizer), tied)
    reader.fields.clear()  # 100,000 small arrays, of no more use: 90 MB
    return config, read_weights(reader, path, config), tokenizer


def open_reader(path: Path) -> "GGUFReader":
    try:
        from gguf import GGUFReader
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"{path} is read with the package gguf, which is not installed; install it: "
            "pip install gguf",
            name=missing.name,
        ) from None
    with path.open("rb") as file:
        start = file.read(4)
    if start != b"GGUF":
        raise ValueError(f"{path} is not a GGUF file: it begins with {start!r}, not b'GGUF'")

    class Reader(GGUFReader):
        """It reads a quarter of a million pieces: as views of a memmap they take three times as
        long as of a plain array over the same memory."""

        @property
        def data(self) -> np.ndarray:
            return self._data

        @data.setter
        def data(self, file: np.memmap) -> None:
            self._data = np.asarray(file)

    try:
        return Reader(path)
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise ValueError(
            f"{path} is truncated or damaged ({error}); fetch the file again"
        ) from None


class Fields:
    """The fields of a file, with one error for what is lacking or does not fit."""

    def __init__(self, reader: "GGUFReader", path: Path) -> None:
        self._fields = reader.fields
        self.path = path

    def get(self, key: str, default: object = None) -> object:
        """The value of a field; ``default`` where the file leaves it out, if one is given."""
        if key in self._fields:
            return self._fields[key].contents()
        if default is None:
            raise ValueError(f"{self.path} lacks the field {key}")
        return default

    def require(self, key: str, wanted: object, default: object = None) -> None:
        """A field that our code knows with one value only."""
        value = self.get(key, default)
        if value != wanted:
            raise ValueError(f"{self.path} has {key}={value!r}, required is {wanted!r}")


def read_config(fields: Fields, vocab_size: int, tied: bool) -> TransformerConfig:
    fields.require("general.architecture", "llama")
    sizes = {ours: fields.get(theirs) for ours, theirs in SIZES.items()}
    try:
        config = TransformerConfig(
            vocab_size=vocab_size,
            **sizes,
            n_kv_heads=fields.get("llama.attention.head_count_kv", sizes["n_heads"]),
            norm="pre",
            norm_kind="rms",
            activation="swiglu",
            positions="rotary",
            rotary_base=fields.get("llama.rope.freq_base", 10_000.0),
            bias=False,
            tied=tied,
            eps=fields.get("llama.attention.layer_norm_rms_epsilon"),
        )
    except ValueError as error:
        raise ValueError(f"{fields.path}: {error}") from None
    fields.require("llama.vocab_size", vocab_size, default=vocab_size)
    for key in ("rope.dimension_count", "attention.key_length", "attention.value_length"):
        fields.require(f"llama.{key}", config.d_k, default=config.d_k)
    fields.require("llama.rope.scaling.type", "none", default="none")
    fields.require("llama.expert_count", 0, default=0)
    return config


def read_tokenizer(fields: Fields) -> Tokenizer:
    """The vocabulary and merges of byte-level BPE that splits off each digit."""
    fields.require("tokenizer.ggml.model", "gpt2")
    fields.require("tokenizer.ggml.pre", "smollm")
    fields.require("tokenizer.ggml.add_eos_token", False, default=False)
    spellings = fields.get("tokenizer.ggml.tokens")
    types = fields.get("tokenizer.ggml.token_type")
    begins = fields.get("tokenizer.ggml.add_bos_token", False)
    try:
        return BytePairTokenizer(
            spellings,
            fields.get("tokenizer.ggml.merges"),
            special=[number for number, kind in enumerate(types) if kind == CONTROL],
            before=[fields.get("tokenizer.ggml.bos_token_id")] if begins else [],
            padding=fields.get("tokenizer.ggml.padding_token_id", 0),
        )
    except ValueError as error:
        raise ValueError(f"{fields.path} has a vocabulary that does not fit: {error}") from None


def read_weights(reader: "GGUFReader", path: Path, config: TransformerConfig) -> dict[str, Tensor]:
    """The tensors of the file under our names, one after the other, so that none is held twice."""
    names = dict(PARTS)
    for layer in range(config.n_layers):
        for ours, theirs in BLOCK_PARTS.items():
            names[f"stack.blocks.{layer}.{ours}"] = f"blk.{layer}.{theirs}"
    if not config.tied:
        names["out_proj"] = "output"

    tensors = {tensor.name: tensor for tensor in reader.tensors}
    lacking = [theirs for theirs in names.values() if f"{theirs}.weight" not in tensors]
    if lacking:
        shown = ", ".join(f"{name}.weight" for name in lacking[:3])
        raise ValueError(f"{path} lacks {len(lacking)} of its tensors: {shown}; fetch it again")
    unknown = tensors.keys() - {f"{theirs}.weight" for theirs in names.values()}
    if unknown:
        raise ValueError(
            f"{path} has tensors that our Decoder has no place for: "
            f"{', '.join(sorted(unknown)[:3])}"
        )
    weights = {
        f"{ours}.weight": expanded(tensors[f"{theirs}.weight"], path)
        for ours, theirs in names.items()
    }
    if config.tied:
        weights["out_proj.weight"] = weights["stack.token_embedding.weight"]
    return weights


def expanded(tensor: "ReaderTensor", path: Path) -> Tensor:
    """The weights in float32, in memory of their own."""
    from gguf import dequantize

    try:
        weights = dequantize(tensor.data, tensor.tensor_type)
    except NotImplementedError:
        raise ValueError(
            f"{path} stores {tensor.name} as {tensor.tensor_type.name}, which gguf cannot expand; "
            "use a file with Q4, Q5, Q6, Q8, F16 or F32 weights"
        ) from None
    return torch.from_numpy(np.require(weights, np.float32, "W"))  # read-only: a view of the file
