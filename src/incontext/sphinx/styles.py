"""One small style sheet in place of the theme's many, and no script that holds up the first paint.

The theme, Bootstrap under it and the extensions bring some 430 kB of styles. A browser shows
nothing before it has them all, and the book uses a quarter. When the book is built, the rules that
can match something in it are kept, in their order, in one sheet; the book's own sheets stay as they
are.

A selector can match if each class, id, data attribute and element that it asks for is a word of
a built page or of a script (which may set it later). What stands inside `:not()`, `:is()` and the
like is not asked for. Pages are read as they are built, so a class that a new chapter brings stays.
"""

import hashlib
import html
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import tinycss2
from sphinx.application import Sphinx

SHEET = "theme-used.css"
OWN = ("book.css", "math.css", "explorables/theme.css", "explorables/prediction.css")
LAYOUT = Path(__file__).with_name("layout.css")

# Until the theme's script has run, the theme is called "auto", for which no colours are declared.
NAME_THEME = (
    'if (document.documentElement.dataset.theme === "auto") document.documentElement.dataset.theme'
    ' = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";'
)

STYLESHEET = re.compile(r'[ \t]*<link [^>]*?href="([^"?]*?_static/)([^"?]+\.css)[^"]*"[^>]*>\n?')
SCRIPT = re.compile(r'<script(?![^>]*\b(?:defer|async)\b)([^>]*\bsrc="[^"]+)')
INLINE_SCRIPT = re.compile(r"<script(?![^>]*json)[^>]*>(.*?)</script>", re.DOTALL)
ELEMENT = re.compile(r"<([a-zA-Z][\w-]*)")
DATA = re.compile(r"\s(data-[\w-]+)")
NAMES = re.compile(r'\s(?:class|id)="([^"]*)"')
WORD = re.compile(r"[A-Za-z_](?:[\w-]*\w)?")
START = re.compile(r"""["'`]([A-Za-z][\w-]+-)(?=["'`$])""")
DATASET = re.compile(r"dataset\.(\w+)|dataset\[.(\w+).\]")
VARIABLE = re.compile(r"--[\w-]+")
VARIABLE_USED = re.compile(r"var\(\s*(--[\w-]+)")
IMPORT = re.compile(r"""@import\s+(?:url\()?["']?([^"')]+)["']?\)?\s*;""")
ADDRESS = re.compile(r"""url\(\s*(["']?)(?!["']|data:|https?:|/|#)([^"')]+)\1\s*\)""")
NESTING = ("media", "supports", "layer", "container")


def words_of_page(page: str) -> set[str]:
    """Elements, data attributes, classes and ids of a page's HTML; the words of its scripts."""
    words = {element.lower() for element in ELEMENT.findall(page)}
    words.update(DATA.findall(page))
    for names in NAMES.findall(page):
        words.update(html.unescape(names).split())
    return words.union(*map(words_of_script, INLINE_SCRIPT.findall(page)))


def words_of_script(script: str) -> set[str]:
    """Every word of a script, and every start of one: any of them may be a class that it sets."""
    words = set(WORD.findall(script)) | set(START.findall(script))
    for names in DATASET.findall(script):
        name = re.sub(r"[A-Z]", lambda letter: f"-{letter[0].lower()}", "".join(names))
        words.add(f"data-{name}")
    return words


def asked_for(selector: Iterable) -> Iterator[str]:
    """The classes, ids, data attributes and elements that a selector's tokens ask for."""
    before = ""
    for token in selector:
        if token.type == "ident" and before != ":":
            yield token.value if before == "." else token.lower_value
        elif token.type == "hash":
            yield token.value
        elif token.type == "[] block":
            name = next(part.lower_value for part in token.content if part.type == "ident")
            if name.startswith("data-"):
                yield name
        before = token.value if token.type == "literal" else ""


def split_at_commas(tokens: Iterable) -> list[list]:
    parts: list[list] = [[]]
    for token in tokens:
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def prune(rules: Iterable, known: Callable[[str], bool], unused: set[str]) -> Iterator[str]:
    """The rules that can match, without the custom properties `unused`, as CSS."""
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [
                tinycss2.serialize(selector).strip()
                for selector in split_at_commas(rule.prelude)
                if all(map(known, asked_for(selector)))
            ]
            contents = tinycss2.parse_blocks_contents(rule.content, True, True)
            kept = [
                part.serialize() for part in contents if getattr(part, "name", "") not in unused
            ]
            if selectors and kept:
                yield f"{','.join(selectors)}{{{';'.join(kept)}}}"
        elif rule.type == "at-rule" and rule.lower_at_keyword in NESTING and rule.content:
            inside = tinycss2.parse_rule_list(rule.content, True, True)
            if kept := "".join(prune(inside, known, unused)):
                yield f"@{rule.at_keyword} {tinycss2.serialize(rule.prelude).strip()}{{{kept}}}"
        else:
            yield rule.serialize()


