"""Both apps under load: many users at once, every response compared with what one user gets."""

import asyncio
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from gradio_client import Client, handle_file
from numpy.typing import NDArray
from playwright.async_api import Browser, async_playwright, expect

from demo.detection import detect
from tests.robustness.checks import LONG
from tests.servers import CHROMIUM, SWITCHES, WIDE, Server
from unet import Segmenter, explain
from unet.synthetic import section

FIRST_SEED = 3_100_000_000  # sections that neither training nor the samples use
PATIENCE = 180_000  # ms after which a response counts as lost
UPLOADER = ".st-key-uploads input[type=file]"  # the one for masks may be there before
IDLE = 3  # seconds until a server whose users are gone has nothing more to do
MOST_GROWTH = 0.10  # of the server's memory, from the end of one round of every user
USERS, IMAGES, SECONDS = 8, 4, 600  # images of each user, and how long they go on after one round


def draw(folder: Path, count: int) -> list[Path]:
    """Synthetic sections as PNG files, no two alike."""
    paths = [folder / f"{number:04}.png" for number in range(count)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), section(FIRST_SEED + number)[0])
    return paths


def read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.uint8)


def pixel(number: int) -> tuple[int, int]:
    """One to explain of image ``number``."""
    return 37 * number % 101, 53 * number % 101


