"""The real Gradio app, through its client and in a browser."""

from functools import partial
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import cv2
import gradio as gr
import numpy as np
import pytest
from gradio.route_utils import delete_files_created_by_app
from gradio.utils import get_upload_folder
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import expect

from demo import gradio_inputs, gradio_page, gradio_result, missing
from demo.detection import detect
from demo.evaluation import how_to_evaluate, meaning, read_evaluation
from demo.explorer import find_fill
from demo.gradio_endpoints import ablate, explain_pixel, interactive_page, predict, trace
from demo.images import SAMPLES, open_sample, open_upload
from demo.surveys import SectionChoice
from demo.weights import find_weights
from tests.browser.pages import expect_link, expect_readout, set_threshold, upload
from tests.demo import test_evaluation
from tests.demo.files import npy, png
from tests.seismic.surveys import amplitudes, write_segy
from tests.servers import free_port, visited
from unet import explain, render
from unet.tiling import window

STOCK, LENS = open_sample("Salt stock"), open_sample("Small lens")
IMAGE, LARGE = STOCK.pixels, np.random.default_rng(0).integers(0, 256, (150, 140), dtype=np.uint8)
NOTICE = -1 - gradio_result.RESULTS  # its place in what ``take_uploads`` returns
WHOLE, WINDOW = (IMAGE, 0, 0), (LARGE, 22, 12)  # an image, top and left of what is opened of it


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The running app, whose cache no other test uses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        app = gradio_page.build()
        app.queue().launch(server_port=free_port(), prevent_thread_lock=True, quiet=True, **gradio_page.look())
        yield app
        app.close()


@pytest.fixture(scope="module")
def call(app, tmp_path_factory):
    """Calls an endpoint: the array that it drew or stored, and its report."""
    folder = tmp_path_factory.mktemp("files")
    client = Client(app.local_url, verbose=False, download_files=folder)

    def call_(image, *inputs, api_name, **named):
        if image is not None:
            np.save(folder / "image.npy", image)
            image = handle_file(folder / "image.npy")
        path, report = client.predict(image, *inputs, api_name=api_name, **named)
        return np.load(path) if path.endswith("npy") else cv2.imread(path, cv2.IMREAD_UNCHANGED), report

    call_.client = client
    return call_


# --- For programs -------------------------------------------------------------------------------------------


def test_programs_see_the_endpoints_with_their_parameters(call):
    endpoints = call.client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    limits = "clip_percentile reverse_polarity direction number scale_time scale_trace"
    given = {name: [one["parameter_name"] for one in found["parameters"]] for name, found in endpoints.items()}
    assert {name: " ".join(names) for name, names in given.items()} == {
        "/predict": f"picture threshold weights sample {limits}",
        "/trace": f"picture site top left weights sample {limits}",
        "/ablate": f"picture cuts fill threshold weights top left sample {limits}",
        "/explain_pixel": f"picture row column height width samples weights top left sample {limits}",
        "/interactive_page": f"picture mask threshold weights sample {limits}",
    }
    defaults = [one["parameter_default"] for one in endpoints["/explain_pixel"]["parameters"]]
    assert defaults == [
        None,
        50,
        50,
        1,
        1,
        16,
        find_weights()[0].label,
        0,
        0,
        "Salt stock",
        None,
        False,
        "inline",
        None,
        1,
        1,
    ]


@pytest.mark.parametrize("threshold", [None, 0.2])
def test_predict_gives_the_segmenters_mask(call, segmenter, threshold):
    mask, report = call(IMAGE, threshold, api_name="/predict")
    expected, highest = segmenter.mask(IMAGE, threshold), pytest.approx(segmenter.probability(IMAGE).max())
    np.testing.assert_array_equal(mask == 255, expected)
    assert report == {
        "threshold": threshold or segmenter.threshold, "salt_pixels": expected.sum(), "salt_share": expected.mean(),
        "highest_probability": highest, "guessed": [],
    }  # fmt: skip
    sample, _ = call(None, threshold, sample="Small lens", api_name="/predict")  # without an image
    np.testing.assert_array_equal(sample == 255, segmenter.mask(LENS.grey, threshold))


