"""Touching the input: edits against arrays worked out with NumPy, and the real network on what they leave."""

import base64
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from demo import limits
from demo.images import SeismicImage, open_sample
from tests.browser.pages import AXE
from tests.servers import ROOT
from tests.viewer.image_panel import spot
from tests.viewer.page import ADDRESS, bare_page, open_viewer, viewer_page, wait_for_network
from tests.viewer.panels import encode, expect_texts, settle
from tests.viewer.test_viewer import DARK
from unet import Segmenter, explain, synthetic
from unet.files.images import read_image

pytestmark = pytest.mark.browser
NAMES = "parseEdits, editsText, withOperation, changedInput, equivariance, changeExtent, LONGEST_EDITS, MOST_EDITS"
TINY = ROOT / "weights" / "salt-unet-tiny.safetensors"  # the fastest of the real networks
SECTION = synthetic.section(5, 20, 24)[0]
ROWS, COLUMNS = np.mgrid[:20, :24]


@pytest.fixture(scope="module")
def tools(browser):
    """The functions of touch/ in a page."""
    start = """import * as tools from "/viewer.js"; window.tools = tools;
      const arrays = { u1: Uint8Array, f4: Float32Array };
      const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
      window.decode = (text) => JSON.parse(text, (_, value) =>
        value?.array ? new arrays[value.array](bytes(value.text).buffer) : value);
      document.body.dataset.ready = "yes";"""
    with bare_page(browser, start, exports=f"\nexport {{ {NAMES} }};") as page:
        page.goto(ADDRESS)
        page.locator("body[data-ready]").wait_for(state="attached")
        yield page


@pytest.fixture(scope="module")
def page(browser):
    with viewer_page(browser, open_sample("Salt stock"), Segmenter.load(TINY)) as page:
        yield page


# --- Edits as text ------------------------------------------------------------------------------------------

SIZE = {"height": 20, "width": 24}


def parsed(tools, text):
    """The edits as they are written again, and how many were left out."""
    return tools.evaluate(
        "([text, size]) => { const { operations, unread } = tools.parseEdits(text, size);"
        " return [tools.editsText(operations), unread]; }",
        [text, SIZE],
    )


def test_edits_are_read_and_written_again(tools):
    moves = "shift:-3,5;flip:h;flip:v;flat;impulse:19,23;dead:20,4"
    text = f"{moves};paint:5,200,0.0.3.0;erase:1,19.23;noise:63,40,7,4.5.-1.2"
    assert parsed(tools, text) == [text, 0]
    assert parsed(tools, "") == ["", 0]


@pytest.mark.parametrize(
    "text",
    [
        "shift:20,0", "shift:0,-24", "shift:0,0", "shift:1", "shift:1,2,3", "shift:1.5,0", "shift:1e1,0", "flip:x",
        "flip", "flat:1", "impulse:20,0", "impulse:-1,0", "impulse:NaN,0", "dead:21,4", "dead:-1,1", "dead:0,0",
        "paint:5,200,", "paint:5,200,1", "paint:5,256,1.1", "paint:64,200,1.1", "paint:5,200,1.1.30.0", "paint:200,1.1",
        "paint:5,200,1.1.99999999.0", "erase:0,1.1", "noise:5,0,1,1.1", "noise:5,40,-1,1.1", "<img src=x>",
        "constructor:1,1", "__proto__:1,1", ":",
    ],
)  # fmt: skip
def test_what_a_link_cannot_mean_is_left_out_alone(tools, text):
    assert parsed(tools, f"flip:h;{text};impulse:1,2") == ["flip:h;impulse:1,2", 1]


