"""Checks for the exercises of the chapters: each says what is wrong, and true when nothing is.

One file for each chapter; `checking.py` holds what they share.
"""

from .checking import FunctionCheck, Mistake, ValueCheck, Verdict
from .scaling import (
    check_log_log_slope,
    check_scaled_scores,
    check_undivided_sentence,
    check_undoing_temperature,
    check_uniform_spread,
)
from .self_attention import check_attention, check_causal_weights, check_listener, check_love

__all__ = [
    "FunctionCheck",
    "Mistake",
    "ValueCheck",
    "Verdict",
    "check_attention",
    "check_causal_weights",
    "check_listener",
    "check_log_log_slope",
    "check_love",
    "check_scaled_scores",
    "check_undivided_sentence",
    "check_undoing_temperature",
    "check_uniform_spread",
]
