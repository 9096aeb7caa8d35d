"""BertViz in a frame: what stands in it, what it says in words, and what it will not draw."""

import html
import json
import re
import sys

import pytest
import torch
from naive import fill
from torch.testing import assert_close

from incontext import _bertviz
from incontext.config import TransformerConfig
from incontext.pretrained import decoder_to_read, load_encoder
from incontext.reading import bertviz_frame, queries_and_keys, scores
from incontext.softmax import softmax
from incontext.sphinx.frames import CARRIED
from incontext.transformer import Decoder, Encoder

L, H, T = 3, 2, 5
TOKENS = ["[CLS]", "the", "<b>", "ĠRiver", "[SEP]"]
ADDRESS = re.compile(r"""(?:src|href)=["']?(https?:[^"' >]+)|import\(|fetch\(""")


@pytest.fixture(scope="module")
def read():
    """A small model's weights, queries and keys."""
    model = fill(Encoder(TransformerConfig(37, 11, 8, H, 29, L, positions="rotary")))
    ids = torch.randint(37, (1, T), generator=torch.Generator().manual_seed(0))
    return model(ids).attentions, *queries_and_keys(model, ids)


def frame(view, read, **options):
    attentions, queries, keys = read
    if view == "neuron":
        options = {"queries": queries, "keys": keys, **options}
    return bertviz_frame(view, attentions, TOKENS, **options)


def its_own(document: str) -> str:
    """The document without d3 and jQuery."""
    return re.sub(r"<script data-library=.*?</script>", "", document, flags=re.DOTALL)


def data_of(view: str, document: str) -> dict:
    start = "window.bertviz_params = " if view == "neuron" else "const params = "
    return json.JSONDecoder().raw_decode(document.split(start, 1)[1])[0]


@pytest.mark.parametrize("view", _bertviz.VIEWS)
def test_a_frame_holds_rounded_weights_of_the_chosen_layers_and_asks_nobody(view, read):
    shown = frame(view, read, layers=[3, 2], layer=2, head=2, title='A "title"', caption="From.")
    document = shown.document
    assert "cdnjs" not in document and "require.min.js" not in document
    assert not ADDRESS.search(its_own(document))
    given = data_of(view, document)
    (of_view,) = (
        given["attention"].values() if view == "neuron" else given["attention"]
    )  # one text, one kind of attention
    attn = of_view["attn"]
    expected = torch.stack([read[0][2][0], read[0][1][0]])
    assert_close(torch.tensor(attn, dtype=torch.float64), expected.double(), rtol=0, atol=0.00501)
    assert max(len(str(w)) for w in torch.tensor(attn, dtype=torch.float64).flatten().tolist()) <= 4
    assert not _bertviz.ITS_ID.search(document), "another id in every run"
    assert (
        repr(shown) == "Frame('A \"title\"')"
        and frame(view, read, layers=[3, 2], layer=2, head=2, title='A "title"', caption="From.")
        == shown
    )


def test_layers_and_heads_count_from_one_and_the_frame_opens_as_asked(read):
    head = frame("head", read, layers=[2, 3], layer=3, head=2)
    given = data_of("head", head.document)
    assert (given["include_layers"], given["layer"], given["heads"]) == ([1, 2], 2, [1])
    assert ".text(layer + 1)" in head.document
    assert data_of("head", frame("head", read).document)["heads"] is None
    model = frame("model", read, layers=[3])
    assert data_of("model", model.document)["include_layers"] == [2]
    neuron = frame("neuron", read, layers=[2, 3], layer=3, head=2)
    given = data_of("neuron", neuron.document)
    assert (given["layer"], given["head"], given["bidirectional"]) == (1, 1, True)
    assert "const LAYERS = [2, 3];" in neuron.document


