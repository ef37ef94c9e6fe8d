"""How fast the explorer responds, in a real browser, with the real app: medians and 95th percentiles.

    python experiments/explorer_speed.py            # starts the Streamlit app, drives it in Chromium
    python experiments/explorer_speed.py --memory   # opens 500 images and weighs the server instead

Nothing else should run meanwhile.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

from unet.synthetic import section

ROOT = Path(__file__).parents[1]
FIRST_SEED = 3_000_000_000  # sections that neither training nor the samples use
CONSOLE = Console(highlight=False, width=120)
WIDE = {"width": 1300, "height": 1000}
SWITCHES = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

# In the page: what a threshold's frame costs, and when something is first true after a gesture.
PROBES = """() => {
  const all = (selector, root = document) => {
    const found = [...root.querySelectorAll(selector)];
    const shadows = [...root.querySelectorAll("*")].map((element) => element.shadowRoot).filter(Boolean);
    return found.concat(...shadows.map((shadow) => all(selector, shadow)));
  };
  window.all = all;
  window.byId = (name) => all(`[data-testid="${name}"]`)[0];
  window.work = []; window.frames = [];
  let begun = 0, handled = 0;
  addEventListener("input", () => {
    begun = performance.now();
    requestAnimationFrame(() => { window.drawn = performance.now(); }); // before the viewer's own
  }, true);
  addEventListener("input", () => {
    handled = performance.now() - begun;
    requestAnimationFrame(() => { window.work.push(handled + performance.now() - window.drawn); }); // after it
  });
  window.after = (ready) => new Promise((done) => {
    const start = performance.now();
    const look = () => (ready() ? done(performance.now() - start) : requestAnimationFrame(look));
    look();
  });
}"""


@contextmanager
def streamlit(port: int) -> Iterator[int]:
    """The process id of the app while it runs."""
    command = [sys.executable, "-m", "streamlit", "run", "demo/app.py", "--server.port", str(port)]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"http://localhost:{port}/_stcore/health")
                    break
                except urllib.error.URLError:
                    time.sleep(0.2)
            yield server.pid
        finally:
            server.terminate()
            server.wait()


def print_row(name: str, values: list[float], goal: str, unit: str = "ms") -> None:
    """One line of the table."""
    median, high = np.median(values), np.percentile(values, 95)
    CONSOLE.print(f"{name:<48} {median:8.1f} {high:8.1f} {unit}   n {len(values):<3} goal {goal}")


def image(number: int) -> bytes:
    """A new section as a PNG."""
    return cv2.imencode(".png", section(FIRST_SEED + number)[0])[1].tobytes()


def drop(page: Page, number: int) -> tuple[float, float]:
    """Drops a new image: ms to its overlay and to the whole U with its maps."""
    name = f"section-{number}.png"
    page.evaluate(
        """(name) => {
          const shown = () => byId("salt-viewer")?.getAttribute("aria-label")?.startsWith(name);
          const busy = () => all('[data-testid^="site-"]').some((site) => site.getAttribute("aria-busy") === "true");
          window.overlay = after(shown);
          window.opened = after(() => shown() && byId("site-logits") && !busy());
        }""",
        name,
    )
    files = [{"name": name, "mimeType": "image/png", "buffer": image(number)}]
    page.locator(".st-key-uploads input[type=file]").set_input_files(files)
    return page.evaluate("overlay"), page.evaluate("opened")


def timed(page: Page, gesture: str, ready: str) -> float:
    """Ms from a gesture in the page until something is true in a frame that was drawn."""
    return page.evaluate(f"async () => {{ const done = after(() => {ready}); {gesture}; return await done; }}")


# In the page: what a place costs, the click and two frames: the first computes, the second paints the image.
CLICK_PLACE = """(shares) => new Promise((done) => {
  const tile = all(".tiles canvas")[0], box = tile.getBoundingClientRect(), begun = [];
  const begin = () => { begun.push(performance.now()); }; // before the viewer's own work in a frame
  requestAnimationFrame(() => { begin(); requestAnimationFrame(begin); });
  const start = performance.now();
  tile.dispatchEvent(new MouseEvent("click", {
    bubbles: true, detail: 1, clientX: box.left + shares[0] * box.width, clientY: box.top + shares[1] * box.height,
  }));
  let spent = performance.now() - start;
  const end = () => { spent += performance.now() - begun.shift(); };
  requestAnimationFrame(() => { end(); requestAnimationFrame(() => { end(); done(spent); }); });
})"""


def drag(page: Page, sent: list[float], steps: int = 90) -> tuple[list[float], list[float], int]:
    """Drags the threshold at the screen's own pace: ms of work, ms between frames, messages sent meanwhile."""
    slider = page.get_by_test_id("salt-threshold")
    slider.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)
    box = slider.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.evaluate("""() => {
      work.length = frames.length = 0; window.recording = true; let last = performance.now();
      const tick = (now) => { frames.push(now - last); last = now; if (recording) requestAnimationFrame(tick); };
      requestAnimationFrame((now) => { last = now; requestAnimationFrame(tick); });
    }""")
    before = len(sent)
    for step in range(steps):
        at = 0.5 + 0.4 * np.sin(2 * np.pi * step / steps)
        page.mouse.move(box["x"] + box["width"] * at, box["y"] + box["height"] / 2)
        page.wait_for_timeout(16)
    messages = len(sent) - before
    work, frames = page.evaluate("() => { recording = false; return [work, frames]; }")
    page.mouse.up()
    page.wait_for_timeout(800)
    return work, frames, messages


