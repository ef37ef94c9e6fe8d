"""The interactive page: what it stores, by value, and the file itself in Chromium, from disk and offline."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from demo import bundle
from demo.explorer import find_probability, respond, twelve_bits
from demo.images import SeismicImage, open_sample
from demo.messages import key as message_key
from demo.page import PageImage, PageNetwork, make_page, misfit, pack
from demo.page.answers import MOST_PIXELS, store
from demo.page.asked import MOST, AskedPlaces, known_answer
from demo.page.file import LARGEST_IMAGE, VIEW
from demo.view import ViewState
from demo.viewer_requests import PixelRequest, SmoothRequest
from demo.weights import find_weights, open_weights
from tests.viewer.page import ADDRESS, bare_page
from unet import metrics

STOCK = open_sample("Salt stock")
RNG = np.random.default_rng(0)
HOSTILE = """</script><img src=x onerror="document.title = 'run'">'&amp;<!--.png"""
OTHER = SeismicImage(HOSTILE, RNG.random((40, 48), np.float32))
LARGE = SeismicImage("large.png", RNG.random((150, 140), np.float32))
THRESHOLD = 0.4
REFUSAL = "This needs the network: open the image in the app (python -m unet demo)"


@pytest.fixture(scope="module")
def network():
    weights = find_weights()[0]
    return PageNetwork(weights, *open_weights(weights))


def ask(network, image, **request):
    """A request from the browser, and the response."""
    probability = find_probability(image, network.segmenter, network.key)
    key = message_key(image, probability, network.segmenter)
    content = {"id": 7, "key": key, **request}
    return content, respond(content, image, network.segmenter, key, network.key)


def ask_and_note(asked, network, image, **request):
    content, response = ask(network, image, **request)
    asked.note(content, response, image, network.key)
    return response


def decoded(text):
    """The bytes of ``as_text``, worked out in another way."""
    bits = "".join(f"{ord(character) % 128:07b}" for character in text.decode())
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) // 8 * 8, 8))


@pytest.mark.parametrize("length", [0, 1, 6, 7, 8, 1000])
def test_bytes_are_text_that_html_leaves_alone(length):
    content = RNG.bytes(length) + bytes([0, 13, 60, 255]) * 3
    text = pack.as_text(content)
    assert decoded(text) == content
    assert not set(text.decode()) & {"\0", "\r", "<"}
    assert len(text) < 1.3 * len(content) + 8


def test_the_browser_reads_what_python_packs(browser):
    smooth = np.add.outer(np.arange(9), np.arange(11)).astype(np.uint8)
    given = {
        "noise": RNG.integers(0, 256, (3, 9, 11), np.uint8),
        "plane": np.stack([3 * smooth, 250 - smooth]),
        "median": np.where(smooth > 9, 200, smooth).astype(np.uint8),
        "truth": smooth > 7,
        "list": np.array([1, 2, 3], np.uint8),
        "floats": RNG.normal(size=(4, 5)).astype(np.float32),
        "levels": twelve_bits(RNG.random((6, 7), np.float32)),
    }
    reader = bundle.joined([VIEW / "pack.js"])
    source = f"{reader}\nexport {{ bytesOfText, unpackCompact }};"
    start = """
      import { bytesOfText, unpackCompact } from "/viewer.js";
      window.read = async (text) => Object.fromEntries(
        Object.entries(await unpackCompact(bytesOfText(text))).map(([name, array]) => [name, [...array]]));
      document.body.dataset.ready = "yes";"""
    with bare_page(browser, start, exports=source) as page:
        page.goto(ADDRESS)
        page.locator("body[data-ready]").wait_for(state="attached")
        found = page.evaluate("(text) => read(text)", pack.as_text(pack.pack(given)).decode())
    levels = given.pop("levels")
    np.testing.assert_array_equal(found.pop("levels"), (levels / 4095).astype(np.float32).ravel())
    for name, array in given.items():
        np.testing.assert_array_equal(found[name], array.ravel(), err_msg=name)


def test_rounding_keeps_eight_significant_bits():
    values = RNG.normal(size=1000).astype(np.float32) * np.float32(10.0) ** RNG.integers(-20, 20, 1000)
    rounded = pack.rounded(values)
    np.testing.assert_allclose(rounded, values, rtol=2**-8)
    assert not np.any(rounded.view(np.uint32) & 0xFFFF)


