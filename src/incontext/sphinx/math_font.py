"""The formulas' font, cut down to what the book uses, inside the stylesheet that uses it.

STIX Two Math (SIL Open Font License) comes with the PyPI package `ziamath`. Whole it is 1.5 MB; the
characters of the book, with the pieces that big brackets and roots are put together from, are some
tens of kilobytes. As a `data:` address in the stylesheet it is there before the first formula is
drawn, so that nothing shifts, and it works from a folder as it does from a server.
"""

import base64
import hashlib
import io
import string
import unicodedata
from pathlib import Path

import ziamath
from fontTools import subset

FONT = Path(ziamath.__file__).parent / "fonts" / "STIXTwoMath-Regular.ttf"
RULES = Path(__file__).with_name("math.css")
# Always there, so that most edits leave the font as it is.
BASE = string.ascii_letters + string.digits + "()[]{}|‖⟨⟩+−±×·/=≠≈<>≤≥,.:;!′…⋯∑∏∫√∂∞∈→^ˆ¯~"


def italic(character: str) -> str:
    """The mathematical italic that a browser draws for a lone letter; "" where there is none."""
    if character == "h":
        return "ℎ"
    name = unicodedata.name(character, "").replace("LETTER ", "")
    for script in ("LATIN ", "GREEK "):
        name = name.replace(script, "")
    try:
        return unicodedata.lookup(f"MATHEMATICAL ITALIC {name}")
    except KeyError:
        return ""


def cut_font(characters: str) -> bytes:
    """WOFF2 with the glyphs of `characters`, their sizes and parts; the same bytes every time."""
    options = subset.Options()
    options.flavor = "woff2"
    options.hinting = False
    options.layout_features = ["ssty", "dtls", "flac"]
    options.recalc_timestamp = False
    font = subset.load_font(str(FONT), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=characters)
    subsetter.subset(font)
    out = io.BytesIO()
    subset.save_font(font, out, options)
    return out.getvalue()


def write_stylesheet(target: Path, characters: set[str]) -> None:
    """Write `math.css` with the font for these characters, unless it is there already."""
    wanted = set(BASE) | characters
    wanted |= {italic(character) for character in wanted} - {""}
    text = "".join(sorted(wanted))
    rules = RULES.read_text(encoding="utf-8")
    mark = f"/* {hashlib.sha256((text + rules).encode()).hexdigest()} */\n"
    if target.exists() and target.read_text(encoding="utf-8").startswith(mark):
        return
    font = base64.b64encode(cut_font(text)).decode("ascii")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(
        f'{mark}@font-face {{ font-family: "STIX Two Math Book";'
        f" src: url(data:font/woff2;base64,{font}) format('woff2'); }}\n{rules}",
        encoding="utf-8",
    )