def visit(browser: Browser, address: str) -> float:
    """A new visitor opens the page: ms until the result is there."""
    with browser.new_context(viewport=WIDE) as context:
        page = context.new_page()
        start = time.perf_counter()
        page.goto(address)
        page.get_by_test_id("salt-readout").filter(has_text="threshold").wait_for()
        return 1000 * (time.perf_counter() - start)


def resident(pid: int) -> float:
    """MB of memory a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def weigh(page: Page, pid: int) -> None:
    """Opens 500 images, a hundred a visit, and prints what the server holds."""
    for number in range(501):
        if number % 100 == 0:
            CONSOLE.print(f"after {number} images the server holds {resident(pid):.0f} MB")
            page.reload()
            page.get_by_test_id("salt-readout").filter(has_text="threshold").wait_for()
            page.evaluate(PROBES)
        drop(page, 2000 + number)


def paint(page: Page, moves: int) -> list[float]:
    """Paints one stroke over the image: ms from every move of the pointer until the mask of the new input is drawn."""
    page.get_by_test_id("tab-touch").click()
    for name, value in (("size", "15"), ("grey", "255")):
        page.get_by_test_id(f"touch-{name}").fill(value)
        page.get_by_test_id(f"touch-{name}").press("Enter")
    page.wait_for_timeout(1500)
    page.evaluate("""() => {
      window.pen = (kind, row, column) => {
        const canvas = byId("salt-viewer"), { left, top, width, height } = canvas.getBoundingClientRect();
        canvas.dispatchEvent(new PointerEvent(kind, {
          clientX: left + ((column + 0.5) * width) / 101, clientY: top + ((row + 0.5) * height) / 101, buttons: 1,
          bubbles: true, composed: true, pointerId: 1, pointerType: "mouse", isPrimary: true, button: 0,
        }));
      };
      const found = byId("touch-found");
      window.follows = () => (window.pending ||= found.ariaBusy === "true") && found.ariaBusy === "false";
    }""")
    spent = []
    page.evaluate('pen("pointerdown", 5, 5)')
    for move in range(moves + 1):
        page.wait_for_timeout(400)  # the mask before it is there, and the hand has not rested
        page.evaluate("window.pending = false")
        row, column = 10 + 4 * move % 80, 10 + 26 * (move // 20)
        spent.append(timed(page, f'pen("pointermove", {row}, {column})', "follows()"))
    page.evaluate('pen("pointerup", 90, 90)')
    return spent[1:]


def repeat(count: int, measure: Callable[[int], float]) -> list[float]:
    """So many measurements, the first one, which warms up, left out."""
    return [measure(number) for number in range(count + 1)][1:]


def main() -> None:
    """Prints the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--memory", action="store_true", help="open 500 images and weigh the server instead")
    options.add_argument("--repeats", type=int, default=30)
    arguments = options.parse_args()
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    with streamlit(port) as pid, sync_playwright() as playwright:
        chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        page = browser.new_page(viewport=WIDE)
        sent: list[float] = []
        received: list[tuple[float, int]] = []
        page.on(
            "websocket",
            lambda found: (
                found.on("framesent", lambda _: sent.append(time.perf_counter())),
                found.on("framereceived", lambda frame: received.append((time.perf_counter(), len(frame)))),
            ),
        )
        page.goto(f"http://localhost:{port}")
        page.get_by_test_id("salt-readout").filter(has_text="threshold").wait_for()
        page.evaluate(PROBES)
        page.wait_for_timeout(3000)
        if arguments.memory:
            weigh(page, pid)
            return
        CONSOLE.print(f"{'':<48} {'median':>8} {'95 %':>8}")
        visits = repeat(arguments.repeats // 3, lambda _: visit(browser, f"http://localhost:{port}"))
        print_row("open the page", visits, "<= 3000")

        dropped, payload = [], []
        for number in range(arguments.repeats + 1):
            before = len(received)
            dropped.append(drop(page, number))
            page.wait_for_timeout(700)
            payload.append(sum(size for _, size in received[before:]) / 1e6)
        print_row("drop an image to its overlay", [first for first, _ in dropped[1:]], "<= 500")
        print_row("drop an image to the whole U with its maps", [whole for _, whole in dropped[1:]], "<= 1000")
        print_row("sent to the browser per dropped image", payload[1:], "<= 2", "MB")

        work, frames, messages = drag(page, sent)
        print_row("threshold drag: handler and drawing", work, "<= 8")
        print_row("threshold drag: between two frames", frames, "<= 17, 33")
        CONSOLE.print(f"threshold drag: messages to the server {messages}, goal 0")

        sites = ["encoder1", "decoder2", "encoder3", "bottleneck", "decoder1"]

        def open_block(number: int) -> float:
            site = sites[number % len(sites)]
            page.wait_for_timeout(150)
            return timed(page, f'byId("site-{site}").click()', f'all(".maps h3")[0].textContent.startsWith("{site}")')

        print_row("click a block to its maps", repeat(arguments.repeats, open_block), "<= 60, 100")

        page.get_by_test_id("site-encoder1").click()
        page.get_by_test_id("alike").click()
        page.wait_for_timeout(1500)
        rng, before = np.random.default_rng(1), len(sent)
        places = repeat(arguments.repeats, lambda _: page.evaluate(CLICK_PLACE, rng.random(2).tolist()))
        page.wait_for_timeout(800)
        print_row("alike places of encoder1: computing and drawing", places, "<= 30")
        CONSOLE.print(f"alike places of encoder1: messages to the server {len(sent) - before}, goal 0")
        page.get_by_test_id("alike").click()

        def cut(number: int) -> float:
            page.wait_for_timeout(600)
            wire = f'byId("site-skip{number % 4 + 1}")'
            ready = f'{wire}.getAttribute("aria-pressed") === "true" && !byId("salt-altered").hidden'
            spent = timed(page, f"{wire}.click()", ready)
            page.evaluate(f"{wire}.click()")
            return spent

        print_row("cut a skip to the new mask", repeat(arguments.repeats, cut), "<= 100")

        page.get_by_test_id("tab-cut").click()
        fills = page.get_by_test_id("cut-fill").locator("option").evaluate_all("all => all.map((one) => one.value)")

        def batch(number: int) -> float:
            """Another filling every time, of another image after all of them: nothing is remembered."""
            if number % (len(fills) - 1) == 0:
                page.get_by_test_id("cut-fill").select_option(fills[0])
                drop(page, 1000 + number)
                page.wait_for_timeout(1500)
            page.wait_for_timeout(300)
            fill = fills[number % (len(fills) - 1) + 1]
            page.evaluate("window.pending = false")
            return timed(
                page,
                'const fill = byId("cut-fill"); '
                f'fill.value = "{fill}"; fill.dispatchEvent(new Event("change", {{ bubbles: true }}))',
                '(window.pending ||= !byId("cut-pending").hidden) && byId("cut-pending").hidden',
            )

        print_row("all combinations of cuts, requested again", repeat(arguments.repeats, batch), "<= 350")

        firsts, wholes = [], []
        for number in range(arguments.repeats + 1):
            page.wait_for_timeout(600)
            cell = [10 + (37 * number) % 80, 10 + (53 * number) % 80]
            page.evaluate("""() => {
              const sentence = () => byId("why-value").textContent + byId("why-sentence").textContent;
              const before = sentence();
              const explained = () => sentence() !== before && byId("why-sentence").textContent.includes("90 %");
              window.first = after(explained);
              const smooth = () => byId("why-state").textContent.startsWith("SmoothGrad: the mean");
              window.whole = after(() => explained() && smooth());
            }""")
            page.get_by_test_id("salt-viewer").evaluate(
                """(canvas, [row, column]) => {
                  const { left, top, width, height } = canvas.getBoundingClientRect();
                  const at = {
                    clientX: left + ((column + 0.5) * width) / 101, clientY: top + ((row + 0.5) * height) / 101,
                    bubbles: true, composed: true, pointerId: 1, pointerType: "mouse", isPrimary: true, button: 0,
                  };
                  canvas.dispatchEvent(new PointerEvent("pointerdown", { ...at, buttons: 1 }));
                  canvas.dispatchEvent(new PointerEvent("pointerup", at));
                }""",
                cell,
            )
            firsts.append(page.evaluate("first"))
            wholes.append(page.evaluate("whole"))
        print_row("explain a pixel: first response", firsts[1:], "<= 300")
        print_row("explain a pixel: all of it", wholes[1:], "<= 1500")

        drop(page, 5000)
        print_row("paint: from the pointer to the new mask", paint(page, 40), "<= 150")

        browser.close()


if __name__ == "__main__":
    main()