def test_there_is_an_end_to_edits(tools):
    longest, most = tools.evaluate("[tools.LONGEST_EDITS, tools.MOST_EDITS]")
    assert longest == limits.LONGEST_EDITS
    assert parsed(tools, ";".join(["flip:h", "flip:v"] * most)) == [";".join(["flip:h", "flip:v"] * (most // 2)), most]
    written, unread = parsed(tools, "paint:5,200,1.1" + ".1.0.-1.0" * longest + ";flip:h")
    assert (written, unread) == ("", 2)


@pytest.mark.parametrize(
    ("before", "one", "after"),
    [
        ("shift:2,-1", {"kind": "shift", "rows": 3, "columns": 1}, "shift:5,0"),
        ("flip:h;shift:2,-1", {"kind": "shift", "rows": -2, "columns": 1}, "flip:h"),
        ("flip:h", {"kind": "flip", "axis": "h"}, ""),
        ("flip:h", {"kind": "flip", "axis": "v"}, "flip:h;flip:v"),
        ("impulse:1,2", {"kind": "impulse", "row": 1, "column": 2}, "impulse:1,2"),
        ("shift:1,1;impulse:1,2", {"kind": "flat"}, "flat"),
        ("shift:15,0", {"kind": "shift", "rows": 5, "columns": 0}, None),
        (";".join(["impulse:1,2", "impulse:1,3"] * 100), {"kind": "flip", "axis": "h"}, None),
        ("", {"kind": "paint", "size": 5, "grey": 9, "path": [[1, i % 24] for i in range(8000)]}, None),
    ],
)
def test_what_belongs_together_is_one_and_what_does_not_fit_is_refused(tools, before, one, after):
    found = tools.evaluate(
        "([before, one, size]) => { const { operations } = tools.parseEdits(before, size);"
        " const all = tools.withOperation(operations, one, size); return all && tools.editsText(all); }",
        [before, one, SIZE],
    )
    assert found == after


# --- What edits leave ---------------------------------------------------------------------------------------


def changed(tools, edits, grey=SECTION, truth=None, window=None):
    """Grey and truth as they are drawn, and the bytes of the window that are requested."""
    height, width = grey.shape
    window = window or {"top": 0, "left": 0, "height": height, "width": width}
    image = {"height": height, "width": width, "grey": grey, "truth": truth, "margin": None}
    grey, truth, text = tools.evaluate(
        "([content, edits]) => { const { image, window } = decode(content);"
        " const found = tools.changedInput()(image, edits, window);"
        " return [[...found.image.grey], found.image.truth && [...found.image.truth], found.input]; }",
        [encode({"image": image, "window": window}), edits],
    )
    shape = window["height"], window["width"]
    sent = np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape) if text else None
    return np.uint8(grey).reshape(height, width), truth and np.uint8(truth).reshape(height, width), sent


def shifted(values, rows, columns):
    """Moved down and to the right, mirrored where something comes in."""
    rooms = [(max(step, 0), max(-step, 0)) for step in (rows, columns)]
    padded = np.pad(values, rooms, mode="reflect")
    return padded[max(-rows, 0) :, max(-columns, 0) :][: values.shape[0], : values.shape[1]]


def stroke(size, *points):
    """Pixels as near to a path as half of a brush: their distance to each of its segments."""
    covered = np.zeros(SECTION.shape, bool)
    for one, other in zip(points, points[1:] or points, strict=False):
        one, step = np.array(one, float), np.subtract(other, one, dtype=float)
        along = ((ROWS - one[0]) * step[0] + (COLUMNS - one[1]) * step[1]) / max(1.0, step @ step)
        along = np.clip(along, 0, 1)
        covered |= np.hypot(ROWS - one[0] - along * step[0], COLUMNS - one[1] - along * step[1]) <= size / 2
    return covered


def painted(levels, where):
    grey = SECTION.copy()
    grey[where] = levels if np.isscalar(levels) else levels[where]
    return grey


LOCAL_MEAN = np.array(
    [[SECTION[max(0, r - 10) : r + 11, max(0, c - 10) : c + 11].mean() for c in range(24)] for r in range(20)]
)


@pytest.mark.parametrize(
    ("edits", "wanted"),
    [
        ("shift:3,-5", shifted(SECTION, 3, -5)),
        ("shift:-19,23", shifted(SECTION, -19, 23)),
        ("shift:3,0;flip:v;shift:2,2", shifted(shifted(SECTION, 3, 0)[::-1], 2, 2)),
        ("flip:h", SECTION[:, ::-1]),
        ("impulse:4,7", painted(255, (ROWS == 4) & (COLUMNS == 7))),
        ("dead:20,3", painted(128, (COLUMNS >= 20) & (COLUMNS < 23))),
        ("flat", 119 + (ROWS + COLUMNS) % 2),
        ("flip:h;flat;impulse:0,0", np.where(ROWS + COLUMNS == 0, 255, 119 + (ROWS + COLUMNS) % 2)),
        ("paint:1,7,5.5", painted(7, (ROWS == 5) & (COLUMNS == 5))),
        ("paint:3,7,0.0", painted(7, (ROWS < 2) & (COLUMNS < 2))),
        ("paint:7,200,3.4.10.9.-4.5", painted(200, stroke(7, (3, 4), (13, 13), (9, 18)))),
        ("erase:9,12.10.0.6", painted(np.floor(LOCAL_MEAN + 0.5), stroke(9, (12, 10), (12, 16)))),
    ],
)
def test_edits_leave_what_numpy_leaves(tools, edits, wanted):
    grey, _, sent = changed(tools, edits)
    np.testing.assert_array_equal(grey, wanted)
    np.testing.assert_array_equal(sent, wanted)


def test_noise_is_seeded_has_its_strength_and_stays_in_its_stroke(tools):
    grey, middle = np.full((100, 100), 128, np.uint8), "50.50"
    noisy, _, _ = changed(tools, f"noise:63,20,3,{middle}", grey)
    np.testing.assert_array_equal(noisy, changed(tools, f"noise:63,20,3,{middle}", grey)[0])
    assert (noisy != changed(tools, f"noise:63,20,4,{middle}", grey)[0]).mean() > 0.2
    inside = np.hypot(*(np.mgrid[:100, :100] - 50)) <= 31.5
    assert (noisy[~inside] == 128).all()
    values = noisy[inside].astype(float) - 128
    assert abs(values.mean()) < 4 * 20 / np.sqrt(values.size)
    assert values.std() == pytest.approx(20, rel=0.05)
    rough = np.corrcoef(values[:-1], values[1:])[0, 1]
    assert abs(rough) < 0.06  # one pixel says nothing of the next


def test_the_truth_moves_along_and_ends_with_the_image(tools):
    truth = (ROWS > 8) & (COLUMNS < 9)
    _, moved, _ = changed(tools, "flip:h;paint:5,9,3.3;shift:2,-1", truth=truth)
    np.testing.assert_array_equal(moved, shifted(truth[:, ::-1], 2, -1))
    assert changed(tools, "flat", truth=truth)[1] is None


def test_of_a_large_image_the_window_changes_and_what_comes_in_is_the_image_itself(tools):
    window = {"top": 4, "left": 6, "height": 10, "width": 12}
    inside = np.s_[4:14, 6:18]
    grey, _, sent = changed(tools, "shift:3,-2", window=window)
    np.testing.assert_array_equal(sent, SECTION[1:11, 8:20])
    wanted = SECTION.copy()
    wanted[inside] = sent
    np.testing.assert_array_equal(grey, wanted)
    assert changed(tools, "impulse:0,0", window=window)[2] is None  # nothing of it is in the window


# --- How the answer moves -----------------------------------------------------------------------------------


def moved_back(edits, values):
    """Where each pixel of (h, w) comes from, -1 where it was mirrored in."""
    for motion in edits:
        if motion in ("h", "v"):
            values = values[:, ::-1] if motion == "h" else values[::-1]
            continue
        rows, columns = motion
        moved = np.full_like(values, -1)
        height, width = values.shape
        target = np.s_[max(rows, 0) : height + min(rows, 0), max(columns, 0) : width + min(columns, 0)]
        source = np.s_[max(-rows, 0) : height + min(-rows, 0), max(-columns, 0) : width + min(-columns, 0)]
        moved[target] = values[source]
        values = moved
    return values


@pytest.mark.parametrize("edits", ["shift:3,-5", "flip:h;shift:2,2;flip:v", "shift:4,0;flip:h;shift:-4,3"])
def test_equivariance_is_what_numpy_counts(tools, edits):
    random = np.random.default_rng(1)
    before, after = random.random((2, 20, 24), np.float32)
    motions = [one.split(":")[1] if "flip" in one else tuple(map(int, one[6:].split(","))) for one in edits.split(";")]
    source = moved_back(motions, np.arange(480).reshape(20, 24))
    kept = source >= 0
    one, other = before.ravel()[source[kept]], after[kept]
    window = {"top": 0, "left": 0, **SIZE}
    found = tools.evaluate(
        "(text) => { const { before, after, edits, ...where } = decode(text);"
        " return tools.equivariance(before, after, edits, where); }",
        encode({"before": before, "after": after, "edits": edits, "image": SIZE, "window": window, "threshold": 0.4}),
    )
    salt, now = one > np.float32(0.4), other > np.float32(0.4)
    assert (found["pixels"], found["kept"]) == (kept.sum(), (salt == now).sum())
    assert found["overlap"] == pytest.approx((salt & now).sum() / (salt | now).sum())
    assert found["change"] == pytest.approx(np.abs(one - other).mean())


def test_equivariance_is_for_motions_alone(tools):
    zero = np.zeros(480, np.float32)
    for edits in ("", "shift:1,1;impulse:2,2", "flat"):
        content = {"image": SIZE, "window": {"top": 0, "left": 0, **SIZE}, "threshold": 0.5}
        found = tools.evaluate(
            "([text, edits]) => { const { zero, ...where } = decode(text);"
            " return tools.equivariance(zero, zero, edits, where); }",
            [encode({"zero": zero, **content}), edits],
        )
        assert found is None


def test_the_extent_of_a_change(tools):
    before, after = np.zeros((2, 20, 24), np.float32)
    after[4, 5], after[9, 20], after[0, 0] = 0.5, -0.002, 0.0009
    script = (
        "(text) => { const { before, after, size } = decode(text); return tools.changeExtent(before, after, size); }"
    )
    found = tools.evaluate(script, encode({"before": before, "after": after, "size": SIZE}))
    assert found == {"largest": 0.5, "rows": 6, "columns": 16}


# --- On the page, with the real network ---------------------------------------------------------------------


def sent_bytes(page, shape=(101, 101)):
    """The input of which the combinations of cuts were requested last."""
    text = page.evaluate("requests.findLast(({ kind }) => kind === 'cuts').input")
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape)


def expect_mask_of(page, grey):
    """What the page counts is what Python counts of this grey."""
    wanted = page.usual[1].probability(grey) > np.float32(0.4)
    share = f"salt {100 * wanted.mean():.1f} % · {wanted.sum():,} pixels"
    expect(page.get_by_test_id("salt-readout")).to_contain_text(share)


def draw(page, *places, release=True, shape=(101, 101)):
    """A stroke over the image with the mouse."""
    page.mouse.move(*spot(page, *places[0], shape))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*spot(page, *place, shape), steps=5)
    if release:
        page.mouse.up()
    settle(page)


