"""The real apps in a real browser: what a visitor does and sees, in both front ends."""

import io
import json
import re
import shutil
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect

from demo import core
from tests import test_how_good
from tests.servers import PATIENCE, PHONE, ROOT, WIDE, served, visited
from unet import Segmenter, checkpoint, explain, render
from unet.model import UNet, UNetConfig

pytestmark = pytest.mark.browser
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
expect.set_options(timeout=1000 * PATIENCE)


@pytest.fixture(scope="module", params=["streamlit", "gradio"])
def address(request):
    """Both apps, one after the other."""
    return request.getfixturevalue(request.param).address


def opened_up(page):
    """Waits until the network is there: its maps, and what it says without its parts."""
    expect(page.get_by_test_id("site-encoder1")).not_to_have_attribute("aria-busy", "true")
    expect(page.get_by_test_id("cut-cell-1")).to_be_visible()


@pytest.fixture
def page(browser, address):
    """Either app with the sample everything starts with."""
    with visited(browser, address) as page:
        opened_up(page)
        yield page


@pytest.fixture(scope="module")
def shared(browser, address):
    """The same, for tests that do not mind what those before them did."""
    with visited(browser, address) as page:
        opened_up(page)
        yield page


@pytest.fixture
def app(browser, streamlit):
    """The Streamlit app."""
    with visited(browser, streamlit.address) as page:
        opened_up(page)
        yield page


@pytest.fixture(scope="module")
def segmenter():
    """The weights the apps open with."""
    return Segmenter.load(core.find_weights()[0].path)


def upload(page, name, content, which=0):
    files = [{"name": name, "mimeType": "image/png", "buffer": content}]
    page.locator("input[type=file]").nth(which).set_input_files(files)


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def silence(page, seconds=1):
    """Waits until the page has nothing more to tell the server."""
    while not page.sent or time.monotonic() - page.sent[-1] < seconds:
        page.wait_for_timeout(100)


def readout(page):
    return page.get_by_test_id("salt-readout").inner_text()


def set_threshold(page, threshold):
    """Types into the number that stands beside the slider."""
    exact = page.get_by_test_id("salt-threshold-exact")
    exact.fill(f"{threshold:.2f}")
    exact.press("Enter")


def link(address):
    """What an address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def expect_link(page, name, value):
    """Waits until the page's address says so."""
    page.wait_for_url(lambda address: link(address).get(name) == value)


def serious_findings(page):
    """What axe finds that would shut somebody out."""
    page.add_script_tag(path=AXE)
    # Streamlit shows the viewer in a shadow root, whose host needs a name to be told to axe.
    page.get_by_test_id("salt-viewer").evaluate(
        "canvas => { const host = canvas.getRootNode().host; if (host) host.id = 'viewer-host'; }"
    )
    found = page.evaluate(
        """() => {
          const inside = document.getElementById("viewer-host") ? ["#viewer-host", ".salt-viewer"] : [".salt-viewer"];
          return axe.run({ include: [{ fromShadowDom: inside }] }, { resultTypes: ["violations"] });
        }"""
    )["violations"]
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


# --- Every gesture, in both front ends ----------------------------------------------------------------------


def test_the_threshold_follows_the_hand_without_a_message_to_the_server(page, segmenter):
    opened = core.sample("Salt stock")
    probability = segmenter.probability(opened.pixels)
    slider = page.get_by_test_id("salt-threshold")
    slider.scroll_into_view_if_needed()
    silence(page)
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    before, seen = len(page.sent), set()
    for step in range(1, 21):
        page.mouse.move(box["x"] + box["width"] * (0.5 - 0.02 * step), middle)
        page.wait_for_timeout(20)
        seen.add(readout(page))
    assert len(page.sent) == before
    assert len(seen) > 10

    page.mouse.up()
    threshold = float(slider.input_value())
    assert 0.05 < threshold < 0.2
    expect(page.get_by_test_id("salt-readout")).to_have_text(core.find(probability, threshold).sentence)
    expect_link(page, "threshold", f"{threshold:.2f}")
    expect(page.get_by_test_id("salt-readout")).to_have_text(core.find(probability, threshold).sentence)


