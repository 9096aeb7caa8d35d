"""Does this argument fit? The answer is one line: the argument, what came, what is required.

Each function returns nothing when all is well and raises ``ValueError`` otherwise, for example
``ValueError: n_heads=5 does not divide d_model=64``. The name of the argument comes first.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def positive(name: str, value: float | int | Tensor) -> None:
    """A number, or a tensor of numbers, above zero and finite."""
    if isinstance(value, Tensor):
        fits = bool(((value > 0) & (value < math.inf)).all())
    else:
        _number(name, value)
        fits = 0 < value < math.inf
    if not fits:
        raise ValueError(f"{name} must be > 0 and finite, got {_shown(value)}")


def finite(name: str, value: float | int) -> None:
    """A number that is neither infinite nor NaN."""
    _number(name, value)
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value!r}")


def whole(name: str, value: int, minimum: int = 1) -> None:
    """An integer no smaller than ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} must be an integer, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name}={value} must be at least {minimum}")


def even(name: str, value: int) -> None:
    """A positive even integer."""
    whole(name, value)
    if value % 2:
        raise ValueError(f"{name}={value} must be even")


def divides(name: str, divisor: int, of_name: str, dividend: int) -> None:
    """Two positive integers, the second a multiple of the first."""
    whole(name, divisor)
    whole(of_name, dividend)
    if dividend % divisor:
        raise ValueError(f"{name}={divisor} does not divide {of_name}={dividend}")


def one_of(name: str, value: object, allowed: Sequence[object]) -> None:
    """One of a short list of values."""
    if value not in allowed:
        raise ValueError(f"{name}={value!r} must be one of {', '.join(map(repr, allowed))}")


def floating(name: str, tensor: Tensor) -> None:
    """A tensor of floating-point numbers."""
    _tensor(name, tensor)
    if not tensor.is_floating_point():
        raise ValueError(f"{name} must hold floating-point numbers, got {tensor.dtype}")


def boolean(name: str, tensor: Tensor, meaning: str) -> None:
    """A tensor of True and False; ``meaning`` says what True stands for."""
    _tensor(name, tensor)
    if tensor.dtype != torch.bool:
        raise ValueError(f"{name} must be boolean ({meaning}), got {tensor.dtype}")


def indices(name: str, tensor: Tensor, limit_name: str, limit: int) -> None:
    """A tensor of row numbers, int32 or int64, each in 0 ≤ index < limit."""
    _tensor(name, tensor)
    if tensor.dtype not in (torch.int32, torch.int64):
        raise ValueError(f"{name} must be int64 or int32, got {tensor.dtype}")
    if not tensor.numel():
        return
    low, high = (int(end) for end in tensor.aminmax())
    if low < 0 or high >= limit:
        got = low if low < 0 else high
        raise ValueError(f"{name} must lie in 0 ≤ {name} < {limit_name}={limit}, got {got}")


def axes(name: str, tensor: Tensor, legend: str) -> None:
    """A tensor with the axes of the legend: ``"B T"`` exactly two, ``"... T C"`` at least two."""
    _tensor(name, tensor)
    n_axes = legend.count(" ") + 1
    more_allowed = legend.startswith("... ")
    if not (tensor.ndim >= n_axes - 1 if more_allowed else tensor.ndim == n_axes):
        wanted = legend.replace(" ", ", ")
        raise ValueError(f"{name} must have axes [{wanted}], got shape {tuple(tensor.shape)}")


def size(name: str, tensor: Tensor, axis: int, axis_name: str, required: int) -> None:
    """A tensor of the required size along one axis."""
    if tensor.shape[axis] != required:
        raise ValueError(
            f"{name} must have {axis_name}={required} along axis {axis}, "
            f"got {tensor.shape[axis]} in shape {tuple(tensor.shape)}"
        )


def vectors(name: str, tensor: Tensor, legend: str, axis_name: str, required: int) -> None:
    """Floating-point vectors of the required width along the last axis of the legend."""
    floating(name, tensor)
    if tensor.shape[-1:] != (required,) or tensor.ndim < legend.count(" "):
        axes(name, tensor, legend)
        size(name, tensor, -1, axis_name, required)


def distributions(name: str, weights: Tensor) -> None:
    """Rows of weights, along the last axis: none below 0, and each row sums to 1, within 0.01."""
    floating(name, weights)
    sums = weights.sum(-1)
    if not (weights >= 0).all() or not (sums - 1).abs().le(1e-2).all():
        raise ValueError(
            f"{name} must be a distribution over keys in each row (not negative, sum 1), got"
            f" numbers from {weights.min():.3g} and sums from {sums.min():.3g} to {sums.max():.3g};"
            " if these are scores, take their softmax first"
        )


def broadcasts(name: str, shape: Sequence[int], target: Sequence[int], legend: str) -> None:
    """A shape that broadcasting stretches to the target and no further."""
    pairs = zip(reversed(shape), reversed(target), strict=False)
    fits = len(shape) <= len(target) and all(size in (1, wanted) for size, wanted in pairs)
    if not fits:
        wanted = legend.replace(" ", ", ")
        raise ValueError(
            f"{name} must broadcast to [{wanted}] = {tuple(target)}, got shape {tuple(shape)}"
        )


def _tensor(name: str, value: object) -> None:
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a torch.Tensor, got {type(value).__name__}")


def _number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, got {value!r}")


def _shown(value: float | Tensor) -> object:
    return f"values from {value.min()} to {value.max()}" if isinstance(value, Tensor) else value
