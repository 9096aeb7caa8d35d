"""What an explorable shows, as a link: `#explorable-softmax-temperature?temperature=0.3`.

The fragment names the explorable, as its anchor in the book does, and then its controls. One that
has its declared default is left out, so the link means the same in every chapter and notebook. It
is never sent to a server. `js/lib/link.js` writes and reads the same.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlencode

Value = bool | int | float | str | list[float]

# -2 is of the second of its kind on a page
LINK = re.compile(r"(?:^|#)explorable-([a-z][a-z0-9-]*?)(?:-\d+)?(?:\?(.*))?\Z", re.DOTALL)
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
EXAMPLE = "#explorable-softmax-temperature?temperature=0.3"


def written(value: Value) -> str:
    """A control's value as it stands in a link: 1.0 is "1", True is "true", [2, 4] is "2,4"."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(written(one) for one in value)
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def write(name: str, controls: Sequence[Mapping], values: Mapping[str, Value]) -> str:
    """The fragment that says what `values` differ from the defaults of `controls`."""
    told = {one["trait"]: written(values[one["trait"]]) for one in controls}
    changed = {
        one["trait"]: told[one["trait"]]
        for one in controls
        if told[one["trait"]] != written(one["default"])
    }
    first = dict(list(told.items())[:1])  # an anchor alone would restore nothing
    query = re.sub("%2C(?!$)", ",", urlencode(changed or first))
    # Where it ends with a sign of punctuation, a chat would take that for its own sentence's.
    return re.sub(r"\.$", "%2E", f"#explorable-{name}?{query}")


def parse(text: str) -> tuple[str, dict[str, str]]:
    """The explorable's name in a link, and the texts that it gives the controls by their names.

    Args:
        text: a whole address, or what follows its page: `#explorable-…?…`.
    Raises:
        ValueError: it is no link to an explorable.
    """
    found = LINK.search(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError(
            f"text={text!r} must be a link that “Copy link” made, or what follows its page: "
            f"{EXAMPLE!r}"
        )
    name, query = found.groups()
    return name, dict(parse_qsl(query or "", keep_blank_values=True))


def read(control: Mapping, text: str) -> Value:
    """The value that `text` gives a control.

    Raises:
        ValueError: it gives none; the message says what it must be.
    """
    kind = control["kind"]
    if kind in ("slider", "integer"):
        return _number(control, text, whole=kind == "integer")
    if kind == "number-list":
        low, high = control["min_length"], control["max_length"]
        numbers = text.split(",")
        if not low <= len(numbers) <= high:
            raise ValueError(f"must be {low} to {high} numbers")
        return [_number(control, one) for one in numbers]
    if kind in ("steps", "select", "toggle"):
        return _one_of(_choices(control), text)
    most = control.get("max_length", len(text))
    if len(text) > most or text.splitlines() not in ([], [text]):
        raise ValueError(f"must be one line of at most {most} characters")
    return text


def _choices(control: Mapping) -> list:
    if control["kind"] == "toggle":
        return [True, False]
    return control.get("values") or [one["value"] for one in control["options"]]


def _one_of(choices: list, text: str) -> Value:
    number = float(text) if NUMBER.fullmatch(text) else None
    for one in choices:
        if written(one) == text or (type(one) in (int, float) and one == number):
            return one
    listed = ", ".join(written(one) for one in choices[:8])
    raise ValueError(f"must be one of {listed}{', …' * (len(choices) > 8)}")


def _number(control: Mapping, text: str, whole: bool = False) -> int | float:
    low, high = control["minimum"], control["maximum"]
    value = float(text) if NUMBER.fullmatch(text) else None
    if value is None or not low <= value <= high or (whole and not value.is_integer()):
        raise ValueError(f"must be a {'whole ' * whole}number from {low} to {high}")
    return int(value) if whole else value