def memory(server: Server) -> float:
    """MB of a server's own; the pages of its libraries are the disk's cache, and come and go with that."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return sum(int(status.split(f"{name}:")[1].split()[0]) / 1024 for name in ("RssAnon", "VmSwap"))


# --- Gradio: programs ---------------------------------------------------------------------------------------


def connect(server: Server, folder: Path) -> Client:
    """A program that is one user."""
    return Client(server.address, verbose=False, download_files=folder, analytics_enabled=False)


def call(client: Client, image: Path, endpoint: str, **inputs: Any) -> tuple[bytes, dict[str, Any]]:
    """The file that an endpoint returns, and its report."""
    path, report = client.predict(handle_file(image), **inputs, api_name=endpoint)
    content = Path(path).read_bytes()
    Path(path).unlink()
    return content, report


def requests(number: int) -> dict[str, dict[str, Any]]:
    """Endpoint -> what is given beside image ``number``."""
    return {
        "/predict": {"threshold": 0.3 + number % 5 / 10},
        "/trace": {"site": ("encoder1", "bottleneck", "decoder2", "skip3")[number % 4]},
        "/ablate": {"cuts": [f"skip{1 + number % 4}", "bottleneck"][: 1 + number % 2]},
        "/explain_pixel": dict(zip(("row", "column"), pixel(number), strict=True)),
    }


@pytest.mark.parametrize(
    ("users", "images", "seconds"),
    [pytest.param(2, 1, 0, id="few"), pytest.param(USERS, 4 * IMAGES, SECONDS, id="many", marks=LONG)],
)
def test_programs_at_once_get_what_one_gets_alone(
    gradio: Server, tmp_path: Path, users: int, images: int, seconds: float
) -> None:
    paths = draw(tmp_path, users * images)
    clients = [connect(gradio, tmp_path / f"user{user}") for user in range(users)]

    def use(client: Client, number: int) -> list[tuple[bytes, dict[str, Any]]]:
        return [call(client, paths[number], endpoint, **inputs) for endpoint, inputs in requests(number).items()]

    def work(user: int, end: float = 0) -> None:
        """One round, and more of them while there is time."""
        while True:
            for number in range(user, users * images, users):
                assert use(clients[user], number) == alone[number], f"user {user}, image {number}"
            if time.monotonic() >= end:
                return

    alone = [use(clients[0], number) for number in range(len(paths))]
    with ThreadPoolExecutor(users) as pool:
        list(pool.map(work, range(users)))
        if seconds:
            warm, end = memory(gradio), time.monotonic() + seconds
            list(pool.map(work, range(users), [end] * users))
            assert memory(gradio) <= (1 + MOST_GROWTH) * warm


# --- Streamlit: people --------------------------------------------------------------------------------------


class Texts(NamedTuple):
    """What a page must say of an image: of the whole network, of every cut, with one cut, of a pixel."""

    whole: str
    table: list[str]
    cut: str
    pixel: str


def by_python(segmenter: Segmenter, path: Path, number: int) -> Texts:
    image, box = read(path), (*pixel(number), 1, 1)
    detections = [detect(one, segmenter.threshold) for one in explain.cut_table(segmenter, image)]
    table = [f"salt {100 * detection.share:.1f} %" for detection in detections[: len(detections) // 2]]
    found = explain.explain_pixel(segmenter, image, box)
    _, _, height, width = explain.influence_box(found.influence, box, 0.9)
    whole = detect(segmenter.probability(image), segmenter.threshold).sentence
    return Texts(whole, table, detections[1 << number % 4].sentence, f"comes from {height} x {width} pixels")


async def visit(browser: Browser, address: str, images: Sequence[tuple[int, Path, Texts]]) -> None:
    """Opens the app, and of every image looks at the mask, cuts a skip and explains a pixel."""
    page = await (await browser.new_context(viewport=WIDE)).new_page()
    page.set_default_timeout(PATIENCE)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(address)
    readout, viewer = page.get_by_test_id("salt-readout"), page.get_by_test_id("salt-viewer")
    for number, path, texts in images:
        name = f"{time.monotonic_ns()}.png"  # no two have one name, so the page cannot show the last one's
        file = {"name": name, "mimeType": "image/png", "buffer": path.read_bytes()}
        await page.locator(UPLOADER).set_input_files(file)
        await expect(viewer).to_have_attribute("aria-label", re.compile(f"^{name},"))
        await expect(readout).to_have_text(texts.whole)
        await page.get_by_test_id("tab-cut").click()
        await expect(page.locator(".cut-salt")).to_have_text(texts.table)
        await page.get_by_test_id(f"toggle-skip{1 + number % 4}").click()
        await expect(readout).to_have_text(texts.cut)
        row, column = pixel(number)
        zoom = (await viewer.bounding_box())["width"] / 101
        await viewer.click(position={"x": (column + 0.5) * zoom, "y": (row + 0.5) * zoom})
        await expect(page.get_by_test_id("why-value")).to_contain_text(f"Row {row}, column {column}")
        await expect(page.get_by_test_id("why-sentence")).to_contain_text(texts.pixel)
        await page.get_by_test_id("why-forget").click()
        await page.get_by_test_id("tab-cut").click()
        await page.get_by_test_id("cut-none").click()
    await page.context.close()
    assert errors == []


@pytest.mark.browser
@pytest.mark.parametrize(("users", "images", "seconds"), [(4, 1, 0), pytest.param(USERS, IMAGES, SECONDS, marks=LONG)])
def test_people_at_once_see_what_python_computes(
    streamlit: Server, tmp_path: Path, users: int, images: int, seconds: float
) -> None:
    expect.set_options(timeout=PATIENCE)
    segmenter = Segmenter.load()
    paths = draw(tmp_path, users * images)
    expected = [(number, path, by_python(segmenter, path, number)) for number, path in enumerate(paths)]

    async def stay(browser: Browser, own: Sequence[tuple[int, Path, Texts]], end: float) -> None:
        while time.monotonic() < end:
            await visit(browser, streamlit.address, own)

    async def load() -> None:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
            everyone = [expected[user::users] for user in range(users)]
            await asyncio.gather(*(visit(browser, streamlit.address, own) for own in everyone))
            if seconds:
                await asyncio.sleep(IDLE)
                warm, end = memory(streamlit), time.monotonic() + seconds
                await asyncio.gather(*(stay(browser, own, end) for own in everyone))
                await asyncio.sleep(IDLE)
                assert memory(streamlit) <= (1 + MOST_GROWTH) * warm
            await browser.close()

    asyncio.run(load())
