"""The book's explorables: live widgets in Jupyter, live figures in the built page."""

from .softmax_temperature import SoftmaxTemperature

__all__ = ["SoftmaxTemperature"]
