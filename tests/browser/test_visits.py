"""What every test in the browser stands on: a page's faults are noticed, and none sees another's
traces."""

import pytest

FAULTS = {
    "asked for https://elsewhere.org/": "fetch('https://elsewhere.org/').catch(() => 0)",
    "asked for http://192.0.2.1/": "fetch('http://192.0.2.1/').catch(() => 0)",
    "asked for http://elsewhere.org/a.png": "new Image().src = 'http://elsewhere.org/a.png'",
    "console: wrong": "console.error('wrong')",
    "error: wrong": "setTimeout(() => { throw new Error('wrong'); })",
}


@pytest.mark.parametrize("kind", ["http", "file"])
def test_what_a_page_should_not_do_is_noticed(visit, kind):
    one = visit(kind)
    one.open("genindex")
    for fault, script in FAULTS.items():
        one.page.evaluate(script)
        one.page.wait_for_timeout(100)
        assert fault in one.complaints
        one.complaints.clear()


def test_a_missing_file_is_noticed(visit):
    one = visit()
    one.open("genindex")
    with one.page.expect_console_message():
        one.page.evaluate("fetch('nothing.html')")
    assert f"404 {one.base}/nothing.html" in one.complaints
    one.complaints.clear()


@pytest.mark.parametrize("time", ["first", "second"])
@pytest.mark.parametrize("kind", ["http", "file"])
def test_a_visit_finds_nothing_of_the_one_before(visit, kind, time):
    one = visit(kind, width=777)
    one.open("genindex")
    kept = "[localStorage.kept, sessionStorage.kept, matchMedia('print').matches]"
    assert one.page.evaluate(kept) == [None, None, False]
    one.page.evaluate("localStorage.kept = sessionStorage.kept = 1")
    one.page.emulate_media(media="print")
    one.page.route("**/*.html", lambda route: route.abort())
    assert one.page.evaluate(kept) == ["1", "1", True]
