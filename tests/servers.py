"""Servers of the real apps and the Chromium that opens them, for every test that needs one."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, Request

ROOT = Path(__file__).parents[1]
START = 180  # seconds until a server must answer: a first start on a busy machine
PATIENCE = 60  # seconds that a page may take for anything
WIDE, PHONE = {"width": 1300, "height": 1000}, {"width": 390, "height": 844}

# The first one draws a page in three quarters of the time; None is Playwright's own.
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"))), None
)
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync"]


@dataclass(frozen=True)
class Server:
    """A running server; ``output`` is the file with everything it printed."""

    port: int
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    def printed(self) -> str:
        return self.output.read_text(errors="replace")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


@contextmanager
def started(
    command: Sequence[str], port: int, *, folder: Path = ROOT, environment: Mapping[str, str] = os.environ
) -> Iterator[Server]:
    """A server process in a folder, from its first answer on; whatever happens, it is stopped."""
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "output"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=folder,
                env={**environment, "GRADIO_TEMP_DIR": temporary},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        server, end = Server(port, process, output), time.monotonic() + START
        try:
            while True:
                try:
                    urllib.request.urlopen(server.address, timeout=START).close()
                    break
                except OSError:
                    assert process.poll() is None, server.printed()
                    assert time.monotonic() < end, f"no answer after {START} s; {server.printed()}"
                    time.sleep(0.1)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def served(front: Literal["streamlit", "gradio"], checkout: Path = ROOT) -> Iterator[Server]:
    """One of the apps of a checkout on a free port."""
    port = free_port()
    app = ["-m", "streamlit", "run", "demo/app.py", "--server.port", str(port)]
    # The checkout's own packages, also where others are installed.
    environment = {**os.environ, "PYTHONPATH": str(checkout), "GRADIO_SERVER_PORT": str(port)}
    with started(
        app if front == "streamlit" else ["demo/gradio_app.py"], port, folder=checkout, environment=environment
    ) as server:
        yield server


@contextmanager
def visited(
    browser: Browser, address: str, query: str = "sample=Salt+stock", viewport: dict[str, int] = WIDE, **context: Any
) -> Iterator[Page]:
    """A new page that shows an image, by default the first sample also where survey tiles are; a script error fails.

    ``page.sent`` holds when it sent something to the server, in seconds of ``time.monotonic``.
    """
    page = browser.new_context(viewport=viewport, **context).new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.sent = []

    def requested(request: Request) -> None:
        if request.resource_type in ("fetch", "xhr"):  # not a script or a font that the page loads for itself
            page.sent.append(time.monotonic())

    page.on("websocket", lambda socket: socket.on("framesent", lambda _: page.sent.append(time.monotonic())))
    page.on("request", requested)
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    try:
        page.goto(f"{address}?{query}")
        page.get_by_test_id("salt-readout").filter(has_text="threshold").wait_for()
        yield page
    finally:
        page.context.close()
    assert not errors
