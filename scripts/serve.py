"""Build the book on every save, serve it, and let the open pages load themselves anew."""

import http.server
import subprocess
import sys
import threading
import time
import webbrowser
from functools import partial
from pathlib import Path

HOST, PORTS = "127.0.0.1", range(8000, 8020)
BUILT = Path("_build/html")
WATCHED = ("chapters", "src", "_static", "_templates", "_config.yml", "_toc.yml", "references.bib")
SOURCES = {".md", ".py", ".css", ".js", ".svg", ".html", ".yml", ".bib", ".json", ".mplstyle"}
RELOAD = b'<script>new EventSource("/reload").onmessage = () => location.reload()</script></body>'

built = threading.Condition()


def build() -> None:
    book = Path(sys.executable).with_name("jupyter-book")
    command = [book, "build", ".", "-n", "--keep-going", "-q"]
    start = time.monotonic()
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    word = "built" if done.returncode == 0 else "NOT built"
    print(f"{word} in {time.monotonic() - start:.0f} s", flush=True)
    with built:
        built.notify_all()


def times() -> dict[Path, float]:
    """When each source was last saved."""
    roots = [Path(name) for name in WATCHED]
    files = [path for root in roots for path in ([root] if root.is_file() else root.rglob("*"))]
    return {path: path.stat().st_mtime for path in files if path.suffix in SOURCES}


class Pages(http.server.SimpleHTTPRequestHandler):
    """The built book; pages get a line that waits for the next build."""

    def do_GET(self):
        if self.path == "/reload":
            self.wait_for_build()
            return
        page = Path(self.translate_path(self.path))
        page = page / "index.html" if page.is_dir() else page
        if page.suffix != ".html" or not page.exists():
            super().do_GET()
            return
        body = page.read_bytes().replace(b"</body>", RELOAD)
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def wait_for_build(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        with built:
            built.wait()
        self.wfile.write(b"data: built\n\n")

    def log_message(self, *_):
        pass


def serve() -> http.server.ThreadingHTTPServer:
    """At the first free port."""
    for port in PORTS:
        try:
            return http.server.ThreadingHTTPServer(
                (HOST, port), partial(Pages, directory=str(BUILT))
            )
        except OSError:
            continue
    sys.exit(f"make: no port between {PORTS[0]} and {PORTS[-1]} is free")


def main() -> None:
    build()
    server = serve()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://{HOST}:{server.server_port}/chapters/index.html"
    print(f"The book is at {address}. Save a file, and it is built again. Ctrl+C ends this.")
    webbrowser.open(address)
    before = times()
    try:
        while True:
            time.sleep(0.5)
            now = times()
            if now != before:
                before = now
                build()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