def test_amplitudes_have_limits_that_can_be_chosen(call, segmenter):
    amplitudes = IMAGE * 90.0 - 9000
    for given, percent, sign in (({}, 0.5, 1), ({"clip_percentile": 5, "reverse_polarity": True}, 5, -1)):
        low, high = np.percentile(amplitudes, [percent, 100 - percent])
        grey = np.clip((amplitudes - low) / (high - low), 0, 1)
        mask, report = call(amplitudes, 0.3, api_name="/predict", **given)
        expected = segmenter.mask(grey if sign == 1 else 1 - grey, 0.3)
        assert np.count_nonzero((mask == 255) != expected) <= 2  # of 1e-6 beside the threshold
        assert f"leaves {percent:g} % of the samples beyond each" in report["guessed"][0]
    with pytest.raises(AppError, match="from 0 to 50, 50 left out, got 50"):
        call(amplitudes, api_name="/predict", clip_percentile=50)


@pytest.mark.parametrize(
    ("opened", "site"), [(WHOLE, "encoder1"), (WINDOW, "bottleneck"), (WHOLE, "up2"), (WINDOW, "logits")]
)
def test_trace_gives_the_maps_themselves(call, segmenter, opened, site):
    image, top, left = opened
    maps, report = call(image, site, top, left, api_name="/trace")
    part = window(image, top, left)
    np.testing.assert_array_equal(maps, segmenter.trace(part).crop(site))
    channels, height, width = maps.shape
    assert report == {
        "site": site, "channels": channels, "height": height, "width": width, "window": [top, left, *part.shape],
        "stride": {found.name: found.stride for found in segmenter.model.sites()}[site],
        "lowest": maps.min(), "highest": maps.max(), "mean": pytest.approx(maps.mean()),
        "silent": sum(not channel.any() for channel in maps),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("opened", "cuts", "fill"),
    [(WHOLE, ["skip2", "bottleneck"], "mean"), (WINDOW, ["skip1"], "Small lens"), (WHOLE, [], "zero")],
)
def test_ablate_cuts_as_explain_does(call, segmenter, opened, cuts, fill):
    image, top, left = opened
    mask, report = call(image, cuts[::-1], fill, 0.3, top=top, left=left, api_name="/ablate")
    part = window(image, top, left)
    table = explain.cut_table(segmenter, part, find_fill(fill, part.shape))
    before, after = table[0], table[sum(1 << explain.parts(segmenter).index(name) for name in cuts)]
    salt = {when: np.count_nonzero(p > np.float32(0.3)) for when, p in (("before", before), ("after", after))}
    assert np.count_nonzero((mask == 255) != (after > np.float32(0.3))) <= 2  # of 1e-6 beside the threshold
    assert report == {
        "cuts": cuts, "fill": fill, "threshold": 0.3, "window": [top, left, *part.shape],
        "salt_pixels": pytest.approx(salt, abs=2),
        "salt_share": {when: pixels / part.size for when, pixels in report["salt_pixels"].items()},
        "mean_change": pytest.approx(np.abs(after - before).mean(), abs=1e-6),
        "largest_change": pytest.approx(np.abs(after - before).max(), abs=1e-5),
    }  # fmt: skip


@pytest.mark.parametrize(("opened", "samples"), [(WHOLE, 0), (WINDOW, 3)])
def test_explain_pixel_gives_the_influence_and_its_boxes(call, segmenter, opened, samples):
    image, top, left = opened
    heat, report = call(image, 40 + top, 52 + left, 2, 3, samples, top=top, left=left, api_name="/explain_pixel")
    part, box = window(image, top, left), (40, 52, 2, 3)
    found = explain.explain_pixel(segmenter, part, box, samples)
    boxes = {share: explain.influence_box(found.influence, box, share / 100) for share in (50, 90)}
    measure = f"mean over {samples} noisy copies" if samples else "input gradient"
    levels = np.rint(found.influence / found.influence.max() * 255).astype(np.uint8)
    np.testing.assert_array_equal(heat[..., ::-1], render.SEQUENTIAL[levels])
    assert report == {
        "sentence": f"90 % of the influence ({measure}) comes from {boxes[90][2]} x {boxes[90][3]} pixels",
        "boxes": {str(share): [box[0] + top, box[1] + left, *box[2:]] for share, box in boxes.items()},
        "logit": pytest.approx(found.logit, abs=1e-6), "probability": pytest.approx(found.probability, abs=1e-6),
        "samples": samples, "receptive_field": 236, "window": [top, left, *part.shape],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("endpoint", "given", "sentence"),
    [
        ("/predict", {"threshold": 1.5}, "greater than maximum value 1"),
        ("/trace", {"site": "<b>" * 99}, r"expected one of encoder1, .*, got &lt;b&gt;.{1,160}$"),
        ("/trace", {"top": 23}, "inside 150 x 140 pixels, top 0 to 22 and left 0 to 12, got top 23 and left 0"),
        ("/trace", {"left": None}, "got top 0 and left None"),
        ("/ablate", {"cuts": ["skip1"], "left": 13}, "left 0 to 12, got top 0 and left 13"),
        ("/ablate", {"cuts": ["encoder1"]}, "'encoder1' .* is not in the list of choices"),
        ("/explain_pixel", {"column": 120, "width": 9}, "inside the opened window; move the window there"),
        ("/explain_pixel", {"row": None}, "expected box.0 to be a whole number, got None"),
        ("/explain_pixel", {"samples": 17}, "greater than maximum value 16"),
    ],
)
def test_an_input_that_cannot_be_used_gets_a_sentence(call, endpoint, given, sentence):
    with pytest.raises(AppError, match=sentence):
        call(LARGE, **given, api_name=endpoint)


