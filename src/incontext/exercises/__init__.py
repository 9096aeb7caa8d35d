"""Checks for the exercises of the chapters: each says what is wrong, and true when nothing is.

One file for each chapter; `checking.py` holds what they share.
"""

from .checking import FunctionCheck, Mistake, ValueCheck, Verdict
from .multi_head_attention import (
    check_head_parameters,
    check_multi_head,
    check_split_heads,
    check_two_ahead,
)
from .softmax_temperature import (
    check_cooled_head,
    check_dilution_margin,
    check_entropy,
    check_softmax,
)

__all__ = [
    "FunctionCheck",
    "Mistake",
    "ValueCheck",
    "Verdict",
    "check_cooled_head",
    "check_dilution_margin",
    "check_entropy",
    "check_head_parameters",
    "check_multi_head",
    "check_softmax",
    "check_split_heads",
    "check_two_ahead",
]