def test_a_stroke_is_what_python_predicts_and_the_way_back_is_exact(page):
    stock, _ = page.usual
    open_viewer(page, "tab=touch&truth=1")
    before = page.get_by_test_id("salt-readout").text_content(), page.get_by_test_id("salt-scores").text_content()
    page.get_by_test_id("touch-grey").fill("250")
    page.get_by_test_id("touch-grey").press("Enter")
    page.evaluate("requests.length = 0")
    draw(page, (20, 20), (60, 50), (70, 80), release=False)
    page.wait_for_function("requests.length > 0")
    page.wait_for_timeout(400)  # longer than a hand has to rest
    assert set(page.evaluate("requests.map(({ kind }) => kind)")) == {"predict"}  # maps and cuts wait for the hand
    page.mouse.up()
    page.wait_for_function("requests.some(({ kind }) => kind === 'cuts')")
    wait_for_network(page)
    grey = sent_bytes(page)
    assert [request["kind"] for request in page.evaluate("requests")][-2:] == ["maps", "cuts"]
    assert {request["input"] for request in page.evaluate("requests")[-2:]} == {page.evaluate("requests.at(-1).input")}
    assert (grey[20, 20], grey[60, 50], grey[70, 80]) == (250, 250, 250)
    assert 500 < (grey != stock.pixels).sum() < 1500  # nine pixels wide, about a hundred long
    expect_mask_of(page, grey)
    expect_texts(page, "salt", scores="of the changed input", changed="The input is changed: 1 stroke in grey.")
    share = [100 * (page.usual[1].probability(one) > np.float32(0.4)).mean() for one in (grey, stock.grey)]
    expect_texts(page, "salt", answer=f"1 stroke in grey: salt {share[0]:.1f} % instead of {share[1]:.1f} %")
    page.get_by_test_id("salt-original").click()
    expect(page.get_by_test_id("salt-readout")).to_have_text(before[0])
    expect(page.get_by_test_id("salt-scores")).to_have_text(before[1])
    expect(page.get_by_test_id("salt-changed")).to_be_hidden()
    page.wait_for_url(lambda address: "edits" not in address)


