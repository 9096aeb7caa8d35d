"""A browser with the network cut off, and the book served from a sub-path or opened from disk."""

import functools
import http.server
import threading
from dataclasses import dataclass, field

import pytest
import site_under_test as site
from playwright.sync_api import Page, sync_playwright


@dataclass
class Visit:
    """A page, and what it asked for or complained about while it was open."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

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
        launched = playwright.chromium.launch(**site.LAUNCH)
        yield launched
        launched.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
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


@pytest.fixture
def visit(browser, served):
    """visit("http" or "file", width=…, dark=…) gives a Visit; what went wrong fails the test."""
    opened = []

    def start(kind: str = "http", width: int = 1280, height: int = 900, **options) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        base = served if kind == "http" else site.SITE.as_uri()
        one = Visit(context.new_page(), base)

        def guard(route):
            url = route.request.url
            if url.startswith((base, "data:", "blob:")):
                route.continue_()
            else:
                one.complaints.append(f"asked for {url}")
                route.abort()

        context.route("**/*", guard)
        one.page.on(
            "console",
            lambda m: one.complaints.append(f"console: {m.text}") if m.type == "error" else None,
        )
        one.page.on(
            "response",
            lambda r: one.complaints.append(f"{r.status} {r.url}") if r.status >= 400 else None,
        )
        one.page.on("pageerror", lambda error: one.complaints.append(f"error: {error}"))
        opened.append((context, one))
        return one

    yield start
    for context, one in opened:
        context.close()
        assert not one.complaints, one.complaints
