"""The dossier in the panel Maps, against a file whose numbers are known."""

import re
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import expect

from demo import dossiers as responses
from demo import images
from demo.images import SeismicImage
from tests.viewer.page import open_viewer, viewer_page
from tests.viewer.panels import pixels
from unet import Segmenter
from unet.card import Card
from unet.explain.dossier import Basis, Channel, Curve, Dossier, Effect, Estimate, Nearest, Peak, RealTiles
from unet.image import RULE, Reading
from unet.synthetic import section

pytestmark = pytest.mark.browser

SEED = 1_500_000_007
BASIS = Basis(
    sha256="", first_seed=1_500_000_000, synthetic=1000, real=RealTiles("val", 429, ""), effect_of="real",
    effect_tiles=50, sections=25, gains=(0.5, 2.0), shifts=(1.0, 8.0), angles=(45.0, 90.0),
)  # fmt: skip
CURVE = Curve(activation=(0.5, 3.0), correlation=(0.8, -0.5))


def channel_of(change, **changes):
    values = {
        "dead": False, "highest": 12.5, "active": 0.25, "nearest": Nearest(0, 0.5), "gain": CURVE, "shift": CURVE,
        "rotation": CURVE, "synthetic": (Peak(SEED, 12.5, 10, 80),), "real": (Peak("<i>tile", 9.25, 3, 4),),
        "effect": Effect(change=Estimate(change, 0.01, 0.5), iou=Estimate(-0.02, -0.03, 0.001)),
    }  # fmt: skip
    return Channel(**values | changes)


NONE = Curve(activation=(None, None), correlation=(None, None))
DEAD = channel_of(
    0.0, dead=True, highest=0.0, active=0.0, nearest=None, synthetic=(), real=(), gain=NONE, shift=NONE, rotation=NONE
)
DOSSIER = Dossier(
    basis=BASIS,
    sites={
        "encoder1": (DEAD, channel_of(0.2, nearest=Nearest(2, -0.97)), channel_of(0.1), channel_of(0.3)),
        "decoder1": (channel_of(0.1, effect=None), *[channel_of(0.1)] * 3),
    },
)


@pytest.fixture(scope="module")
def page(browser, small_model):
    image = SeismicImage("waves", np.random.default_rng(2).random((101, 101), np.float32))
    with viewer_page(browser, image, Segmenter(small_model, Card(threshold=0.5, input=RULE))) as page:
        yield page


@pytest.fixture(autouse=True)
def dossier(monkeypatch):
    """No labelled tiles, and this dossier beside all weights."""
    monkeypatch.setattr(responses, "find_dossier", lambda *weights: DOSSIER)
    monkeypatch.setattr(images, "find_labelled", lambda: None)


def opened(page, query):
    open_viewer(page, query)
    page.get_by_test_id("dossier-open").click()
    return page.get_by_test_id("dossier-sheet")


def verdict(page):
    return page.get_by_test_id("dossier-verdict")


def texts(sheet, testid):
    return sheet.get_by_test_id(testid).locator("dd").all_inner_texts()


def test_the_panel_shows_the_numbers_of_the_file(page):
    open_viewer(page, "layer=encoder1&channel=1")
    sheet = page.get_by_test_id("dossier-sheet")
    expect(verdict(page)).to_have_text(
        "Map 1: double of map 2, correlation −0.970; effect 0.2 over 50 tiles, rank 2 of 4."
    )
    expect(sheet).to_be_hidden()
    page.get_by_test_id("dossier-open").press("Enter")
    expect(page.get_by_test_id("tiles")).to_be_hidden()
    assert texts(sheet, "dossier-numbers") == [
        "0.2 [0.01, 0.5]", "−0.0200 [−0.0300, +0.0010]", "25 % of positions", "12.5", "map 2, correlation −0.970",
    ]  # fmt: skip
    page.get_by_test_id("dossier-open").press("Enter")
    expect(page.get_by_test_id("tiles")).to_be_visible()


def test_synthetic_tiles_are_drawn_with_the_place_of_the_strongest_response(page):
    sheet = opened(page, "layer=encoder1&channel=2")
    tile = sheet.get_by_test_id("dossier-synthetic").get_by_role("img")
    expect(tile).to_have_accessible_name(f"seed {SEED}: 12.5 at row 10, column 80")
    np.testing.assert_array_equal(pixels(tile.locator("canvas"), 0, 0, 1, 1)[..., 0], section(SEED)[0])
    picture, peak = (tile.locator(name).bounding_box() for name in (".picture", ".peak"))
    assert peak["x"] + peak["width"] / 2 - picture["x"] == pytest.approx(80.5 / 101 * picture["width"], abs=0.6)
    assert peak["y"] + peak["height"] / 2 - picture["y"] == pytest.approx(10.5 / 101 * picture["height"], abs=0.6)


