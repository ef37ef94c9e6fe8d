"""Two weights side by side in a real browser: chosen in the explorer, kept in the link, and compared in the export."""

import csv

import numpy as np
import pytest
from playwright.sync_api import expect

from demo.images import SAMPLES, open_sample
from demo.weights import find_weights, open_weights
from tests.browser import pages
from tests.servers import visited

pytestmark = pytest.mark.browser
THRESHOLD = 0.4


def test_a_second_network_is_compared_in_the_explorer_and_in_the_strip_of_the_export(browser, streamlit, tmp_path):
    first, second = find_weights()[:2]
    networks = [open_weights(weights)[1] for weights in (first, second)]
    differing = {}
    for name in SAMPLES:
        one, other = (network.mask(open_sample(name).grey, THRESHOLD) for network in networks)
        differing[name] = 100 * np.mean(one != other)
    with visited(browser, streamlit.address, f"sample=Salt+stock&threshold={THRESHOLD}") as page:
        pages.expect_image(page, "Salt stock")
        page.get_by_test_id("tab-compare").click()
        page.get_by_test_id("weights-b").select_option(second.name)
        agreement = f"agree on {100 - differing['Salt stock']:.1f} % of the pixels"
        expect(page.get_by_test_id("compare-result")).to_contain_text(agreement)
        expect(page.get_by_test_id("salt-answer")).to_contain_text(agreement)
        pages.expect_link(page, "other", second.name)
        pages.expect_accessible(page, ".salt-viewer")
        pages.wait_for_silence(page)

        page.get_by_role("link", name="Export").click()
        expect(page.get_by_label("Sort by")).to_have_value("disagreement")
        names = sorted(SAMPLES, key=lambda name: (-differing[name], name))
        expect(page.locator(".salt-gallery .name")).to_have_text(names)
        pages.expect_accessible(page, ".salt-gallery")
        with page.expect_download() as file:
            page.get_by_test_id("export-csv").click()
        file.value.save_as(tmp_path / "results.csv")
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as rows:
        found = {row["name"]: (row["other_weights"], row["disagreement_percent"]) for row in csv.DictReader(rows)}
    assert found == {name: (second.name, f"{share:.4f}") for name, share in differing.items()}
