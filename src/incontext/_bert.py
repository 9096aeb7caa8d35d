"""A BERT checkpoint under our names: config.json, tokenizer.json and model.safetensors.

Devlin et al. (2019), "BERT".
"""

import json
from pathlib import Path

import safetensors
import safetensors.torch
import tokenizers
from torch import Tensor

from incontext.config import TransformerConfig
from incontext.tokenization import Tokenizer, WordPieceTokenizer

FILES = ("config.json", "tokenizer.json", "model.safetensors")

# Where the parts of our Encoder lie in a BERT checkpoint.
EMBEDDING_PARTS = {
    "token_embedding.weight": "embeddings.word_embeddings.weight",
    "position_embedding.weight": "embeddings.position_embeddings.weight",
    "type_embedding.weight": "embeddings.token_type_embeddings.weight",
    "embedding_norm": "embeddings.LayerNorm",
}
BLOCK_PARTS = {
    "attention.q_proj": "attention.self.query",
    "attention.k_proj": "attention.self.key",
    "attention.v_proj": "attention.self.value",
    "attention.out_proj": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "feed_forward.up": "intermediate.dense",
    "feed_forward.down": "output.dense",
    "feed_forward_norm": "output.LayerNorm",
}


def read(directory: Path) -> tuple[TransformerConfig, dict[str, Tensor], Tokenizer]:
    """Sizes, weights in float32 and tokenizer of the checkpoint in a directory.

    Raises ``FileNotFoundError`` for a directory that lacks a file, and ``ValueError`` for a
    checkpoint that is not BERT-style.
    """
    lacking = [file for file in FILES if not (directory / file).is_file()]
    if lacking:
        raise FileNotFoundError(
            f"{directory} lacks {', '.join(lacking)}; a checkpoint has {', '.join(FILES)}"
        )
    config = read_config(directory / "config.json")
    weights = read_weights(directory / "model.safetensors", config.n_layers)
    return config, weights, read_tokenizer(directory / "tokenizer.json")


def read_config(path: Path) -> TransformerConfig:
    """The configuration, with BERT's own defaults for what older files leave out."""
    defaults = {"hidden_act": "gelu", "layer_norm_eps": 1e-12, "type_vocab_size": 2}
    try:
        config = defaults | json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is not a JSON object: {error}") from None
    required = {
        "model_type": ("bert",),
        "position_embedding_type": ("absolute",),
        "is_decoder": (False,),
        "hidden_act": ("gelu", "relu"),
    }
    for key, allowed in required.items():
        if config.get(key, allowed[0]) not in allowed:
            wanted = " or ".join(map(repr, allowed))
            raise ValueError(
                f"{path} is not BERT-style: {key}={config[key]!r}, required is {wanted}"
            )
    sizes = ("vocab_size", "max_position_embeddings", "hidden_size", "num_attention_heads")
    lacking = {*sizes, "intermediate_size", "num_hidden_layers"} - config.keys()
    if lacking:
        raise ValueError(f"{path} is not BERT-style: it lacks {', '.join(sorted(lacking))}")
    return TransformerConfig(
        vocab_size=config["vocab_size"],
        n_positions=config["max_position_embeddings"],
        d_model=config["hidden_size"],
        n_heads=config["num_attention_heads"],
        d_ff=config["intermediate_size"],
        n_layers=config["num_hidden_layers"],
        norm="post",
        activation=config["hidden_act"],
        positions="learned",
        eps=config["layer_norm_eps"],
        n_types=config["type_vocab_size"],
        norm_embeddings=True,
    )


def read_weights(path: Path, n_layers: int) -> dict[str, Tensor]:
    """The tensors of the file under our names, in float32. Heads on top of BERT are left out."""
    try:
        tensors = safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file: {error}") from None
    tensors = {_modern(key): tensor for key, tensor in tensors.items()}

    names = dict(EMBEDDING_PARTS)
    for layer in range(n_layers):
        for ours, theirs in BLOCK_PARTS.items():
            names[f"blocks.{layer}.{ours}"] = f"encoder.layer.{layer}.{theirs}"
    weights = {}
    for ours, theirs in names.items():
        endings = ("",) if ours.endswith(".weight") else (".weight", ".bias")
        for ending in endings:
            if theirs + ending not in tensors:
                raise ValueError(f"{path} is not BERT-style: it lacks {theirs + ending}")
            weights[ours + ending] = tensors.pop(theirs + ending).float()

    tensors.pop("embeddings.position_ids", None)  # 0, 1, 2, …: no weights
    unknown = [key for key in tensors if key.startswith(("embeddings.", "encoder."))]
    if unknown:
        raise ValueError(
            f"{path} has weights that config.json does not announce: {', '.join(unknown[:3])}"
        )
    return weights


def read_tokenizer(path: Path) -> Tokenizer:
    try:
        return WordPieceTokenizer(tokenizers.Tokenizer.from_file(str(path)))
    except Exception as error:  # tokenizers raises nothing more particular
        raise ValueError(f"{path} is not a tokenizer's file: {error}") from None


def _modern(key: str) -> str:
    """The key as ``BertModel`` writes it today: no prefix, and weight and bias in layer norms."""
    key = key.removeprefix("bert.")
    return key.replace("LayerNorm.gamma", "LayerNorm.weight").replace(
        "LayerNorm.beta", "LayerNorm.bias"
    )
