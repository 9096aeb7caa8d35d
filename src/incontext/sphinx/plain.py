"""A chapter's prose as plain Markdown, which every notebook program shows.

JupyterLab, VS Code and Colab do not know MyST's roles and directives, nor its definition lists, and
an `align*` inside `$$` is an error to some of them. Here each becomes what they all know: links,
emphasis, headings, quotations, `<details>`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

FENCE = re.compile(r"(?P<fence>`{3,}|:{3,}|~{3,})(?:\{(?P<name>[\w:-]+)\}(?P<argument>.*)|.*)")
OPTION = re.compile(r":([\w-]+):[ \t]*(.*)\n?")
ROLE = re.compile(r"\{(?P<role>[a-z:-]+)\}`(?P<content>[^`]+)`")
TEXT_AND_TARGET = re.compile(r"(?P<text>.+?)\s*<(?P<target>[^<>]+)>", re.DOTALL)
TARGET = re.compile(r"^\([\w-]+\)=\n?", re.MULTILINE)
COMMENT = re.compile(r"^%.*\n?", re.MULTILINE)
DEFINITION = re.compile(r"^(?P<term>\S.*)\n:[ \t]+(?P<meaning>.+(?:\n[ \t]+\S.*)*)", re.MULTILINE)
ALIGNED = re.compile(r"\\(begin|end)\{(?:align|gather)(?:ed)?\*?\}")
LABELLED = re.compile(r"\$\$(?P<formula>(?:(?!\$\$).)+)\$\$[ \t]*\((?P<label>[\w-]+)\)", re.DOTALL)
WITHIN = re.compile(r"\[([^]]+)\]\(#[^)]+\)")  # a notebook has other anchors than the page
TO_SOURCE = re.compile(r"\]\((?:\./)?([\w-]+)\.md(?:#[^)]*)?\)")
ELSEWHERE = re.compile(r'<a href="\.\./[^"]*">(.*?)</a>', re.DOTALL)

BOXES = ("admonition", "note", "tip", "warning", "important", "hint", "caution", "seealso")


class NoPlainForm(ValueError):
    """A role or directive that has no plain form yet."""


@dataclass(frozen=True)
class Book:
    """What one page has to know of the others, in order to name them.

    pages: the title of each page, by its file name without extension.
    sections: for a label, the page and the heading that it stands before.
    numbers: for the label of a figure, formula or exercise, its number, such as "7.2".
    meanings: the first sentence of a term's definition, by the term in lower case.
    sources: authors and year, by the key in the bibliography.
    references: the list of sources, as Markdown.
    explorables: number and title of each, and the page on which it stands.
    """

    pages: dict[str, str] = field(default_factory=dict)
    sections: dict[str, tuple[str, str]] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)
    sources: dict[str, tuple[str, str]] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    explorables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Directive:
    """A fenced block with a name: ```` ```{name} argument ````, options, body."""

    name: str
    argument: str
    options: dict[str, str]
    body: str


def blocks(markdown: str) -> Iterator[str | Directive]:
    """The directives of a text and the pieces of text between them, in order."""
    lines = iter(markdown.splitlines(keepends=True))
    text: list[str] = []
    for line in lines:
        opened = FENCE.fullmatch(line.rstrip())
        if opened is None:
            text.append(line)
            continue
        inside = list(_until_closed(lines, opened["fence"]))
        if opened["name"] is None:  # a listing, which stays as it is
            text += [line, *inside, opened["fence"] + "\n"]
            continue
        yield "".join(text)
        text = []
        yield _directive(opened["name"], opened["argument"].strip(), "".join(inside))
    yield "".join(text)


def _until_closed(lines: Iterator[str], fence: str) -> Iterator[str]:
    for line in lines:
        if line.startswith(fence) and not line.strip(fence[0] + " \n"):
            return
        yield line


def _directive(name: str, argument: str, body: str) -> Directive:
    options = {}
    while option := OPTION.match(body):
        options[option[1]] = option[2]
        body = body[option.end() :]
    return Directive(name, argument, options, body.strip("\n"))


def plain(markdown: str, book: Book) -> str:
    """The text without anything that only MyST knows."""
    shown = (
        block_in_plain(block, book) if isinstance(block, Directive) else _text(block, book)
        for block in blocks(markdown)
    )
    return "\n\n".join(part for part in (one.strip("\n") for one in shown) if part)


def block_in_plain(block: Directive, book: Book) -> str:
    if block.name in BOXES:
        title = block.argument or block.name.capitalize()
        return _quotation(f"**{plain(title, book)}**\n\n{plain(block.body, book)}")
    if block.name == "dropdown":
        return (
            f"<details><summary>{block.argument}</summary>\n\n{plain(block.body, book)}\n\n"
            "</details>"
        )
    if block.name == "exercise":
        return f"### {exercise_title(block, book)}\n\n{plain(block.body, book)}"
    if block.name == "math":
        return plain(f"$$\n{block.body}\n$$", book)
    if block.name == "glossary":
        return "\n\n".join(
            f"**{', '.join(terms)}**: {plain(meaning, book)}"
            for terms, meaning in glossary_entries(block.body)
        )
    if block.name == "bibliography":
        return "\n".join(f"- {reference}" for reference in book.references)
    if block.name == "explorables":
        return "\n".join(f"- [{title}]({page}.ipynb)" for title, page in book.explorables)
    raise NoPlainForm(f"the directive {{{block.name}}}")


def exercise_title(exercise: Directive, book: Book) -> str:
    number = book.numbers.get(exercise.options.get("label", ""))
    return f"Exercise {number}: {exercise.argument}" if number else exercise.argument


def glossary_entries(body: str) -> Iterator[tuple[list[str], str]]:
    """Each entry of a glossary: its terms, and what they mean."""
    for entry in re.findall(r"^(?:\S.*\n)+(?:(?:[ \t]+\S.*)?(?:\n|\Z))+", body, re.MULTILINE):
        lines = entry.splitlines()
        terms = [line for line in lines if line[:1].strip()]
        yield terms, "\n".join(line.strip() for line in lines[len(terms) :]).strip()


def first_sentence(meaning: str) -> str:
    """A definition in brief, as bare text; empty where that would show LaTeX."""
    bare = ROLE.sub(lambda m: "" if m["role"].startswith("cite") else _words(m["content"]), meaning)
    bare = re.sub(r"[*$`]", "", " ".join(bare.split())).replace('"', "”")
    sentence = re.match(r".*?\.(?=\s|$)", bare)
    brief = (sentence[0] if sentence else bare).replace(" .", ".")
    return "" if "\\" in brief or "_{" in brief else brief


