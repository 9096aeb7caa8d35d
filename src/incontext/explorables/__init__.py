"""The book's explorables: live widgets in Jupyter, live figures in the built page."""

from .attention_lens import AttentionLens
from .softmax_temperature import SoftmaxTemperature

__all__ = ["AttentionLens", "SoftmaxTemperature"]
