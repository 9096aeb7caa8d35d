"""Checks for the exercises of the chapters: each says what is wrong, and true when nothing is.

One file for each chapter; `checking.py` holds what they share.
"""

from .checking import FunctionCheck, Mistake, ValueCheck, Verdict
from .positional_encoding import (
    check_add_positions,
    check_alibi,
    check_alibi_distance,
    check_rotate,
    check_shift,
    check_sinusoids,
)

__all__ = [
    "FunctionCheck",
    "Mistake",
    "ValueCheck",
    "Verdict",
    "check_add_positions",
    "check_alibi",
    "check_alibi_distance",
    "check_rotate",
    "check_shift",
    "check_sinusoids",
]
