"""Ask a pixel why: what is requested, and what is shown of the response."""

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from tests.viewer.panels import change, encode, expect_texts, overlay_pixels, pixels, settle, start, state
from unet import render
from unet.image import Padding

pytestmark = pytest.mark.browser
LEVELS = ("encoder1", "encoder2", "bottleneck", "decoder2", "decoder1")
STRIDES = dict(zip(LEVELS, (1, 2, 4, 2, 1), strict=True))
NETWORK = {
    "sites": [{"name": name, "channels": 4, "stride": stride} for name, stride in STRIDES.items()],
    "parts": ["skip1", "skip2", "bottleneck"], "samples": ["Salt stock"], "field": 15, "parameters": 1,
}  # fmt: skip
PART = {"top": 7, "left": 5, "height": 24, "width": 20}


def show(page, size=(23, 21), **given):
    grey = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    options = {"network": NETWORK, "viewport": (1300, 1000), "tables": [grey / 255] * 8} | given
    return start(page, ["cuts", "why"], grey, np.float32(grey) / 255, **options)


def response(seed, shape=(23, 21), **changes):
    """A response about a pixel, of random numbers."""
    rng = np.random.default_rng(seed)
    gradient = rng.normal(size=shape).astype(np.float32)
    padding = Padding.to_multiple(*shape, 4)
    padded, cams = np.zeros((padding.padded_height, padding.padded_width)), {}
    for name, stride in STRIDES.items():
        size = padding.crop(padded[::stride, ::stride], stride).shape
        cams[name] = {"values": rng.random(size, np.float32), "height": size[0], "width": size[1]}
    boxes = {"50": [8, 7, 5, 4], "90": [3, 2, 12, 9]}
    found = {"gradient": gradient, "boxes": boxes, "cams": cams, "logit": -1.25, "probability": 0.28}
    return found | changes


def requests(page):
    return page.evaluate("requests.map(({ request }) => request)")


def request_of(row, column, height=1, width=1, random=False):
    return {"kind": "pixel", "box": [row, column, height, width], "random": random}


def copies_of(*box, random=False):
    """The requests about noisy copies of a pixel."""
    wanted = request_of(*box, random=random) | {"kind": "smooth", "samples": 4}
    return [wanted | {"seed": seed} for seed in range(4)]


