"""LaTeX to MathML that browsers draw well.

`latex2mathml` does the translation. Browsers draw MathML Core, which has left out part of what it
writes (`mathvariant`, `columnalign`), and TeX's spacing knows more than MathML's defaults, so
`_polish` sets the tree right. What was not translated raises, where it would be shown as it stands.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element

THIN_SPACE = "0.1667em"
SCRIPTS = {"msub", "msup", "msubsup", "munder", "mover", "munderover"}
LIMITS = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
TAKES_LIMITS = {"max", "min", "lim", "sup", "inf", "Pr", "det", "gcd"}
FUNCTIONS = {
    name: name.removeprefix("\\")
    for name in ["\\arg", "arg", "cos", "cosh", "deg", "dim", "exp", "ker", "ln", "log", "sin",
                 "sinh", "tan", "tanh", *TAKES_LIMITS]
}  # fmt: skip
# Our marks while we work. NAME: "plain", or "limits" where scripts go above and below.
NAME, WORD = "name", "word"
OPENING, CLOSING, BARS = set("([{⟨⌊⌈"), set(")]}⟩⌋⌉"), set("|‖")
ACCENTS = set("^¯~→˙¨ˇ˘")
BIG_OPERATORS = set("∑∏⋃⋂⨁")
SIGNS = set("−+±∓")
ORDINARY = set("∞∇∂⊤⊥∅∀∃…⋯⋮⋱")
OPERATOR_NAME = re.compile(r"\\operatorname(\*?)\s*\{((?:[^{}]|\\\{|\\\})*)\}")
VARIANTS = {
    "bold": "BOLD", "italic": "ITALIC", "bold-italic": "BOLD ITALIC", "script": "SCRIPT",
    "double-struck": "DOUBLE-STRUCK", "fraktur": "FRAKTUR", "sans-serif": "SANS-SERIF",
    "bold-sans-serif": "SANS-SERIF BOLD", "monospace": "MONOSPACE",
}  # fmt: skip


class Untranslatable(ValueError):
    """LaTeX that has no MathML here."""


@cache
def to_mathml(latex: str, display: bool = False) -> str:
    r"""One formula as a `<math>` element.

    Args:
        latex: what stands between the dollars. Lines divided by `\\` without an environment are
            aligned at `&`.
        display: a formula on its own line.
    Raises:
        Untranslatable: names what was left over.
    """
    source = latex.strip().replace("{aligned}", "{align*}")
    if r"\\" in source and r"\begin" not in source:
        source = rf"\begin{{align*}}{source}\end{{align*}}"
    names: list[tuple[str, bool]] = []

    def stand_in(match: re.Match) -> str:
        name = re.sub(r"\\[,;: ]|~", "\u2009", match[2]).replace("\\", "")
        names.append((name, match[1] == "*"))
        return r"\operatorname{named" + "i" * len(names) + "}"

    source = OPERATOR_NAME.sub(stand_in, source)
    source = re.sub(r"\\mathrm\{(\w)\}", r"\\mathrm{{\1}}", source)
    try:
        root = convert_to_element(source, display="block" if display else "inline")
    except Exception as error:
        raise Untranslatable(f"{type(error).__name__}: {error}") from error
    for element in root.iter():
        element.text = html.unescape(element.text) if element.text else None
        if element.text:
            _name(element, names)
            if element.text[0] == "\\" or element.text == "&":
                raise Untranslatable(f"{element.text!r} was left over")
    _polish(root, display=display, script=False)
    for element in root.iter():
        element.attrib.pop(NAME, None)
        element.attrib.pop(WORD, None)
    root.set("alttext", latex.strip())
    return tostring(root, encoding="unicode")


def _name(element: Element, names: list[tuple[str, bool]]) -> None:
    r"""Mark \max, \log, \operatorname{softmax}: upright, with a thin space on either side."""
    stood_in = re.fullmatch("named(i+)", element.text)
    if stood_in:
        element.text, limits = names[len(stood_in[1]) - 1]
    elif element.text in FUNCTIONS and element.tag in ("mi", "mo"):
        element.text = FUNCTIONS[element.text]
        limits = element.text in TAKES_LIMITS
    else:
        return
    element.tag = "mi"
    element.attrib = {NAME: "limits" if limits else "plain"}


def _polish(element: Element, display: bool, script: bool) -> None:
    """Set right `element` and all it holds; `display` and `script` are TeX's style here."""
    if element.tag == "mtable":
        display = element.get("displaystyle") == "true"
    if "displaystyle" in element.attrib:
        display = element.get("displaystyle") == "true"
    inner = display and element.tag != "mfrac"
    for index, child in enumerate(element):
        in_script = script or (element.tag in SCRIPTS and index > 0)
        _polish(child, display=inner and not in_script, script=in_script)
    _tidy_children(element)
    _letters(element)
    if element.tag == "mo":
        _operator(element, script)
    elif element.tag == "mtd":
        alignment = element.attrib.pop("columnalign", None)
        if alignment in ("left", "right"):
            element.set("class", alignment)
    elif element.tag == "mtable":
        _table(element)
    elif element.tag == "mover" and element[1].text in ACCENTS:
        element.set("accent", "true")
        element[1].set("stretchy", "false")
    elif element.tag in LIMITS and display and _takes_limits(element[0]):
        element.tag = LIMITS[element.tag]
    if element.tag in ("math", "mrow", "mtd", "msqrt", "mstyle"):
        _space(element, script)


