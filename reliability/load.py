"""Both apps under load: many users, many predictions, files that are too large: ``python -m reliability.load``."""

import asyncio
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import cv2
import httpx
import numpy as np
import tyro
from gradio_client import Client, handle_file
from numpy.typing import NDArray
from playwright.async_api import Error, FilePayload, Page, Request, ViewportSize, async_playwright
from rich.console import Console
from rich.progress import track

from demo import limits
from demo.detection import detect
from reliability.browser import CHROMIUM, SWITCHES
from unet import Segmenter, explain, metrics
from unet.segmenter import Mask
from unet.synthetic import section

ROOT = Path(__file__).parents[1]
FIRST_SEED = 3_100_000_000  # sections that neither training nor the samples use
MOST_GROWTH = 0.10  # of the server's memory, from the end of the warm-up round
EDGE = 1e-5  # so near to the threshold a pixel may lie on either side: another process, another number of threads
SHARES = (50, 95, 99)  # percentiles of the latency
PATIENCE = 180  # seconds after which an answer counts as lost
MEGABYTE = 2**20
VIEWPORT: ViewportSize = {"width": 1300, "height": 1000}

Front = Literal["streamlit", "gradio"]


@dataclass
class Options:
    """Lets many users work with the real app at once, and compares what they see with what one alone sees."""

    front: Front = "streamlit"
    """Which app."""

    users: int = 8
    """How many work at once."""

    minutes: float = 10
    """How long."""

    images: int = 4
    """Of each user; with eight users they are more than the apps keep."""

    predictions: int = 0
    """Instead: so many predictions through Gradio's API, every one of another image."""

    uploads: bool = False
    """Instead: files over the limit are sent to both apps."""


# --- The server ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """A running app."""

    address: str
    pid: int

    @property
    def resident(self) -> float:
        """MB of memory of its own; the pages of its libraries are the disk's cache, and come and go with that."""
        return self._memory("RssAnon") + self._memory("VmSwap")

    @property
    def highest(self) -> float:
        """MB of memory that it ever held, its libraries included."""
        return self._memory("VmHWM")

    def _memory(self, name: str) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split(f"{name}:")[1].split()[0]) / 1024


@contextmanager
def served(front: Front) -> Iterator[Server]:
    """The real app on a free port, for as long as it is needed; nothing it writes is left behind."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    if front == "streamlit":
        command, path = ["-m", "streamlit", "run", "demo/app.py", "--server.port", port], "_stcore/health"
    else:
        command, path = ["demo/gradio_app.py"], ""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "GRADIO_SERVER_PORT": port, "GRADIO_TEMP_DIR": folder}
        server = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        address = f"http://localhost:{port}"
        try:
            while True:
                try:
                    urllib.request.urlopen(f"{address}/{path}").close()
                    break
                except urllib.error.URLError:
                    if server.poll() is not None:
                        raise RuntimeError((Path(folder) / "log").read_text()) from None
                    time.sleep(0.2)
            yield Server(address, server.pid)
        finally:
            server.terminate()
            server.wait()


# --- What is counted ----------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What came back, from all users together.

    Attributes:
        times: gesture -> seconds of every answer.
        different: a sentence for every answer that differed from what one user alone gets.
        errors: a sentence for every answer that did not come.
    """

    times: dict[str, list[float]] = field(default_factory=dict)
    different: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def answers(self) -> int:
        """How many came."""
        return sum(map(len, self.times.values()))

    def add(self, gesture: str, seconds: float, said: Any, alone: Any, who: str) -> None:
        """Counts an answer."""
        self.times.setdefault(gesture, []).append(seconds)
        if said != alone:
            self.different.append(f"{who}, {gesture}: {_words(said)} instead of {_words(alone)}")


def _words(said: Any) -> str:
    """An answer for a sentence; of a file its length."""
    parts = said if isinstance(said, tuple) else (said,)
    return ", ".join(f"{len(part)} bytes" if isinstance(part, bytes) else str(part)[:200] for part in parts)


