"""One page serves all tests of a module."""

import pytest

from tests.viewer.panels import panels_page


@pytest.fixture(scope="module")
def page(browser):
    with panels_page(browser) as page:
        yield page