def used_sheet(sheets: Iterable[str], words: set[str], elsewhere: str = "") -> str:
    """What can be used of `sheets`, in their order.

    Args:
        words: every class, id, data attribute and element of the pages, every word of the scripts;
            one that ends with a hyphen stands for all that start with it ("bs-" + name + "-auto").
        elsewhere: text of other sheets and scripts, which may use custom properties of these.
    """
    starts = tuple(word for word in words if word.endswith("-"))

    def known(word: str) -> bool:
        return word in words or word.startswith(starts)

    rules = [rule for sheet in sheets for rule in tinycss2.parse_stylesheet(sheet, True, True)]
    wanted, unused = set(VARIABLE.findall(elsewhere)), set()
    while True:  # a property may be used by one that is itself unused
        pruned = "\n".join(prune(rules, known, unused))
        used = wanted | set(VARIABLE_USED.findall(pruned))
        found = set(VARIABLE.findall(pruned)) - used
        if not found - unused:
            return pruned
        unused |= found


def read_sheet(static: Path, name: str) -> str:
    """A sheet with those that it imports, its addresses as seen from the folder `static`."""
    folder = posixpath.dirname(name)

    def seen_from_static(address: str) -> str:
        return posixpath.normpath(posixpath.join(folder, address))

    sheet = (static / name).read_text(encoding="utf-8")
    sheet = ADDRESS.sub(lambda found: f'url("{seen_from_static(found[2])}")', sheet)
    return IMPORT.sub(lambda found: read_sheet(static, seen_from_static(found[1])), sheet)


def merge_styles(app: Sphinx, exception) -> None:
    """Write the sheet, and let every page load it, with its scripts deferred."""
    if exception is not None or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    target = static / SHEET
    pages = {path: path.read_text(encoding="utf-8") for path in Path(app.outdir).rglob("*.html")}
    pages = {path: page for path, page in pages.items() if static not in path.parents}
    names = theme_sheets(pages.values(), target)
    scripts = [
        path.read_text(encoding="utf-8")
        for path in sorted(static.rglob("*.js"))
        if not {"locales", "vendor"} & set(path.relative_to(static).parts)
    ]
    own = [(static / name).read_text("utf-8") for name in OWN if (static / name).exists()]
    words = set().union(*map(words_of_page, pages.values()), *map(words_of_script, scripts))
    styles = "".join(re.findall(r' style="([^"]*)"', "".join(pages.values())))
    sheet = used_sheet(
        (read_sheet(static, name) for name in names),
        words,
        "".join([*own, *scripts, styles]),
    )
    target.write_text(f"/* {' '.join(names)} */\n{sheet}\n", encoding="utf-8")
    version = hashlib.sha256(sheet.encode()).hexdigest()[:8]
    for path, page in pages.items():
        changed = defer_scripts(path.name, link_sheet(page, version))
        if changed != page:
            path.write_text(changed, encoding="utf-8")


def theme_sheets(pages: Iterable[str], target: Path) -> list[str]:
    """The sheets to merge, in their order: named by the pages written now, or by the last merge."""
    names: dict[str, None] = {}
    for page in pages:
        found = [name for _, name in STYLESHEET.findall(page)]
        names.update(dict.fromkeys(name for name in found if name not in (*OWN, SHEET)))
    if target.exists():
        first = target.read_text(encoding="utf-8").partition("\n")[0]
        names = dict.fromkeys(first.strip("/* ").split()) | names
    return list(names)


def link_sheet(page: str, version: str) -> str:
    """The page with one link in place of those to the theme's sheets."""
    done = False

    def one(link: re.Match) -> str:
        nonlocal done
        if link[2] in OWN:
            return link[0]
        first, done = not done, True
        return f'  <link rel="stylesheet" href="{link[1]}{SHEET}?v={version}" />\n' if first else ""

    return STYLESHEET.sub(one, page)


def defer_scripts(name: str, page: str) -> str:
    """The page with its scripts deferred, all but the options that inline scripts write to."""
    if name == "search.html":
        return page
    return SCRIPT.sub(
        lambda script: (
            script[0] if "documentation_options.js" in script[0] else f"<script defer{script[1]}"
        ),
        page,
    )


def add_layout(app: Sphinx, *_) -> None:
    if app.builder.format == "html":
        target = Path(app.outdir, "_static", LAYOUT.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(LAYOUT.read_bytes())


def setup(app: Sphinx) -> None:
    app.add_js_file(None, body=NAME_THEME, priority=100)
    app.add_css_file(LAYOUT.name)
    app.connect("builder-inited", add_layout)
    app.connect("build-finished", merge_styles, priority=900)