def test_a_block_opens_its_maps(shared):
    shared.get_by_test_id("site-decoder3").click()
    expect(shared.get_by_test_id("site-decoder3")).to_have_attribute("aria-current", "true")
    expect(shared.get_by_role("heading", name=re.compile("^decoder3"))).to_be_visible()
    expect_link(shared, "layer", "decoder3")


def test_a_cut_skip_changes_the_mask_as_python_says(shared, segmenter):
    set_threshold(shared, 0.4)
    shared.get_by_test_id("site-skip3").click()
    expect(shared.get_by_test_id("site-skip3")).to_have_attribute("aria-pressed", "true")
    probability = segmenter.trace(core.sample("Salt stock").grey, {"skip3": 0.0}).probability
    sentence = core.find(probability, 0.4).sentence
    expect(shared.get_by_test_id("salt-readout")).to_have_text(sentence)
    shared.get_by_test_id("site-skip3").click()
    expect(shared.get_by_test_id("salt-readout")).not_to_have_text(sentence)


def test_a_pixel_is_asked_why(shared, segmenter):
    canvas = shared.get_by_test_id("salt-viewer")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 40.5 / 101, "y": box["height"] * 30.5 / 101})
    found = explain.explain_pixel(segmenter, core.sample("Salt stock").grey, (30, 40, 1, 1), samples=16)
    _, _, height, width = explain.influence_box(found.influence, (30, 40, 1, 1), 0.9)
    sentence = f"90 % of the influence comes from {height} x {width} pixels"
    expect(shared.get_by_test_id("pixel-why")).to_contain_text(re.compile(sentence.replace("x", "[x×]")))
    expect_link(shared, "pixel", "30,40")


def test_random_weights_show_another_network(shared):
    before = readout(shared)
    shared.get_by_test_id("random-weights").check()
    expect(shared.get_by_test_id("salt-readout")).not_to_have_text(before)
    shared.get_by_test_id("random-weights").uncheck()
    expect(shared.get_by_test_id("salt-readout")).to_have_text(before)


