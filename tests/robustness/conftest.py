"""What the tests of this folder share."""

from pathlib import Path

import pytest
import torch

from tests.robustness.hostile_files import EXPECTED
from unet import checkpoint
from unet.card import Card, Claim, Split
from unet.image import RULE, normalise
from unet.model import UNet, UNetConfig

CLAIM = Claim(metric="mAP", value=0.5, split="val", count=2, tta=True, threshold=0.5)
CARD = Card(threshold=0.5, input=RULE, split=Split(by="tile", train=("a",), val=("b", "c")), claim=CLAIM)


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, and around it files that nobody may touch."""
    for name in ("bystander.png", "up.png", "absolute.png", "back.png"):
        (tmp_path / name).write_bytes(b"nobody may touch this")
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    return inside


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
