"""The way to the next word: its sizes are the decoder's, its words are safe, its links lead on."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from incontext.config import TransformerConfig
from incontext.overview import architecture, stages, way_to_next_word
from incontext.pretrained import decoder_to_read, load_encoder
from incontext.sphinx.chapter_links import to_pages
from incontext.transformer import Decoder, Encoder

CHAPTERS = Path(__file__).parents[2] / "chapters"


class Words:
    """A tokenizer of six words, one of which HTML would take for a tag."""

    WORDS = ("<b>", " two", " three", " four", " five", " six", " seven")

    def encode(self, text):
        return torch.tensor([int(number) for number in text.split()], dtype=torch.int64)

    def tokens(self, ids):
        return [self.WORDS[number] for number in torch.as_tensor(ids).tolist()]


class Outline(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text, self.links = [], "", []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if "style" not in self.open else ""


def decoder(**choices):
    config = TransformerConfig(
        **{
            "vocab_size": 7,
            "n_positions": 13,
            "d_model": 30,
            "n_heads": 15,
            "n_kv_heads": 5,
            "d_ff": 37,
            "n_layers": 11,
            "positions": "rotary",
            **choices,
        }
    )
    return Decoder(config, torch.Generator().manual_seed(0)).eval()


def outline(text="0 3 1", **choices):
    seen = Outline()
    seen.feed(way_to_next_word(decoder(**choices), Words(), text, n_shown=2).data)
    assert not seen.open
    return seen


def test_the_sizes_are_those_of_the_decoder():
    text = outline().text
    for size in ("3 × 30", "15 × 3 × 2", "15 × 3 × 3", "11 layers", "15 heads", "√2", "out of 7"):
        assert size in text, size
    assert "15 queries of 2 numbers, as many as heads, and 5 keys and values" in text
    assert "30 numbers become 37 and 30 again" in text
    assert "15 queries of 2 numbers, as many as heads, and 15 keys" in outline(n_kv_heads=None).text


def test_the_probabilities_are_those_of_the_next_token():
    logits = decoder()(torch.tensor([[0, 3, 1]])).logits[0, -1]
    values, ids = logits.softmax(-1).topk(2)
    for value, token in zip(values, ids, strict=True):
        assert f"␣{Words.WORDS[token].strip()}{value:.2f}" in outline().text or token == 0


def test_tokens_are_text_and_no_tags():
    assert "<b>" in outline("0 0").text


def test_links_lead_to_chapters_and_in_the_book_to_their_pages():
    links = outline().links
    assert len({link.split("#")[0] for link in links}) == 8
    assert all((CHAPTERS / re.sub(r"\.ipynb.*", ".md", link)).is_file() for link in links)
    page = to_pages(way_to_next_word(decoder(), Words(), "1 2").data)
    in_book = re.findall(r'<a class="chapter-link" href="([^"]+)"', page)
    assert in_book == [link.replace(".ipynb", ".html") for link in links]


def test_other_links_stay():
    other = '<a class="other" href="notes.ipynb">'
    assert to_pages(other) == other


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("arguments", "choices", "message"),
    [
        (("",), {}, "text must have at least one token"),
        (("1", 0), {}, "n_shown=0"),
        (("1",), {"positions": "learned"}, "positions='learned'"),
        (("1",), {"norm": "post"}, "norm='post'"),
    ],
)
def test_what_the_picture_does_not_show_is_refused(arguments, choices, message):
    with pytest.raises(ValueError, match=message):
        way_to_next_word(decoder(**choices), Words(), *arguments)


VARIANTS = [
    {},
    {"norm": "post", "norm_embeddings": True, "n_types": 3, "positions": "learned"},
    {"activation": "swiglu", "norm_kind": "rms", "bias": False},
    {"positions": "sinusoidal", "n_kv_heads": None, "tied": False},
    {"positions": "alibi"},
    {"positions": None},
]


@pytest.mark.parametrize("kind", [Encoder, Decoder])
@pytest.mark.parametrize("choices", VARIANTS)
def test_the_parameters_of_the_parts_are_those_of_the_model(kind, choices):
    model = kind(decoder(**choices).config)
    found = stages(model)
    assert sum(one.n_parameters for one in found.values()) == sum(
        p.numel() for p in model.parameters()
    )
    for one in found.values():
        assert one.per_layer * 11 in (0, one.n_parameters)
    assert (found["logits"].shape == "–") == (kind is Encoder)


def test_the_architecture_of_both_real_models():
    encoder, _ = load_encoder()
    smollm, _ = decoder_to_read()
    seen = Outline()
    seen.feed(architecture({"MiniLM": encoder, "<b>": smollm}).data)
    assert not seen.open and "<b>" in seen.text
    for text in ("22,565,376", "134,515,008", "12 × T × 32", "9 and 3 × T × 64", "T × 49,152"):
        assert text in seen.text
    assert "6 in MiniLM and 30 in <b>" in seen.text and "1,181,568" in seen.text
    assert len({link.split("#")[0] for link in seen.links}) == 7
    for link in seen.links:
        file, _, section = link.partition("#")
        chapter = (CHAPTERS / file.replace(".ipynb", ".md")).read_text(encoding="utf-8")
        titles = re.findall(r"^#+ (.*)$", chapter, re.M)
        slugs = {re.sub(r"[^\w]+", "-", title.lower()).strip("-") for title in titles}
        assert not section or section in slugs, link


@pytest.mark.bad_input
def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match="models must have at least one"):
        architecture({})
    with pytest.raises(ValueError, match="model must be an Encoder or a Decoder, got Linear"):
        stages(torch.nn.Linear(2, 2))
