"""Checks for the exercises of the chapters: each says what is wrong, and true when nothing is.

One file for each chapter; `checking.py` holds what they share.
"""

from .checking import FunctionCheck, Mistake, ValueCheck, Verdict

__all__ = [
    "FunctionCheck",
    "Mistake",
    "ValueCheck",
    "Verdict",
]
