"""What the tests of the app share."""

import pytest
import torch

from demo import places, weights
from unet import checkpoint
from unet.card import Card
from unet.image import RULE
from unet.model import UNet, UNetConfig


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An empty checkout, in which the app finds everything it finds."""
    monkeypatch.setattr(places, "ROOT", tmp_path)
    monkeypatch.setattr(weights, "shipped_weights", lambda: tmp_path / "weights" / "first.safetensors")
    return tmp_path


@pytest.fixture
def two_weights(checkout):
    """The folder of two untrained networks, with a threshold of 0.45 and one of 0.55."""
    for seed, name in enumerate(("first", "second")):
        torch.manual_seed(seed)
        card = Card(threshold=0.45 + 0.1 * seed, input=RULE)
        model = UNet(UNetConfig(width=4, depth=3)).eval()
        checkpoint.save(checkout / "weights" / f"{name}.safetensors", model, card)
    return checkout / "weights"
