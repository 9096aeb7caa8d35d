"""Checks for the exercises of the chapters: each says what is wrong, and true when nothing is.

One file for each chapter; `checking.py` holds what they share.
"""

from .checking import FunctionCheck, Mistake, ValueCheck, Verdict
from .self_attention import check_attention, check_causal_weights, check_listener, check_love

__all__ = [
    "FunctionCheck",
    "Mistake",
    "ValueCheck",
    "Verdict",
    "check_attention",
    "check_causal_weights",
    "check_listener",
    "check_love",
]
