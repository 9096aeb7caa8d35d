"""The theme's styles cut down to those that can match: what stays, what goes, in which order."""

import pytest

from incontext.sphinx import styles

PAGE = """<html data-theme="auto"><body class="book"><div id="top" class="card one">
<a href="x" title="1 > 0">…</a></div><script>box.classList.add("shown", `bs-${kind}-auto`);
box.dataset.bsMode = wide-(4)</script>
<script type="application/json">{"class": "unseen"}</script></body></html>"""
WORDS = styles.words_of_page(PAGE)


@pytest.mark.parametrize(
    "rule",
    [
        ".card{color:red}",
        ".card.one > a:hover{color:red}",
        "#top a[href]{color:red}",
        ".card.shown{color:red}",  # set by a script
        "html[data-theme=dark] .card{color:red}",
        "[data-bs-mode]{color:red}",  # a script's dataset
        ".bs-tooltip-auto{color:red}",  # put together by a script
        ".card:not(.never-there){color:red}",
        ":is(.card, .never-there){color:red}",
        "*,::before{color:red}",
        "@media (min-width:1px){.card{color:red}}",
        "@font-face{font-family:x;src:url(data:a;b)}",
        "@keyframes turn{50%{opacity:0}}",
        '.card{background:url("data:image/svg+xml;a{b}")}',
    ],
)
def test_what_can_match_stays_as_it_is(rule):
    assert styles.used_sheet([rule], WORDS) == rule


@pytest.mark.parametrize(
    "rule",
    [
        ".unseen{color:red}",
        ".card .unseen{color:red}",
        ".wide-4{color:red}",
        ".card[data-bs-theme]{color:red}",
        "#elsewhere{color:red}",
        "video{color:red}",
        "@media print{.unseen{color:red}}",
        ".card{}",
    ],
)
def test_what_cannot_match_goes(rule):
    assert styles.used_sheet([rule], WORDS) == ""


def test_selectors_of_a_list_go_one_by_one_and_order_stays():
    sheets = [".unseen,.one{top:0}", "@media print{.unseen{top:0}.one{top:1px}}.card{top:2px}"]
    kept = styles.used_sheet(sheets, WORDS)
    assert kept.split("\n") == [".one{top:0}", "@media print{.one{top:1px}}", ".card{top:2px}"]


def test_properties_that_nothing_uses_go_with_those_that_only_they_use():
    sheet = ".card{--a:1;--b:var(--a);--c:url('data:;a');--d:2;--e:3;top:var(--d)}"
    assert styles.used_sheet([sheet], WORDS, "x { left: var(--e) }") == (
        ".card{--d:2;--e:3;top:var(--d)}"
    )


def test_imports_and_addresses_are_seen_from_the_static_folder(tmp_path):
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "theme.css").write_text(
        '@import "../basic.css";\na{background:url(pic.png)}b{background:url("data:x")}'
    )
    (tmp_path / "basic.css").write_text("i{background:url('file.png')}")
    assert styles.read_sheet(tmp_path, "styles/theme.css") == (
        'i{background:url("file.png")}\na{background:url("styles/pic.png")}'
        'b{background:url("data:x")}'
    )


def test_one_link_in_place_of_the_themes_and_the_books_own_stay():
    page = (
        '<link href="../_static/styles/theme.css" rel="stylesheet" />\n'
        '<link rel="stylesheet" type="text/css" href="../_static/pygments.css?v=1" />\n'
        '<link rel="stylesheet" type="text/css" href="../_static/book.css?v=2" />\n'
        '<link rel="icon" href="../_static/favicon.svg"/>\n'
    )
    linked = styles.link_sheet(page, "abc")
    assert linked.count("stylesheet") == 2
    assert linked.index("_static/theme-used.css?v=abc") < linked.index("book.css?v=2")
    assert styles.link_sheet(linked, "abc") == linked, "a page that is not written anew stays"
    assert "v=def" in styles.link_sheet(linked, "def")


def test_scripts_are_deferred_but_those_that_others_in_the_page_need():
    page = (
        '<script src="a.js"></script><script defer="defer" src="b.js"></script>'
        '<script src="documentation_options.js"></script><script>let c = 1</script>'
    )
    assert styles.defer_scripts("index.html", page) == (
        '<script defer src="a.js"></script><script defer="defer" src="b.js"></script>'
        '<script src="documentation_options.js"></script><script>let c = 1</script>'
    )
    assert styles.defer_scripts("search.html", page) == page
