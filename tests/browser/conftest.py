"""A browser with the network cut off, and the book served from a sub-path or opened from disk."""

import functools
import http.server
import threading
from dataclasses import dataclass, field

import pytest
import site_under_test as site
from playwright.sync_api import Page, sync_playwright

# The browser itself has no network: were every request handed to Python, each page would take twice
# as long to load.
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
FORGET = "if (location.protocol !== 'about:') { localStorage.clear(); sessionStorage.clear(); }"
UNFOLD = """for (const one of document.querySelectorAll('details:not([open])')) {
  one.open = true;
  one.dataset.unfolded = '';
}"""
STAY = """() => {
  for (const one of document.querySelectorAll('figure.explorable button'))
    if (one.textContent.trim() === 'Reset') one.click();
  for (const one of document.querySelectorAll('[data-unfolded]')) {
    one.open = false;
    delete one.dataset.unfolded;
  }
  document.activeElement?.blur();
  scrollTo({ top: 0, behavior: 'instant' });
}"""
IDLE = 3  # tabs that are kept for a next visit: a new one takes longer to open than a page to load


@dataclass
class Visit:
    """A tab, and what its pages asked for or complained about."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    figures: list = field(default_factory=list)  # of a page that stays open for the next test
    spoiled: bool = False  # not for the next test

    def __post_init__(self):
        self.page.context.on("request", self._note_request)
        self.page.on("console", self._note_console)
        self.page.on("response", self._note_response)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))

    def _note_request(self, request):
        if not request.url.startswith((self.base, "data:", "blob:", "about:")):
            self.complaints.append(f"asked for {request.url}")

    def _note_console(self, message):
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")

    def _note_response(self, response):
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")

    def stay(self) -> list[str]:
        """Leaves the page open for the next test, as it stood when all was mounted."""
        self.page.evaluate(STAY)
        self.page.mouse.move(-1, -1)
        complaints, self.complaints = self.complaints, []
        return complaints

    def end(self) -> list[str]:
        """Leaves nothing to the next visit in the same tab. What was complained about."""
        self.page.unroute_all()
        self.page.emulate_media(media="null")
        self.page.evaluate(FORGET)
        complaints, self.complaints = self.complaints, []
        self.page.goto("about:blank")
        self.page.mouse.up()
        self.page.mouse.move(-1, -1)
        return complaints

    def unfold(self) -> None:
        """Opens everything that can be unfolded, until the end of the test."""
        self.page.evaluate(UNFOLD)

    def open(self, chapter: str) -> None:
        self.page.goto(f"{self.base}/{chapter}.html")

    def mount_all(self) -> list:
        """Scrolls to every explorable and waits until it lives. Returns the figures."""
        figures = self.page.locator("figure.explorable").all()
        for figure in figures:
            figure.scroll_into_view_if_needed()
            self.page.wait_for_function(
                "figure => 'ready' in figure.dataset", arg=figure.element_handle()
            )
        return figures


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        options = {**site.LAUNCH, "args": [*site.LAUNCH["args"], OFFLINE]}
        launched = playwright.chromium.launch(**options)
        yield launched
        launched.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Each page and picture arrives as at the first visit. Scripts and styles are kept by a tab,
    and fetched anew in a fresh one; those of a model are not kept."""

    def end_headers(self):
        path = self.path.partition("?")[0]
        kept = path.endswith((".js", ".css")) and "/minilm-" not in path
        self.send_header("Cache-Control", "max-age=3600" if kept else "no-store")
        super().end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """The book under a sub-path, as project pages are: http://…/some/repo/."""
    root = tmp_path_factory.mktemp("www")
    (root / "some").mkdir()
    (root / "some" / "repo").symlink_to(site.SITE, target_is_directory=True)
    handler = functools.partial(Quiet, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/some/repo"
    server.shutdown()


@pytest.fixture(scope="session")
def standing():
    """The page that the last test with `mounted` has left: {what was asked for: Visit}."""
    pages = {}
    yield pages
    for one in pages.values():
        one.page.context.close()


@pytest.fixture
def mounted(browser, served, standing, request):
    """mounted(chapter, width=…) gives the Visit of a page on which every explorable lives, and the
    figures: opened for the first test that asks, and handed on with every explorable reset. The
    narrowest page is dark."""
    given = []

    def start(chapter: str, width: int = 1280, height: int = 900):
        asked = (chapter, width, height)
        if asked not in standing:
            for one in standing.values():
                one.page.context.close()
            standing.clear()
            scheme = "dark" if width < 390 else "light"
            size = {"width": width, "height": height}
            page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
            one = Visit(page, served)
            one.open(chapter)
            one.figures = one.mount_all()
            standing[asked] = one
        given.append(asked)
        return standing[asked], standing[asked].figures

    yield start
    for asked in given:
        one = standing[asked]
        if one.spoiled or request.node.stash.get(FAILED, False):
            standing.pop(asked).page.context.close()
            complaints = one.complaints
        else:
            complaints = one.stay()
        assert not complaints, complaints


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


def pytest_collection_modifyitems(items):
    """Tests of one page that stays open follow each other; last the one that spoils it."""

    def page_of(item):
        shared = "mounted" in item.fixturenames
        params = item.callspec.params if shared else {}
        spoils = "axe_finds" in item.name
        return (shared, params.get("width", 1280), params.get("chapter", ""), shared and spoils)

    items.sort(key=page_of)


@pytest.fixture(scope="session")
def idle():
    """(how it was opened, Visit) of the tabs that the last tests have left."""
    return []


@pytest.fixture
def visit(browser, served, idle):
    """visit("http" or "file", width=…, color_scheme=…) gives a Visit; what went wrong fails the
    test. fresh: in a tab that nobody has used and nobody will, for scripts that stay in it."""
    opened = []

    def start(kind: str = "http", width: int = 1280, height: int = 900, fresh=False, **options):
        options["viewport"] = {"width": width, "height": height}
        how = {"kind": kind, "fresh": fresh, **options}
        known = next((one for one in idle if one[0] == how and not fresh), None)
        if known:
            idle.remove(known)
        else:
            page = browser.new_context(**options).new_page()
            known = how, Visit(page, served if kind == "http" else site.SITE.as_uri())
        opened.append(known)
        return known[1]

    yield start
    for how, one in opened:
        complaints = one.end()
        if how["fresh"] or complaints:
            one.page.context.close()
        else:
            idle.append((how, one))
        assert not complaints, complaints
    while len(idle) > IDLE:
        idle.pop(0)[1].page.context.close()