@dataclass(frozen=True)
class Report:
    """A run under load; memory in MB, after a warm-up round of every user, at the end, and the most in between."""

    front: Front
    users: int
    seconds: float
    tally: Tally
    warm: float
    end: float
    highest: float

    @property
    def growth(self) -> float:
        """Of the memory, as a share."""
        return self.end / self.warm - 1

    @property
    def held(self) -> bool:
        """Whether every promise held."""
        clean = not self.tally.different and not self.tally.errors
        return clean and self.tally.answers > 0 and self.growth <= MOST_GROWTH

    def lines(self) -> list[str]:
        """The run in plain words."""
        tally = self.tally
        rows = [
            f"{self.front}: {self.users} users at once for {self.seconds / 60:.1f} minutes",
            f"answers: {tally.answers:,}, of which {len(tally.different)} differed from what one user alone gets; "
            f"errors: {len(tally.errors)}",
            *(f"  {sentence}" for sentence in (tally.different + tally.errors)[:10]),
            f"{'latency in ms':<44}{'n':>7}" + "".join(f"{share:>8} %" for share in SHARES),
        ]
        for gesture, times in tally.times.items():
            values = np.percentile(times, SHARES) * 1000
            rows.append(f"  {gesture:<42}{len(times):>7,}" + "".join(f"{value:>10,.0f}" for value in values))
        rows.append(
            f"memory of the server: {self.warm:.0f} MB after one round of every user, {self.end:.0f} MB at the end, "
            f"{100 * self.growth:+.1f} %; promised is at most {100 * MOST_GROWTH:.0f} %; "
            f"while it answered it held up to {self.highest:.0f} MB, its libraries included"
        )
        return rows


def draw(folder: Path, count: int) -> list[Path]:
    """Synthetic sections as PNG files, no two alike."""
    paths = []
    for number in range(count):
        paths.append(folder / f"{number:04}.png")
        cv2.imwrite(str(paths[-1]), section(FIRST_SEED + number)[0])
    return paths


def read(path: Path) -> NDArray[np.uint8]:
    """The pixels of a section."""
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.uint8)


# --- Gradio: programs ---------------------------------------------------------------------------------------


def questions(number: int) -> dict[str, dict[str, Any]]:
    """What is asked of image ``number``: endpoint -> what is given beside the image."""
    sites = ("encoder1", "bottleneck", "decoder2", "skip3")
    return {
        "/predict": {"threshold": 0.3 + number % 5 / 10},
        "/trace": {"site": sites[number % len(sites)]},
        "/ablate": {"cuts": [f"skip{1 + number % 4}", "bottleneck"][: 1 + number % 2]},
        "/explain_pixel": {"row": 37 * number % 101, "column": 53 * number % 101},
    }


def connect(server: Server, folder: Path) -> Client:
    """A program that is one user."""
    return Client(server.address, verbose=False, download_files=folder, analytics_enabled=False)


def ask(client: Client, image: Path, endpoint: str, given: dict[str, Any]) -> tuple[bytes, str]:
    """The file that an endpoint gives, and its numbers."""
    path, report = client.predict(handle_file(image), **given, api_name=endpoint)
    content = Path(path).read_bytes()
    Path(path).unlink()
    return content, json.dumps(report, sort_keys=True)