def test_pixels_that_were_asked_about_are_remembered(network):
    asked = AskedPlaces()
    first = ask_and_note(asked, network, STOCK, kind="pixel", box=[40, 52, 1, 1])
    ask_and_note(asked, network, STOCK, kind="maps")
    ask_and_note(asked, network, STOCK, kind="pixel", box=[400, 52, 1, 1])  # refused
    ask_and_note(asked, network, OTHER, kind="pixel", box=[1, 2, 3, 4])
    ask_and_note(asked, network, STOCK, kind="pixel", box=[5, 6, 1, 1], random=True)
    ask_and_note(asked, network, STOCK, kind="smooth", box=[40, 52, 1, 1], samples=1, seed=3)
    plain, random = PixelRequest(box=(40, 52, 1, 1)), PixelRequest(box=(5, 6, 1, 1), random=True)
    smooth = SmoothRequest(box=(40, 52, 1, 1), samples=1, seed=3)
    assert asked.requests(STOCK, network.key) == [plain, smooth, random]
    assert asked.requests(OTHER, network.key) == [PixelRequest(box=(1, 2, 3, 4))]
    assert known_answer(plain, STOCK, network.key) is first

    for column in range(MOST):
        content = {"kind": "pixel", "box": [0, column, 1, 1]}
        asked.note(content, first, STOCK, network.key)
        asked.note({**content, "epoch": 1}, first, STOCK, network.key)
        asked.note({**content, "input": "AAAA"}, first, STOCK, network.key)
    newest = asked.requests(STOCK, network.key)
    assert [one.box[1] for one in newest] == list(range(MOST))[::-1]
    assert {(one.epoch, one.input) for one in newest} == {(None, "")}


def test_what_there_is_no_room_for_is_left_out_and_named(network):
    view = ViewState(window=(20, 0), other="gone", epoch=3, edits="flip:h", lesson=2)
    stored = store(PageImage("large.png", LARGE, view), network, link=None, threshold=0.5, room=1_700_000)
    assert stored.size <= 1_700_000
    texts = len(stored.message) + sum(len(answer.text) for answer in stored.answers)
    assert texts + 100 * len(stored.answers) < stored.size < texts + 250 * len(stored.answers)  # and their index
    assert {tuple(answer.request["window"]) for answer in stored.answers} == {(20, 0)}
    kinds = [(answer.request["kind"], answer.request["random"]) for answer in stored.answers]
    assert kinds[:4] == [("maps", False), ("cuts", False), ("tta", False), ("uncertainty", False)]
    assert ("maps", True) not in kinds
    assert stored.left_out[0] == "its maps with random weights"

    assert misfit("a.png", MOST_PIXELS) == ""
    assert misfit("a.png", MOST_PIXELS + 1).startswith("a.png: expected an image of at most 1,000,000 pixels")


# --- In Chromium ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    """A page with two images; of the first a box was asked about, with noisy copies, and of the second nothing."""
    asked, box = AskedPlaces(), [30, 50, 3, 5]
    ask_and_note(asked, network, STOCK, kind="pixel", box=box)
    for seed in range(4):
        ask_and_note(asked, network, STOCK, kind="smooth", box=box, samples=4, seed=seed)
    view = ViewState(pixel=(40, 52), layer="decoder1", channel=3, truth=True)
    images = [PageImage("Salt stock", STOCK, view, asked.requests(STOCK, network.key)), PageImage(HOSTILE, OTHER)]
    content = make_page(images, network, THRESHOLD, [f"{HOSTILE} is left out."])
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_bytes(content)
    assert len(content) < 2 * LARGEST_IMAGE
    return path


