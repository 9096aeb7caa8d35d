"""How does a text become numbers, and numbers a text again?

A model reads ids, rows of its table of tokens. Its tokenizer has a fixed vocabulary of frequent
pieces of text and cuts every text into these:

    WordPiece        (BERT)    lower-cases, then takes the longest piece that fits, left to right;
                               ``##`` marks a piece that goes on inside a word
    byte-level BPE   (GPT-2)   starts from bytes and joins the pair that was joined first in
                               training, until none is left; a leading space belongs to its token

Wu et al. (2016), "Google's Neural Machine Translation System", section 4.1 (WordPiece); Sennrich et
al. (2016), "Neural Machine Translation of Rare Words with Subword Units", section 3.2 (BPE);
Radford et al. (2019), GPT-2, section 2.2 (bytes).

Axes: ``B`` batch, ``T`` tokens.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence

import tokenizers
import torch
from jaxtyping import Bool, Int, Integer
from tokenizers import decoders, models, pre_tokenizers
from torch import Tensor

from incontext import checks


class Tokenizer(ABC):
    """Text to token ids and back.

    Text is never cut short: a model says so itself where a text has more tokens than it has
    positions.

    numbers: the id of each token of the vocabulary, as a reader is shown it.
    special: ids that stand for no text, such as [SEP].
    padding: the id that fills the shorter rows of a batch.
    """

    def __init__(
        self, numbers: Mapping[str, int], special: Collection[int], padding: int = 0
    ) -> None:
        self._numbers = dict(numbers)
        self._tokens = {number: token for token, number in self._numbers.items()}
        self._special = frozenset(special)
        self._padding = padding

    @abstractmethod
    def _encoded(self, text: str, with_special: bool) -> list[int]:
        """Ids of a text that has been checked."""

    @abstractmethod
    def _decoded(self, ids: list[int]) -> str:
        """The text of ids that have been checked and are not special."""

    def __len__(self) -> int:
        """The number of tokens in the vocabulary."""
        return len(self._tokens)

    def __contains__(self, token: object) -> bool:
        """Whether this is one token of the vocabulary."""
        return token in self._numbers if isinstance(token, str) else False

    def encode(self, text: str) -> Int[Tensor, " T"]:
        """Ids of the tokens of a text, special tokens included where the model expects them."""
        _check_text("text", text)
        return torch.tensor(self._encoded(text, with_special=True), dtype=torch.int64)

    def encode_batch(self, texts: Sequence[str]) -> tuple[Int[Tensor, "B T"], Bool[Tensor, "B T"]]:
        """Ids of several texts, padded on the right to the longest, and where they are tokens.

        The second is the ``mask`` of encoder and decoder: True = a token, False = padding.
        """
        if isinstance(texts, str) or not len(texts):
            raise ValueError(f"texts must be a list of at least one text, got {texts!r}")
        rows = [self.encode(text) for text in texts]
        lengths = torch.tensor([len(row) for row in rows])
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self._padding)
        return ids, torch.arange(ids.shape[1]) < lengths[:, None]

    def decode(self, ids: Integer[Tensor, " T"] | Iterable[int]) -> str:
        """The text that the tokens spell; special tokens are left out (``tokens`` shows them)."""
        kept = [number for number in self._listed(ids) if number not in self._special]
        return self._decoded(kept)

    def pieces(self, text: str) -> list[str]:
        """The tokens of a text without special tokens: how it is split."""
        _check_text("text", text)
        return self.tokens(self._encoded(text, with_special=False))

    def tokens(self, ids: Integer[Tensor, " T"] | Iterable[int]) -> list[str]:
        """The token of each id, special tokens included."""
        return [self._tokens[number] for number in self._listed(ids)]

    def token_of(self, number: int) -> str:
        """The token with this id."""
        checks.whole("id", number, minimum=0)
        if number not in self._tokens:
            raise ValueError(f"id={number} must be below vocab_size={len(self)}")
        return self._tokens[number]

    def id_of(self, token: str) -> int:
        """The id of a token that is in the vocabulary as it stands: its row in the table."""
        _check_text("token", token)
        if token not in self._numbers:
            pieces = ", ".join(map(repr, self.pieces(token)))
            raise ValueError(
                f"token={token!r} is not in the vocabulary; as a text it is split into: {pieces}"
            )
        return self._numbers[token]

    def _listed(self, ids: Tensor | Iterable[int]) -> list[int]:
        """The ids as a list, each of which has a token."""
        if isinstance(ids, Tensor):
            checks.axes("ids", ids, "T")
            checks.indices("ids", ids, "vocab_size", len(self))
            return ids.tolist()
        ids = list(ids)
        for number in ids:
            self.token_of(number)
        return ids


class WordPieceTokenizer(Tokenizer):
    """BERT's: a token that goes on inside a word is written with ``##`` before it.

    ``encode`` puts [CLS] before a text and [SEP] after it. ``decode`` joins words with one space
    each, so case, accents and spacing that the vocabulary does not keep are not given back.

    inner: a tokenizer as the package tokenizers reads it from tokenizer.json.
    """

    def __init__(self, inner: tokenizers.Tokenizer) -> None:
        inner.no_padding()
        inner.no_truncation()
        inner.decoder = decoders.WordPiece()
        added = inner.get_added_tokens_decoder().items()
        super().__init__(
            inner.get_vocab(),
            special=[number for number, token in added if token.special],
            padding=inner.token_to_id("[PAD]") or 0,
        )
        self._inner = inner

    def _encoded(self, text: str, with_special: bool) -> list[int]:
        return self._inner.encode(text, add_special_tokens=with_special).ids

    def _decoded(self, ids: list[int]) -> str:
        return self._inner.decode(ids)


class BytePairTokenizer(Tokenizer):
    """Byte-level BPE: every text is its bytes in UTF-8, and ``decode`` gives it back exactly.

    A token is shown as the text that it stands for, so that the tokens of a text, put one after the
    other, read like it: ``" Paris"`` begins with the space before the word. Where a token holds
    only some bytes of a character, these are written as in Python, ``"\\xe6\\x9d"``. Each digit is
    a token of its own. What is typed never becomes a special token: ``<|im_start|>`` in a text is
    cut like any other characters; the special token is ``id_of("<|im_start|>")``.

    spellings: each token by id, in the spelling of GPT-2's files: one character for each byte.
    merges: the pairs that are joined, the first first, each ``"left right"`` in that spelling.
    special: ids of the special tokens, which are spelled as they read.
    before: ids that ``encode`` puts before a text.
    padding: the id that fills the shorter rows of a batch.
    """

    def __init__(
        self,
        spellings: Sequence[str],
        merges: Sequence[str],
        *,
        special: Collection[int] = (),
        before: Sequence[int] = (),
        padding: int = 0,
    ) -> None:
        vocabulary = {token: number for number, token in enumerate(spellings)}
        pairs = [tuple(pair.split(" ")) for pair in merges]
        for pair in pairs:
            if len(pair) != 2 or not vocabulary.keys() >= {*pair, "".join(pair)}:
                raise ValueError(f"merges must join two tokens to a third, got {' '.join(pair)!r}")
        byte_of, special = byte_spelling(), frozenset(special)
        self._bytes = [
            token.encode() if number in special else _spelled(token, byte_of)
            for number, token in enumerate(spellings)
        ]
        shown = [token.decode(errors="backslashreplace") for token in self._bytes]
        super().__init__({token: number for number, token in enumerate(shown)}, special, padding)
        self._before = list(before)
        self._single_bytes = {token[0] for token in self._bytes if len(token) == 1}

        self._inner = tokenizers.Tokenizer(models.BPE(vocabulary, pairs))
        self._inner.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )

    def _encoded(self, text: str, with_special: bool) -> list[int]:
        lacking = set(text.encode()) - self._single_bytes
        if lacking:
            character = next(each for each in text if lacking & set(each.encode()))
            raise ValueError(f"text has {character!r}, for which the vocabulary has no token")
        ids = self._inner.encode(text).ids
        return [*self._before, *ids] if with_special else ids

    def _decoded(self, ids: list[int]) -> str:
        return b"".join(self._bytes[number] for number in ids).decode(errors="replace")


def byte_spelling() -> dict[str, int]:
    """GPT-2's spelling of bytes: the character for each, and the byte that it stands for.

    Visible characters of Latin-1 stand for their own byte, the other 68 bytes for Ā (U+0100) and
    those after it, in order: a space is written Ġ and a line break Ċ.
    """
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {
        chr(0x100 + n): byte for n, byte in enumerate(others)
    }


def _spelled(token: str, byte_of: Mapping[str, int]) -> bytes:
    try:
        return bytes(byte_of[character] for character in token)
    except KeyError as unknown:
        raise ValueError(f"spellings must spell bytes, got {token!r} with {unknown}") from None


def whole_words(tokenizer: Tokenizer) -> Int[Tensor, " n"]:
    """Ids of the tokens that are two or more lower-case letters a–z, in ascending order.

    Candidates for neighbours and analogies: no special or unused tokens, no pieces that go on
    inside a word, no digits, signs or other scripts. For a WordPiece vocabulary; in byte-level BPE
    words begin with their space.
    """
    words = [n for n in range(len(tokenizer)) if re.fullmatch("[a-z]{2,}", tokenizer.token_of(n))]
    return torch.tensor(words, dtype=torch.int64)


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str):
        raise ValueError(f"{name} must be a str, got {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = text[error.start]
        raise ValueError(f"{name} must be valid Unicode, got half a character: {half!r}") from None