def gradio_load(server: Server, users: int, seconds: float, images: int) -> Report:
    """Programs that call all endpoints, each with images of its own.

    Args:
        server: the Gradio app.
        users: how many work at once.
        seconds: how long; nothing is begun later.
        images: of each user.
    """
    tally = Tally()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(users) as pool:
        folder = Path(name)
        paths = draw(folder, users * images)
        own = [range(user * images, (user + 1) * images) for user in range(users)]
        single = connect(server, folder / "alone")
        alone = {
            (number, endpoint): ask(single, paths[number], endpoint, given)
            for number in track(range(len(paths)), "one alone", console=Console(stderr=True), transient=True)
            for endpoint, given in questions(number).items()
        }
        clients = list(pool.map(lambda user: connect(server, folder / f"user{user}"), range(users)))

        def work(user: int, end: float, kept: Tally) -> None:
            """One round, or as many as there is time for."""
            while True:
                for number in own[user]:
                    for endpoint, given in questions(number).items():
                        who = f"user {user}, image {number}"
                        begin = time.monotonic()
                        try:
                            said = ask(clients[user], paths[number], endpoint, given)
                            kept.add(endpoint, time.monotonic() - begin, said, alone[number, endpoint], who)
                        except Exception as error:  # whatever it is, it is counted
                            kept.errors.append(f"{who}, {endpoint}: {type(error).__name__}: {error}")
                        if time.monotonic() > end > 0:
                            return
                if end == 0:
                    return

        warm_up = Tally()
        list(pool.map(lambda user: work(user, 0, warm_up), range(users)))
        warm, begin = server.resident, time.monotonic()
        list(pool.map(lambda user: work(user, begin + seconds, tally), range(users)))
        end, spent = server.resident, time.monotonic() - begin
        tally.different += warm_up.different
        tally.errors += warm_up.errors
    return Report("gradio", users, spent, tally, warm, end, server.highest)


# --- Streamlit: visitors ------------------------------------------------------------------------------------

OPEN = "open the page to the first read-out"
DROP = "drop an image to its read-out"
TABLE = "drop an image to the table of cuts"
CUT = "cut a skip to the new read-out"
PIXEL = "ask a pixel to the mean of noisy copies"

# In the page: what a visitor reads there, and how long it takes to come.
PROBES = """() => {
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  let root = null; // Streamlit shows the viewer in a shadow root
  const viewer = () => {
    if (!root?.isConnected) {
      const roots = [...document.querySelectorAll("*")].map((element) => element.shadowRoot).filter(Boolean);
      root = roots.find((one) => one.querySelector('[data-testid="salt-viewer"]')) ?? null;
    }
    return root;
  };
  window.part = (name) => viewer()?.querySelector(`[data-testid="${name}"]`);
  window.text = (name) => part(name)?.textContent ?? "";
  window.readout = () => text("salt-readout");
  window.opened = (name) => part("salt-viewer")?.getAttribute("aria-label")?.startsWith(`${name},`);
  window.whole = () => part("cut-pending")?.hidden && part("site-logits")
    && !root.querySelector('[data-testid^="site-"][aria-busy="true"]');
  window.table = () => [...viewer().querySelectorAll(".cut-salt")].map((cell) => cell.textContent);
  window.why = () => `${text("why-value")} ${text("why-sentence")}`;
  // Ms until something is so; null when nobody would wait any longer.
  window.after = async (ready) => {
    for (const start = performance.now(); performance.now() - start < PATIENCE; await sleep(20)) {
      if (ready()) return performance.now() - start;
    }
    return null;
  };
  // What is read once it stands still; thumbnails are painted in a pause.
  window.still = async (read) => {
    let before = null;
    for (let now = JSON.stringify(read()); now !== before; now = JSON.stringify(read())) {
      before = now;
      await sleep(400);
    }
    return JSON.parse(before);
  };
}""".replace("PATIENCE", f"{1000 * PATIENCE}")

# A click into the image, at a pixel.
ASK = """async ([row, column]) => {
  const canvas = part("salt-viewer");
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const at = {
    clientX: left + ((column + 0.5) * width) / 101, clientY: top + ((row + 0.5) * height) / 101,
    bubbles: true, composed: true, pointerId: 1, pointerType: "mouse", isPrimary: true, button: 0,
  };
  const done = after(() => text("why-value").startsWith(`Row ${row}, column ${column}: probability`)
    && text("why-sentence").includes("90 %") && !text("why-state"));
  canvas.dispatchEvent(new PointerEvent("pointerdown", { ...at, buttons: 1 }));
  canvas.dispatchEvent(new PointerEvent("pointerup", at));
  const spent = await done;
  return [spent, await still(why)];
}"""

