"""The real Streamlit app in a real browser: what a visitor does and sees."""

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect

from demo import core
from tests import test_how_good
from unet import Segmenter, checkpoint, render
from unet.model import UNet, UNetConfig

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[1]
PATIENCE = 60_000  # ms: a first start on a busy machine
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(ROOT, tmp_path_factory.mktemp("streamlit") / "log") as address:
        yield address


@contextmanager
def served(checkout, log):
    """The address of the app in a checkout, while it runs."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "demo/app.py", "--server.port", str(port)]
    # The checkout's own demo package, also where another one is installed.
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=checkout, env=environment, stdout=output, stderr=subprocess.STDOUT)
    address = f"http://localhost:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health")
                break
            except urllib.error.URLError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def page(browser, address):
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(PATIENCE)
    page.sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda _: page.sent.append(time.monotonic())))
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(address)
    page.get_by_test_id("salt-readout").filter(has_text="threshold").wait_for()
    expect(page.get_by_text("Take away")).to_be_visible()
    yield page
    page.close()
    assert not errors


@pytest.fixture(scope="module")
def segmenter():
    """The weights the app opens with."""
    return Segmenter.load(core.find_weights()[0].path)


def upload(page, name, content, which=0):
    files = [{"name": name, "mimeType": "image/png", "buffer": content}]
    page.locator("input[type=file]").nth(which).set_input_files(files)


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def readout(page):
    return page.get_by_test_id("salt-readout").inner_text()


def set_twin(page, threshold):
    """Types into the number that stands for the slider."""
    page.get_by_role("spinbutton", name="Threshold").fill(f"{threshold:.2f}")
    page.keyboard.press("Enter")


def canvas_colors(page, cells):
    """RGB in the middle of these (row, column) pixels, as the canvas shows them."""
    return page.get_by_test_id("salt-viewer").evaluate(
        """(canvas, cells) => {
            const zoom = canvas.width / 101, context = canvas.getContext("2d");
            return cells.map(([row, column]) => {
                const at = [(column + 0.5) * zoom, (row + 0.5) * zoom];
                return [...context.getImageData(...at, 1, 1).data.slice(0, 3)];
            });
        }""",
        cells,
    )


def test_a_dropped_picture_shows_its_mask(page, segmenter):
    opened = core.sample("Hanging keel")
    probability = segmenter.probability(opened.pixels)
    threshold = round(float(np.median(probability)), 2)  # some pixels on either side, whatever the weights say
    finding = core.find(probability, threshold)
    assert 0 < finding.pixels < probability.size

    upload(page, "keel.png", png(opened.pixels))
    expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^keel.png"))
    set_twin(page, threshold)
    expect(page.get_by_test_id("salt-readout")).to_have_text(finding.sentence)

    cells = [np.argwhere(finding.mask)[0].tolist(), np.argwhere(~finding.mask)[0].tolist()]
    wanted = render.overlay(opened.pixels, finding.mask, opacity=0.45)
    for (row, column), color in zip(cells, canvas_colors(page, cells), strict=True):
        np.testing.assert_allclose(color, wanted[row, column], atol=1)


def test_the_threshold_follows_the_hand_without_a_message_to_the_server(page, segmenter):
    opened = core.sample("Salt stock")
    probability = segmenter.probability(opened.pixels)
    slider = page.get_by_test_id("salt-threshold")
    slider.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)  # what the start of the page sends has gone
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    before, seen = len(page.sent), set()
    for step in range(1, 21):
        page.mouse.move(box["x"] + box["width"] * (0.5 - 0.02 * step), middle)
        seen.add(readout(page))
    assert len(page.sent) == before
    assert len(seen) > 10

    page.mouse.up()
    threshold = float(slider.input_value())
    assert 0.05 < threshold < 0.2
    finding = core.find(probability, threshold)
    assert readout(page) == finding.sentence
    # Python follows: its own count, and the number beside it.
    expect(page.get_by_test_id("stMetric").filter(has_text="Salt pixels")).to_contain_text(f"{finding.pixels:,}")
    expect(page.get_by_role("spinbutton", name="Threshold")).to_have_value(f"{threshold:.2f}")
    assert readout(page) == finding.sentence


def test_the_keyboard_moves_the_threshold(page):
    slider = page.get_by_test_id("salt-threshold")
    start = float(slider.input_value())
    slider.focus()
    page.keyboard.press("ArrowRight")

    assert readout(page).startswith(f"threshold {start + 0.01:.2f} ")


def test_nothing_above_the_threshold_says_what_is_known(page):
    set_twin(page, 1.0)

    expect(page.get_by_test_id("salt-readout")).to_contain_text("nothing passes the threshold; highest probability")


def test_heat_map_contour_and_truth_change_the_picture(page):
    views = [page.get_by_test_id("salt-viewer").screenshot()]
    for label in ("Contour", "Heat map", "Ground truth"):
        page.get_by_label(label).check(force=True)
        page.wait_for_timeout(100)
        views.append(page.get_by_test_id("salt-viewer").screenshot())

    assert views[2] not in (views[0], views[1])
    assert views[3] != views[2]


def test_a_broken_file_is_named_and_the_sample_stays(page):
    upload(page, "cut_short.png", png(core.sample("Small lens").pixels)[:200])

    expect(page.get_by_role("alert")).to_contain_text("cut_short.png: damaged or cut short")
    expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^Salt stock"))


def test_a_mask_beside_its_picture_is_scored(page):
    opened = core.sample("Salt sheet")
    upload(page, "sheet.png", png(opened.pixels))
    expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^sheet.png"))
    upload(page, "sheet.png", png(opened.truth.astype(np.uint8) * 255), which=1)

    expect(page.get_by_test_id("stMetric").filter(has_text="IoU")).to_be_visible()
    expect(page.get_by_label("Ground truth")).to_be_visible()


def test_layers_open_level_by_level_and_the_threshold_survives(page):
    set_twin(page, 0.33)
    expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.33")
    page.get_by_role("link", name="Inside the U-Net").click()
    page.get_by_role("radio", name="Level 3").click()
    for site in ("encoder3", "skip3", "up3", "decoder3"):
        expect(page.get_by_text(f"{site}: ")).to_be_visible()
    maps = page.locator("[data-testid=stImage] img")
    expect(maps).to_have_count(4)
    assert maps.first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 400

    page.get_by_role("link", name="Find the salt").click()
    expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.33")


def test_a_phone_needs_no_sideways_scrolling(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.get_by_test_id("salt-viewer").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


@pytest.fixture
def judged(tmp_path):
    """The address of the app in a checkout of its own, among whose weights are some with a report."""
    for folder in ("demo", ".streamlit"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    torch.manual_seed(0)
    weights = tmp_path / "weights" / "judged.safetensors"
    card = {**test_how_good.CARD, "training": {"seconds": 90.0, "history": test_how_good.HISTORY}}
    checkpoint.save(weights, UNet(UNetConfig(width=4, depth=3)).eval(), card)
    test_how_good.write(weights, test_how_good.REPORT)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "sizes.csv").write_text(test_how_good.SIZES)
    with served(tmp_path, tmp_path / "log") as address:
        yield address


def test_how_good_it_is_fits_a_phone_and_the_threshold_survives(browser, judged):
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(PATIENCE)
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(judged)
    page.get_by_role("combobox", name="Weights").click()
    page.get_by_role("option", name=re.compile("^judged")).click()
    expect(page.get_by_role("spinbutton", name="Threshold")).to_have_value("0.42")
    set_twin(page, 0.33)
    expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.33")

    page.get_by_role("link", name="How good is it?").click()
    expect(page.get_by_test_id("stMetric").filter(has_text="Flip TTA adds")).to_contain_text("+0.010")
    charts = page.get_by_test_id("stPlotlyChart")
    expect(charts).to_have_count(7)
    for chart in charts.all():
        chart.scroll_into_view_if_needed()
        expect(chart.locator(".main-svg").first).to_be_visible()
    expect(page.get_by_test_id("stDataFrame")).to_have_count(3)
    expect(page.get_by_text("card 0.42")).to_have_count(2)
    expect(page.get_by_text("now 0.33")).to_have_count(1)
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(1000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    main = page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth") <= 390
    for chart in charts.all():
        box = chart.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390

    page.set_viewport_size({"width": 1300, "height": 1000})
    page.get_by_role("link", name="Find the salt").click()
    expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.33")
    page.close()
    assert not errors