def test_the_interactive_page_is_one_file_with_the_image(call):
    path = call.client.predict(None, sample="Small lens", api_name="/interactive_page")
    content = Path(path).read_bytes()
    assert Path(path).name == "Small-lens-explorer.html"
    assert content.startswith(b"<!doctype html>")
    assert b"<title>Small lens" in content
    assert len(content) < 3_000_000


@pytest.mark.parametrize(
    "endpoint",
    [predict, trace, partial(ablate, cuts=[]), partial(explain_pixel, row=0, column=0), interactive_page],
)
def test_a_file_that_is_no_image_is_named_and_its_name_is_never_markup(tmp_path, endpoint):
    (tmp_path / "<img src=x>.png").write_bytes(b"\x89PNG and no more")
    with pytest.raises(gr.Error, match="^'&lt;img src=x&gt;.png: expected a PNG, JPEG, TIFF"):
        endpoint(str(tmp_path / "<img src=x>.png"))
    with pytest.raises(gr.Error, match="expected an image, or one of the samples Salt stock"):
        endpoint(None)


def test_every_file_is_in_gradios_cache_and_will_be_deleted(call, app):
    def names():
        return {path.name for path in Path(get_upload_folder()).rglob("*") if path.is_file()}

    assert app.delete_cache == (3600, 86_400)
    call(IMAGE, api_name="/predict")
    call(IMAGE, api_name="/trace")
    assert names() >= {"image.npy", "image.png", "bottleneck.npy"}
    delete_files_created_by_app(app, age=None)
    assert names() == set()


# --- The page -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared_page(app, browser):
    with visited(browser, app.local_url, "sample=Salt+stock") as page:
        yield page


@pytest.fixture
def page(shared_page, segmenter):
    """The page with the sample Salt stock, whatever the tests before did."""
    if shared_page.get_by_role("combobox", name="Image").input_value() != "Salt stock":
        choose(shared_page, "Salt stock")  # choosing it again would change nothing that can be waited for
    expect_readout(shared_page, "salt")
    set_threshold(shared_page, segmenter.threshold)
    expect_readout(shared_page, says(segmenter, STOCK))
    return shared_page


def choose(page, name):
    page.get_by_role("combobox", name="Image").click()
    page.get_by_test_id("dropdown-option").get_by_text(name).click()


def says(segmenter, image):
    return detect(segmenter.probability(image.grey), segmenter.threshold).sentence


@pytest.mark.browser
def test_the_page_shows_the_evaluation_and_the_image_stays_in_sight(page, segmenter):
    weights = find_weights()[0]
    evaluated = read_evaluation(weights.path, weights.card)
    expect(page.get_by_text("Flip TTA adds" if evaluated else "Nobody has evaluated")).to_be_visible()
    page.get_by_test_id("site-bottleneck").click()
    page.wait_for_timeout(500)
    page.mouse.move(900, 600)
    page.mouse.wheel(0, 1200)
    page.wait_for_timeout(300)
    expect(page.get_by_test_id("salt-viewer")).to_be_in_viewport()
    # The form follows the viewer's threshold, and moves nothing back.
    set_threshold(page, 0.59)
    page.get_by_text("files to download").click()
    expect(page.get_by_role("spinbutton", name="Threshold", exact=True).last).to_have_value("0.59")
    expect_readout(page, "threshold 0.59")