CUT_WIRE = """async (name) => {
  const done = after(() => part(name).getAttribute("aria-pressed") === "true" && !part("salt-altered").hidden
    && part("cut-pending").hidden);
  part(name).click();
  const spent = await done;
  return [spent, [await still(readout), await still(table)]];
}"""


class Answer(NamedTuple):
    """What a visitor read after a gesture; ``number`` is the image's, -1 before there is one."""

    gesture: str
    number: int
    seconds: float
    said: Any


class LostError(Exception):
    """A visitor waited in vain."""


async def look_at(page: Page, address: str, paths: Sequence[Path], numbers: Sequence[int]) -> AsyncIterator[Answer]:
    """What a visitor does and reads: opens the page, and of every image cuts a skip and asks a pixel.

    Args:
        page: of this visitor alone.
        address: of the app.
        paths: of all images.
        numbers: of this visitor's.
    """

    def taken(gesture: str, number: int, spent: float | None, said: Any) -> Answer:
        if spent is None:
            raise LostError(f"{gesture}: nothing after {PATIENCE} s; the page shows {said}")
        return Answer(gesture, number, spent / 1000, said)

    begin = time.monotonic()
    await page.goto(address)
    await page.get_by_test_id("salt-readout").filter(has_text="threshold").wait_for()
    await page.evaluate(PROBES)
    yield Answer(OPEN, -1, time.monotonic() - begin, await page.evaluate("still(readout)"))
    for number in numbers:
        name = f"{time.monotonic_ns()}.png"  # no two drops have one name, so the page cannot show the last one's
        await page.evaluate(
            """(name) => {
              window.shown = after(() => opened(name));
              window.there = after(() => opened(name) && whole());
            }""",
            name,
        )
        content = paths[number].read_bytes()
        drop = page.locator("input[type=file]").first
        await drop.set_input_files(FilePayload(name=name, mimeType="image/png", buffer=content))
        yield taken(DROP, number, *await page.evaluate("async () => [await shown, readout()]"))
        yield taken(TABLE, number, *await page.evaluate("async () => [await there, await still(table)]"))
        yield taken(CUT, number, *await page.evaluate(CUT_WIRE, f"toggle-skip{1 + number % 4}"))
        cell = [37 * number % 101, 53 * number % 101]
        yield taken(PIXEL, number, *await page.evaluate(ASK, cell))
        await page.evaluate('() => { part("cut-none").click(); part("why-forget").click(); }')