def noisy(seed, shape=(23, 21)):
    """Four mean gradients that differ by a little noise around one map of large structures."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    signal = np.sin(rows / 4 + seed) + np.cos(columns / 5)
    return [{"gradient": (signal + rng.normal(0, 1.5, shape)).astype(np.float32)} for _ in range(4)]


def respond_copies(page, number, pieces):
    for i, piece in enumerate(pieces):
        respond(page, number + i, piece)


def resolved(pieces):
    """What the page makes of them, computed anew: the map, its smoothing and its reliability."""
    halves = [np.mean([pieces[i]["gradient"], pieces[i + 2]["gradient"]], axis=0) for i in (0, 1)]
    for sigma in (0, 0.5, 0.7, 1, 1.4, 2, 2.8, 4):
        smooth = [blurred(half, sigma) for half in halves]
        r = np.corrcoef(*(one.ravel() for one in smooth))[0, 1]
        if 2 * r / (1 + r) >= 0.8:
            return np.mean(smooth, axis=0), sigma, 2 * r / (1 + r)
    raise AssertionError("these pieces have nothing in common")


def blurred(values, sigma):
    if not sigma:
        return values
    side = 2 * int(np.ceil(4 * sigma)) + 1
    return cv2.GaussianBlur(values.astype(np.float64), (side, side), sigma, borderType=cv2.BORDER_REFLECT_101)


def respond(page, number, found, then=None):
    """Responds to the request of this number, once it is there, and changes the state a frame later."""
    page.wait_for_function("(number) => requests.length > number", arg=number)
    script = """([number, text, then]) => {
        requests[number].resolve(decode(text));
        if (then) requestAnimationFrame(() => requestAnimationFrame(() => explorer.set(then)));
    }"""
    page.evaluate(script, [number, encode(found), then])


def refuse(page, number, sentence):
    page.wait_for_function("(number) => requests.length > number", arg=number)
    page.evaluate("([number, sentence]) => requests[number].reject(new Error(sentence))", [number, sentence])


def find_request(page, wanted):
    """The number of a request, once it is made; requests that stand before it are refused."""
    for number in range(20):
        page.wait_for_function("(number) => requests.length > number", arg=number)
        if requests(page)[number] == wanted:
            return number
        if number == len(requests(page)) - 1:
            refuse(page, number, "Refused.")
    raise AssertionError(wanted)


def expect_requests(page, *wanted):
    """These requests are made, and after a rest no others."""
    page.wait_for_timeout(200)  # longer than PIXEL_PAUSE in requests.js
    assert requests(page) == list(wanted)


def text_of(page, name):
    return page.get_by_test_id(f"why-{name}")


def says(page, **texts):
    expect_texts(page, "why", **texts)


def correlation(one, other):
    return f"r {np.corrcoef(one.ravel(), other.ravel())[0, 1]:.2f}".replace("-", "−")


@pytest.mark.parametrize("sigma", [0.5, 1.4, 4])
def test_the_blur_is_opencv_s(page, sigma):
    values = np.random.default_rng(0).normal(size=(40, 31)).astype(np.float32)
    found = page.evaluate(
        "([text, sigma]) => [...viewer.gaussianBlur(decode(text), { height: 40, width: 31 }, sigma)]",
        [encode(values.ravel()), sigma],
    )
    np.testing.assert_allclose(np.reshape(found, values.shape), blurred(values, sigma), atol=1e-5)


def test_copies_that_have_nothing_in_common_are_said_to_have_nothing(page):
    noise = np.random.default_rng(3).normal(size=(4, 400)).astype(np.float32)
    script = "(text) => viewer.resolveMap(decode(text), { height: 20, width: 20 }).reliability"
    assert page.evaluate(script, encode(list(noise))) < 0.8
    assert page.evaluate(script, encode([noise[0]] * 4)) == pytest.approx(1)
    assert page.evaluate(script, encode([noise[0] * 0] * 4)) == 0


def test_a_pixel_is_shown_at_once_and_noisy_copies_draw_only_the_map(page):
    show(page)
    expect(page.get_by_test_id("pixel-why")).to_be_hidden()
    change(page, pixel=[9, 8])
    expect(text_of(page, "invite")).to_be_hidden()
    says(page, value="Row 9, column 8: is computed…")
    respond(page, 0, response(1))
    shares = "{} % of the influence comes from {}, 50 % from {}.".format
    says(
        page,
        value="Row 9, column 8: probability 0.28, logit −1.25.",
        sentence=shares(90, "12 x 9 pixels (rows x columns)", "5 x 4"),
    )
    says(page, state="SmoothGrad: 0 of 16 noisy copies…", field="Influence is the size of the input gradient")
    expect(text_of(page, "map-gradient")).to_have_text("input gradient")
    assert "12 x 9 pixels (rows x columns)" in page.evaluate("said.at(-1)")
    pieces = noisy(2)
    respond_copies(page, 1, pieces[:3])
    says(page, state="SmoothGrad: 12 of 16 noisy copies…")
    expect(text_of(page, "progress")).to_have_js_property("value", 12)
    respond(page, 4, pieces[3])
    values, sigma, reliability = resolved(pieces)
    assert sigma > 0
    says(page, state=f"16 noisy copies, smoothed over {sigma} pixels (σ)", map_gradient="SmoothGrad")
    says(page, state=f"reliability {reliability:.2f}.")
    expect(text_of(page, "progress")).to_be_hidden()
    says(page, sentence=shares(90, "12 x 9 pixels (rows x columns)", "5 x 4"))  # the same measure as before
    limit = np.sort(np.abs(values), axis=None)[int(0.99 * (values.size - 1))]
    wanted = render.DIVERGING[127 + np.rint(127 * np.clip(values / limit, -1, 1)).astype(int)]
    np.testing.assert_allclose(pixels(text_of(page, "map-gradient").locator("canvas"))[..., :3], wanted, atol=6)
    change(page, threshold=0.3, cuts=["skip1"])  # nothing of the request changed
    expect_requests(page, request_of(9, 8), *copies_of(9, 8))
    says(page, field="nothing is cut for it")


def test_the_answer_is_of_this_pixel_and_goes_with_it(page):
    show(page)
    change(page, answer="Without skip1: less.")  # of another panel
    change(page, pixel=[9, 8])
    assert state(page, "answer") == "Without skip1: less."  # until there is one
    respond(page, 0, response(1))
    influence = "90 % of the influence comes from 12 x 9 pixels."
    wanted = f"Row 9, column 8: probability 0.28; {influence}"
    page.wait_for_function("(wanted) => explorer.state.answer === wanted", arg=wanted)
    change(page, cuts=["skip1"], tta=True)  # the image shows another network then
    assert state(page, "answer") == f"Row 9, column 8, nothing cut, without flip TTA: probability 0.28; {influence}"
    change(page, cuts=[], tta=False, answer="decoder2 is open.")
    assert state(page, "answer") == "decoder2 is open."
    change(page, pixel=[9, 9])
    respond(page, find_request(page, request_of(9, 9)), response(2, probability=0.77))
    page.wait_for_function("explorer.state.answer.startsWith('Row 9, column 9: probability 0.77;')")
    change(page, pixel=[9, 10])
    assert state(page, "answer") == ""  # no number of another pixel
    respond(page, find_request(page, request_of(9, 10)), response(3, probability=0.11))
    page.wait_for_function("explorer.state.answer.startsWith('Row 9, column 10: probability 0.11;')")
    text_of(page, "forget").click()
    settle(page)
    assert state(page, "answer") == ""


def test_noisy_copies_are_stopped(page):
    show(page)
    change(page, pixel=[9, 8])
    respond(page, 0, response(1))
    page.wait_for_function("requests.length === 2")
    text_of(page, "stop").click()
    says(page, state="The input gradient of the image as it is, without noisy copies.")
    expect(text_of(page, "stop")).to_be_hidden()
    respond(page, 1, noisy(2)[0])
    expect_requests(page, request_of(9, 8), copies_of(9, 8)[0])
    says(page, map_gradient="input gradient")


def test_late_responses_are_dropped_and_only_the_newest_pixel_is_requested(page):
    show(page)
    for column in (3, 4, 5, 6):
        change(page, pixel=[9, column])
    assert [one["box"][1] for one in requests(page)] == [3]
    respond(page, 0, response(1, probability=0.33))
    page.wait_for_function("requests.length > 1")
    expect(page.get_by_test_id("pixel-why")).not_to_contain_text("0.33")
    # A pixel that is left before the long request costs no long request.
    respond(page, 1, response(2, probability=0.66), then={"pixel": [2, 2]})
    respond(page, 2, response(3, probability=0.22))
    assert requests(page)[1:3] == [request_of(9, 6), request_of(2, 2)]
    says(page, value="column 2: probability 0.22")
    late = find_request(page, copies_of(2, 2)[0])
    page.evaluate("{ explorer.image = { ...explorer.image, key: 'two' }; touch('image'); }")
    settle(page)
    respond(page, late, noisy(4)[0])
    says(page, value="is computed…")
    expect(text_of(page, "sentence")).to_be_hidden()
    assert state(page, "frames") == []
    respond(page, late + 1, response(5, probability=0.11))
    says(page, value="0.11")


def test_frames_show_where_the_influence_comes_from(page):
    show(page, (40, 36), window=PART)
    change(page, pixel=[12, 20])
    respond(page, 0, response(1, (24, 20), boxes={"50": [11, 19, 3, 3], "90": [8, 15, 9, 10]}))
    page.wait_for_function("explorer.state.frames.length === 1")  # quiet until asked
    assert state(page, "frames")[0]["label"] == "90 % of the influence"
    expect(text_of(page, "field")).not_to_contain_text("dashed")
    text_of(page, "frames").check()
    page.wait_for_function("explorer.state.frames.length === 3")
    # 15 pixels around row 12 and column 20, as far as the window goes: rows 7 to 30, columns 5 to 24.
    wanted = [(7, 13, 13, 12, "receptive field", True), (8, 15, 9, 10, "90 %", False), (11, 19, 3, 3, "50 %", False)]
    names = ("top", "left", "height", "width", "label", "dashed")
    assert [tuple(frame[name] for name in names) for frame in state(page, "frames")] == wanted
    says(page, field="up to 15 × 15 pixels around it: the dashed frame")

    page.evaluate("explorer.network.field = 221")
    change(page, pixel=[12, 21])
    expect(text_of(page, "sentence")).to_have_text("…")  # no number of another pixel
    respond(page, find_request(page, request_of(12, 21)), response(2, (24, 20)))
    says(page, field="up to 221 × 221 pixels around it, here on the whole opened part")
    assert {name: state(page, "frames")[0][name] for name in PART} == PART
    change(page, frames=[])  # the server set another view
    change(page, threshold=0.2)
    assert len(state(page, "frames")) == 3

    text_of(page, "forget").click()
    settle(page)
    assert [state(page, name) for name in ("pixel", "box", "frames")] == [None, None, []]
    expect(page.get_by_test_id("pixel-why")).to_be_hidden()
    expect(text_of(page, "row")).to_be_focused()


def test_a_map_is_laid_over_the_image_and_taken_off(page):
    show(page, (21, 19))  # with padding: 24 x 20
    change(page, pixel=[9, 8])
    found = response(1, (21, 19))
    respond(page, 0, found)
    assert page.locator(".why-strip .why-name").all_inner_texts() == list(LEVELS)
    button, gradient = text_of(page, "map-encoder1"), text_of(page, "map-gradient")

    def expect_cam(found):
        cam = found["cams"]["encoder1"]["values"]
        wanted = render.SEQUENTIAL[np.rint(255 * cam / cam.max()).astype(int)]
        np.testing.assert_allclose(overlay_pixels(page)[..., :3], wanted, atol=2)

    button.click()
    laid = page.evaluate("{ const { canvas, scale, ...rest } = explorer.state.overlay; rest }")
    assert page.evaluate("explorer.state.overlay.scale.high") == f"{found['cams']['encoder1']['values'].max():.3g}"
    place = {"top": 0, "left": 0, "height": 21, "width": 19}
    assert laid == {"owner": "why", **place, "smooth": True, "label": "Grad-CAM of the pixel at encoder1"}
    expect(button).to_have_attribute("aria-pressed", "true")
    expect_cam(found)

    gradient.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("explorer.state.overlay.smooth") is False
    values = found["gradient"]
    limit = np.sort(np.abs(values), axis=None)[int(0.99 * (values.size - 1))]
    assert overlay_pixels(page)[np.unravel_index(np.abs(values).argmax(), values.shape)][3] == 255
    wanted = render.DIVERGING[127 + np.rint(127 * np.clip(values / limit, -1, 1)).astype(int)]
    np.testing.assert_allclose(pixels(gradient.locator("canvas"))[..., :3], wanted, atol=4)
    gradient.click()
    assert state(page, "overlay") is None

    button.click()
    change(page, pixel=[9, 9])  # another pixel of this image: its map takes the place of the old one
    found = response(3, (21, 19))
    cam = found["cams"]["bottleneck"]["values"]
    assert cam.shape == (6, 5)
    cam[:] = 0
    cam[2, 3] = 1  # one row is padded above, none on the left: padded rows 8 to 11 are rows 7 to 10; columns 12 to 15
    respond(page, find_request(page, request_of(9, 9)), found)
    says(page, value="column 9: probability")
    expect_cam(found)
    text_of(page, "map-bottleneck").click()
    settle(page)
    shown = overlay_pixels(page).astype(int)
    yellow = shown[..., 0] + shown[..., 1] - shown[..., 2]
    places = [np.average(axis, weights=yellow - yellow.min()) for axis in np.indices(yellow.shape)]
    assert places == pytest.approx([8.5, 13.5], abs=0.2)
    change(page, pixel=None)
    assert state(page, "overlay") is None


def test_every_map_is_compared_with_that_of_random_weights(page):
    show(page)
    trained, untrained = response(1), response(2)
    untrained["cams"]["bottleneck"]["values"][:] = 1
    change(page, pixel=[9, 8])
    respond(page, 0, trained)
    respond_copies(page, 1, noisy(6))
    says(page, state="mean of 16", sanity="A map that does not change when the weights are random explains nothing.")
    text_of(page, "random").check()
    assert state(page, "random") is True
    respond(page, 5, untrained)
    says(page, value="with random weights", sanity="r: the correlation with the trained network's map")
    expect(text_of(page, "map-bottleneck")).to_have_text("bottleneck")  # the same everywhere: no r
    for name in set(LEVELS) - {"bottleneck"}:
        r = correlation(*(one["cams"][name]["values"] for one in (trained, untrained)))
        expect(text_of(page, f"map-{name}")).to_contain_text(r)
    # Like is compared with like: plain gradients, then the means over noisy copies.
    says(page, map_gradient=correlation(trained["gradient"], untrained["gradient"]))
    respond_copies(page, 6, noisy(5))
    says(page, map_gradient=correlation(resolved(noisy(6))[0], resolved(noisy(5))[0]))

    text_of(page, "random").uncheck()  # known already: nothing is requested
    expect(text_of(page, "value")).not_to_contain_text("random")
    says(page, sanity="the map that random weights give")
    wanted = [[request_of(9, 8, random=random), *copies_of(9, 8, random=random)] for random in (False, True)]
    expect_requests(page, *wanted[0], *wanted[1])
    # With random weights another pixel is requested of both.
    change(page, random=True, pixel=[9, 9])
    plain = [request_of(9, 9, random=random) for random in (True, False)]
    wanted = [*plain, *copies_of(9, 9, random=True), *copies_of(9, 9)]
    for number, one in enumerate(wanted, start=10):
        respond(page, number, response(number))
        assert requests(page)[number] == one


def test_an_error_is_said_in_place_and_can_be_requested_again(page):
    show(page)
    change(page, pixel=[9, 8])
    refuse(page, 0, "The server does not answer.")
    expect(page.get_by_test_id("pixel-why").get_by_role("alert")).to_have_text("The server does not answer.")
    expect_requests(page, request_of(9, 8))
    page.get_by_role("button", name="ask again").click()
    respond(page, 1, response(1))
    expect(text_of(page, "problem")).to_be_hidden()
    refuse(page, 2, "Too much.")
    says(page, problem="Too much.")
    expect(text_of(page, "sentence")).to_be_visible()  # the plain response stays


def test_a_pixel_outside_the_opened_part_is_not_requested_and_a_box_as_a_whole(page):
    show(page, (60, 50), window=PART)
    change(page, pixel=[50, 45])
    says(page, problem="Row 50, column 45: this does not lie inside the opened part.")
    assert requests(page) == []
    text_of(page, "window").click()
    assert state(page, "window") == [36, 30]
    refuse(page, 0, "Refused.")
    change(page, pixel=[46, 37], box=[44, 35, 4, 5])
    respond(page, find_request(page, request_of(44, 35, 4, 5)), response(1, (24, 20)))
    says(page, value="Rows 44 to 47, columns 35 to 39, mean of 20 pixels: probability")
    values = [text_of(page, name).input_value() for name in ("row", "column", "height", "width")]
    assert values == ["46", "37", "4", "5"]


def test_everything_by_keyboard(page):
    show(page)
    page.evaluate("setCuts(true)")
    for testid, keys, name, value in (
        ("toggle-skip2", ["Space"], "cuts", ["skip2"]),
        ("cut-fill", ["ArrowDown"], "fill", "mean"),
        ("cut-cell-3", ["Enter"], "cuts", ["skip1", "skip2"]),
        ("why-row", ["9"], "pixel", None),
        ("why-column", ["9", "9", "Enter"], "pixel", [9, 20]),  # as far as the image goes
        ("why-height", ["3", "Enter"], "box", [8, 20, 3, 1]),
        ("why-map-encoder2", ["Enter"], "random", False),
        ("why-random", ["Space"], "random", True),
        ("why-forget", ["Enter"], "pixel", None),
    ):
        if testid == "why-map-encoder2":
            respond(page, find_request(page, request_of(8, 20, 3, 1)), response(2))
            says(page, value="Rows 8 to 10")
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.dataset.testid") == testid:
                break
        else:
            raise AssertionError(f"Tab does not reach {testid}")
        for key in keys:
            page.keyboard.press(key)
            page.evaluate("touch('pixel')")  # a frame that comes late leaves what is being typed
            settle(page)
        assert state(page, name) == value
        if testid == "why-map-encoder2":
            assert state(page, "overlay")["owner"] == "why"
