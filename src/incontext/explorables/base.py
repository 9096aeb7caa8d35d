"""What every explorable shares: controls as traits, data for the front end, a picture without it.

One Python class and one JavaScript file make an explorable. The class declares the controls,
computes the data with `incontext`, states where its numbers come from, and can draw itself with
Matplotlib. The same object is a live widget in Jupyter and a `<figure>` in the built book, where a
small host script mounts the same front end without a kernel.
"""

import base64
import contextlib
import html
import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import anywidget
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from traitlets import Dict, TraitError

from incontext import plots

from . import links

STATIC = Path(__file__).parent / "static"
PROVENANCES = ("learned", "random", "illustrative", "exact")


@dataclass(frozen=True)
class Numbers:
    """The numbers an explorable draws, as its table shows them."""

    columns: list[str]
    rows: list[list[str | float | int]]  # strings are headings, numbers keep full precision

    def __post_init__(self):
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"rows: one has {len(row)} cells for {len(self.columns)} columns")


def pack(array, bits: int = 16) -> tuple[dict, np.ndarray]:
    """Fixed-point numbers for the page, and the same numbers as the page will read them.

    The range of `array` is divided into 2**bits - 1 equal steps, so the error is at most half a
    step. Compute with the second return value, and Python and the page agree to rounding error.

    Args:
        array: finite numbers, any shape.
        bits: 8 or 16.
    Returns:
        what `unpack` in js/lib/pack.js reads; the values it will give, float64, same shape.
    """
    if bits not in (8, 16):
        raise ValueError(f"bits={bits} must be 8 or 16")
    array = np.asarray(array, dtype=np.float64)
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError("array must hold at least one number, and only finite ones")
    low, high = float(array.min()), float(array.max())
    step = (high - low) / (2**bits - 1) or 1.0
    codes = np.rint((array - low) / step).astype(f"<u{bits // 8}")
    packed = {
        "shape": list(array.shape),
        "bits": bits,
        "low": low,
        "step": step,
        "codes": base64.b64encode(codes.tobytes()).decode("ascii"),
    }
    return packed, low + step * codes.astype(np.float64)


def front_end(name: str, *files: str) -> str:
    """The module that anywidget runs: the page's scripts in their order, and what they registered
    under `name`."""
    scripts = [(STATIC / file).read_text(encoding="utf-8") for file in files]
    return "\n".join([*scripts, f'export default globalThis.incontextExplorables["{name}"];\n'])


def _below(cls: type) -> list[type]:
    """Every subclass, those of subclasses too."""
    return [one for child in cls.__subclasses__() for one in (child, *_below(child))]


