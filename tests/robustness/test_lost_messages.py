"""The page is whole again where messages of the server were lost on their way."""

import re
import threading
from pathlib import Path

import cv2
import pytest
from playwright.sync_api import Browser, WebSocketRoute, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.servers import PATIENCE, WIDE, Server
from unet.synthetic import section

pytestmark = pytest.mark.browser


class LossyWire:
    """Stands between a page and the server; while it loses, no part of a page arrives."""

    def __init__(self) -> None:
        self.loses = False
        self.lost_page = threading.Event()  # up to its end

    def connect(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            kind = ForwardMsg.FromString(message).WhichOneof("type") if isinstance(message, bytes) else None
            if self.loses and kind in ("new_session", "delta", "script_finished"):
                if kind == "script_finished":
                    self.lost_page.set()
            else:
                page.send(message)

        server.on_message(pass_on)


def test_a_page_is_drawn_again_where_the_viewer_has_not_heard_of_it(
    browser: Browser, streamlit: Server, tmp_path: Path
) -> None:
    """Streamlit loses the rest of a page that it has just drawn where the viewer wants something in this moment."""
    path, wire = tmp_path / "dome.png", LossyWire()
    cv2.imwrite(str(path), section(3_200_000_000)[0])
    page = browser.new_context(viewport=WIDE).new_page()
    expect.set_options(timeout=1000 * PATIENCE)
    page.set_default_timeout(1000 * PATIENCE)
    page.route_web_socket("**/_stcore/stream", wire.connect)
    page.goto(streamlit.address)
    block = page.get_by_test_id("site-decoder1")
    expect(block).not_to_have_attribute("aria-busy", "true")
    wire.loses = True
    page.locator(".st-key-uploads input[type=file]").set_input_files(path)
    while not wire.lost_page.is_set():
        page.wait_for_timeout(100)
    wire.loses = False
    block.click()
    expect(page.get_by_text("dome.png · 101 × 101 pixels")).to_be_visible()
    expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^dome.png,"))
    page.context.close()