def test_of_many_inputs_only_the_newest_waits(page):
    open_viewer(page, "tab=touch")
    page.evaluate("requests.length = 0; hold(({ kind }) => kind === 'predict')")
    draw(page, (20, 20), (60, 50), (70, 80), release=False)
    page.wait_for_function("requests.length === 1")
    first = page.evaluate("requests[0].input")
    page.evaluate("release()")
    page.wait_for_function("requests.length === 2")
    assert page.evaluate("requests[1].input") != first
    page.mouse.up()
    page.evaluate("hold()")
    wait_for_network(page)
    kinds = page.evaluate("requests.map(({ kind }) => kind)")
    assert kinds.count("predict") == 2
    expect_mask_of(page, sent_bytes(page))


def test_every_tool_by_keyboard(page):
    stock, _ = page.usual
    open_viewer(page, "tab=touch&pixel=40,52")
    wanted = stock.pixels.copy()
    tool = page.get_by_test_id("touch-tool-paint")
    tool.focus()
    expect(page.get_by_test_id("touch-row")).to_have_value("40")
    for _ in range(4):  # paint, erase, noise, dead trace, impulse
        page.keyboard.press("ArrowRight")
    page.get_by_test_id("touch-apply").press("Enter")
    wanted[40, 52] = 255
    expect_mask_of(page, wanted)
    field = explain.receptive_field(page.usual[1].model.config)
    expect_texts(page, "touch", impulse=f"The receptive field is {field} × {field}.")
    page.get_by_test_id("touch-tool-impulse").press("ArrowLeft")
    page.get_by_test_id("touch-column").fill("10")
    page.get_by_test_id("touch-apply").press("Space")
    wanted[:, 9:12] = 128
    expect_mask_of(page, wanted)
    for name in ("h", "v"):
        page.get_by_test_id(f"touch-flip-{name}").press("Enter")
    wanted = wanted[::-1, ::-1]
    expect_mask_of(page, wanted)
    page.get_by_test_id("touch-tool-dead").press("ArrowRight")
    page.get_by_test_id("touch-tool-impulse").press("ArrowRight")
    page.get_by_test_id("touch-shift-rows").press("ArrowUp")
    page.get_by_test_id("touch-shift-rows").press("ArrowUp")
    page.get_by_test_id("touch-shift-columns").press("ArrowDown")
    page.get_by_test_id("touch-shift-columns").press("Tab")
    expect_mask_of(page, shifted(wanted, 2, -1))
    page.wait_for_url(re.compile("edits=impulse%3A40%2C52%3Bdead%3A9%2C3%3Bflip%3Ah%3Bflip%3Av%3Bshift%3A2%2C-1"))
    page.get_by_test_id("touch-original").press("Enter")
    expect_mask_of(page, stock.grey)


