"""What a chapter prints of the package is what the package runs."""

import ast

import pytest
import torch

from incontext import source
from incontext.attention import attention_scores, scaled_dot_product_attention
from incontext.heads import MultiHeadAttention


def test_the_lines_are_those_of_the_module_without_docstrings():
    shown = source.lines(scaled_dot_product_attention)
    assert "    scores = attention_scores(query, key, mask=mask, bias=bias, scale=scale)" in shown
    assert "return weights @ value, weights" in shown
    assert '"""' not in shown and "Raises" not in shown
    assert shown.splitlines()[0] == "def scaled_dot_product_attention("


def test_what_is_shown_can_be_run():
    names = dict(vars(__import__("incontext.attention", fromlist=["_"])))
    exec(source.lines(attention_scores), names)
    q, k = torch.randn(5, 7), torch.randn(3, 7)
    assert torch.equal(names["attention_scores"](q, k), attention_scores(q, k))


def test_a_class_and_a_method_are_shown_whole():
    shown = source.lines(MultiHeadAttention)
    assert "def forward(" in shown and '"""' not in shown
    assert ast.parse(shown)
    assert source.lines(MultiHeadAttention.forward).startswith("def forward(")


def test_in_a_page_it_is_highlighted_and_says_where_it_stands():
    text = source.show(scaled_dot_product_attention).data
    assert text.startswith(
        "```python\n# incontext.attention.scaled_dot_product_attention\ndef scaled"
    )
    assert text.endswith("\n```")


@pytest.mark.bad_input
@pytest.mark.parametrize("thing", [torch.relu, 3])
def test_what_has_no_source_is_refused(thing):
    with pytest.raises(ValueError, match="thing must be a function, a method or a class"):
        source.lines(thing)
