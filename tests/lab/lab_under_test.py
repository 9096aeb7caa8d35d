"""JupyterLab as the tests use it: started, looked at in a browser, asked through its kernels."""

import os
import secrets
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_client import BlockingKernelClient

PATIENCE = 180_000  # ms
IDLE = "document.querySelector('#jp-main-statusbar').innerText.includes('| Idle')"


@contextmanager
def running(command: list[str], home: Path, folder: Path) -> Iterator[tuple[str, str, Path]]:
    """JupyterLab, started by `command` in `folder`: (address, token, folder of kernels' files)."""
    runtime, settings = home / "runtime", home / "settings"
    runtime.mkdir()
    settings.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    (settings / "jupyter_server_config.py").write_text(
        f"c.ServerApp.port = {port}\n"
        f"c.IdentityProvider.token = {token!r}\n"
        "c.ServerApp.open_browser = False\nc.LabApp.open_browser = False\n"
        "c.ExtensionApp.open_browser = False\nc.ServerApp.allow_root = True\n"
    )
    log = home / "lab.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env={
                **os.environ,
                "JUPYTER_RUNTIME_DIR": str(runtime),
                "JUPYTER_CONFIG_DIR": str(settings),
                "HOME": str(home),
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}/api/status?token={token}", timeout=2)
            break
        except OSError:
            assert server.poll() is None, log.read_text()[-2000:]
            time.sleep(0.5)
    try:
        yield address, token, runtime
    finally:
        server.terminate()
        server.wait(timeout=20)


def kernel_of(runtime: Path) -> BlockingKernelClient:
    newest = max(runtime.glob("kernel-*.json"), key=lambda file: file.stat().st_mtime)
    client = BlockingKernelClient(connection_file=str(newest))
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    return client


def evaluate(client: BlockingKernelClient, code: str) -> str:
    printed = []

    def keep(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(code, output_hook=keep, timeout=60, store_history=False)
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(printed).strip()


def run_all(page) -> None:
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.wait_for_function(IDLE)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def come_to(page, wanted: str) -> None:
    """Wait until `wanted` is in the document, all cells have run, and the page stands at its top.

    JupyterLab keeps only the cells near the view in the document, and follows the running cell.
    """
    look = """wanted => {
      document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0;
      return document.querySelector(wanted);
    }"""
    page.wait_for_function(look, arg=wanted, polling=500)
    page.wait_for_function(IDLE)
    page.wait_for_function(look, arg=wanted, polling=500)