def by_python(segmenter: Segmenter, path: Path, number: int) -> dict[str, Any]:
    """What the page must show of an image, as far as Python says it in words as well."""
    image = read(path)
    findings = [detect(one, segmenter.threshold) for one in explain.cut_table(segmenter, image)]
    cells = [f"salt {100 * finding.share:.1f} %" for finding in findings[: len(findings) // 2]]  # with the bottleneck
    whole = detect(segmenter.probability(image), segmenter.threshold)
    return {DROP: whole.sentence, TABLE: cells, CUT: [findings[1 << number % 4].sentence, cells]}


async def streamlit_load(server: Server, users: int, seconds: float, images: int) -> Report:
    """Visitors in one Chromium, each with a context and images of their own.

    Args:
        server: the Streamlit app.
        users: how many work at once.
        seconds: how long; nothing is begun later.
        images: of each user.
    """
    tally, warm_up, segmenter = Tally(), Tally(), Segmenter.load()
    with tempfile.TemporaryDirectory() as folder:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
            paths = draw(Path(folder), users * images)
            own = [range(user * images, (user + 1) * images) for user in range(users)]
            pages = [await (await browser.new_context(viewport=VIEWPORT)).new_page() for _ in own]
            for page in pages:
                page.set_default_timeout(1000 * PATIENCE)
                page.on("pageerror", lambda error: tally.errors.append(f"script: {error}"))

            alone: dict[tuple[str, int], Any] = {}
            for user in track(range(users), "one alone", console=Console(stderr=True), transient=True):
                async for answer in look_at(pages[user], server.address, paths, own[user]):
                    alone[answer.gesture, answer.number] = answer.said
                await pages[user].goto("about:blank")
            for number, path in enumerate(paths):
                for gesture, said in by_python(segmenter, path, number).items():
                    if alone[gesture, number] != said:
                        shown = alone[gesture, number]
                        tally.different.append(f"alone, image {number}, {gesture}: {shown}, and Python says {said}")

            async def visit(user: int, end: float, kept: Tally) -> None:
                """One visit, or as many as there is time for."""
                while True:
                    try:
                        async for answer in look_at(pages[user], server.address, paths, own[user]):
                            who = f"user {user}, image {answer.number}"
                            right = alone[answer.gesture, answer.number]
                            kept.add(answer.gesture, answer.seconds, answer.said, right, who)
                            if time.monotonic() > end > 0:
                                return
                    except (LostError, Error) as error:
                        kept.errors.append(f"user {user}: {error}")
                    if end == 0 or time.monotonic() > end:
                        return

            await asyncio.gather(*(visit(user, 0, warm_up) for user in range(users)))
            warm, begin = server.resident, time.monotonic()
            await asyncio.gather(*(visit(user, begin + seconds, tally) for user in range(users)))
            end, spent = server.resident, time.monotonic() - begin
            await browser.close()
    tally.different += warm_up.different
    tally.errors += warm_up.errors
    return Report("streamlit", users, spent, tally, warm, end, server.highest)


# --- Predictions by the thousand ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """A mask with the highest probability: (H, W) bool, and where a pixel is too near to the threshold to be sure."""

    mask: Mask
    highest: float
    edge: Mask | None = None

    def fits(self, other: "Found") -> bool:
        """Whether an answer is this one."""
        sure = True if self.edge is None else ~self.edge
        same_size = self.mask.shape == other.mask.shape
        close = abs(self.highest - other.highest) < EDGE
        return same_size and close and not np.any((self.mask != other.mask) & sure)


@dataclass
class Predictions:
    """Answers to predictions, every one of another image.

    Attributes:
        asked: how many.
        alike: pairs of images whose right answers cannot be told apart.
        exact: answers whose masks are Python's to the last pixel.
        mixed: sentences about answers that belong to another image.
        wrong: sentences about answers that belong to none.
        lost: sentences about answers that did not come.
    """

    asked: int
    seconds: float = 0
    alike: int = 0
    exact: int = 0
    times: list[float] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether every promise held."""
        return len(self.times) == self.asked and not (self.mixed or self.wrong or self.lost)

    def lines(self) -> list[str]:
        """The run in plain words."""
        values = np.percentile(self.times or [0], SHARES) * 1000
        latency = ", ".join(f"{share} % {value:,.0f}" for share, value in zip(SHARES, values, strict=True))
        return [
            f"{self.asked:,} predictions in {self.seconds:.0f} s: {len(self.lost)} lost, {len(self.mixed)} mixed up, "
            f"{len(self.wrong)} wrong",
            *(f"  {sentence}" for sentence in (self.lost + self.mixed + self.wrong)[:10]),
            f"  {self.exact:,} masks are those of Segmenter.mask to the last pixel; in the others only pixels within "
            f"{EDGE:.0e} of the threshold differ",
            f"  {self.alike} pairs of images have answers that could be taken for each other",
            f"  latency in ms: {latency}",
        ]


def salt(content: bytes) -> Mask:
    """The mask in a PNG; without a pixel where it is none."""
    mask = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) if content else None
    return np.zeros((0, 0), bool) if mask is None else np.asarray(mask) == 255


def gradio_predictions(server: Server, count: int, users: int) -> Predictions:
    """Asks for the masks of so many images, all different, with several clients at once."""
    result, segmenter, watched = Predictions(count), Segmenter.load(), Console(stderr=True)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(users) as pool:
        folder = Path(name)
        paths = draw(folder, count)
        right = []
        for path in track(paths, "in Python", console=watched, transient=True):
            probability = segmenter.probability(read(path))
            mask = metrics.mask(probability, segmenter.threshold)
            edge = np.abs(probability - segmenter.threshold) < EDGE
            right.append(Found(mask, float(probability.max()), edge))
        order = sorted(right, key=lambda found: found.highest)
        result.alike = sum(one.fits(other) for one, other in pairwise(order))

        clients = list(pool.map(lambda user: connect(server, folder / f"user{user}"), range(users)))
        free: SimpleQueue[Client] = SimpleQueue()
        for client in clients:
            free.put(client)

        def predict(number: int) -> None:
            client, begin = free.get(), time.monotonic()
            try:
                content, report = ask(client, paths[number], "/predict", {})
            except Exception as error:  # whatever it is, it is counted
                result.lost.append(f"image {number}: {type(error).__name__}: {error}")
                return
            finally:
                free.put(client)
            result.times.append(time.monotonic() - begin)
            mask = salt(content)
            said = Found(mask, json.loads(report)["highest_probability"])
            if right[number].fits(said):
                result.exact += bool(np.array_equal(mask, right[number].mask))
                return
            whose = [other for other in range(count) if right[other].fits(said)]
            if whose:
                result.mixed.append(f"image {number} got the answer to {whose[0]}")
            else:
                result.wrong.append(f"image {number}: a mask of {len(content)} bytes, {report}")

        begin = time.monotonic()
        list(track(pool.map(predict, range(count)), "asked", count, console=watched, transient=True))
        result.seconds = time.monotonic() - begin
    return result


# --- Files over the limit -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attempt:
    """A file that was sent, and what came back."""

    what: str
    said: str
    held: bool

    def line(self) -> str:
        """In plain words."""
        return f"{self.what}: {'' if self.held else 'NOT as promised, '}{self.said}"


def blank(path: Path, megabytes: float) -> Path:
    """A file of so many MB that takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(int(megabytes * MEGABYTE))
    return path


def gradio_door(server: Server) -> list[Attempt]:
    """Sends files to Gradio, over and under the limit for an image."""
    over, under = limits.LARGEST_UPLOAD + 1, limits.LARGEST_UPLOAD - 1
    attempts = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size, status in ((over, 413), (under, 200)):
            with blank(folder / f"{size}.png", size).open("rb") as file:
                answer = httpx.post(f"{server.address}/gradio_api/upload", files={"files": file}, timeout=PATIENCE)
            said = f"status {answer.status_code}" + (f", {answer.text[:200]}" if answer.is_error else "")
            attempts.append(Attempt(f"gradio, {size} MB sent to the door", said, answer.status_code == status))
        try:
            ask(connect(server, folder / "user"), folder / f"{over}.png", "/predict", {})
            attempts.append(Attempt(f"gradio, {over} MB by a client", "an answer", False))
        except Exception as error:  # httpx's or the client's own
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            attempts.append(Attempt(f"gradio, {over} MB by a client", said, "413" in said or "exceeds" in said))
    return attempts


async def streamlit_door(server: Server) -> list[Attempt]:
    """Sends files to Streamlit: in the page, where each place has its limit, and past the page to the server."""
    image, largest = limits.LARGEST_UPLOAD + 1, limits.LARGEST_ZIP + 1
    attempts: list[Attempt] = []
    doors: list[Request] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
            page = await browser.new_page(viewport=VIEWPORT)
            page.set_default_timeout(1000 * PATIENCE)
            page.on("request", lambda request: doors.append(request) if "upload_file" in request.url else None)
            await page.goto(server.address)
            await page.get_by_test_id("salt-readout").filter(has_text="threshold").wait_for()
            for place, which, size, sentence in (
                ("an image or a ZIP", 0, largest, f"{limits.LARGEST_ZIP}MB or smaller"),
                ("a mask", 1, image, f"{limits.LARGEST_UPLOAD}MB or smaller"),
                ("an image", 0, image, f"larger than {limits.LARGEST_UPLOAD} MB"),
            ):
                sent = len(doors)
                path = blank(folder / f"{which}-{size}.png", size)
                await page.locator("input[type=file]").nth(which).set_input_files(path)
                found = page.get_by_text(re.compile(sentence.replace("MB", r"(\.0)?\s?MB"))).first
                try:
                    await found.wait_for()
                    said, held = " ".join((await found.inner_text()).split()), True
                except Error:
                    said, held = f"no word of {sentence}", False
                way = "it was sent, and left out" if len(doors) > sent else "it was not sent"
                attempts.append(Attempt(f"streamlit, {size} MB as {place}", f"{way}; the page says: {said}", held))
            # Past the page, with what its last upload said of itself: this session is still open.
            door, told = doors[-1].url.rsplit("/", 1)[0], await doors[-1].all_headers()
            known = {name: value for name, value in told.items() if name in ("cookie", "x-xsrftoken")}
            for how, content, headers in (
                ("announced", b"", {"content-length": str(largest * MEGABYTE)}),
                ("not announced", chunks(largest), {}),
            ):
                said, held = await asyncio.to_thread(
                    put, f"{door}/{how.replace(' ', '-')}", content, {**known, **headers}
                )
                attempts.append(Attempt(f"streamlit, {largest} MB past the page, its size {how}", said, held))
            await browser.close()
    return attempts


def chunks(megabytes: int) -> Iterator[bytes]:
    """The body of a form with one file, without its length."""
    yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    for _ in range(megabytes + 1):  # the server allows for 1 MB of form around the file
        yield bytes(MEGABYTE)
    yield b"\r\n--x--\r\n"


def put(address: str, content: bytes | Iterator[bytes], headers: dict[str, str]) -> tuple[str, bool]:
    """Uploads past the page: what the server says, and whether that is a refusal."""
    form = {"content-type": "multipart/form-data; boundary=x", **headers}
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=PATIENCE)
    with suppress(OSError):  # it hung up before it had everything; its answer may be there all the same
        connection.request("PUT", place.path, content, form, encode_chunked="content-length" not in form)
    try:
        answer = connection.getresponse()
        return f"status {answer.status}, {answer.read(200).decode(errors='replace')}", answer.status == 413
    except (OSError, http.client.HTTPException) as error:
        return f"the server hung up: {type(error).__name__}", True
    finally:
        connection.close()


# --- The command --------------------------------------------------------------------------------------------


async def _doors(console: Console) -> bool:
    attempts = []
    with served("streamlit") as server:
        attempts += await streamlit_door(server)
    with served("gradio") as server:
        attempts += await asyncio.to_thread(gradio_door, server)
    for attempt in attempts:
        console.print(attempt.line())
    return all(attempt.held for attempt in attempts)


def main() -> int:
    """Prints what was tried; 0 if every promise held, 1 if not."""
    options = tyro.cli(Options)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if options.uploads:
        held = asyncio.run(_doors(console))
    elif options.predictions:
        with served("gradio") as server:
            predictions = gradio_predictions(server, options.predictions, options.users)
        console.print("\n".join(predictions.lines()))
        held = predictions.held
    else:
        given = options.users, 60 * options.minutes, options.images
        with served(options.front) as server:
            if options.front == "streamlit":
                report = asyncio.run(streamlit_load(server, *given))
            else:
                report = gradio_load(server, *given)
        console.print("\n".join(report.lines()))
        held = report.held
    console.print("Every promise held." if held else "NOT every promise held.")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