@pytest.mark.browser
def test_a_link_that_says_nothing_here_gets_a_sentence(app, browser, segmenter):
    with visited(browser, app.local_url, "sample=%3Cb%3Emine.png&weights=gone&other=lost&threshold=much") as page:
        expect_readout(page, f"threshold {segmenter.threshold:.2f}")
        gone = missing.weights("The link", "gone"), missing.other_weights("lost")
        for said in (missing.image("The link", "<b>mine.png"), *gone):
            expect(page.get_by_text(said)).to_be_visible()
        expect(page.get_by_text("The link: expected a threshold from 0 to 1, got much;")).to_be_visible()


@pytest.mark.browser
def test_an_upload_with_its_mask_and_a_sample_after_it(page, segmenter):
    upload(page, ("lens.png", png(LENS.pixels)))
    expect_readout(page, says(segmenter, LENS))
    expect(page.get_by_test_id("salt-scores")).to_be_hidden()
    page.wait_for_url(lambda url: "sample=" not in url)  # an upload cannot travel
    upload(page, ("mask.png", png(LENS.truth)), which=1)
    expect(page.get_by_test_id("salt-scores")).to_contain_text("IoU")
    choose(page, "Salt stock")
    expect_readout(page, says(segmenter, STOCK))
    expect(page.get_by_text("lens.png")).to_have_count(0)
    expect_link(page, "sample", "Salt stock")
    for name, image in (("lens.png", LENS), ("stock.png", STOCK)):  # one after the other, as they are dropped
        upload(page, (name, png(image.pixels)))
        expect_readout(page, says(segmenter, image))
        expect(page.get_by_role("combobox", name="Image")).to_have_value(name)


@pytest.mark.browser
def test_a_refused_image_shows_its_reason_and_no_result(page, segmenter):
    button = page.get_by_role("button", name="Mask of this image")
    if not button.is_visible():
        page.get_by_text("files to download").click()
    button.click()
    mask = page.get_by_role("img", name="Mask").or_(page.locator("img[src*='image.png']"))
    expect(mask.first).to_be_visible()
    upload(page, ("<b>broken.png", b"no image"))
    expect(page.get_by_text("No result. bbroken.png: expected a PNG, JPEG, TIFF")).to_be_visible()
    expect(page.get_by_test_id("salt-viewer")).to_be_hidden()
    expect(page.get_by_test_id("salt-readout")).to_be_hidden()
    expect(mask).to_have_count(0)  # it is of the image before
    page.wait_for_url(lambda url: "sample=" not in url)
    choose(page, "Salt stock")
    expect_readout(page, says(segmenter, STOCK))
    expect(page.get_by_text("No result.")).to_have_count(0)
    expect_link(page, "sample", "Salt stock")


@pytest.mark.browser
def test_what_was_chosen_last_is_shown_however_long_the_one_before_takes(page, segmenter, monkeypatch):
    """Both go through the network at the same time, and the one that was asked for first is ready last."""
    compute, goes_on = gradio_result.find_probability, Event()

    def compute_slowly(image, *network):
        assert image.name != "large.png" or goes_on.wait(60)
        return compute(image, *network)

    monkeypatch.setattr(gradio_result, "find_probability", compute_slowly)
    upload(page, ("large.png", png(LARGE)))
    expect(page.get_by_text("Looking for salt in large.png")).to_be_visible()
    expect(page.get_by_test_id("salt-readout")).to_be_hidden()
    choose(page, "Small lens")
    expect_readout(page, says(segmenter, LENS))
    goes_on.set()
    page.wait_for_timeout(2000)
    expect(page.get_by_text("Small lens · 101 × 101 pixels")).to_be_visible()
    expect(page.get_by_test_id("salt-readout")).to_have_text(says(segmenter, LENS))


