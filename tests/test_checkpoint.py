"""Weights and their card; robustness/test_weights.py has the hostile ones."""

import json
import math
from dataclasses import asdict

import pytest
import torch

from unet import checkpoint
from unet.card import Card
from unet.checkpoint import CheckpointError
from unet.image import RULE
from unet.model import UNet, UNetConfig

CARD = Card(threshold=0.5, input=RULE)
CLAIM = {"metric": "mAP", "value": 0.8, "split": "val", "count": 9, "tta": True, "threshold": 0.5}
POINT = {"mean_probability": 0.1, "salt_fraction": 0.1, "pixels": 3}


def change_card(path, **changes):
    card_path = path.with_suffix(".json")
    card_path.write_text(json.dumps({**json.loads(card_path.read_text()), **changes}))


@pytest.mark.parametrize("config", [UNetConfig(4, 3), UNetConfig(2, 1), UNetConfig(3, 2, "plain", "transposed")])
def test_what_is_loaded_is_what_was_saved(tmp_path, config):
    path = tmp_path / "some" / "a.safetensors"
    written = UNet(config).eval()
    card = checkpoint.save(path, written, CARD)
    path = path.parent.rename(tmp_path / "moved") / path.name
    model, read = checkpoint.load(path)
    x = torch.randn(1, 1, 16, 16)
    torch.testing.assert_close(model(x), written(x))  # another memory layout adds in another order
    assert read == card
    assert card.config == model.config == config
    assert card.parameters == sum(p.numel() for p in written.parameters())
    assert card.sites == tuple(written.sites())
    assert not any(p.requires_grad for p in model.parameters())
    assert not model.training


def test_the_same_weights_have_the_same_hash(tmp_path, small_model):
    first = checkpoint.save(tmp_path / "a.safetensors", small_model, CARD)
    other = UNet(small_model.config).to(memory_format=torch.channels_last)
    other.load_state_dict(small_model.state_dict())
    assert checkpoint.save(tmp_path / "b.safetensors", other, CARD).sha256 == first.sha256


def test_a_configuration_that_does_not_fit_is_named(small_weights):
    config = UNetConfig(width=8, depth=3)
    model = UNet(config)
    for change, sentence in [
        ({"config": asdict(config)}, "expected the sites of its config, got others; copy both files again"),
        ({"sites": [asdict(site) for site in model.sites()]}, "expected the parameters of its config, got others"),
        ({"parameters": sum(p.numel() for p in model.parameters())}, r"configuration.*expected \(8,.*, got \(4,"),
        # Of 30 GB, and never built.
        ({"config": {"width": 256, "depth": 6}, "sites": None, "parameters": None}, r"configuration.*expected \(256,"),
    ]:
        change_card(small_weights, **change)
        with pytest.raises(CheckpointError, match=sentence):
            checkpoint.load(small_weights)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"threshold": -3}, "expected threshold to be a number above 0, got -3; copy both files again"),
        ({"threshold": 1}, "expected threshold to be a number below 1, got 1; copy both files again"),
        ({"threshold": "0.5"}, "expected threshold to be a number, got '0.5'"),
        ({"threshold": math.nan}, r"expected JSON, got something else \(invalid character, byte 14\)"),
        ({"temperature": 20.01}, "expected temperature to be a number up to 20, got 20.01"),
        *(({name: None}, f"expected the card of weights, got one without {name}") for name in ("threshold", "config")),
        ({"config": {"layers": 3}}, "expected the config of a U-Net, got one with 'layers'"),
        ({"config": {"depth": 60}}, "expected a depth of 1 to 6 halvings, got 60"),
        ({"config": {"block": "x\n" * 10**6}}, r"expected config.block to be a known word, got 'x\\nx"),
        ({"claim": "high"}, "expected claim to be an object or nothing, got 'high'"),
        ({"claim": {"tta": True}}, "expected metric in claim, got none"),
        ({"split": {"val": [1]}}, "expected split.val.0 to be text, got 1"),
        ({"split": {"val": ["a", "b", "a"]}}, "expected every tile once in split.val, got 'a' 2 times"),
        ({"metrics": {"val": {"iou": "x"}}}, "expected every value in metrics to be a number, got text"),
        ({"calibration": [POINT, {**POINT, "pixels": -1}]}, "calibration.1.pixels to be a whole number from 0, got -1"),
        ({"parameters": 10**400}, "expected parameters to be a whole number up to 1000000000000, got 1000000000"),
    ],
)
def test_a_damaged_entry_is_named(small_weights, entry, sentence):
    change_card(small_weights, **entry)
    with pytest.raises(CheckpointError, match=sentence) as caught:
        checkpoint.load(small_weights)
    assert str(caught.value).startswith(str(small_weights.with_suffix(".json")))
    assert len(str(caught.value)) < 300


def test_entries_that_may_be_nothing_absent_or_unknown(small_weights):
    for claim, split, tta, ids in [(CLAIM, {"train": ["a"], "val": []}, True, ("a",)), (None, None, False, ())]:
        change_card(small_weights, claim=claim, split=split, training=None, colour=[1])
        card = checkpoint.load(small_weights)[1]
        assert (card.claims_tta, card.trained_on()) == (tta, ids)


@pytest.mark.parametrize(("suffix", "limit"), [(".safetensors", "1,115,332 bytes"), (".json", "50,000,000 bytes")])
def test_a_missing_file_is_named_and_one_that_is_too_large_is_not_read(small_weights, suffix, limit):
    path = small_weights.with_suffix(suffix)
    with path.open("ab") as file:
        file.truncate(10**12)  # of which the disk holds nothing
    with pytest.raises(CheckpointError, match=f"expected at most {limit}, got 1,000,000,000,000"):
        checkpoint.load(small_weights)
    path.unlink()
    with pytest.raises(CheckpointError, match=rf"small{suffix}.*cannot be read"):
        checkpoint.load(small_weights)
