"""What several test modules share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Two test processes share the machine: one thread each for PyTorch, which reads this when it is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Error, sync_playwright

from tests.servers import CHROMIUM, ROOT, SWITCHES, Server, served
from unet import Segmenter, checkpoint
from unet.card import Card
from unet.files.images import quiet_decoders
from unet.image import RULE
from unet.model import UNet, UNetConfig
from unet.synthetic import sections

TGS = ROOT / "data" / "tgs-salt"

quiet_decoders()  # as every entry point does


# The modules that take longest, in that order: begun first, they leave short ones to the end, and both processes end
# at nearly the same time.
LONGEST = [
    f"tests/{name}.py"
    for name in (
        "browser/test_front_ends",
        "test_training",
        "browser/test_streamlit",
        "robustness/test_training_faults",
        "demo/test_gradio",
        "test_cli",
        "robustness/test_load",
        "seismic/test_predict",
        "robustness/test_training_processes",
        "viewer/take/test_figures",
        "viewer/take/test_code",
        "viewer/test_lesson",
        "test_wheel",
        "viewer/test_touch",
        "viewer/test_viewer",
        "viewer/test_network",
        "robustness/test_predict",
        "viewer/test_time",
        "viewer/test_image_pointing",
        "robustness/test_images",
        "browser/test_training",
        "browser/test_lesson",
        "robustness/test_bombs",
        "demo/test_page",
    )
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest modules first; tests marked ``data`` skip, saying so, without the competition's files."""
    place = {ROOT / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))
    if TGS.exists():
        return
    for item in items:
        if item.get_closest_marker("data"):
            item.add_marker(pytest.mark.skip(reason="data/tgs-salt is absent"))


@pytest.fixture(scope="session")
def small_model() -> UNet:
    """A seeded random network with running statistics that are not the trivial ones."""
    torch.manual_seed(0)
    model = UNet(UNetConfig(width=4, depth=3))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    return model.eval()


@pytest.fixture(scope="session")
def segmenter() -> Segmenter:
    """The shipped weights, with which everything starts."""
    return Segmenter.load()


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Streamlit's AppTest leaves the app as ``__main__``, which processes of a later test would run first."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def small_weights(tmp_path: Path, small_model: UNet) -> Path:
    """A small random checkpoint on disk."""
    path = tmp_path / "small.safetensors"
    checkpoint.save(path, small_model, Card(threshold=0.5, input=RULE))
    return path


@pytest.fixture
def image() -> np.ndarray:
    """A 101 x 101 image with structure."""
    rows, columns = np.mgrid[:101, :101]
    return ((np.sin(rows / 3 + columns / 17) + 1) * 127).astype(np.uint8)


@pytest.fixture
def tgs(tmp_path: Path) -> Path:
    """40 labelled tiles in ten sections, and 20 without labels: the first two in the first two sections."""
    images, masks = sections(60)
    root = tmp_path / "tgs"
    for folder in ("train/images", "train/masks", "test/images"):
        (root / folder).mkdir(parents=True)
    for i, (image, mask) in enumerate(zip(images, masks, strict=True)):
        cv2.imwrite(str(root / ("train" if i < 40 else "test") / "images" / f"{i:02}.png"), image)
        if i < 40:
            cv2.imwrite(str(root / "train" / "masks" / f"{i:02}.png"), mask.astype(np.uint8) * 255)
    rows = [f"{i:02},{i // 4},0,0" for i in range(40)] + ["40,0,0,0", "41,1,0,0"]
    (root / "sections.csv").write_text("\n".join(["id,section,row,col", *rows]) + "\n")
    return root


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; closed with the module, because Playwright's event loop runs for as long."""
    with sync_playwright() as playwright:
        try:  # without a browser of the system's, Playwright's own
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        except Error:
            pytest.skip("no Chromium: apt-get install chromium, or playwright install chromium")
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def streamlit() -> Iterator[Server]:
    """The Streamlit app."""
    with served("streamlit") as server:
        yield server


@pytest.fixture(scope="session")
def gradio() -> Iterator[Server]:
    """The Gradio app."""
    with served("gradio") as server:
        yield server
