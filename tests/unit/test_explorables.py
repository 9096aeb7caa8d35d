"""What all explorables promise: traits that are controls, one figure, a picture, a provenance."""

import json
import random
import re

import numpy as np
import pytest
from bs4 import BeautifulSoup
from explorable_states import candidates, changes, own_attentions, own_lens
from traitlets import TraitError

from incontext import explorables
from incontext.attention import scaled_dot_product_attention
from incontext.exercises import run_encoder_on
from incontext.explorables import links
from incontext.explorables.base import PROVENANCES, STATIC, Explorable, Numbers, pack
from incontext.explorables.controls import slider

FIELD_LABELS = {
    "Temperature", "Number of heads", "Head", "Layer", "Position", "d_k", "Sequence length",
    "Training step", "Sentence", "Example", "Score", "Word", "Word a", "Word b", "Word c",
    "Exclude inputs", "Margin", "Target weight", "d_model", "Base", "Offset", "Pair", "Distance",
    "Divide by √d_k", "Causal mask", "Query", "Key", "Value", "Prompt", "Top-k",
    "Top-p", "Seed", "Draws",
    "Query matrix", "Key matrix", "Value matrix",
    "Loss", "Start", "Learning rate", "Beginning", "Greedy", "New words at most",
    "Reading", "Families", "Positions", "Residual stream", "Layers", "Prediction",
    "Patient",
    "Trained weights",
    "New tokens", "Key–value cache",
    "Direction",
}  # fmt: skip


@pytest.fixture(scope="module", params=explorables.__all__)
def explorable(request) -> Explorable:
    return getattr(explorables, request.param)()


@pytest.fixture(autouse=True)
def put_back(request):
    yield
    if "explorable" in request.fixturenames:
        one = request.getfixturevalue("explorable")
        for _ in range(2):  # a control may move another; the second round settles it
            for name, value in one.spec["initial"].items():
                setattr(one, name, value)


@pytest.fixture(scope="module")
def html(explorable) -> str:
    """What the page shows at the start. Drawn once: pictures take most of the time here."""
    return explorable.to_html()


def state_in(html: str) -> dict:
    figure = BeautifulSoup(html, "html.parser").find("figure")
    return json.loads(figure.find("script", class_="explorable-state").text)


def test_figure_has_what_the_page_needs(explorable, html):
    figure = BeautifulSoup(html, "html.parser").find("figure")
    assert figure["class"] == ["explorable"]
    assert figure["data-explorable"] == explorable.name
    assert figure["data-provenance"] in PROVENANCES
    assert figure["id"] == f"explorable-{explorable.name}"
    assert figure["aria-label"] == explorable.title
    assert figure.find("p", class_="explorable-title").text == explorable.title
    assert figure.find("p", class_="explorable-try").text == explorable.try_first
    image = figure.find("img", class_="explorable-fallback")
    assert len(image["alt"]) > 40
    assert image["src"].startswith("data:image/svg+xml;base64,")
    assert figure.find("figcaption").text == explorable.caption


def test_what_to_try_first_names_a_control_or_what_to_change(explorable):
    """One or two plain sentences that begin with something to do."""
    assert 30 < len(explorable.try_first) < 150
    first = explorable.try_first.split()[0]
    assert first in {"Change", "Choose", "Clear", "Compare", "Drag", "Move", "Tick", "Turn"}


def test_caption_says_where_the_numbers_come_from(explorable):
    words = {
        "learned": "Learned weights: (all-MiniLM-L6-v2|SmolLM2-135M-Instruct|the course’s own)",
        "random": r"[Rr]andom weights.*seed",
        "illustrative": "Illustrative",
        "exact": "Exact",
    }
    assert re.search(words[explorable.provenance], explorable.caption, re.DOTALL)


def test_state_travels_whole(explorable, html):
    state = state_in(html)
    assert state["initial"] == explorable.values()
    assert [c["trait"] for c in state["controls"]] == explorable.control_names()
    assert state["data"] == json.loads(json.dumps(explorable.data()))


def test_the_page_describes_the_object_whole(explorable, monkeypatch):
    """Also after a change: the state in the page is that of the twin."""
    monkeypatch.setattr(explorable, "fallback", lambda: "")
    for control in explorable.spec["controls"]:
        setattr(explorable, control["trait"], candidates(control)[-2])
    state = state_in(explorable.to_html())
    twin = Explorable.from_spec(state)
    assert isinstance(twin, getattr(explorables, type(explorable).__name__))
    assert json.loads(json.dumps(twin.spec)) == state
    assert twin.numbers() == explorable.numbers()


def test_a_link_restores_every_state(explorable):
    """Also where it is opened upon another state than it was copied from."""
    seen = []
    for change in changes(explorable):
        for name, value in change.items():
            limit = explorable.limits().get(name)
            setattr(explorable, name, value if limit is None else min(value, limit))
        seen.append((explorable.link(), explorable.values()))
    random.Random(7).shuffle(seen)
    for link, values in seen:
        name, given = links.parse(f"https://a.org/b/c.html{link}")
        assert name == explorable.name and explorable._restore(given) == {}
        assert explorable.values() == values, link