def test_the_neuron_view_has_the_vectors_whose_products_are_the_scores(read):
    attentions, queries, keys = read
    given = data_of("neuron", frame("neuron", read).document)["attention"]["all"]
    for layer in range(L):
        q, k = (torch.tensor(given[name][layer]) for name in ("queries", "keys"))
        weights = softmax(q @ k.mT / (8 / H) ** 0.5)
        assert_close(weights, attentions[layer][0].float(), rtol=0, atol=0.05)
        assert_close(q, queries[layer][0].float(), rtol=0, atol=0.0051)
        assert_close(k, keys[layer][0].float(), rtol=0, atol=0.0051)


def test_queries_and_keys_of_both_real_models_make_their_scores():
    for model, tokenizer in (load_encoder(), decoder_to_read()):
        ids = tokenizer.encode("I sat on the river bank.")[None]
        queries, keys = queries_and_keys(model, ids)
        for q, k, score in zip(queries, keys, scores(model, ids), strict=True):
            seen = score > -torch.inf
            product = q @ k.mT / q.shape[-1] ** 0.5
            assert_close(product[seen], score[seen], rtol=1e-5, atol=1e-4)


def test_a_causal_model_is_drawn_as_one():
    model = fill(Decoder(TransformerConfig(37, 11, 8, H, 29, L, positions="rotary", n_kv_heads=1)))
    ids = torch.arange(T)[None]
    queries, keys = queries_and_keys(model, ids)
    shown = bertviz_frame("neuron", model(ids).attentions, TOKENS, queries=queries, keys=keys)
    assert data_of("neuron", shown.document)["bidirectional"] is False


def test_words_and_numbers_say_what_is_seen(read):
    shown = frame("head", read, layers=[1, 3], layer=3, head=1)
    rows = re.findall(r"<tr><td>(\d)</td><td>(\d)</td><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>",
                      shown.seen)  # fmt: skip
    assert [(int(row[0]), int(row[1])) for row in rows] == [(1, 1), (1, 2), (3, 1), (3, 2)]
    names = ["[CLS]", "the", "<b>", "River", "[SEP]"]
    said = html.unescape(shown.seen)
    maps = torch.stack([read[0][i][0] for i in (0, 2)]).detach()
    received = maps.mean((0, 1, 2))
    first = int(received.argmax())
    assert f"{received[first]:.2f} of the weight goes to “{names[first]}”" in said
    heaviest = 0.0
    for layer, head, query, key, weight in rows:
        weights = maps[int(layer) // 2, int(head) - 1].clone()
        weights[:, first] = 0
        at = names.index(html.unescape(query)), names.index(html.unescape(key))
        assert weights[at] == weights.max() and weight == f"{weights.max():.2f}"
        heaviest = max(heaviest, float(weights.max()))
    assert re.search(rf"on another token is in layer \d, head \d: {heaviest:.2f} from", shown.seen)
    assert "The frame opens with layer 3, head 1: " in shown.seen
    page = shown._repr_html_()
    assert '<iframe title="Head view"' in page and "<b>" not in page


def test_a_token_cannot_end_the_script(read):
    tokens = ["</script>", "<!--", "<script>", "a", "b"]
    document = its_own(bertviz_frame("head", read[0], tokens).document)
    assert document.count("</script>") == document.count("<script") > 2
    assert "<!--" not in document


def test_the_book_takes_the_libraries_out_and_only_these(read):
    page = frame("model", read)._repr_html_()
    shared, n = CARRIED.subn("", page)
    assert n == 2 and html.escape(its_own(frame("model", read).document)) in shared
    assert len(shared) < len(page) / 10
    for name in _bertviz.LIBRARIES:
        assert _bertviz.library(name).read_text(encoding="utf-8")[:300].strip()


def without(*layers):
    return lambda a: [None if i in layers else one for i, one in enumerate(a)]


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda a: None, r'got None.*attn_implementation="eager".*output_attentions=True'),
        (without(1), r'got None.*attn_implementation="eager"'),
        (lambda a: [], "a tensor for each layer"),
        (lambda a: [one[0] for one in a], r"attentions of layer 1 must have axes \[1, H, T, S\]"),
        (lambda a: [torch.cat([one, one]) for one in a], "one text=1 along axis 0, got 2"),
        (lambda a: [a[0], a[1][:, :1], a[2]], "layer 2 must have the shape of layer 1's"),
        (lambda a: [10 * one for one in a], "layer 1 must be a distribution.*take their softmax"),
        (lambda a: [a[0], one_negative(a[1]), a[2]], "layer 2 must be a distribution"),
        (lambda a: [one.long() for one in a], "must hold floating-point numbers"),
    ],
)
def test_attention_that_is_missing_or_none_is_named(change, says, read):
    with pytest.raises(ValueError, match=says):
        bertviz_frame("head", change(list(read[0])), TOKENS)