def test_a_mask_that_cannot_be_used_is_named_and_the_image_is_shown_without_it(tmp_path):
    (tmp_path / "lens.png").write_bytes(png(LENS.pixels))
    (tmp_path / "mask.png").write_bytes(png(LENS.truth[:50]))
    (tmp_path / "good.png").write_bytes(png(LENS.truth))
    image, good, bad = (str(tmp_path / name) for name in ("lens.png", "good.png", "mask.png"))
    caption = gradio_result.open_message(image, bad, None, None, 0.5, 1, None, False)[0]
    assert "lens.png · 101 × 101 pixels · your image" in caption
    assert 'role="alert">mask.png: expected a mask of its image&#x27;s size 101 x 101, got 50 x 101' in caption
    assert "alert" not in gradio_result.open_message(image, good, None, None, 0.5, 1, None, False)[0]
    assert (
        "good.png: expected an image, got no more than two values"
        in (gradio_result.open_message(good, None, None, None, 0.5, 1, None, False)[0])
    )
    alone = gradio_result.open_message(None, good, "Salt stock", None, 0.5, 1, None, False)[0]
    assert "good.png: expected the image of this mask, got none" in alone


@pytest.mark.parametrize(("mask", "kept"), [("lens.png", True), ("lens_mask.png", True), ("other.png", False)])
def test_another_image_keeps_a_mask_of_its_name_only(mask, kept):
    taken = gradio_result.take_uploads(gradio_result.Turns(), ["/x/lens.png"], f"/y/{mask}", None)
    image, left, box = taken[:3]
    notice = taken[NOTICE]
    assert (image, box["value"], box["choices"][0]) == ("/x/lens.png", "lens.png", "lens.png")
    assert left == (f"/y/{mask}" if kept else None)
    assert ("other.png: expected a mask named as lens.png" in notice) == (not kept)


@pytest.mark.parametrize(
    ("given", "image", "mask", "others"),
    [
        (["a.png"], "a.png", None, []),
        (["a_mask.png", "a.png"], "a.png", "a_mask.png", []),
        (["truth/b.png", "b.png"], "b.png", "truth/b.png", []),  # of one name; the first has two values
        (["truth/b.png", "a.png"], "a.png", None, ["truth/b.png"]),
        (["a.png", "b.png"], "a.png", None, ["b.png"]),
        (["truth/b.png"], "truth/b.png", None, []),
    ],
)
def test_of_files_given_at_once_an_image_and_its_mask_are_taken(tmp_path, given, image, mask, others):
    (tmp_path / "truth").mkdir()
    for name, array in (("a.png", LENS.pixels), ("a_mask.png", LENS.truth), ("b.png", STOCK.pixels)):
        (tmp_path / name).write_bytes(png(array))
    (tmp_path / "truth" / "b.png").write_bytes(png(STOCK.truth))
    found = gradio_result.choose_pair([str(tmp_path / name) for name in given])
    expected = str(tmp_path / image), mask and str(tmp_path / mask), [str(tmp_path / name) for name in others]
    assert found == expected
    paths = [str(tmp_path / name) for name in given]
    notice = gradio_result.take_uploads(gradio_result.Turns(), paths, None, None)[NOTICE]
    assert ("expected one image and its mask, got 2 files" in notice) == bool(others)


def test_weights_that_cannot_be_used_show_their_reason_and_no_result(two_weights):
    (two_weights / "second.safetensors").write_bytes(b"other tensors")
    label = find_weights()[1].label
    turns = gradio_result.Turns()
    gradio_result.take_weights(turns, "Salt stock", label, 1)
    caption, viewer, *_ = gradio_result.show(turns, None, None, "Salt stock", label, None, 1, None, False)
    assert "No result. second: expected the tensors its card was written for" in caption
    assert (viewer["elem_classes"], viewer["value"]) == ("refused", "")
    assert str(two_weights) not in caption


def test_survey_tiles_come_before_the_samples_and_open_with_their_truth(checkout, tgs):
    test_evaluation.save(checkout / "weights" / "small.safetensors")
    (checkout / "data").mkdir()
    tgs.rename(checkout / "data" / "tgs-salt")
    listed = gradio_inputs.list_images(None)
    assert (len(listed), listed[8:]) == (8 + len(SAMPLES), list(SAMPLES))
    for name in (listed[0], "Survey tile 07"):  # a link may name one that is not listed
        box, *_, notice = gradio_page.open_link(SimpleNamespace(query_params={"sample": name}))
        assert (box["value"], notice) == (name, "")
        assert {name, *listed} == set(box["choices"])
        image = gradio_inputs.open_image(None, name, None)
        mask = checkout / "data" / "tgs-salt" / "train" / "masks" / f"{image.name}.png"
        np.testing.assert_array_equal(image.truth, cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE) > 0)
    box, *_, notice = gradio_page.open_link(SimpleNamespace(query_params={"sample": "Survey tile 99"}))
    assert box["value"] == listed[0]
    assert "got Survey tile 99" in notice