def test_a_shift_by_hand_says_how_equivariant_the_answer_is(page):
    stock, segmenter = page.usual
    open_viewer(page, "tab=touch")
    page.get_by_test_id("touch-tool-shift").check()
    draw(page, (50, 50), (53, 42))
    moved = shifted(stock.pixels, 3, -8)
    expect_mask_of(page, moved)
    before, after = segmenter.probability(stock.grey)[:-3, 8:], segmenter.probability(moved)[3:, :-8]
    salt, now = before > np.float32(0.4), after > np.float32(0.4)
    expect_texts(
        page, "touch",
        equivariance=f"Moved back, {100 * (salt == now).mean():.1f} % of the {salt.size:,} pixels that stayed in sight "
        f"keep their side of the threshold; IoU of the two masks {(salt & now).sum() / (salt | now).sum():.3f}, "
        f"mean change of a probability {np.abs(before - after).mean():.4f}.",
    )  # fmt: skip
    page.get_by_test_id("salt-truth").check()
    truth = shifted(stock.truth, 3, -8)
    found = segmenter.probability(moved) > np.float32(0.4)
    expect_texts(page, "salt", scores=f"IoU {(truth & found).sum() / (truth | found).sum():.2f}")


def test_an_impulse_on_flat_grey_shows_the_impulse_response(page):
    _, segmenter = page.usual
    open_viewer(page, "tab=touch&pixel=30,60")
    page.get_by_test_id("touch-flat").click()
    flat = (119 + np.indices((101, 101)).sum(axis=0) % 2).astype(np.uint8)
    lit = flat.copy()
    lit[30, 60] = 255
    change = np.abs(segmenter.probability(lit) - segmenter.probability(flat))
    rows, columns = np.nonzero(change > 1e-3)
    box = f"{np.ptp(rows) + 1} × {np.ptp(columns) + 1}"
    wanted = (
        f"The impulse changed a probability by {change.max():.3f} at most, and by more than 0.001 within {box} pixels"
    )
    expect_texts(page, "touch", impulse=wanted)
    assert page.evaluate("requests.filter(({ kind }) => kind === 'predict').length") == 2
    expect(page.get_by_test_id("salt-truth")).to_be_hidden()


