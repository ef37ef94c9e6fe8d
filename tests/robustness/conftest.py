"""What the tests of this folder share."""

from pathlib import Path

import pytest
import torch

from tests.robustness.checks import run_process
from tests.robustness.hostile_files import EXPECTED, GREY, encoded, plant
from unet import checkpoint
from unet.card import Card, Claim, Split
from unet.image import RULE, normalise
from unet.model import UNet, UNetConfig

REFUSED_MB = 300  # what a bomb that is refused may take beyond an ordinary image
CLAIM = Claim(metric="mAP", value=0.5, split="val", count=2, tta=True, threshold=0.5)
CARD = Card(threshold=0.5, input=RULE, split=Split(by="tile", train=("a",), val=("b", "c")), claim=CLAIM)


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, and around it files that nobody may touch."""
    around = dict.fromkeys(["bystander.png", "up.png", "absolute.png", "back.png"], b"nobody may touch this")
    monkeypatch.chdir(plant(tmp_path, {**around, "inside": None}) / "inside")
    return Path.cwd()


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random network; half of the pixels of ``EXPECTED`` are salt to it."""
    torch.manual_seed(0)
    model = UNet(UNetConfig(width=4, depth=3)).eval()
    with torch.no_grad():
        model.head.bias -= model(torch.from_numpy(normalise(EXPECTED))[None, None]).median()
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    checkpoint.save(path, model, CARD)
    return path


@pytest.fixture(scope="session")
def limit(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> int:
    """MB that a command may take which refuses: what an ordinary image takes, and a little more."""
    folder = plant(tmp_path_factory.mktemp("ordinary"), {"a.png": encoded(GREY)})
    ended = run_process(["predict", folder, "--out", folder / "out", "--weights", weights])
    assert ended.status == 0, ended.err
    return ended.megabytes + REFUSED_MB