class Explorable(anywidget.AnyWidget):
    """Base class. A subclass sets the five class attributes, declares controls, and overrides
    `data`, `numbers`, `draw` and `alt`."""

    name: ClassVar[str]  # of the JavaScript file too: js/explorables/<name>.js
    title: ClassVar[str]  # the book puts a number before it
    try_first: ClassVar[str]  # one sentence: what to move first and what to watch
    provenance: ClassVar[str]  # one of PROVENANCES
    caption: ClassVar[str]  # what it is; ends with the provenance in words
    fallback_size: ClassVar[tuple[float, float]] = (7.0, 3.4)  # inches

    spec = Dict().tag(sync=True)

    _esm = "export default {}"

    def __init_subclass__(cls, **kwargs):
        if "name" in vars(cls):  # not the class that traitlets derives to add a trait
            if cls.provenance not in PROVENANCES:
                raise ValueError(f"provenance={cls.provenance!r} must be one of {PROVENANCES}")
            if not getattr(cls, "try_first", "").endswith("."):
                given = getattr(cls, "try_first", None)
                raise ValueError(f"try_first={given!r} must be a sentence: what to try first")
            cls._esm = front_end(cls.name, "core.js", f"{cls.name}.js")
            cls._css = (STATIC / "theme.css").read_text(encoding="utf-8")
        super().__init_subclass__(**kwargs)

    def __init__(self, **values):
        super().__init__(**values)
        self._keep_within_limits()
        self.observe(self._keep_within_limits, names=list(self.control_names()))
        self.spec = {
            "name": self.name,
            "title": self.title,
            "try_first": self.try_first,
            "provenance": self.provenance,
            "caption": self.caption,
            "controls": [self.control_spec(name) for name in self.control_names()],
            "initial": self.values(),
            "data": self.data(),
        }

    @classmethod
    def from_spec(cls, spec: Mapping) -> "Explorable":
        """The explorable that a page's JSON describes, with its sentences, words and values.

        Args:
            spec: what `explorable-state` holds in the page. Its name says which subclass.
        Raises:
            ValueError: the name is of no explorable of this class, or a value of no control.
            TraitError: a control refuses its value.
        """
        name = spec.get("name")
        kind, values = cls._kind("spec", name), spec.get("initial", {})
        if unknown := sorted(set(values) - set(kind.control_names())):
            raise ValueError(
                f"spec: initial has {unknown}, and {name} has the controls {kind.control_names()}"
            )
        try:
            explorable = kind(**kind.arguments(spec))
        except KeyError as missing:
            raise ValueError(f"spec: the data of {name} must have {missing}") from None
        for _ in range(2):  # a control may move another; the second round settles it
            for trait, value in values.items():
                setattr(explorable, trait, value)
        explorable.spec = {**explorable.spec, "initial": explorable.values()}
        return explorable

    @classmethod
    def from_link(cls, text: str, **arguments) -> "Explorable":
        """The explorable that a link leads to, as it was when *Copy link* was pressed.

        What the link says and this version does not know is ignored, with a warning that names it.

        Args:
            text: the whole link, or what follows its page: `#explorable-…?…`. On `Explorable` it
                may be of any explorable, on a subclass of that one.
            arguments: what `__init__` takes beside the controls, such as `sentences=[…]`.
        Raises:
            ValueError: the text is no link, or one to another explorable.
        """
        name, given = links.parse(text)
        explorable = cls._kind("text", name)(**arguments)
        ignored = explorable._restore(given) if given else {}
        if ignored:
            listed = "; ".join(f"{one}={given[one][:40]!r}, {why}" for one, why in ignored.items())
            warnings.warn(f"ignored from the link to {name}: {listed}", stacklevel=2)
        return explorable

    def link(self) -> str:
        """What the explorable shows now, as `from_link` reads it and the book's pages open it.

        `#explorable-…?…`, to be put behind the address of the page that has the explorable.
        """
        own = self.in_link()
        values = {one["trait"]: getattr(self, one["trait"]) for one in own}
        return links.write(self.name, [*self.spec["controls"], *own], self.values() | values)

    def _restore(self, given: Mapping[str, str]) -> dict[str, str]:
        """Sets the controls to what a link gives them, the others to their defaults.

        Returns what was ignored, by name, and why. Restores as `restored` of js/lib/explorable.js.
        """
        controls = {one["trait"]: one for one in [*self.spec["controls"], *self.in_link()]}
        ignored = {name: "there is no such control" for name in given if name not in controls}
        defaults, named = {}, {}
        for name, control in controls.items():
            with contextlib.suppress(ValueError):  # a choice of one's own sentences has none
                defaults[name] = links.read(control, links.written(control["default"]))
            if name in given:
                try:
                    named[name] = links.read(control, given[name])
                except ValueError as error:
                    ignored[name] = f"it {error}"
        others = {name: value for name, value in defaults.items() if name not in named}
        for _ in range(2):  # as in from_spec
            refused = {}
            for name, value in (others | named).items():
                try:
                    setattr(self, name, value)
                except TraitError as error:
                    refused[name] = str(error)
        ignored |= {name: why for name, why in refused.items() if name in named}
        for name, maximum in self.limits().items():
            if named.get(name, maximum) > maximum:
                ignored[name] = f"it must be at most {maximum} here"
                setattr(self, name, min(defaults[name], maximum))
        return ignored

    @classmethod
    def _kind(cls, argument: str, name: str) -> type["Explorable"]:
        """The explorable of that name, if `cls` is it or above it."""
        kinds = {
            kind.name: kind
            for kind in _below(Explorable)
            if "name" in vars(kind) and (issubclass(kind, cls) or issubclass(cls, kind))
        }
        if name not in kinds:
            raise ValueError(f"{argument}: name={name!r} must be one of {sorted(kinds)}")
        return kinds[name]

    @classmethod
    def arguments(cls, spec: Mapping) -> dict:
        """What `__init__` takes beside the controls, as `spec` records it: your own sentences."""
        return {}

    @classmethod
    def control_names(cls) -> list[str]:
        """The names of the traits that are controls, in the order they were declared."""
        declared = cls.class_traits(control=lambda control: control is not None)
        order = [key for base in reversed(cls.__mro__) for key in vars(base)]
        return sorted(declared, key=order.index)

    def values(self) -> dict:
        """The controls' values now."""
        return {name: getattr(self, name) for name in self.control_names()}

    def control_spec(self, name: str) -> dict:
        """One control's declaration as the front end reads it."""
        default = type(self).class_traits()[name].default()
        return {"trait": name, "default": default, **self.trait_metadata(name, "control")}

    def data(self) -> dict:
        """What the front end needs beyond the controls: JSON-able, the same at every call."""
        return {}

    def in_link(self) -> list[dict]:
        """What a link carries beside the controls, declared as they are."""
        return []

    def limits(self) -> dict[str, int]:
        """Maxima that depend on other controls, such as Head on Number of heads."""
        return {}

    def numbers(self) -> Numbers:
        """Every number drawn at the controls' present values, computed by `incontext`.

        A control that only sets up what a button will do stands here too, with its value, so that
        every control changes a number at once.
        """
        raise NotImplementedError(f"{type(self).__name__} must define numbers()")

    def draw(self, figure: Figure) -> None:
        """Draw the present state into a Matplotlib figure."""
        raise NotImplementedError(f"{type(self).__name__} must define draw(figure)")

    def alt(self) -> str:
        """The picture that `draw` draws, in words."""
        raise NotImplementedError(f"{type(self).__name__} must define alt()")

    def _keep_within_limits(self, change=None):
        for name, maximum in self.limits().items():
            if getattr(self, name) > maximum:
                setattr(self, name, maximum)

    def fallback(self) -> str:
        """The picture as SVG text: the same bytes for the same state."""
        with matplotlib.style.context(plots.STYLE):
            figure = Figure(figsize=self.fallback_size, layout="constrained", facecolor="white")
            self.draw(figure)
            buffer = io.StringIO()
            figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=False)
        return buffer.getvalue()

    def to_html(self) -> str:
        """The `<figure>` that the built book shows and the host script brings to life.

        The book adds the number to its title, and to its id what tells it from another of the same
        kind on the page (`incontext.sphinx.explorables`).
        """
        state = json.dumps({**self.spec, "initial": self.values()}, separators=(",", ":"))
        state = state.replace("</", "<\\/")  # nothing may close the script element early
        width, height = (round(100 * inches) for inches in self.fallback_size)
        picture = base64.b64encode(self.fallback().encode()).decode("ascii")
        title = html.escape(self.title)
        return (
            f'<figure class="explorable" data-explorable="{self.name}"'
            f' data-provenance="{self.provenance}" id="explorable-{self.name}"'
            f' aria-label="{title}">\n'
            f'<p class="explorable-title">{title}</p>\n'
            f'<p class="explorable-try">{html.escape(self.try_first)}</p>\n'
            f'<script type="application/json" class="explorable-state">'
            f"{state}</script>\n"
            f'<img class="explorable-fallback" width="{width}" height="{height}"'
            f' alt="{html.escape(self.alt())}" src="data:image/svg+xml;base64,{picture}">\n'
            f"<figcaption>{html.escape(self.caption)}</figcaption>\n"
            "</figure>"
        )

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "text/plain": self.title, "text/html": self.to_html()}, metadata
