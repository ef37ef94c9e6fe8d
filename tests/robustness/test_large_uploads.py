"""Files over the limits: both apps refuse them at the door, and in words on the page."""

import http.client
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from gradio_client import Client, handle_file
from playwright.sync_api import Browser, Request, expect

from demo.limits import LARGEST_UPLOAD, LARGEST_ZIP, MEGABYTE
from tests.servers import Server, visited


def blank(folder: Path, megabytes: int) -> Path:
    """A file that takes no room on the disk."""
    path = folder / f"{megabytes}.png"
    with path.open("wb") as file:
        file.truncate(megabytes * MEGABYTE)
    return path


def test_gradio(gradio: Server, tmp_path: Path) -> None:
    for megabytes, status in ((LARGEST_UPLOAD + 1, 413), (LARGEST_UPLOAD - 1, 200)):
        with blank(tmp_path, megabytes).open("rb") as file:
            response = httpx.post(f"{gradio.address}/gradio_api/upload", files={"files": file}, timeout=60)
        assert response.status_code == status, response.text
    client = Client(gradio.address, verbose=False, download_files=tmp_path, analytics_enabled=False)
    with pytest.raises(Exception, match="413|exceeds"):  # httpx's or the client's own
        client.predict(handle_file(blank(tmp_path, LARGEST_UPLOAD + 1)), api_name="/predict")


@pytest.mark.browser
def test_streamlit(streamlit: Server, browser: Browser, tmp_path: Path) -> None:
    sent: list[Request] = []
    with visited(browser, streamlit.address) as page:
        page.on("request", lambda request: sent.append(request) if "upload_file" in request.url else None)
        for which, megabytes, sentence, arrives in (
            (0, LARGEST_ZIP + 1, rf"{LARGEST_ZIP}(\.0)?\s?MB or smaller", False),
            (1, LARGEST_UPLOAD + 1, rf"{LARGEST_UPLOAD}(\.0)?\s?MB or smaller", False),
            (
                0,
                LARGEST_UPLOAD + 1,
                f"at most {LARGEST_UPLOAD} MB, got {LARGEST_UPLOAD + 1}.0 MB; cut it into smaller images",
                True,
            ),
        ):
            page.locator("input[type=file]").nth(which).set_input_files(blank(tmp_path, megabytes))
            expect(page.get_by_text(re.compile(sentence)).first).to_be_visible(timeout=60_000)
            assert bool(sent) == arrives
        # Past the page, with what its last upload said of itself: this session is still open.
        door, known = sent[-1].url.rsplit("/", 1)[0], sent[-1].all_headers()
        headers = {name: value for name, value in known.items() if name in ("cookie", "x-xsrftoken")}
        announced = {"content-length": str((LARGEST_ZIP + 1) * MEGABYTE)}
        assert put(f"{door}/announced", b"", headers | announced) == 413
        assert put(f"{door}/chunked", chunks(LARGEST_ZIP + 1), headers) in (413, "hung up")


def chunks(megabytes: int) -> Iterator[bytes]:
    """The body of a form with one file, without its length."""
    yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    for _ in range(megabytes + 1):  # the server allows for 1 MB of form around the file
        yield bytes(MEGABYTE)
    yield b"\r\n--x--\r\n"


def put(address: str, content: bytes | Iterator[bytes], headers: dict[str, str]) -> int | str:
    """The status of an upload past the page, or that the server hung up."""
    place, form = urlsplit(address), {"content-type": "multipart/form-data; boundary=x", **headers}
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    with suppress(OSError):  # it hung up before it had everything; its response may be there all the same
        connection.request("PUT", place.path, content, form, encode_chunked="content-length" not in form)
    try:
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return "hung up"
    finally:
        connection.close()
