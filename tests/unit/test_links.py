"""A link to what an explorable shows: what is written, what is read, and what is no link."""

import re
import warnings

import pytest
from explorable_states import own_attentions, own_lens

from incontext.explorables import (
    Alibi,
    AttentionLens,
    Explorable,
    Sampling,
    SoftmaxTemperature,
    WordInContext,
    links,
)

HOSTILE = 'Ünïcode, & = ? # % + "quotes" <b>bold</b> 漢字 🙂 100%25 it\'s.'


def test_a_link_names_what_differs_from_the_defaults():
    softmax = SoftmaxTemperature(temperature=0.3)
    assert softmax.link() == "#explorable-softmax-temperature?temperature=0.3"
    softmax.scores = [2, 4.5, -1]
    assert softmax.link().endswith("?example=own&temperature=0.3&scores=2,4.5,-1")
    assert Alibi().link() == "#explorable-alibi?heads=8", "an anchor alone would restore nothing"
    assert SoftmaxTemperature.from_link("#explorable-softmax-temperature").temperature == 1


def test_any_text_travels_and_no_chat_cuts_it_short():
    for text in (HOSTILE, "", " two  spaces ", "the cat ,", "the cat ."):
        link = Sampling(beginning=text).link()
        assert re.fullmatch(r"#[\w%+&=?,.*~-]*[^.,]", link, re.ASCII)
        assert Sampling.from_link(f" https://a.org/{link}\n").beginning == text


def test_a_link_is_to_the_explorable_and_not_to_its_place():
    link = "https://a.org/some/repo/chapters/x.html?concepts#explorable-alibi-2?head=3"
    assert Explorable.from_link(link).head == 3 == Alibi.from_link(link).head


def test_what_a_constructor_takes_goes_with_the_link():
    lens = own_lens()
    lens.layer, lens.position = 1, 4
    again = AttentionLens.from_link(lens.link(), attentions=own_attentions(), tokens=lens._tokens)
    assert again.values() == lens.values()


@pytest.mark.parametrize(
    ("query", "restored", "says"),
    [
        ("hue=3&head=1", {"head": 1}, "hue='3', there is no such control"),
        ("head=17", {}, "head='17', it must be a whole number from 1 to 16"),
        ("head=2.5", {}, "head='2.5', it must be a whole number"),
        ("head=nan&distance=2", {"distance": 2}, "head='nan'"),
        ("head=５", {}, "head='５'"),
        ("heads=5", {}, "heads='5', it must be one of 1, 2, 4, 6"),
        ("heads=4&head=5", {"heads": 4}, "head='5', it must be at most 4 here"),
        ("heads=%ff%", {}, "heads="),
        (f"{'x' * 500}=1", {}, "there is no such control"),
    ],
)
def test_what_this_version_does_not_know_is_ignored_by_name(query, restored, says):
    with pytest.warns(UserWarning, match=f"from the link to alibi: .*{re.escape(says)}"):
        alibi = Alibi.from_link(f"#explorable-alibi?{query}")
    assert alibi.values() == {**Alibi().values(), **restored}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("scores=1,2", "must be 3 to 8 numbers"),
        ("scores=1,2,x", "must be a number from -1000 to 1000"),
        ("scores=1,2,1e9", "must be a number from -1000 to 1000"),
        ("example=none", "must be one of worked, shifted, fifty, five-hundred"),
    ],
)
def test_a_list_or_choice_that_does_not_fit_is_ignored(query, says):
    with pytest.warns(UserWarning, match=says):
        softmax = SoftmaxTemperature.from_link(f"#explorable-softmax-temperature?{query}")
    assert softmax.values() == SoftmaxTemperature().values()


def test_what_an_explorable_itself_refuses_is_ignored():
    with pytest.warns(UserWarning, match="must be one of"):
        lens = AttentionLens.from_link(
            "#explorable-attention-lens?sentence=Birds+sing.&head=3",
            attentions=own_attentions(),
            tokens=list("abcde"),
        )
    assert lens.head == 3


def test_a_link_written_by_hand_may_name_one_of_two_that_belong_together():
    for query, example, scores in (
        ("scores=5,6,7", "own", [5, 6, 7]),
        ("example=fifty", "fifty", [50, 52, 48]),
    ):
        one = Explorable.from_link(f"#explorable-softmax-temperature?{query}")
        assert (one.example, one.scores) == (example, scores)


def test_nothing_is_said_of_a_link_that_was_read_whole():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Alibi.from_link("#explorable-alibi?heads=4&head=4")


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Explorable.from_link("https://a.org/x.html"), "must be a link that “Copy link”"),
        (lambda: Explorable.from_link("#section-2"), "text='#section-2' must be a link"),
        (lambda: Explorable.from_link(3), "text=3 must be a link"),
        (lambda: Explorable.from_link("#explorable-hue?x=1"), "name='hue' must be one of"),
        (lambda: Alibi.from_link("#explorable-rotary?pair=1"), r"'rotary' must be one of.*'alibi'"),
    ],
)
def test_what_is_no_link_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_numbers_are_written_as_javascript_does():
    for value, text in (
        (1.0, "1"),
        (0.1, "0.1"),
        (-2.0, "-2"),
        (True, "true"),
        ([0.5, 3.0], "0.5,3"),
    ):
        assert links.written(value) == text


@pytest.mark.parametrize("kind", [AttentionLens, WordInContext])
def test_a_sentence_of_the_readers_travels(kind):
    one = kind(layer=2)
    assert "your" not in one.link()
    one.your_sentence = "The <b>bat</b> flew off & away."
    again = kind.from_link(one.link())
    assert again.your_sentence == one.your_sentence and again.values() == one.values()
    assert again.numbers() == one.numbers()
    place = "position" if kind is AttentionLens else "your_position"
    setattr(one, place, 5)
    assert getattr(kind.from_link(one.link()), place) == 5
    with pytest.warns(UserWarning, match="your_sentence"):
        kind.from_link(f"#explorable-{kind.name}?your_sentence={501 * 'x'}")
