"""The page Evaluation in a real browser: its worst tiles open where the competition's data are."""

import re

import pytest
from playwright.sync_api import expect

from demo import evaluation
from demo.images import find_survey, open_tile
from demo.weights import find_weights
from tests.browser import pages
from tests.servers import PHONE, visited

pytestmark = [pytest.mark.browser, pytest.mark.data]


def test_a_worst_tile_opens_with_its_truth_by_keyboard_and_its_link_opens_it_again(browser, streamlit, segmenter):
    weights = find_weights()[0]
    worst = evaluation.read_evaluation(weights.path, weights.card).worst
    tiles = find_survey(weights.card).tiles
    tile = next(tile for tile in worst if tile.salt_share > 0)
    threshold, truth = segmenter.threshold, open_tile(tiles[tile.id]).truth
    missed = truth & (segmenter.probability(open_tile(tiles[tile.id]).grey, segmenter.card.claims_tta) <= threshold)
    with visited(browser, streamlit.address, viewport=PHONE, has_touch=True) as page:
        page.get_by_role("link", name="Evaluation").tap()  # one tap, on a phone too
        button = page.get_by_role("button", name=tile.id)
        expect(button).to_contain_text(f"IoU {tile.iou:.3f}")
        pages.expect_no_scrolling(page, button)
        button.focus()
        page.keyboard.press("Enter")
        for _ in ("opened", "loaded anew"):
            pages.expect_image(page, tile.id)
            pages.expect_readout(page, f"threshold {threshold:.2f}")
            expect(page.get_by_test_id("salt-truth")).to_be_checked()
            expect(page.get_by_text(re.compile(rf"missed \(FN\)\s*{missed.sum():,}$"))).to_be_visible()
            pages.expect_link(page, "sample", f"Survey tile {tile.id}")
            page.reload()
