"""When a slow phone shows something of a page that it has never seen.

    make book && .venv/bin/python benchmarks/first_paint.py [page …]

Chromium, 390 × 844, its network held to 1.6 Mbit/s with 150 ms there and back and its processor to
a quarter, as Lighthouse's "Slow 4G" has it; nothing cached. Once with files gzipped, as most hosts
of static pages do, and once as they are. In turns with it: the same pages with the theme's own
style sheets, whole and one by one, and its scripts not deferred, as they are without
`incontext.sphinx.styles`.
"""

import gzip
import re
import statistics
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import sync_playwright
from timing import site, table

from incontext.sphinx.styles import SHEET

ROUNDS = 5
NETWORK = {"offline": False, "latency": 150, "downloadThroughput": 200_000}  # bytes a second
NETWORK["uploadThroughput"] = 93_750
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
WHOLE = "whole/"  # before the path: the page as it is without the pruning
PLAIN = "plain/"  # before that: nothing gzipped

FIRST_PAINT = """() => new Promise(done => {
  const look = () => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    return paint ? done(paint.startTime) : setTimeout(look, 50);
  };
  look();
})"""


def with_whole_styles(page: str) -> str:
    """The page as the theme makes it: its sheets one by one, its scripts in place."""
    names = (site.SITE / "_static" / SHEET).read_text("utf-8").partition("\n")[0].strip("/* ")
    links = (f'<link rel="stylesheet" href="\\1{name}">' for name in names.split())
    page = re.sub(rf'<link rel="stylesheet" href="([^"]*){SHEET}[^>]*>', "".join(links), page)
    return page.replace("<script defer src", "<script src")


class Host(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0].lstrip("/")
        plain, path = path.startswith(PLAIN), path.removeprefix(PLAIN)
        file = site.SITE / path.removeprefix(WHOLE)
        if not file.is_file():
            self.send_error(404)
            return
        data = file.read_bytes()
        if path.startswith(WHOLE) and path.endswith(".html"):
            data = with_whole_styles(data.decode()).encode()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        if not plain:
            data = gzip.compress(data)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


def first_paint(browser, address: str) -> float:
    """Seconds until the first contentful paint."""
    context = browser.new_context(**PHONE)
    page = context.new_page()
    client = context.new_cdp_session(page)
    client.send("Network.enable")
    client.send("Network.emulateNetworkConditions", NETWORK)
    client.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.goto(address, wait_until="commit")
    seconds = page.evaluate(FIRST_PAINT) / 1000
    context.close()
    return seconds


def main() -> None:
    chapters = [c for c in site.chapters() if not sys.argv[1:] or c.split("/")[-1] in sys.argv[1:]]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_port}/"
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**site.LAUNCH)
        for chapter in chapters:
            taken = {WHOLE: [], "": [], PLAIN + WHOLE: [], PLAIN: []}
            for _ in range(ROUNDS):
                for before, seconds in taken.items():
                    seconds.append(first_paint(browser, f"{host}{before}{chapter}.html"))
            medians = [statistics.median(seconds) for seconds in taken.values()]
            rows.append([chapter.split("/")[-1], *(f"{median:.2f}" for median in medians)])
        browser.close()
    server.shutdown()
    header = ["theme's own sheets, gzipped (s)", "the book's", "theme's own, plain", "the book's"]
    print(table(["page", *header], rows))


if __name__ == "__main__":
    main()
