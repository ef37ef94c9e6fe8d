"""The tab Time on the shipped example: every epoch as Python computes it, without a message while a hand moves."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from demo.images import open_sample
from demo.snapshots import networks
from tests.browser.pages import AXE
from tests.servers import ROOT
from tests.viewer.page import open_viewer, viewer_page, wait_for_network
from tests.viewer.panels import pixels, settle
from tests.viewer.test_viewer import DARK
from unet import Segmenter, metrics, render

pytestmark = pytest.mark.browser

WEIGHTS = (str(ROOT / "weights" / "synthetic-run.safetensors"), 0, "")
IMAGE = open_sample("Salt stock")

PASS = """async (slider, places) => {
  const shown = [];
  for (const place of places) {
    slider.valueAsNumber = place;
    slider.dispatchEvent(new Event("input"));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    shown.push(document.querySelector("[data-testid=salt-readout]").textContent);
  }
  return shown;
}"""


@pytest.fixture(scope="module")
def example():
    return Segmenter.load(WEIGHTS[0])


@pytest.fixture(scope="module")
def traces(example):
    """Epoch -> a forward pass of the network as it was then, None being the finished one."""
    kept = (one.epoch for one in example.card.snapshots)
    traced = (network.trace(IMAGE.grey) for network in networks(example, WEIGHTS))
    return dict(zip((*kept, None), traced, strict=True))


@pytest.fixture(scope="module")
def page(browser, example):
    with viewer_page(browser, IMAGE, example, WEIGHTS) as page:
        yield page


def asked(page):
    """Kind and epoch of the requests so far."""
    return page.evaluate("requests.map(({ kind, epoch }) => [kind, epoch])")


def expect_found(page, trace, threshold):
    """The panel and the line under the image say what Python counts."""
    mask = metrics.mask(trace.probability, threshold)
    overlap = (mask & IMAGE.truth).sum() / (mask | IMAGE.truth).sum()
    readout = page.get_by_test_id("salt-readout")
    expect(readout).to_contain_text(
        f"salt {100 * mask.mean():.1f} % · {mask.sum():,} pixel" if mask.any() else "nothing"
    )
    found = f"salt {100 * mask.mean():.1f} % at threshold {threshold:.2f}, IoU {overlap:.2f}"
    expect(page.get_by_test_id("epoch-found")).to_contain_text(found)


def test_the_slider_shows_every_epoch_at_once_and_maps_follow_when_it_rests(page, traces):
    open_viewer(page, "tab=time", threshold=0.45)
    slider = page.get_by_test_id("epoch")
    expect(slider).to_have_attribute("aria-valuetext", "finished, epoch 60")
    expect_found(page, traces[None], 0.45)
    slider.focus()
    page.keyboard.press("Home")
    expect(page.get_by_test_id("network-badge")).to_have_text("epoch 0 of 60, before learning")
    expect_found(page, traces[0], 0.45)
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "epoch 1 of 60")
    wait_for_network(page)
    before = len(asked(page))
    shown = slider.evaluate(PASS, [6, 9, 2, 4])  # a hand that does not rest
    for place, text in zip([6, 9, 2, 4], shown, strict=True):
        assert f"{metrics.mask(traces[list(traces)[place]].probability, 0.45).sum():,} pixels" in text
    wait_for_network(page)
    assert sorted(asked(page)[before:]) == [["cuts", 4], ["maps", 4]]  # nothing of the epochs that it passed
    expect_found(page, traces[4], 0.45)
    expect(page).to_have_url(re.compile("epoch=4"))
    expect(page.get_by_test_id("salt-altered")).to_have_text("Shown is the network at epoch 4 of 60.")
    assert page.evaluate("settled.at(-1).epoch") == 4

    page.get_by_test_id("random-weights").check()
    expect(page).to_have_url(re.compile("random=1"))
    assert "epoch" not in page.url
    page.get_by_test_id("formed-2").click()
    expect(page.get_by_test_id("random-weights")).not_to_be_checked()
    expect_found(page, traces[2], 0.45)
    page.keyboard.press("Escape")
    expect_found(page, traces[None], 0.45)


def test_a_map_is_drawn_as_it_formed(page, traces):
    open_viewer(page, "tab=time&layer=decoder1&channel=2&epoch=6")
    expect(page.get_by_test_id("network-badge")).to_be_hidden()  # of epoch 6 nothing was kept
    expect(page.get_by_test_id("formed-status")).to_have_text("each in its own scale")
    maps = np.stack([trace.crop("decoder1")[2] for trace in traces.values()])
    for shared in (False, True):
        page.get_by_test_id("formed-shared").set_checked(shared)
        settle(page)
        for row, name in ((0, "formed-0"), (-1, "formed-finished")):
            limit = np.abs(maps).max() if shared else np.abs(maps[row]).max()
            drawn = pixels(page.get_by_test_id(name).locator("canvas"), 0, 0, 1, 1)[..., :3].astype(int)
            steps = np.rint(maps[row] / limit * 255).clip(0, 255).astype(int)
            expected = render.SEQUENTIAL[steps].astype(int)
            assert np.abs(drawn - expected).max() <= 6  # a level of 256 lies between
    if AXE.is_file():
        page.add_script_tag(path=AXE)
        for style in ("body {}", DARK):
            page.add_style_tag(content=style)
            found = page.evaluate("axe.run('section.time', { resultTypes: ['violations'] })")["violations"]
            assert not found, found
    page.get_by_test_id("formed-site").select_option("encoder2")
    expect(page.get_by_test_id("formed-status")).not_to_contain_text("computed")
    assert page.evaluate("requests.at(-1)")["site"] == "encoder2"


def test_a_link_opens_an_epoch_and_playing_ends_at_the_finished_network(page, traces):
    open_viewer(page, "tab=time&epoch=35", threshold=0.3)
    expect(page.get_by_test_id("network-badge")).to_have_text("epoch 35 of 60")
    expect_found(page, traces[35], 0.3)
    page.get_by_test_id("epoch-play").click()
    expect(page.get_by_test_id("epoch-name")).to_have_text("Epoch 46 of 60")
    expect(page.get_by_test_id("epoch-name")).to_have_text("Finished, epoch 60")
    expect(page.get_by_test_id("epoch-play")).to_have_text("▶ Play")
    expect(page).not_to_have_url(re.compile("epoch="))


def test_playing_ends_at_once_from_the_last_snapshot_and_stops_where_another_network_is_chosen(page, traces):
    open_viewer(page, "tab=time&epoch=46", threshold=0.3)
    play, name = page.get_by_test_id("epoch-play"), page.get_by_test_id("epoch-name")
    expect(name).to_have_text("Epoch 46 of 60")
    play.click()
    expect(name).to_have_text("Finished, epoch 60")
    expect(play).to_have_text("▶ Play")
    play.click()  # from the beginning
    expect(play).to_have_text("❚❚ Pause")
    page.keyboard.press("Escape")
    expect(name).to_have_text("Finished, epoch 60")
    expect(play).to_have_text("▶ Play")
    page.get_by_test_id("random-weights").check()
    page.get_by_test_id("formed-finished").click()
    expect(page.get_by_test_id("random-weights")).not_to_be_checked()
    expect_found(page, traces[None], 0.3)


def test_weights_without_snapshots_say_how_to_keep_them(browser, segmenter):
    with viewer_page(browser, IMAGE, segmenter) as page:
        open_viewer(page, "tab=time&layer=encoder1&epoch=5")
        expect(page.get_by_test_id("epoch-none")).to_contain_text("python train.py --snapshots")
        expect(page.get_by_test_id("epoch")).to_be_hidden()
        link = page.get_by_test_id("epoch-example")
        expect(link).to_have_attribute("href", re.compile(r"tab=time&sample=Salt.stock&weights=synthetic-run$"))
