"""What the tests of a module share: a page, a small network, and an image of waves."""

import numpy as np
import pytest

from demo.images import SeismicImage
from tests.viewer.panels import panels_page
from unet import Segmenter
from unet.card import Card
from unet.image import RULE


@pytest.fixture(scope="module")
def page(browser):
    with panels_page(browser) as page:
        yield page


@pytest.fixture(scope="module")
def segmenter(small_model):
    return Segmenter(small_model, Card(threshold=0.5, input=RULE))


@pytest.fixture(scope="module")
def waves():
    waves = np.sin(np.arange(101)[:, None] / 3 + np.arange(101) / 17)
    return SeismicImage("waves", ((waves + 1) / 2).astype(np.float32))