def test_survey_tiles_are_named_where_they_are_not_and_links_where_they_are(page, monkeypatch):
    sheet = opened(page, "layer=encoder1&channel=2")
    expect(sheet.get_by_test_id("dossier-real")).to_have_text("<i>tile: 9.25")
    expect(sheet.get_by_text("drawn where the competition's data are")).to_be_visible()
    grey = np.zeros((20, 30), np.float32)
    grey[3, 4] = 0.6
    file = SimpleNamespace(read_image=lambda: Reading(grey, ()))
    monkeypatch.setattr(images, "find_labelled", lambda: SimpleNamespace(images={"<i>tile": file}))
    sheet = opened(page, "layer=encoder1&channel=2&random=1&window=0,0")
    link = sheet.get_by_role("link", name="Open <i>tile: 9.25 at row 3, column 4")
    query = parse_qs(urlsplit(link.get_attribute("href")).query)
    assert query.pop("threshold")
    assert query == {
        "sample": ["Survey tile <i>tile"], "pixel": ["3,4"], "layer": ["encoder1"], "channel": ["2"],
        "weights": ["salt-unet"],
    }  # fmt: skip
    np.testing.assert_array_equal(pixels(link.locator("canvas"))[..., 0][3, 4], 153)


def test_the_charts_are_on_one_scale(page):
    """160 x 104 pixels, of which 122 x 68 are for values from -0.5 to 3."""
    sheet = opened(page, "layer=encoder1&channel=2")
    chart = sheet.get_by_test_id("dossier-gain")
    expect(chart).to_have_accessible_name(
        "Gain. × 0.5: correlation 0.8, mean activation 0.5; × 1: correlation 1, mean activation 1; "
        "× 2: correlation −0.5, mean activation 3"
    )
    numbers = [float(number) for number in re.findall(r"[\d.]+", chart.locator(".correlation").get_attribute("d"))]
    assert numbers == pytest.approx([30, 18 + 2.2 / 3.5 * 68, 91, 18 + 2 / 3.5 * 68, 152, 86], abs=0.06)
    numbers = [
        float(number)
        for number in re.findall(
            r"[\d.]+", sheet.get_by_test_id("dossier-shift").locator(".activation").get_attribute("d")
        )
    ]
    assert numbers[0::2] == pytest.approx([30, 30 + 122 / 8, 152], abs=0.06)  # 0, 1 and 8 pixels
    assert numbers[5] == 18


def test_what_is_dead_or_not_measured_says_so(page):
    sheet = opened(page, "layer=encoder1&channel=0")
    expect(verdict(page)).to_have_text("Map 0: dead, the same everywhere; effect 0 over 50 tiles, rank 4 of 4.")
    expect(sheet.get_by_test_id("dossier-gain")).to_have_count(0)
    expect(sheet.get_by_text("It is at its lowest in all of them.")).to_have_count(2)
    open_viewer(page, "layer=decoder1&channel=0")
    expect(verdict(page)).to_have_text("Map 0: neither dead nor a double; its effect is not measured yet.")
    open_viewer(page, "layer=decoder1&channel=1")
    expect(verdict(page)).to_have_text("Map 1: neither dead nor a double; effect 0.1 over 50 tiles.")


def test_a_skip_has_the_dossier_of_its_encoder_and_another_network_that_of_the_finished_one(page):
    sheet = opened(page, "layer=skip1&channel=3&random=1")
    expect(verdict(page)).to_contain_text("effect 0.3 over 50 tiles, rank 1 of 4")
    expect(page.get_by_test_id("dossier-condition")).to_contain_text("of the finished, trained network")
    sheet.get_by_test_id("dossier-measures").click()
    expect(sheet.get_by_text("skip1 hands on the maps of encoder1")).to_be_visible()
    opened(page, "layer=skip1&channel=3")
    expect(page.get_by_test_id("dossier-condition")).to_be_hidden()
    asked = [request for request in page.evaluate("requests") if request["kind"] == "dossier"]
    assert [(request["site"], request["channel"], request["random"]) for request in asked] == [("skip1", 3, False)]


def test_without_a_dossier_the_command_is_named_and_nothing_opens(page, monkeypatch):
    monkeypatch.setattr(responses, "find_dossier", lambda *weights: None)
    open_viewer(page, "layer=encoder1&channel=2")
    expect(verdict(page)).to_contain_text("Dossier: these weights have none yet; run python -m unet dossier")
    expect(page.get_by_test_id("dossier-open")).to_be_hidden()
    open_viewer(page, "layer=encoder1")
    expect(page.get_by_test_id("dossier")).to_be_hidden()
