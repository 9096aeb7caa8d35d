"""Numbers the explorables of a chapter, gives each an id of its own, and lists all on one page.

`[…](self-attention.md#explorable-attention-lens)` links to one: the id is `explorable-` and its
name, with `-2` for the second of its kind on a page. The number is the chapter's and its place in
the chapter, `Explorable 5.1`; on a page that has no number there is none. The page with the
directive `{explorables}` lists what the pages contain, so the list cannot drift from them.
"""

import html
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

from . import figures

FIGURE = re.compile(r'<figure class="explorable"[^>]* id="([^"]+)" aria-label="([^"]+)"[^>]*>')
TITLE = '<p class="explorable-title">'
TRY_FIRST = re.compile(r'<p class="explorable-try">.*?</p>', re.DOTALL)
PICTURE = re.compile(r'<img class="explorable-fallback" ([^>]*?)src="data:[^",]*,([^"]+)"')


def find(doctree: nodes.document) -> Iterator[nodes.raw]:
    """The explorables of a page, in order."""
    for node in doctree.findall(nodes.raw):
        if node.get("format") == "html" and FIGURE.match(node.astext()):
            yield node


def replace(node: nodes.raw, text: str) -> None:
    node.clear()
    node += nodes.Text(text)


class NameExplorables(SphinxTransform):
    """An id for each that is alone on its page, and that MyST's links find."""

    default_priority = 870  # before MyST resolves them (879)

    def apply(self) -> None:
        seen, targets = Counter(), {}
        for node in find(self.document):
            name, title = FIGURE.match(node.astext()).groups()
            seen[name] += 1
            anchor = name if seen[name] == 1 else f"{name}-{seen[name]}"
            replace(node, node.astext().replace(f' id="{name}"', f' id="{anchor}"', 1))
            targets[anchor] = (node.line or 0, anchor, html.unescape(title))
        if targets and hasattr(self.document, "myst_slugs"):  # for links from here and there
            self.document.myst_slugs.update(targets)
            self.env.metadata[self.env.docname]["myst_slugs"] = self.document.myst_slugs


def number_of(env: BuildEnvironment, page: str, i: int) -> str | None:
    """ "Explorable 5.1" for the first of chapter 5; None on a page without a number."""
    chapter = env.toc_secnumbers.get(page, {}).get("")
    return f"Explorable {chapter[0]}.{i}" if chapter else None


def numbered(figure: str, number: str | None) -> str:
    """The figure's HTML with the number before its title, where it has one."""
    if number is None:
        return figure
    shown = f'{TITLE}<span class="explorable-number">{number}</span> · '
    return figure.replace(' aria-label="', f' aria-label="{number} · ', 1).replace(TITLE, shown, 1)


class NumberExplorables(SphinxPostTransform):
    default_priority = 10  # after MyST-NB has chosen the HTML of each output
    formats = ("html",)

    def run(self) -> None:
        for i, node in enumerate(find(self.document), start=1):
            replace(node, numbered(node.astext(), number_of(self.env, self.env.docname, i)))


class explorable_list(nodes.General, nodes.Element):
    """Where the list goes."""


class ExplorableList(SphinxDirective):
    """`{explorables}`: every explorable of the book, with its picture, and where it stands."""

    def run(self) -> list[nodes.Node]:
        return [explorable_list()]


class ListExplorables(SphinxPostTransform):
    default_priority = 10
    formats = ("html",)

    def run(self) -> None:
        for place in list(self.document.findall(explorable_list)):
            pages = pages_in_order(self.env, self.env.config.root_doc)
            listed = "".join(self.of_page(page) for page in pages)
            place.replace_self(nodes.raw("", listed, format="html"))

    def of_page(self, page: str) -> str:
        found = list(find(self.env.get_doctree(page)))
        if not found:
            return ""
        link = self.app.builder.get_relative_uri(self.env.docname, page)
        title = self.app.builder.render_partial(self.env.titles[page])["title"]
        cards = [
            self.card(page, link, numbered(node.astext(), number_of(self.env, page, i)))
            for i, node in enumerate(found, start=1)
        ]
        return (
            f'<h2><a href="{link}">{title}</a></h2>\n'
            f'<div class="explorable-list">\n{"".join(cards)}</div>\n'
        )

    def card(self, page: str, link: str, figure: str) -> str:
        anchor, title = FIGURE.match(figure).groups()
        attributes, encoded = PICTURE.search(figure).groups()
        name = f"{page.rsplit('/', 1)[-1]}-{anchor}"
        svg = b64decode(encoded).decode()
        folder = Path(self.app.outdir, "_images")
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
        (folder / f"{name}-dark.svg").write_text(figures.dark(svg), encoding="utf-8")
        here = self.app.builder.get_target_uri(self.env.docname)
        light, dark = (relative_uri(here, f"_images/{name}{end}.svg") for end in ("", "-dark"))
        return (
            '<div class="explorable-card">\n'
            f'<img class="figure-light" {attributes}src="{light}" loading="lazy">'
            f'<img class="figure-dark" {attributes}src="{dark}" loading="lazy">\n'
            f'<p class="explorable-title"><a href="{link}#{anchor}">{title}</a></p>\n'
            f"{TRY_FIRST.search(figure)[0]}\n</div>\n"
        )


def pages_in_order(env: BuildEnvironment, page: str) -> Iterator[str]:
    """The pages as the table of contents has them."""
    yield page
    for below in env.toctree_includes.get(page, []):
        yield from pages_in_order(env, below)


def all_of_the_book(env: BuildEnvironment) -> Iterator[tuple[str, str]]:
    """Number and title of each explorable, and its page."""
    for page in pages_in_order(env, env.config.root_doc):
        for i, node in enumerate(find(env.get_doctree(page)), start=1):
            figure = numbered(node.astext(), number_of(env, page, i))
            yield html.unescape(FIGURE.match(figure)[2]), page


def write_list_again(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Listener for env-updated: the list follows from the other pages."""
    return [page for page in env.found_docs if env.metadata[page].get("lists_explorables")]


def note_list(app: Sphinx, doctree: nodes.document) -> None:
    """Listener for doctree-read."""
    if any(doctree.findall(explorable_list)):
        app.env.metadata[app.env.docname]["lists_explorables"] = True


def setup(app: Sphinx) -> None:
    app.add_directive("explorables", ExplorableList)
    app.add_transform(NameExplorables)
    app.add_post_transform(NumberExplorables)
    app.add_post_transform(ListExplorables)
    app.connect("doctree-read", note_list)
    app.connect("env-updated", write_list_again)