def _tidy_children(element: Element) -> None:
    """Unwrap groups of one; join the letters of upright words and the parts of long numbers."""
    for index, child in enumerate(list(element)):
        if child.tag == "mrow" and len(child) == 1 and not child.attrib:
            if child[0].tag == "mo":  # braces make an operator an ordinary symbol: {,} {=}
                child[0].attrib.update(lspace="0", rspace="0")
            element[index] = child[0]
    if element.tag not in ("math", "mrow", "mtd", "msqrt", "mstyle"):
        return

    def upright(item: Element) -> bool:
        return item.tag == "mi" and (WORD in item.attrib or "mathvariant" in item.attrib)

    kept: list[Element] = []
    for child in element:
        last = kept[-1] if kept else None
        if last is not None and upright(child) and upright(last):
            last.text += child.text
            last.attrib.pop("mathvariant", None)
            last.set(WORD, "")
            continue
        if child.tag == "mn" and len(kept) > 1:
            comma, digits = kept[-1], kept[-2]
            if comma.text == "," and comma.get("rspace") == "0" and digits.tag == "mn":
                digits.text += "," + child.text
                kept.pop()
                continue
        kept.append(child)
    element[:] = kept


def _letters(element: Element) -> None:
    """MathML Core knows no `mathvariant` but "normal" on one letter: use Unicode's letters."""
    variant = element.attrib.pop("mathvariant", None)
    if element.tag == "mi" and variant == "normal":
        if len(element.text) == 1:
            element.set("mathvariant", "normal")
    elif variant in VARIANTS and element.text:
        element.text = "".join(_styled(letter, VARIANTS[variant]) for letter in element.text)
    if element.tag == "mi" and element.text and element.text in OPENING | CLOSING | {":"}:
        element.tag = "mo"
        element.attrib.pop("mathvariant", None)


def _styled(letter: str, style: str) -> str:
    name = unicodedata.name(letter, "").replace("LATIN ", "").replace("GREEK ", "")
    name = name.replace("LETTER ", "")
    for candidate in (f"MATHEMATICAL {style} {name}", f"{style} {name}"):
        try:
            return unicodedata.lookup(candidate)
        except KeyError:
            continue
    return letter


def _operator(mo: Element, script: bool) -> None:
    text = mo.text or ""
    if text in ORDINARY:
        mo.tag = "mi"
        mo.attrib.clear()
    else:
        mo.text = "∗" if text == "*" else text
        if text in OPENING | CLOSING | BARS and mo.get("stretchy") != "true":
            mo.set("stretchy", str("minsize" in mo.attrib).lower())
        if text in BARS or text == "/" or script:
            mo.attrib.update(lspace="0", rspace="0")
        elif text == ":":
            mo.attrib.update(lspace="0.1111em", rspace="0.2778em")


def _table(table: Element) -> None:
    """Alignment and gaps by class (math.css): MathML Core has no attributes for them."""
    aligned = "columnspacing" in table.attrib
    for name in ("rowspacing", "columnspacing", "columnlines", "rowlines"):
        table.attrib.pop(name, None)
    if aligned:
        table.set("class", "align")


def _takes_limits(base: Element) -> bool:
    return base.get(NAME) == "limits" or base.text in BIG_OPERATORS


def _core(element: Element) -> Element:
    while element.tag in SCRIPTS and len(element):
        element = element[0]
    return element


def _kind(element: Element) -> str:
    """Of what class of TeX's an element is, as far as spacing here needs it."""
    core = _core(element)
    if core.tag == "mrow" and len(core):
        return "open" if core[0].get("form") == "prefix" else "ordinary"
    if core.tag == "mspace":
        return "space"
    if NAME in core.attrib:
        return "name"
    if core.tag != "mo" or core.text in BARS:
        return "ordinary"
    return "open" if core.text in OPENING else "close" if core.text in CLOSING else "operator"


def _space(row: Element, script: bool) -> None:
    """TeX's spacing of names and signs, and brackets that belong to their matrix alone."""
    children = list(row)
    for index, child in enumerate(children):
        before = _kind(children[index - 1]) if index else None
        if child.tag == "mo" and child.text in SIGNS and before in (None, "operator", "open"):
            child.set("form", "prefix")
    spaced: list[Element] = []
    for index, child in enumerate(children):
        name = _kind(child) == "name"
        if name and not script and index and _kind(children[index - 1]) in ("ordinary", "close"):
            spaced.append(Element("mspace", width=THIN_SPACE))
        spaced.append(child)
        follows = _kind(children[index + 1]) if index + 1 < len(children) else None
        if name and not script and follows in ("ordinary", "name"):
            spaced.append(Element("mspace", width=THIN_SPACE))
    row[:] = _brackets(spaced)


def _brackets(children: list[Element]) -> Iterator[Element]:
    waiting = list(children)
    while waiting:
        group = waiting[:3]
        if [child.tag for child in group] == ["mo", "mtable", "mo"]:
            fenced = Element("mrow")
            for mo, form in ((group[0], "prefix"), (group[2], "postfix")):
                mo.attrib = {"form": form, "stretchy": "true"}
            fenced.extend(group)
            del waiting[:3]
            yield fenced
        else:
            yield waiting.pop(0)
