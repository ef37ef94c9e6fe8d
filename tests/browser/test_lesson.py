"""The lesson in both front ends: a link to a step alone, and steps about other images."""

import pytest
from playwright.sync_api import expect

from tests.browser import pages
from tests.browser.pages import expect_image, expect_link
from tests.servers import visited

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=["streamlit", "gradio"])
def address(request):
    return request.getfixturevalue(request.param).address


def test_a_step_brings_its_image(browser, address):
    with visited(browser, address, "lesson=7&weights=salt-unet-tiny") as page:
        expect_image(page, "Small lens")
        expect(page.get_by_test_id("lesson-text")).to_contain_text("401 pixels are salt. At the threshold 0.80")
        expect(page.get_by_test_id("salt-truth")).to_be_checked()
        expect_link(page, "weights", "salt-unet-tiny")
        pages.expect_accessible(page, ".salt-viewer")
        page.get_by_test_id("lesson-next").click()
        expect_image(page, "Salt stock")
        expect_link(page, "lesson", "8")
        expect_link(page, "sample", "Salt stock")
        page.get_by_test_id("lesson-choice-1").check()
        page.get_by_test_id("lesson-answer").click()
        expect(page.get_by_test_id("lesson-judgement")).to_contain_text(
            "Correlation of the trained with the random one"
        )
        page.get_by_test_id("lesson-close").click()
        expect_link(page, "lesson", None)
        expect_image(page, "Salt stock")
