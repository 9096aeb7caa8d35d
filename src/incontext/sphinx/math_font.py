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
from importlib.util import find_spec
from pathlib import Path

from fontTools import subset

FONT = Path(find_spec("ziamath").origin).parent / "fonts" / "STIXTwoMath-Regular.ttf"
RULES = Path(__file__).with_name("math.css")
# Always there, so that most edits leave the font as it is.
BASE = string.ascii_letters + string.digits + "()[]{}|‖⟨⟩+−±×·/=≠≈<>≤≥,.:;!′…⋯∑∏∫√∂∞∈→^ˆ¯~"

PRIMES = {ord("′"), ord("″"), ord("‴")}


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


def join_roots_to_bars(font) -> None:
    """Make Chromium's square roots meet their bars.

    Chromium reserves the width of the widest of the sign's sizes, which leaves a gap behind the
    root (https://crbug.com/1339724; seen in version 156): give all sizes one width. It also sets
    the bar half its thickness above the sign's top, so that the stub that leads from sign to bar
    shows as a step (no report of it is known to us; seen in version 156): cut the stub off.
    """
    variants = font["MATH"].table.MathVariants
    root = font.getBestCmap()[ord("√")]
    sizes = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(root)]
    names = [record.VariantGlyph for record in sizes.MathGlyphVariantRecord]
    names += [part.glyph for part in sizes.GlyphAssembly.PartRecords]
    outlines, widths = font["glyf"], font["hmtx"]

    def left_of_bar(name: str) -> int:
        points = outlines[name].coordinates
        return min(x for x, y in points if y >= outlines[name].yMax - 1)

    wanted = left_of_bar(root) + 20
    for name in names:
        outline = outlines[name]
        start = left_of_bar(name) + 20
        if name != names[len(sizes.MathGlyphVariantRecord)]:  # the assembly's foot has no stub
            for index, (x, y) in enumerate(outline.coordinates):
                if x == outline.xMax and y > 0:
                    outline.coordinates[index] = (start + 20, y)
        outline.coordinates.scale((wanted / start, 1))
        outline.recalcBounds(outlines)
        widths[name] = (wanted, outline.xMin)


def cut_font(characters: str) -> bytes:
    """WOFF2 with the glyphs of `characters`, their sizes and parts; the same bytes every time."""
    options = subset.Options()
    options.flavor = "woff2"
    options.hinting = False
    options.layout_features = []
    options.recalc_timestamp = False
    options.name_IDs = [0, 13, 14]  # who made it, and the licence
    font = subset.load_font(str(FONT), options)
    for table in font["cmap"].tables:  # primes for the raised place where they always stand
        raised = {code: f"{table.cmap[code]}.ssty" for code in PRIMES & table.cmap.keys()}
        table.cmap = {**table.cmap, **raised}
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=characters)
    subsetter.subset(font)
    join_roots_to_bars(font)
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