def test_by_keyboard_alone(page):
    """From the top of the page, with Tab, Enter, Space and the keys of the list."""

    def go_to(test_id):
        for _ in range(200):
            if page.evaluate(
                """(id) => {
                  let active = document.activeElement;
                  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
                  return active?.dataset?.testid === id;
                }""",
                test_id,
            ):
                return
            page.keyboard.press("Tab")
        pytest.fail(f"Tab never reaches {test_id}")

    go_to("salt-viewer")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_test_id("pixel-why")).to_contain_text("90 % of the influence")
    go_to("salt-threshold")
    before = float(page.get_by_test_id("salt-threshold").input_value())
    page.keyboard.press("ArrowRight")
    expect(page.get_by_test_id("salt-readout")).to_contain_text(f"threshold {before + 0.01:.2f}")
    page.keyboard.press("[")
    expect(page.get_by_test_id("salt-readout")).to_contain_text(f"threshold {before:.2f}")
    go_to("site-encoder1")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("site-encoder1")).to_have_attribute("aria-current", "true")
    go_to("site-skip2")
    page.keyboard.press("Space")
    expect(page.get_by_test_id("site-skip2")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("2")
    expect(page.get_by_test_id("site-skip2")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")


def test_a_link_brings_everything_back(browser, address):
    query = "sample=Hanging+keel&weights=salt-unet-tiny&threshold=0.33&layer=encoder2&channel=3&cuts=skip1&pixel=30,40"
    with visited(browser, address, query) as page:
        for _ in range(2):
            expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^Hanging keel"))
            expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.33")
            expect(page.get_by_test_id("site-skip1")).to_have_attribute("aria-pressed", "true")
            expect(page.get_by_test_id("site-encoder2")).to_have_attribute("aria-current", "true")
            expect(page.get_by_test_id("site-encoder1")).to_contain_text("8 maps")  # the smaller network
            expect(page.get_by_test_id("pixel-why")).to_contain_text("90 % of the influence")
            assert link(page.url) == {name: value[0] for name, value in parse_qs(query).items()}
            page.reload()


def test_on_a_phone_it_is_one_column_and_every_gesture_works(browser, address):
    with visited(browser, address, viewport=PHONE, has_touch=True, is_mobile=True) as page:
        opened_up(page)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for test_id in ("salt-viewer", "site-encoder1", "site-logits", "cut-cell-1", "pixel-why"):
            box = page.get_by_test_id(test_id).bounding_box() or {"x": 0, "width": 0}
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390
        canvas = page.get_by_test_id("salt-viewer")
        canvas.scroll_into_view_if_needed()
        canvas.tap(position={"x": 100, "y": 100})
        expect(page.get_by_test_id("pixel-why")).to_contain_text("90 % of the influence")
        page.get_by_test_id("site-skip1").tap()
        expect(page.get_by_test_id("site-skip1")).to_have_attribute("aria-pressed", "true")
        page.get_by_test_id("site-decoder1").tap()
        expect(page.get_by_test_id("site-decoder1")).to_have_attribute("aria-current", "true")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_stands_between_it_and_anybody(browser, address, scheme):
    if not AXE.is_file():
        pytest.skip("axe-core is absent: npm install in tests/")
    query = f"layer=decoder2&channel=3&cuts=skip1&pixel=40,52&__theme={scheme}"
    with visited(browser, address, query, color_scheme=scheme) as page:
        opened_up(page)
        expect(page.get_by_test_id("pixel-why")).to_contain_text("90 % of the influence")
        page.wait_for_timeout(1500)
        found = serious_findings(page)
        assert not found, json.dumps(found, indent=1)


# --- Images of the visitor's own, in Streamlit ------------------------------------------------------------


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


def test_a_dropped_image_shows_its_mask(app, segmenter):
    opened = core.sample("Hanging keel")
    probability = segmenter.probability(opened.pixels)
    threshold = round(float(np.median(probability)), 2)  # some pixels on either side, whatever the weights say
    finding = core.find(probability, threshold)
    assert 0 < finding.pixels < probability.size

    upload(app, "keel.png", png(opened.pixels))
    expect(app.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^keel.png"))
    set_threshold(app, threshold)
    expect(app.get_by_test_id("salt-readout")).to_have_text(finding.sentence)

    cells = [np.argwhere(finding.mask)[0].tolist(), np.argwhere(~finding.mask)[0].tolist()]
    wanted = render.overlay(opened.pixels, finding.mask, opacity=0.45)
    for (row, column), color in zip(cells, canvas_colors(app, cells), strict=True):
        np.testing.assert_allclose(color, wanted[row, column], atol=1)
    expect(app.get_by_text(re.compile("link cannot carry"))).to_be_visible()
    assert "sample" not in link(app.url)


def test_a_broken_file_is_named_and_the_sample_stays(app):
    upload(app, "cut_short.png", png(core.sample("Small lens").pixels)[:200])

    expect(app.get_by_role("alert").filter(has_text="cut_short.png: damaged or cut short")).to_be_visible()
    expect(app.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^Salt stock"))


def test_a_name_made_of_markup_stays_text(app):
    upload(app, "<img src=x onerror=alert(1)>.png", png(core.sample("Small lens").pixels))
    expect(app.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^<img"))
    assert app.locator("img[src=x]").count() == 0


def test_a_mask_beside_its_image_is_scored(app):
    opened = core.sample("Salt sheet")
    upload(app, "sheet.png", png(opened.pixels))
    expect(app.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^sheet.png"))
    expect(app.get_by_test_id("salt-truth")).to_be_hidden()
    upload(app, "sheet.png", png(opened.truth.astype(np.uint8) * 255), which=1)

    expect(app.get_by_test_id("salt-truth")).to_be_visible()
    expect(app.get_by_test_id("salt-scores")).to_contain_text("IoU")


def test_another_image_brings_its_own_maps_and_keeps_the_cuts(app, segmenter):
    set_threshold(app, 0.4)
    app.get_by_test_id("site-skip3").click()
    upload(app, "lens.png", png(core.sample("Small lens").pixels))
    expect(app.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^lens.png"))
    probability = segmenter.trace(core.sample("Small lens").pixels, {"skip3": 0.0}).probability
    expect(app.get_by_test_id("salt-readout")).to_have_text(core.find(probability, 0.4).sentence)


def test_what_is_open_survives_a_look_at_another_page(app):
    set_threshold(app, 0.33)
    app.get_by_test_id("site-skip2").click()
    app.get_by_test_id("site-encoder3").click()
    silence(app)
    app.get_by_role("link", name="Take it away").click()
    expect(app.get_by_role("heading", name="Take it away")).to_be_visible()
    app.get_by_role("link", name="Explore").click()
    opened_up(app)
    expect(app.get_by_test_id("salt-readout")).to_contain_text("threshold 0.33")
    expect(app.get_by_test_id("site-skip2")).to_have_attribute("aria-pressed", "true")
    expect(app.get_by_test_id("site-encoder3")).to_have_attribute("aria-current", "true")


def test_eight_visitors_at_once_see_their_own(browser, streamlit, segmenter):
    """Everybody drops an image and cuts a skip while the others do; everybody sees what one alone would."""
    pages, wanted = [], []
    names = list(core.SAMPLES)
    for number in range(8):
        page = browser.new_context(viewport=WIDE).new_page()
        page.set_default_timeout(1000 * PATIENCE)
        name = names[number].replace(" ", "+")
        page.goto(f"{streamlit.address}/?threshold=0.40&sample={name}&cuts=skip{number % 4 + 1}")
        pages.append(page)
        cut = {f"skip{number % 4 + 1}": 0.0}
        wanted.append(core.find(segmenter.trace(core.sample(names[number]).grey, cut).probability, 0.4).sentence)
    for page, name, sentence in zip(pages, names, wanted, strict=True):
        expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile(f"^{name}"))
        expect(page.get_by_test_id("salt-readout")).to_have_text(sentence)
    for page in pages:
        page.context.close()


# --- How good is it? ----------------------------------------------------------------------------------------


@pytest.fixture
def evaluate_network(tmp_path):
    """The address of the app in a checkout of its own, among whose weights are some with a report."""
    shutil.copytree(ROOT / "demo", tmp_path / "demo")
    torch.manual_seed(0)
    weights = tmp_path / "weights" / "judged.safetensors"
    card = {**test_how_good.CARD, "training": {"seconds": 90.0, "history": test_how_good.HISTORY}}
    checkpoint.save(weights, UNet(UNetConfig(width=4, depth=3)).eval(), card)
    test_how_good.write(weights, test_how_good.REPORT)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "sizes.csv").write_text(test_how_good.SIZES)
    with served("streamlit", tmp_path) as server:
        yield server.address


def test_how_good_it_is_fits_a_phone_and_the_threshold_survives(browser, evaluate_network):
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(1000 * PATIENCE)
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(evaluate_network)
    page.get_by_role("combobox", name="Weights").click()
    page.get_by_role("option", name=re.compile("^judged")).click()
    expect(page.get_by_test_id("salt-threshold-exact")).to_have_value("0.42")
    set_threshold(page, 0.33)
    expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.33")
    page.wait_for_timeout(2500)  # until the server knows

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
    page.get_by_role("link", name="Explore").click()
    expect(page.get_by_test_id("salt-readout")).to_contain_text("threshold 0.33")
    page.close()
    assert not errors