def test_the_evaluation_is_summed_up(checkout):
    path = checkout / "weights" / "small.safetensors"
    test_evaluation.save(path)
    (weights,) = find_weights()
    none = f"Nobody has evaluated these weights yet; {how_to_evaluate(path)}"
    assert gradio_page.summarise_evaluation(weights.label) == none
    test_evaluation.write(path, test_evaluation.REPORT)
    said = gradio_page.summarise_evaluation(weights.label)
    headline = "mAP **0.750** (0.710 to 0.790) · mAP, flip TTA **0.760** (0.720 to 0.800) · Flip TTA adds **+0.010** · "
    assert said.startswith(headline)
    assert meaning(read_evaluation(path, weights.card), weights.card) in said
    test_evaluation.write(path, "{")
    assert gradio_page.summarise_evaluation(weights.label).startswith("`small.evaluation.json`: ")


def test_the_page_offers_limits_where_there_are_any_to_choose(tmp_path):
    def offered(name, array, *chosen):
        (path := tmp_path / name).write_bytes(npy(array) if name.endswith("npy") else png(array))
        shown = gradio_result.show(gradio_result.Turns(), str(path), None, None, None, None, 1, *chosen)
        assert shown[1]["elem_classes"] == []
        place, stretch, rest, histogram, section, *_ = shown[2:]
        assert section["visible"] is False
        return place["visible"], stretch.get("value"), stretch.get("visible"), rest.get("visible"), "<div" in histogram

    assert offered("a.npy", IMAGE * 90.0 - 9000, None, False) == (True, True, False, True, True)
    assert offered("b.png", IMAGE.astype(np.uint16) * 16, None, False) == (True, False, True, False, True)
    assert offered("b.png", IMAGE.astype(np.uint16) * 16, 0.5, False) == (True, True, True, True, True)
    assert offered("c.png", IMAGE, 0.5, True)[0] is False


CUBE = amplitudes(18, 24, 40)


def test_the_page_offers_the_sections_of_a_cube(tmp_path):
    def offered(cube, *chosen):
        path = write_segy(tmp_path / "a.sgy", cube)
        shown = gradio_result.show(gradio_result.Turns(), str(path), None, None, None, None, 1, None, False, *chosen)
        return shown[0], shown[6:]

    caption, (place, direction, number, time, trace) = offered(CUBE)
    assert "inline 109 of your cube of 18 inlines" in caption
    assert (place["visible"], direction["visible"], time["visible"]) == (True, True, True)
    assert (number["minimum"], number["maximum"], number["step"], number["value"]) == (100, 117, 1, 109)
    caption, (_, direction, number, time, trace) = offered(CUBE, "time slice", 80, 1.0, 0.7)
    assert "time slice 80 ms" in caption
    assert (direction["value"], number["maximum"], number["label"]) == ("time slice", 156, "Time slice, in ms")
    assert "value" not in number  # its slider may be moving on
    assert (time["visible"], trace["value"]) == (False, 0.7)
    _, (place, direction, number, *_) = offered(CUBE[:1])
    assert (place["visible"], direction["visible"], number["visible"]) == (True, False, False)


def test_programs_choose_a_section(call, segmenter, tmp_path):
    path = write_segy(tmp_path / "a.sgy", CUBE)
    chosen = {"direction": "crossline", "number": 306, "scale_trace": 0.7}
    picture, report = call.client.predict(handle_file(path), api_name="/predict", **chosen)
    image = open_upload("a.sgy", path.read_bytes(), section=SectionChoice("crossline", 306, (1.0, 0.7)))
    mask = cv2.imread(picture, cv2.IMREAD_UNCHANGED)
    assert mask.shape == image.grey.shape == (40, 16)
    np.testing.assert_array_equal(mask == 255, segmenter.mask(image.grey))
    assert report["guessed"] == list(image.guessed)
    path.write_bytes(bytes(9000))
    with pytest.raises(AppError, match="a.sgy: expected a sample format code"):
        call.client.predict(handle_file(path), api_name="/predict")
