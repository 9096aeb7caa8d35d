"""MyST's roles and directives become Markdown that every notebook program shows."""

import pytest

from incontext.sphinx.plain import (
    Book,
    NoPlainForm,
    blocks,
    first_sentence,
    glossary_entries,
    plain,
)

BOOK = Book(
    pages={"scaling": "Why √d_k", "glossary": "Glossary"},
    sections={"by-hand": ("scaling", "The variance by hand")},
    numbers={"fig-spread": "6.1", "ex-coins": "6.2", "eq-softmax": "5.1"},
    meanings={"token": "A piece of text.", "nat": ""},
    sources={"a2017": ("Vaswani et al.", "2017"), "b2020": ("Wang and Li", "2020")},
    references=("Vaswani. *Attention.* 2017.", "Wang and Li. 2020."),
)


@pytest.mark.parametrize(
    ("myst", "markdown"),
    [
        ("See {doc}`scaling`.", "See [Why √d_k](scaling.ipynb)."),
        ("{doc}`as here <scaling>`", "[as here](scaling.ipynb)"),
        ("a {term}`token`", 'a [token](glossary.ipynb "A piece of text.")'),
        ("{term}`Tokens\n<token>`", '[Tokens](glossary.ipynb "A piece of text.")'),
        ("in {term}`nats <nat>`", "in [nats](glossary.ipynb)"),
        ("{ref}`by-hand`", "[The variance by hand](scaling.ipynb#The-variance-by-hand)"),
        ("{ref}`above <by-hand>`", "[above](scaling.ipynb#The-variance-by-hand)"),
        ("{numref}`fig-spread`", "Fig. 6.1"),
        ("{numref}`picture %s <fig-spread>`", "picture 6.1"),
        ("by {eq}`eq-softmax`", "by (5.1)"),
        ("{math}`x^2`", "$x^2$"),
        (
            "so {cite:p}`a2017,b2020`.",
            "so ([Vaswani et al., 2017](bibliography.ipynb);"
            " [Wang and Li, 2020](bibliography.ipynb)).",
        ),
        ("{cite:t}`a2017` say", "[Vaswani et al. (2017)](bibliography.ipynb) say"),
        ("the [figure\nabove](#explorable-lens)", "the figure\nabove"),
        ("[there](scaling.md#explorable-scaling)", "[there](scaling.ipynb)"),
        ("(a-label)=\n\ntext", "text"),
        ("% a remark\ntext", "text"),
        ("Heads\n: are many,\n  and narrow.", "**Heads**: are many, and narrow."),
        (
            "$$\n\\begin{align*}\na &= b\n\\end{align*}\n$$",
            "$$\n\\begin{aligned}\na &= b\n\\end{aligned}\n$$",
        ),
        ("$$\nx = 1\n$$ (eq-softmax)", "$$\nx = 1 \\tag{5.1}\n$$"),
        ('all <a href="../notebooks/x.zip">as a zip</a>', "all as a zip"),
        ("```python\nx = 1\n```", "```python\nx = 1\n```"),
    ],
)
def test_text(myst, markdown):
    assert plain(myst, BOOK) == markdown


def test_a_box_becomes_a_quotation():
    box = ":::{admonition} What you can say\n:class: tip\n- One {term}`token`.\n\nMore.\n:::"
    assert plain(box, BOOK).splitlines() == [
        "> **What you can say**",
        ">",
        '> - One [token](glossary.ipynb "A piece of text.").',
        ">",
        "> More.",
    ]


def test_a_box_without_a_title_has_the_name_of_its_kind():
    assert plain("```{note}\nText.\n```", BOOK) == "> **Note**\n>\n> Text."


def test_a_hint_folds():
    hint = ":::{dropdown} Hint\nTry {doc}`scaling`.\n:::"
    assert plain(hint, BOOK) == (
        "<details><summary>Hint</summary>\n\nTry [Why √d_k](scaling.ipynb).\n\n</details>"
    )


def test_an_exercise_is_a_heading_and_its_task():
    exercise = "```{exercise} Coins\n:label: ex-coins\n\n*Difficulty 1.* Toss.\n```"
    assert plain(exercise, BOOK) == "### Exercise 6.2: Coins\n\n*Difficulty 1.* Toss."


def test_pieces_keep_their_order():
    text = "before\n\n:::{dropdown} A\n```{note}\ninside\n```\n:::\n\nafter"
    before, directive, after = blocks(text)
    assert (before.strip(), directive.name, after.strip()) == ("before", "dropdown", "after")
    shown = plain(text, BOOK)
    assert shown.startswith("before\n\n<details>") and shown.endswith("</details>\n\nafter")


def test_the_list_of_explorables_leads_to_their_notebooks():
    book = Book(explorables=(("Explorable 5.1 · Lens", "scaling"), ("Two sentences", "index")))
    assert plain("```{explorables}\n```", book) == (
        "- [Explorable 5.1 · Lens](scaling.ipynb)\n- [Two sentences](index.ipynb)"
    )


def test_glossary_and_bibliography_are_lists():
    glossary = (
        "```{glossary}\nMiniLM\nall-MiniLM\n  The model.\n  It is small.\n\ntoken\n  A piece.\n```"
    )
    assert (
        plain(glossary, BOOK)
        == "**MiniLM, all-MiniLM**: The model.\nIt is small.\n\n**token**: A piece."
    )
    assert plain("```{bibliography}\n```", BOOK) == (
        "- Vaswani. *Attention.* 2017.\n- Wang and Li. 2020."
    )


def test_entries_of_a_glossary():
    body = "one\n  First.\n\n  Second paragraph.\n\ntwo\n2\n  Other."
    assert list(glossary_entries(body)) == [
        (["one"], "First.\n\nSecond paragraph."),
        (["two", "2"], "Other."),
    ]


@pytest.mark.parametrize(
    ("meaning", "brief"),
    [
        ("A piece\nof *text*. More.", "A piece of text."),
        ("As {term}`keys <key>` are {cite:p}`a2017`. More.", "As keys are."),
        ("It is $\\sqrt{d}$.", ""),
        ('A "word".', "A ”word”."),
    ],
)
def test_a_definition_in_brief(meaning, brief):
    assert first_sentence(meaning) == brief


@pytest.mark.parametrize("unknown", ["{abbr}`x`", "```{mermaid}\nx\n```"])
def test_what_has_no_plain_form_is_refused(unknown):
    with pytest.raises(NoPlainForm):
        plain(unknown, BOOK)