def anchor(heading: str) -> str:
    """The end of an address that leads to a heading, as JupyterLab makes it."""
    return "#" + quote(heading.replace(" ", "-"))


def _text(text: str, book: Book) -> str:
    text = COMMENT.sub("", TARGET.sub("", text))
    text = ELSEWHERE.sub(r"\1", text)  # to what only the built book has
    text = WITHIN.sub(r"\1", text)
    text = TO_SOURCE.sub(r"](\1.ipynb)", text)
    text = LABELLED.sub(lambda m: _numbered(m, book), text)
    text = DEFINITION.sub(_definition, text)
    text = re.sub(r"\$\$.*?\$\$", lambda m: ALIGNED.sub(r"\\\1{aligned}", m[0]), text, flags=re.S)
    return ROLE.sub(lambda m: _role(m["role"], m["content"], book), text)


def _definition(match: re.Match) -> str:
    meaning = " ".join(match["meaning"].split())
    return f"**{match['term']}**: {meaning}\n"


def _numbered(match: re.Match, book: Book) -> str:
    number = book.numbers.get(match["label"])
    if number is None:
        raise NoPlainForm(f"the formula {match['label']}, which has no number")
    return f"$${match['formula'].rstrip()} \\tag{{{number}}}\n$$"


def _quotation(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _words(content: str) -> str:
    """What is shown of "text <target>"."""
    both = TEXT_AND_TARGET.fullmatch(content)
    return both["text"] if both else content


def _role(role: str, content: str, book: Book) -> str:
    if role not in ROLES:
        raise NoPlainForm(f"the role {{{role}}}")
    both = TEXT_AND_TARGET.fullmatch(content)
    if both:
        return ROLES[role](" ".join(both["text"].split()), both["target"], book)
    return ROLES[role](None, " ".join(content.split()), book)


def _page(text: str | None, target: str, book: Book) -> str:
    page = target.rpartition("/")[2]
    return f"[{text or book.pages[page]}]({page}.ipynb)"


def _term(text: str | None, target: str, book: Book) -> str:
    meaning = book.meanings.get(target.lower(), "")
    return f"[{text or target}](glossary.ipynb" + (f' "{meaning}")' if meaning else ")")


def _section(text: str | None, target: str, book: Book) -> str:
    if target in book.numbers and target not in book.sections:
        return _number(text, target, book)
    page, heading = book.sections[target]
    return f"[{text or heading}]({page}.ipynb{anchor(heading)})"


def _number(text: str | None, target: str, book: Book) -> str:
    number = book.numbers[target]
    if text is None:
        return f"Fig. {number}"
    return text.replace("%s", number).replace("{number}", number)


def _equation(text: str | None, target: str, book: Book) -> str:
    return f"({book.numbers[target]})"


def _math(text: str | None, target: str, book: Book) -> str:
    return f"${target}$"


def _cite(shown: str, around: str) -> Callable[[str | None, str, Book], str]:
    def cite(text: str | None, target: str, book: Book) -> str:
        keys = [key.strip() for key in target.split(",")]
        links = (
            f"[{shown.format(*book.sources[key])}](bibliography.ipynb)" if key in book.sources
            else key for key in keys
        )  # fmt: skip
        return around.format("; ".join(links))

    return cite


ROLES: dict[str, Callable[[str | None, str, Book], str]] = {
    "doc": _page,
    "term": _term,
    "ref": _section,
    "numref": _number,
    "eq": _equation,
    "math": _math,
    "cite:p": _cite("{0}, {1}", "({0})"),
    "cite:t": _cite("{0} ({1})", "{0}"),
}