def test_from_link_makes_the_explorable_of_the_link(explorable):
    start = explorable.values()
    for control in explorable.spec["controls"]:
        setattr(explorable, control["trait"], candidates(control)[-2])
    twin = Explorable.from_link(f"file:///c.html?q=1{explorable.link()}")
    assert isinstance(twin, getattr(explorables, type(explorable).__name__))
    assert twin.values() == explorable.values() and twin.spec["initial"] == start


def test_your_own_sentences_and_words_come_back_from_the_page():
    sets = {
        "plant": [
            ("green", "water", "We water the plant."),
            ("green", "leaves", "The plant has leaves."),
            ("factory", "workers", "The workers left the plant."),
        ]
    }
    for own in (
        explorables.AttentionLens(sentences=["Birds sing.", "Dogs bark at night."], layer=2),
        own_lens(),
        own_lens(causal=True),
        explorables.WordInContext(sets, layer=3, sentence=2),
    ):
        twin = Explorable.from_spec(json.loads(json.dumps(own.spec)))
        assert twin.spec == own.spec and twin.numbers() == own.numbers()


def test_labels_are_the_fields_names(explorable):
    assert {c["label"] for c in explorable.spec["controls"]} <= FIELD_LABELS


def test_bundle_needs_nothing_but_the_core(explorable):
    core, own = ((STATIC / f"{name}.js").read_text() for name in ("core", explorable.name))
    assert "http://www.w3.org" in core and "incontextCore" in own
    for script in (core, own):
        assert "https://" not in script and not re.search(r"\bimport\b[ (]", script)
    assert explorable._esm.startswith(core) and own in explorable._esm  # Jupyter runs the same


def test_numbers_are_finite_and_move_with_every_control(explorable):
    for control in explorable.spec["controls"]:
        seen = set()
        for value in candidates(control):
            limit = explorable.limits().get(control["trait"])
            setattr(explorable, control["trait"], value if limit is None else min(value, limit))
            numbers = explorable.numbers()
            cells = [cell for row in numbers.rows for cell in row if not isinstance(cell, str)]
            assert cells and np.isfinite(cells).all()
            seen.add(json.dumps(numbers.rows))
        assert len(seen) > 1, f"{control['trait']} changes no number"


def test_out_of_range_is_refused_by_name(explorable):
    for control in explorable.spec["controls"]:
        wrong = {
            "slider": lambda c: c["maximum"] * 2 + 1,
            "integer": lambda c: c["maximum"] + 1,
            "steps": lambda c: -1,
            "select": lambda c: "no such option",
            "toggle": lambda c: "perhaps",
            "text": lambda c: "x" * (c["max_length"] + 1),
            "number-list": lambda c: [c["maximum"] + 1] * c["min_length"],
        }[control["kind"]](control)
        before = explorable.values()
        with pytest.raises(TraitError, match=control["trait"]):
            setattr(explorable, control["trait"], wrong)
        assert explorable.values() == before


def test_limits_hold_after_a_change(explorable):
    for trait in explorable.limits():
        control = next(c for c in explorable.spec["controls"] if c["trait"] == trait)
        setattr(explorable, trait, control["maximum"])
        assert getattr(explorable, trait) == explorable.limits()[trait]


def test_alt_text_follows_the_state(explorable):
    texts = set()
    for control in explorable.spec["controls"]:
        for value in candidates(control)[-2:]:
            setattr(explorable, control["trait"], value)
            texts.add(explorable.alt())
    assert len(texts) > 1


def test_an_explorable_says_what_to_try_first():
    for nothing in ({}, {"try_first": "Drag Temperature"}):
        with pytest.raises(ValueError, match="try_first"):
            type("Silent", (Explorable,), {"name": "scaling", "provenance": "exact", **nothing})


def test_widget_and_page_show_the_same_object_in_the_same_bytes(explorable, html):
    data, _ = explorable._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/html"] == html
    assert data["text/plain"] == explorable.title