def test_a_link_brings_edits_and_says_what_it_left_out(page):
    open_viewer(page, "tab=touch&edits=shift:2,0;impulse:500,500;%3Cb%3E")
    wanted = shifted(page.usual[0].pixels, 2, 0)
    expect_mask_of(page, wanted)
    said = "Left out: 2 changes of a link that cannot be read or do not fit this image."
    expect_texts(page, "salt", changed=f"The input is changed: shifted 2 rows down. {said}")
    page.get_by_test_id("touch-flip-h").click()
    expect(page.get_by_test_id("salt-changed")).not_to_contain_text("Left out")


def test_the_changed_input_is_saved_as_the_network_saw_it(page, tmp_path):
    open_viewer(page, "tab=touch&edits=flip:h;paint:9,250,20.20.30.5")
    with page.expect_download() as download:
        page.get_by_test_id("touch-png").click()
    download.value.save_as(tmp_path / "changed.png")
    saved = read_image((tmp_path / "changed.png").read_bytes(), "changed.png").grey
    np.testing.assert_array_equal(saved, sent_bytes(page) / np.float32(255))


def test_a_stroke_outside_the_window_opens_the_part_around_it(page):
    large = SeismicImage("large", synthetic.section(7, 150, 200)[0].astype(np.float32) / 255)
    open_viewer(page, "tab=touch&window=0,0", image=large)
    page.get_by_test_id("touch-tool-impulse").check()
    draw(page, (140, 190), (140, 191), shape=(150, 200))
    expect_texts(page, "salt", answer="The part around it is opened: now it can be changed here.")
    expect(page.get_by_test_id("salt-changed")).to_be_hidden()
    wait_for_network(page)
    draw(page, (140, 190), shape=(150, 200))
    expect_texts(page, "salt", changed="The input is changed, inside the window: an impulse at row 140, column 190.")
    wait_for_network(page)
    wanted = large.pixels[22:, 72:].copy()
    wanted[118, 118] = 255
    np.testing.assert_array_equal(sent_bytes(page, (128, 128)), wanted)


def test_nobody_is_kept_from_touching(page):
    if not AXE.is_file():
        pytest.skip("axe-core is absent: npm install in tests/")
    open_viewer(page, "tab=touch&edits=shift:2,0;impulse:40,40")
    expect_texts(page, "touch", impulse="The receptive field")
    page.add_script_tag(path=AXE)
    for style in ("body {}", DARK):
        page.add_style_tag(content=style)
        for width in (1300, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function(f"document.documentElement.scrollWidth <= {width}")
            found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
            ours = [one for one in found if one["id"] != "page-has-heading-one"]  # the page around has it
            assert not ours, [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in ours]


def test_what_was_found_of_an_input_goes_with_it_from_every_tab(page):
    open_viewer(page, "tab=touch&edits=dead:40,9")
    answer, over = page.get_by_test_id("salt-answer"), page.get_by_test_id("salt-overlay")
    expect(answer).to_contain_text("Dead traces 40 to 48: salt")
    page.get_by_test_id("touch-overlay").first.check()
    expect(over).to_contain_text("changed input minus that of the original")
    page.get_by_test_id("tab-values").click()
    expect(over).to_be_visible()
    page.get_by_test_id("salt-original").click()
    expect(answer).to_have_text("")
    expect(over).to_be_hidden()
    expect(page.get_by_test_id("salt-viewer")).to_be_focused()  # the button went away


def test_a_place_stays_in_the_fields_from_change_to_change(page):
    open_viewer(page, "tab=touch")
    page.get_by_test_id("touch-tool-impulse").check(force=True)
    page.get_by_test_id("touch-row").fill("20")
    page.get_by_test_id("touch-column").fill("500")
    page.get_by_test_id("touch-apply").click()
    expect(page.get_by_test_id("salt-changed")).to_contain_text("an impulse at row 20, column 100")
    settle(page)
    assert [page.get_by_test_id(f"touch-{name}").input_value() for name in ("row", "column")] == ["20", "100"]
