"""What a learner can turn. Each function declares one control and the trait behind it.

A control is declared once, in Python: label, range and default travel to the front end with the
explorable, so the slider in the page and the trait in Jupyter cannot disagree. The trait rejects
values outside the range with a `TraitError` that names the trait.
"""

from collections.abc import Sequence

from traitlets import Bool, CFloat, CInt, Enum, List, TraitType, Unicode


def _declare(trait: TraitType, kind: str, label: str, **details) -> TraitType:
    return trait.tag(sync=True, control={"kind": kind, "label": label, **details})


def slider(
    label: str,
    default: float | int,
    *,
    minimum: float | int,
    maximum: float | int,
    step: float | int = 0.01,
    symbol: str = "",
    scale: str = "linear",
) -> CFloat:
    """A real number. `scale="log"` (`minimum` > 0) stops at round numbers, with nearly equal travel
    for equal ratios.

    `symbol` is the field's notation, shown with the value ("T" gives "T = 0.50").
    """
    if scale not in ("linear", "log"):
        raise ValueError(f'scale={scale!r} must be "linear" or "log"')
    if scale == "log" and minimum <= 0:
        raise ValueError(f"minimum={minimum} must be > 0 on a log scale")
    trait = CFloat(default, min=minimum, max=maximum)
    return _declare(
        trait, "slider", label, minimum=minimum, maximum=maximum, step=step, symbol=symbol,
        scale=scale,
    )  # fmt: skip


def integer(label: str, default: int, *, minimum: int, maximum: int, symbol: str = "") -> CInt:
    """A whole number in a range, both ends included: a layer, a head, a position."""
    trait = CInt(default, min=minimum, max=maximum)
    return _declare(
        trait, "integer", label, minimum=minimum, maximum=maximum, step=1, symbol=symbol
    )


def steps(
    label: str, default: float | int | str, values: Sequence[float | int | str], symbol: str = ""
) -> Enum:
    """A slider that stops only at the listed values, such as the divisors of d_model, or "all"."""
    return _declare(
        Enum(list(values), default_value=default), "steps", label, values=list(values),
        symbol=symbol,
    )  # fmt: skip


def select(label: str, default: str, options: dict[str, str] | Sequence[str]) -> Enum:
    """One of several: `options` maps each value to the text shown (or lists the values)."""
    texts = options if isinstance(options, dict) else {value: value for value in options}
    return _declare(
        Enum(list(texts), default_value=default), "select", label,
        options=[{"value": value, "text": text} for value, text in texts.items()],
    )  # fmt: skip


def toggle(label: str, default: bool) -> Bool:
    """On or off: a native checkbox."""
    return _declare(Bool(default), "toggle", label)


class Line(Unicode):
    """A text of one line with at most so many characters."""

    def __init__(self, default: str, max_length: int, **kwargs):
        super().__init__(default, **kwargs)
        self.max_length = max_length
        self.info_text = f"one line of at most {max_length} characters"

    def validate(self, obj, value):
        value = super().validate(obj, value)
        if len(value) > self.max_length or len(value.splitlines()) > 1:
            self.error(obj, value)
        return value


def text(label: str, default: str, *, max_length: int, examples: Sequence[str]) -> Line:
    """Words to type, in one line. `examples` are offered; what may be read is the explorable's to
    say.
    """
    return _declare(
        Line(default, max_length), "text", label, max_length=max_length, examples=list(examples)
    )


def number_list(
    label: str,
    default: Sequence[float | int],
    *,
    minimum: float | int,
    maximum: float | int,
    step: float | int = 0.1,
    min_length: int = 1,
    max_length: int = 8,
    labels: Sequence[str] | None = None,
    columns: int | None = None,
) -> List:
    """Several numbers to edit one by one. `label` is the singular: "Score" labels "Score 1", …

    With `labels`, one for each of a fixed number of numbers, and `columns` it is a matrix: read row
    by row, laid out in so many columns, and `label` is its heading.
    """
    if (labels is None) != (columns is None):
        raise ValueError("labels and columns make a matrix together; give both or neither")
    if labels is not None and not len(labels) == min_length == max_length:
        raise ValueError(f"labels: {len(labels)} for between {min_length} and {max_length} numbers")
    trait = List(
        CFloat(min=minimum, max=maximum), default_value=list(default), minlen=min_length,
        maxlen=max_length,
    )  # fmt: skip
    matrix = {} if labels is None else {"labels": list(labels), "columns": columns}
    return _declare(
        trait, "number-list", label, minimum=minimum, maximum=maximum, step=step,
        min_length=min_length, max_length=max_length, **matrix,
    )  # fmt: skip