@pytest.fixture
def page(browser, file):
    """The page, opened from disk with the network switched off; a script error or a request fails the test."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_offline(True)
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("request", lambda sent: None if sent.url.startswith(("file:", "data:")) else wrong.append(sent.url))
    page.wrong = wrong
    open_file(page, file)
    yield page
    context.close()
    assert not wrong


def open_file(page, file, fragment=""):
    page.goto("about:blank")
    page.goto(f"{file.as_uri()}#{fragment}" if fragment else file.as_uri())
    page.get_by_test_id("salt-readout").filter(has_text="threshold").wait_for()


def expect_mask(page, probability, threshold, truth=STOCK.truth):
    """The readout and the scores say of this probability what NumPy does."""
    mask = metrics.mask(probability, threshold)
    words = f"threshold {threshold:.2f} · salt {100 * mask.mean():.1f} % · {np.count_nonzero(mask):,} pixels"
    expect(page.get_by_test_id("salt-readout")).to_have_text(words)
    iou = np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth)
    expect(page.get_by_test_id("salt-scores")).to_contain_text(f"IoU {iou:.2f}")


def test_it_shows_what_the_app_shows(page, network):
    probability = network.segmenter.probability(STOCK.grey)
    expect_mask(page, probability, THRESHOLD)
    for threshold in (0.05, 0.5, 0.93):
        page.get_by_test_id("salt-threshold-exact").fill(str(threshold))
        page.keyboard.press("Enter")
        expect_mask(page, probability, threshold)

    maps = ask(network, STOCK, kind="maps")[1].sites["decoder1"]
    values = maps.low[5] + (maps.high[5] - maps.low[5]) * maps.values[5] / 255.0
    page.evaluate("location.hash = 'layer=decoder1&channel=5&pixel=40,52'")
    answer = page.get_by_test_id("salt-answer")
    expect(answer).to_contain_text(re.compile(r"decoder1, map 5 of 16.* mean \S+, [\d.]+ %"))
    mean, silent = map(float, re.search(r"mean (\S+), ([\d.]+) %", answer.inner_text()).groups())
    assert mean == pytest.approx(float(values.mean()), rel=5e-3)
    assert silent == pytest.approx(100 * float(np.mean(values <= 0)), abs=0.06)

    page.get_by_test_id("tab-why").click()
    _, pixel = ask(network, STOCK, kind="pixel", box=[40, 52, 1, 1])
    rows, columns = pixel.boxes["90"][2:]
    expect(page.get_by_test_id("why-value")).to_contain_text(f"probability {pixel.probability:.2f}")
    expect(page.get_by_test_id("why-sentence")).to_contain_text(f"comes from {rows} x {columns} pixels")


def test_every_combination_of_cuts_and_the_random_twin_are_there(page, network):
    for random in (False, True):
        _, table = ask(network, STOCK, kind="cuts", random=random)
        levels = table.high.astype(np.float64) * 256 + table.low
        for cuts in (["skip1"], ["skip2", "bottleneck"]):
            index = sum(1 << table.parts.index(part) for part in cuts)
            page.evaluate(f"location.hash = 'threshold=0.4&tab=cut&cuts={','.join(cuts)}&random={int(random)}'")
            expect(page.get_by_test_id("salt-altered")).to_contain_text(f"without {', '.join(cuts)}")
            expect_mask(page, (levels[index] / 4095).astype(np.float32), THRESHOLD)
    _, twin = ask(network, STOCK, kind="predict", random=True)
    page.evaluate("location.hash = 'threshold=0.45&random=1'")
    expect(page.get_by_test_id("salt-altered")).to_contain_text("Shown is the network with random weights")
    expect_mask(page, twin.probability, 0.45)
    _, mirrored = ask(network, STOCK, kind="tta")
    page.evaluate("location.hash = 'threshold=0.45&tta=1'")
    expect(page.get_by_test_id("salt-readout")).to_contain_text("flip TTA")
    count = np.count_nonzero(mirrored.probability > np.float32(0.45))
    expect(page.get_by_test_id("salt-readout")).to_contain_text(f"{count:,} pixels")


def test_boxes_that_were_asked_about_are_links_with_their_noisy_copies(page):
    link = page.get_by_test_id("page-places").get_by_role("link", name="rows 30 to 32, columns 50 to 54")
    link.click()
    expect(page.get_by_test_id("why-value")).to_contain_text("Rows 30 to 32, columns 50 to 54")
    expect(page.get_by_test_id("pixel-why")).to_contain_text("SmoothGrad: the mean of 16 noisy copies")
    assert "box=30%2C50%2C3%2C5" in page.url
    expect(page.get_by_test_id("page-places").get_by_role("link")).to_have_count(2)


def test_what_is_not_in_it_is_refused_with_one_sentence(page, file):
    for fragment, place in (
        ("pixel=10,10&tab=why", "why-problem"),
        ("layer=decoder1&cuts=skip1", "maps-status"),
        ("cuts=skip1", "salt-altered"),
        ("edits=flip:h&tab=touch", "salt-altered"),
    ):
        open_file(page, file, fragment)
        expect(page.get_by_test_id(place)).to_contain_text(REFUSAL)
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
    open_file(page, file, "layer=bottleneck")
    page.get_by_test_id("sort").select_option("effect")
    expect(page.get_by_test_id("maps-status")).to_contain_text(REFUSAL)
    page.get_by_test_id("tab-touch").click()
    expect(page.get_by_test_id("touch-offline")).to_contain_text("open the image in the app")
    for control in ("drop-zone", "why-again", "lesson-open", "touch-tool-paint"):
        expect(page.get_by_test_id(control)).to_be_hidden()


def test_names_are_text_and_images_are_chosen_by_keyboard(page):
    choice = page.get_by_test_id("page-image")
    assert choice.locator("option").all_text_contents() == ["Salt stock", HOSTILE]
    choice.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_test_id("page-caption")).to_contain_text(f"{HOSTILE} · 40 × 48 pixels")
    expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("40 rows by 48 columns"))
    expect(page.get_by_text(f"{HOSTILE} is left out.")).to_be_visible()
    assert page.title() == "2 images · Salt U-Net"
    assert page.locator("img[src=x]").count() == 0
    page.reload()  # its link says which
    expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("40 rows by 48 columns"))


def test_it_names_the_weights_and_lets_no_other_script_run(page, network):
    card = network.segmenter.card
    facts = page.locator("footer")
    for words in (network.weights.claim, card.licence, card.sha256[:12], "without a network", "python -m unet demo"):
        expect(facts).to_contain_text(words)
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = true";
        document.body.append(script);
    }""")
    assert page.evaluate("window.ran") is None
    assert "Content Security Policy" in page.wrong.pop()
