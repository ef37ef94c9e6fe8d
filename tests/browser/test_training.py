"""The page Training in a real browser: it follows a run by itself, and what was chosen stays chosen."""

import os
import time

import pytest
from playwright.sync_api import expect

from tests.browser.pages import expect_accessible, expect_no_scrolling
from tests.browser.test_streamlit import go_to
from tests.demo.test_runs import LINES, PROGRESS, write
from tests.servers import PHONE, ROOT, free_port, started, visited

pytestmark = pytest.mark.browser


@pytest.fixture
def app(tmp_path):
    """The app, started in an empty folder."""
    port = free_port()
    command = ["-m", "unet", "demo", "--port", str(port)]
    with started(command, port, folder=tmp_path, environment={**os.environ, "PYTHONPATH": str(ROOT)}) as server:
        yield server


def test_a_run_is_followed_until_it_is_finished_and_the_choice_stays(browser, app, tmp_path):
    now, folder = time.time(), tmp_path / "runs"
    write(folder / "first", LINES[:2], PROGRESS | {"epoch": 2.5, "time": now})
    write(folder / "second", LINES[:2], PROGRESS | {"epoch": 8, "time": now - 900})
    with visited(browser, app.address) as page:
        go_to(page, "Training")
        position = page.get_by_test_id("stProgress")
        expect(position).to_contain_text("first: epoch 2.5 of 8, 2 min left")
        page.get_by_role("toolbar", name="Compare").get_by_role("button", name="second").click()
        drawn = page.locator(".js-plotly-plot").first.locator(".point")
        expect(drawn).to_have_count(4)

        write(folder / "first", LINES, PROGRESS | {"epoch": 4.5, "time": time.time()})
        expect(position).to_contain_text("epoch 4.5 of 8")
        expect(page.locator(".js-plotly-plot:visible").first.locator(".point")).to_have_count(5)
        expect(page.get_by_role("button", name="Look again")).to_have_count(0)

        write(folder / "first", LINES, PROGRESS | {"epoch": 8, "time": time.time()})
        expect(page.get_by_role("button", name="Look again")).to_be_visible()
        expect(position).to_have_count(0)
        sent = len(page.sent)
        page.wait_for_timeout(3000)
        assert len(page.sent) == sent  # nothing learns: nothing is asked
        expect(page.locator(".js-plotly-plot").first.locator(".point")).to_have_count(5)
        page.set_viewport_size(PHONE)
        expect_no_scrolling(page)
        expect_accessible(page, "[data-testid=stMain]")