def test_pack_loses_at_most_half_a_step():
    array = np.random.default_rng(3).normal(size=(5, 7))
    packed, read = pack(array)
    assert packed["shape"] == [5, 7]
    assert np.abs(read - array).max() <= packed["step"] / 2 * (1 + 1e-9)
    _, read = pack(np.full((2, 3), 0.25), bits=8)
    np.testing.assert_array_equal(read, 0.25)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: pack([1.0, np.nan]), "finite"),
        (lambda: pack([]), "at least one"),
        (lambda: pack([1.0], bits=12), "bits=12"),
        (lambda: Numbers(["a", "b"], [[1.0]]), "1 cells for 2 columns"),
        (lambda: slider("Temperature", 1, minimum=0, maximum=2, scale="log"), "minimum=0"),
        (lambda: slider("Temperature", 1, minimum=1, maximum=2, scale="cubic"), "cubic"),
        (lambda: explorables.AttentionLens(sentences="one string"), "list"),
        (lambda: Explorable.from_spec({"initial": {}}), "name=None must be one of"),
        (lambda: explorables.Alibi.from_spec({"name": "rotary"}), "name='rotary'.*'alibi'"),
        (
            lambda: Explorable.from_spec({"name": "alibi", "initial": {"hue": 1}}),
            r"\['hue'\], and alibi has the controls",
        ),
        (lambda: Explorable.from_spec({"name": "attention-lens"}), "must have 'data'"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_lens_takes_your_own_sentences():
    lens = explorables.AttentionLens(sentences=["Birds sing.", "Dogs bark at night."], layer=2)
    assert lens.sentence == "Birds sing." and lens.layer == 2
    lens.sentence = "Dogs bark at night."
    assert len(lens.numbers().rows) == 1 + 7  # [CLS] dogs bark at night . [SEP]


def test_lens_of_a_chapters_own_sentences_opens_at_the_word_in_question():
    jug = "She poured water from the jug into the cup until it was {}."
    lens = explorables.AttentionLens([jug.format("full"), jug.format("empty")])
    for lens.sentence in (jug.format("empty"), jug.format("full")):
        assert "“it” looks most at" in lens.alt()


@pytest.mark.parametrize("causal", [False, True])
def test_lens_draws_attentions_that_you_have_computed(causal):
    lens = own_lens(causal)
    assert lens.limits() == {"position": 5} and "Learned weights: a small model." in lens.caption
    for lens.layer in (1, 2):
        for lens.head in (1, 2, 3):
            _, *rows = lens.numbers().rows
            expected = own_attentions(causal)[lens.layer - 1][0, lens.head - 1]
            np.testing.assert_allclose([row[1:] for row in rows], expected, atol=2e-3)
    lens.temperature = 20
    _, *rows = lens.numbers().rows
    weights = expected.double().pow(1 / 20)
    weights = weights / weights.sum(-1, keepdim=True)
    np.testing.assert_allclose([row[1:] for row in rows], weights, atol=1e-3)
    assert (rows[0][2] == 0) is causal
    with pytest.raises(TraitError, match="layer=3 must be at most 2"):
        lens.layer = 3


def test_lens_draws_what_a_real_model_computed_with_your_attention():
    verdict = run_encoder_on(scaled_dot_product_attention, "Birds sing.")
    own, packages = (
        explorables.AttentionLens.of(verdict),
        explorables.AttentionLens(["Birds sing."]),
    )
    assert own.try_first != packages.try_first and "all-MiniLM-L6-v2" in own.caption
    for own.layer, own.head in ((1, 1), (4, 2), (6, 12)):
        packages.layer, packages.head = own.layer, own.head
        for row, expected in zip(own.numbers().rows, packages.numbers().rows, strict=True):
            assert row[0] == expected[0]
            np.testing.assert_allclose(row[1:], expected[1:], atol=1e-3)


def changed(at, value):
    layers = own_attentions()
    layers[1][0, 2, 3, at] = value
    return layers


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"attentions": changed(0, 2.0)}, "layer 2, head 3 the weights of 'd'.*sum to 1.*sum"),
        ({"attentions": changed(0, float("nan"))}, "sum nan"),
        ({"attentions": [-one for one in own_attentions()]}, "'a' must be at least 0"),
        ({"attentions": own_attentions(), "tokens": ["a", "b"]}, r"heads, 2, 2\].*got \[\[3, 5, 5"),
        ({"attentions": own_attentions(), "tokens": "abcde"}, "must be a list of the tokens"),
        ({"attentions": own_attentions(), "tokens": None}, "tokens=None"),
        ({"attentions": None}, "attentions must be a tensor.*got None"),
        ({"attentions": own_attentions(), "sentences": ["Birds sing."]}, "one of them, not both"),
    ],
)
def test_what_is_no_attention_is_refused(given, says):
    with pytest.raises(ValueError, match=says):
        explorables.AttentionLens(**{"tokens": list("abcde"), **given})


@pytest.mark.bad_input
def test_a_verdict_without_attentions_is_refused():
    verdict = run_encoder_on(..., "Birds sing.")
    with pytest.raises(ValueError, match=r"verdict must hold attentions.*Not yet"):
        explorables.AttentionLens.of(verdict)


def test_controls_link_like_any_widget():
    from ipywidgets import jslink
    from ipywidgets.widgets import FloatSlider

    seen = []
    explorable = explorables.SoftmaxTemperature()
    explorable.observe(lambda change: seen.append(change.new), names="temperature")
    explorable.temperature = 0.3
    assert seen == [0.3]
    link = jslink((explorable, "temperature"), (FloatSlider(), "value"))
    assert link.source[1] == "temperature"
