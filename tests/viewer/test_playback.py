"""The forward pass played through the U: its order, its sentences and what is lit, against the network itself."""

import re

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from demo.images import SeismicImage
from tests.viewer.page import open_viewer, viewer_page
from tests.viewer.panels import pixels, settle
from unet import Segmenter, render
from unet.card import Card
from unet.image import RULE
from unet.model import UNet, UNetConfig

pytestmark = pytest.mark.browser
IMAGE = SeismicImage("noise", np.random.default_rng(3).random((101, 101), np.float32))


def segmenter_of(**shape):
    torch.manual_seed(1)
    return Segmenter(UNet(UNetConfig(**shape)).eval(), Card(threshold=0.5, input=RULE))


@pytest.fixture(scope="module")
def segmenter():
    return segmenter_of(width=4, depth=2)


@pytest.fixture(scope="module")
def page(browser, segmenter):
    with viewer_page(browser, IMAGE, segmenter) as page:
        yield page


def lit(page):
    """The names of the blocks that are lit, and of those that the pass has not come to."""
    names = "(all) => all.map((one) => one.dataset.testid.slice(5))"
    return [page.locator(f".board .node.{kind}").evaluate_all(names) for kind in ("now", "ahead")]


@pytest.mark.parametrize(
    ("shape", "up"),
    [
        ({"width": 4, "depth": 1}, "a 1 × 1 convolution of bottleneck, enlarged by 2 (bilinear)"),
        (
            {"width": 2, "depth": 3, "block": "plain", "upsample": "transposed"},
            "bottleneck, enlarged by 2 by a transposed 2 × 2 convolution",
        ),
    ],
)
def test_steps_follow_the_forward_pass_and_say_what_it_computes(page, shape, up):
    network = segmenter_of(**shape)
    trace, depth = network.trace(IMAGE.grey), shape["depth"]
    open_viewer(page, segmenter=network)
    status, step = page.get_by_test_id("play-status"), page.get_by_test_id("play-step")
    order, said = [site.name for site in network.model.sites()], {}
    assert list(trace.sites) == order  # the taps were called in this order
    step.focus()
    for i, site in enumerate(network.model.sites()):
        page.keyboard.press("Enter")
        settle(page)
        assert lit(page) == [[site.name], order[i + 1 :]]
        feeding = 2 if site.name.startswith("decoder") else 1  # a skip and what comes from below
        assert page.locator(".board .wire.lit").count() == feeding
        maps = trace.crop(site.name)
        said[site.name] = status.inner_text()
        assert said[site.name].startswith(site.name)
        if site.name.startswith("skip") or site.name == "logits":
            continue
        assert f"{maps.shape[0]} maps of {maps.shape[1]} × {maps.shape[2]}" in said[site.name]
        block = page.get_by_test_id(f"site-{site.name}")
        strongest = int(np.abs(maps).mean(axis=(1, 2)).argmax())
        expect(block).to_contain_text(f"map {strongest}")
        drawn = pixels(block.locator("canvas"))[..., :3].astype(int)
        shares = maps[strongest] / np.abs(maps[strongest]).max()
        colors = render.SEQUENTIAL[np.rint(255 * shares.clip(0)).astype(int)]
        if maps.min() < 0:
            colors = render.DIVERGING[127 + np.rint(127 * shares).astype(int)]
        assert np.abs(drawn - colors).max() <= 10  # maps travel in 256 levels
    padded = -(-101 // 2**depth) * 2**depth
    assert f"(mirrored to {padded} × {padded}) by two 3 × 3 convolutions" in said["encoder1"]
    assert "after max pooling by 2 and two 3 × 3 convolutions" in said["bottleneck"]
    assert up in said[f"up{depth}"]
    joined = 2 * network.model.config.channels[0]
    assert f"from skip1 and up1 joined ({joined}) by two 3 × 3 convolutions" in said["decoder1"]
    channels = network.model.config.channels[0]
    assert said["skip1"] == f"skip1: the {channels} maps of encoder1 cross to the decoder as they are."

    page.keyboard.press("Space")  # after the last block: rest
    settle(page)
    assert lit(page) == [[], []]
    expect(status).to_be_hidden()
    page.get_by_test_id("play-back").press("Enter")
    assert lit(page)[0] == ["logits"]


def test_it_plays_pauses_and_leaves_nothing_lit_where_another_image_opens(page, segmenter):
    open_viewer(page)
    places = "(all) => all.map((one) => JSON.stringify(one.getBoundingClientRect()))"
    before = page.locator(".board .node, .tab-list").evaluate_all(places)
    play, status = page.get_by_test_id("play"), page.get_by_test_id("play-status")
    expect(play).to_have_attribute("aria-label", "Play the forward pass")
    play.click()
    expect(status).to_contain_text("encoder1")
    expect(play).to_have_attribute("aria-label", "Pause")
    expect(status).to_contain_text("encoder2", timeout=4000)
    assert page.locator(".board .node, .tab-list").evaluate_all(places) == before
    play.press("Space")
    assert lit(page)[0] == ["encoder2"]
    page.get_by_test_id("site-skip2").click()
    page.get_by_test_id("play-step").click()  # the bottleneck
    page.get_by_test_id("play-step").click()
    expect(status).to_have_text("skip2 is cut: zeros take the place of its 8 maps.")

    other = SeismicImage("other", 1 - IMAGE.grey)
    page.shown = other, segmenter, 0.4
    play.click()
    page.evaluate("respond(null).then(receive)")
    expect(page.get_by_test_id("salt-viewer")).to_have_attribute("aria-label", re.compile("^other"))
    settle(page)
    assert lit(page) == [[], []]
    expect(page.locator(".board .wire.ahead")).to_have_count(0)
    page.wait_for_timeout(2000)  # longer than at a block
    assert lit(page) == [[], []]

    page.emulate_media(reduced_motion="reduce")
    expect(play).to_be_hidden()
    page.get_by_test_id("play-step").click()
    assert lit(page)[0] == ["encoder1"]
    page.get_by_test_id("play-stop").click()
    assert lit(page) == [[], []]
    expect(page.get_by_test_id("play-step")).to_be_focused()
    page.emulate_media(reduced_motion="no-preference")
    expect(play).to_be_visible()


@pytest.mark.parametrize("width", [390, 620, 840, 900])
def test_whatever_the_width_the_block_in_sight_and_its_sentence_are_not_covered(page, width):
    open_viewer(page)
    page.set_viewport_size({"width": width, "height": 800})
    page.get_by_test_id("play").scroll_into_view_if_needed()
    for name in ("play-status", "site-encoder1", "site-decoder1"):
        while name.startswith("site") and lit(page)[0] != [name.removeprefix("site-")]:
            page.get_by_test_id("play-step").press("Enter")
            settle(page)
        expect(page.get_by_test_id(name)).to_be_in_viewport()
        seen = (
            "(part) => { const box = part.getBoundingClientRect();"
            "const found = part.getRootNode().elementsFromPoint(box.left + box.width / 2, box.top + box.height / 2);"
            "return !found.some((one) => one.closest('.stage')); }"
        )
        assert page.get_by_test_id(name).evaluate(seen), name
    expect(page.get_by_test_id("play-status")).to_contain_text("decoder1")