def one_negative(weights):
    weights = weights.clone()
    weights[0, 0, 0, 0] -= 2
    weights[0, 0, 0, 1] += 2
    return weights


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"view": "heads"}, "view='heads' must be one of 'head', 'model', 'neuron'"),
        ({"tokens": TOKENS[1:]}, r"tokens must be 5, as many as attentions have keys, got 4.*CLS"),
        ({"tokens": "abcde"}, "tokens must be a list of str"),
        ({"tokens": [1, 2, 3, 4, 5]}, "tokens must be a list of str"),
        ({"layers": [4]}, "the model has layers 1 to 3, not 4"),
        ({"layers": [0]}, "the model has layers 1 to 3, not 0"),
        ({"layers": []}, "at least one layer"),
        ({"layers": [2, 2]}, "each once"),
        ({"layers": [2], "layer": 3}, "layer=3 must be one of 2"),
        ({"head": 3}, "head=3 must be one of 1, 2"),
        ({"view": "neuron"}, "needs queries and keys: .*queries_and_keys"),
    ],
)
def test_what_does_not_fit_is_named(options, says, read):
    options = {"view": "head", "tokens": TOKENS, **options}
    with pytest.raises(ValueError, match=says):
        bertviz_frame(options.pop("view"), read[0], options.pop("tokens"), **options)


@pytest.mark.bad_input
def test_vectors_that_do_not_fit_are_named(read):
    attentions, queries, keys = read
    with pytest.raises(ValueError, match="queries must have 3 layers, got 2"):
        bertviz_frame("neuron", attentions, TOKENS, queries=queries[1:], keys=keys)
    with pytest.raises(ValueError, match=r"keys of layer 1 .*\(1, 2, 5\).*where heads share keys"):
        shared = [one[:, :1] for one in keys]
        bertviz_frame("neuron", attentions, TOKENS, queries=queries, keys=shared)
    with pytest.raises(ValueError, match="model must be an Encoder or a Decoder"):
        queries_and_keys(torch.nn.Linear(2, 3), torch.zeros(1, 2, dtype=torch.long))


def test_what_is_not_installed_is_named_and_how_to_install_it(read, monkeypatch):
    monkeypatch.setitem(_bertviz.LIBRARIES, "d3", ("no_such_package", "d3.js"))
    with pytest.raises(ImportError, match=r"no_such_package, which carries d3.*pip install"):
        frame("head", read)
    monkeypatch.setitem(_bertviz.LIBRARIES, "d3", ("no_such.package", "d3.js"))
    with pytest.raises(ImportError, match="pip install"):
        frame("head", read)
    monkeypatch.setitem(sys.modules, "bertviz", None)
    with pytest.raises(ImportError, match=r"BertViz is not installed\. pip install 'bertviz"):
        frame("head", read)


def test_another_bertviz_is_noticed(read, monkeypatch):
    monkeypatch.setitem(_bertviz.CHANGES["head"], "not in its script", "")
    with pytest.raises(RuntimeError, match=r"not bertviz 1\.4\.1: 'not in its script' stands 0"):
        frame("head", read)
