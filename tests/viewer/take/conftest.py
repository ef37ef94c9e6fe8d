"""A working folder with weights, an image and its truth, and a page that shows one of them."""

import copy

import numpy as np
import pytest
import torch

from demo.images import open_upload, with_truth
from tests.demo.files import png
from tests.viewer.page import viewer_page
from tests.viewer.take.dialog import HOSTILE, STOCK, TRUTH
from unet import Segmenter, checkpoint, synthetic
from unet.card import Card
from unet.image import RULE


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_model):
    """The working folder of somebody who runs what was copied: weights, an image and its truth."""
    folder = tmp_path_factory.mktemp("copied")
    grey, salt = synthetic.section(5, 150, 170)
    (folder / HOSTILE).write_bytes(png(grey))
    (folder / TRUTH).write_bytes(png(np.uint8(255 * salt)))
    model = copy.deepcopy(small_model)
    with torch.no_grad():
        model.head.weight.mul_(30)  # its answers differ from pixel to pixel
    checkpoint.save(folder / "small.safetensors", model, Card(threshold=0.5, input=RULE))
    return folder


@pytest.fixture(scope="module")
def page(browser, folder):
    path = folder / "small.safetensors"
    with viewer_page(browser, STOCK, Segmenter.load(path), (str(path), 0, ""), accept_downloads=True) as page:
        yield page


@pytest.fixture(scope="module")
def large(folder):
    """An upload of which a part is opened, with its truth."""
    image = open_upload(f"../../{HOSTILE}", (folder / HOSTILE).read_bytes())
    return with_truth(image, TRUTH, (folder / TRUTH).read_bytes())
